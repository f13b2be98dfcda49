import { ConfigError } from "../errors.js";
import type { FilePart } from "../formatter/messages.js";
import type { Backend, BackendRequest } from "./backend.js";
import { lateStream } from "./late-stream.js";
import { wrapped } from "./wrapped.js";

/** A file by its path (`~` is the home folder) or URL, for the first message. Exactly one key. */
export type AttachedFile = { imagePath: string } | { audioPath: string } | { videoPath: string } | { filePath: string };

const KINDS = ["imagePath", "audioPath", "videoPath", "filePath"];

/** Throws a `ConfigError` for an entry that is none. */
export function checkAttachedFiles(files: readonly AttachedFile[]): void {
  if (!Array.isArray(files)) {
    throw new ConfigError("invalid_value", `"uploadFiles" must be a list, not ${JSON.stringify(files)}.`, { path: "uploadFiles" });
  }
  for (const [i, file] of files.entries()) {
    const path = `uploadFiles[${i}]`;
    const entries: [string, unknown][] = typeof file === "object" && file !== null ? Object.entries(file) : [];
    const [kind, name] = entries[0] ?? [];
    if (entries.length === 1 && kind !== undefined && KINDS.includes(kind) && typeof name === "string" && name !== "") continue;
    throw new ConfigError("invalid_value", `${path} must have exactly one of ${KINDS.join(", ")}, with a path or URL.`, {
      path,
    });
  }
}

/** The backend with the files at the end of the user's first message in every request. They are read once, at the first. */
export function withAttachedFiles(backend: Backend, files: readonly AttachedFile[]): Backend {
  let read: FilePart[] | undefined;
  async function filled(request: BackendRequest, signal: AbortSignal | undefined): Promise<BackendRequest> {
    const { attach, partsOf } = await import("./attached-parts.js");
    read ??= await partsOf(files, backend.type, signal);
    return { ...request, messages: attach(request.messages, read) };
  }
  const { countTokens, compact } = backend;
  return wrapped(backend, {
    stream: (request, options) => lateStream(async () => backend.stream(await filled(request, options?.signal), options)),
    ...(countTokens && {
      countTokens: async (request, options) => countTokens.call(backend, await filled(request, options?.signal), options),
    }),
    ...(compact && { compact: async (request, options) => compact.call(backend, await filled(request, options?.signal), options) }),
  });
}
