import { BackendError } from "../errors.js";
import { MEDIA_TYPES } from "../formatter/file-data.js";
import { filePart } from "../formatter/file-part.js";
import type { FilePart } from "../formatter/messages.js";
import { extensionOf } from "./attach.js";
import type { AttachedFile } from "./attached-files.js";

export { attach } from "./attach.js";

/** What a file is whose extension does not say it. */
const usual: Readonly<Record<string, string>> = {
  imagePath: "image/jpeg",
  audioPath: "audio/mpeg",
  videoPath: "video/mp4",
  filePath: "text/plain",
};

/** Reads the files. Throws a `BackendError` that names the one that cannot be read. */
export function partsOf(files: readonly AttachedFile[], provider: string, signal: AbortSignal | undefined): Promise<FilePart[]> {
  return Promise.all(files.map((file) => partOf(file, provider, signal)));
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
