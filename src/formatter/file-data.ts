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

/** Other names of types above. */
const ALIASES: Readonly<Record<string, string>> = {
  "image/jpg": "image/jpeg",
  "audio/mp3": "audio/mpeg",
  "audio/x-wav": "audio/wav",
  "audio/wave": "audio/wav",
};

/** A file part, sorted by what it holds. */
export interface SentFile {
  /** Lower case, without parameters, in its usual name. */
  mediaType: string;
  /** What comes before the slash. */
  family: string;
  /** Its type and name, for messages. */
  what: string;
  filename?: string;
  /** Where the provider finds it; else it is in `base64`. */
  url?: string;
  base64: string;
}

/**
 * Reads a file part. Throws a `BackendError` `unsupported` for a URL that no provider can open; one that names a file on this machine
 * is not read here, for whoever wrote the message need not be allowed to.
 */
export function readFilePart(part: FilePart, path: string, schemes = /^https?:/i): SentFile {
  const { data, filename } = part;
  const inline = /^data:([^;,]*)([^,]*),/i.exec(data.slice(0, 1000));
  const mediaType = typeName(inline?.[1] || part.mediaType);
  const file = {
    mediaType,
    family: mediaType.split("/")[0] ?? "",
    what: `${mediaType}${filename ? ` "${filename}"` : ""}`,
    ...(filename && { filename }),
  };
  if (inline) {
    const body = data.slice(inline[0].length);
    const isBase64 = /;base64$/i.test(inline[2] ?? "");
    return { ...file, base64: isBase64 ? body : Buffer.from(unescaped(body)).toString("base64") };
  }
  if (schemes.test(data)) return { ...file, url: data, base64: "" };
  const scheme = /^([a-z][a-z\d+.-]*):/i.exec(data.slice(0, 100))?.[1];
  if (scheme === undefined) return { ...file, base64: data };
  const what = `The ${file.what} file at ${path} is a ${scheme.toLowerCase()}: URL`;
  const why = /^file$/i.test(scheme)
    ? "which no model can open. Read it with filePart() of massgen/formatter"
    : "which this API does not open. Send it as base64";
  throw new BackendError("unsupported", `${what}, ${why}.`);
}

/**
 * What a model reads in place of a file of a tool's result that cannot be sent: the result must not fail the turn of whoever called
 * the tool. Throws every error that is not of this kind. `path` as the message of the error has it.
 */
export function unsentFile(error: unknown, path: string): string {
  if (!(error instanceof BackendError) || error.code !== "unsupported") throw error;
  return `[A file of this result is not shown. ${error.message.replace(` at ${path}`, "")}]`;
}

/** A per cent sign that escapes nothing stands for itself. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function typeName(given: string): string {
  const bare = given.toLowerCase().split(";")[0]!.trim();
  return ALIASES[bare] ?? bare;
}
