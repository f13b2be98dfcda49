import { BackendError, ConfigError } from "../errors.js";
import { MEDIA_TYPES } from "../formatter/file-data.js";
import { filePart } from "../formatter/file-part.js";
import type { FilePart } from "../formatter/messages.js";
import type { Backend, BackendRequest } from "./backend.js";
import { attach, extensionOf } from "./openai-responses/upload-files.js";

/** A file by its path (`~` is the home folder) or URL, for the first message. Exactly one key. */
export type AttachedFile = { imagePath: string } | { audioPath: string } | { videoPath: string } | { filePath: string };

/** What a file is whose extension does not say it. */
const usual: Readonly<Record<string, string>> = {
  imagePath: "image/jpeg",
  audioPath: "audio/mpeg",
  videoPath: "video/mp4",
  filePath: "text/plain",
};

/** Throws a `ConfigError` for an entry that is none. */
export function checkAttachedFiles(files: readonly AttachedFile[]): void {
  if (!Array.isArray(files)) {
    throw new ConfigError("invalid_value", `"uploadFiles" must be a list, not ${JSON.stringify(files)}.`, { path: "uploadFiles" });
  }
  for (const [i, file] of files.entries()) {
    const path = `uploadFiles[${i}]`;
    const entries: [string, unknown][] = typeof file === "object" && file !== null ? Object.entries(file) : [];
    const [kind, name] = entries[0] ?? [];
    if (entries.length === 1 && kind !== undefined && Object.hasOwn(usual, kind) && typeof name === "string" && name !== "") continue;
    throw new ConfigError("invalid_value", `${path} must have exactly one of ${Object.keys(usual).join(", ")}, with a path or URL.`, {
      path,
    });
  }
}

/** The backend with the files at the end of the user's first message in every request. They are read once, at the first. */
export function withAttachedFiles(backend: Backend, files: readonly AttachedFile[]): Backend {
  let read: FilePart[] | undefined;
  async function filled(request: BackendRequest, signal: AbortSignal | undefined): Promise<BackendRequest> {
    read ??= await Promise.all(files.map((file) => partOf(file, backend.type, signal)));
    return { ...request, messages: attach(request.messages, read) };
  }
  const { countTokens, compact, listModels, close } = backend;
  const { baseUrl } = backend as { baseUrl?: string };
  return {
    ...(baseUrl !== undefined && { baseUrl }),
    get type() {
      return backend.type;
    },
    get model() {
      return backend.model;
    },
    get capabilities() {
      return backend.capabilities;
    },
    async *stream(request, options) {
      yield* backend.stream(await filled(request, options?.signal), options);
    },
    ...(countTokens && {
      countTokens: async (request, options) => countTokens.call(backend, await filled(request, options?.signal), options),
    }),
    ...(compact && { compact: async (request, options) => compact.call(backend, await filled(request, options?.signal), options) }),
    ...(listModels && { listModels: listModels.bind(backend) }),
    ...(close && { close: close.bind(backend) }),
  };
}

async function partOf(file: AttachedFile, provider: string, signal: AbortSignal | undefined): Promise<FilePart> {
  const [[kind = "", path = ""] = []] = Object.entries(file) as [string, string][];
  try {
    return await filePart(path, { mediaType: MEDIA_TYPES[extensionOf(path)] ?? usual[kind]!, ...(signal && { signal }) });
  } catch (cause) {
    if (signal?.aborted) throw new BackendError("aborted", "The step was aborted.", { provider, cause: signal.reason });
    throw new BackendError("bad_request", (cause as Error).message, { provider, cause });
  }
}
