import { BackendError } from "../errors.js";
import type { FilePart } from "./messages.js";

/** By extension: what models are sent. */
export const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".wav": "audio/wav",
  ".mp3": "audio/mpeg",
  ".ogg": "audio/ogg",
  ".flac": "audio/flac",
  ".mp4": "video/mp4",
  ".mov": "video/quicktime",
  ".webm": "video/webm",
  ".pdf": "application/pdf",
  ".doc": "application/msword",
  ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  ".json": "application/json",
  ".txt": "text/plain",
  ".md": "text/markdown",
  ".csv": "text/csv",
  ".html": "text/html",
};

/** A part that names a file on this machine is refused: whoever wrote the message need not be allowed to read it. */
export function refuseLocal({ mediaType, data }: FilePart, path: string): void {
  if (!/^file:/i.test(data)) return;
  const message = `The ${mediaType} file at ${path} is a file: URL, which no model can open. Read it with filePart() of massgen/formatter.`;
  throw new BackendError("unsupported", message);
}
