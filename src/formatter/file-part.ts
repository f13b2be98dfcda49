import { open } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../errors.js";
import { MEDIA_TYPES } from "./file-data.js";
import type { FilePart } from "./messages.js";

export interface FilePartOptions {
  /** e.g. `image/png`. Default: by the extension, or what a `data:` URL says; bytes need it. */
  mediaType?: string;
  /** Default: the last part of the path or URL. */
  filename?: string;
  /** Default 64 MB. */
  maxBytes?: number;
  signal?: AbortSignal;
}

const MB = 2 ** 20;

/**
 * An image, sound, video or document as a part of a message: from bytes, a path (`~` is the home folder) or `file:` URL, which is
 * read now, or from another URL, which the provider opens. Throws a `ConfigError`: `file_unreadable`, `file_too_large`, or
 * `missing_media_type` where nothing says what it is.
 */
export async function filePart(source: string | URL | Uint8Array, options: FilePartOptions = {}): Promise<FilePart> {
  const { maxBytes = 64 * MB, signal } = options;
  if (source instanceof Uint8Array) {
    checkSize(source.length, maxBytes, options.filename ?? "The file");
    return part(Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString("base64"), options.filename, options);
  }
  const text = String(source);
  const inline = /^data:([^;,]*)/i.exec(text);
  if (inline) {
    const mediaType = options.mediaType ?? inline[1];
    return part(text, options.filename, { ...options, ...(mediaType && { mediaType }) });
  }
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(text) && !/^file:/i.test(text)) return part(text, basename(new URL(text).pathname), options);
  const bytes = await readLocalFile(text, maxBytes, signal);
  return part(bytes.toString("base64"), basename(localPath(text)), options);
}

function part(data: string, name: string | undefined, { mediaType, filename = name }: FilePartOptions): FilePart {
  const type = mediaType ?? MEDIA_TYPES[extname(name ?? "").toLowerCase()];
  if (type === undefined) {
    const message = `Nothing says what ${name ? `"${name}"` : "the file"} is. Give its \`mediaType\`, e.g. "image/png".`;
    throw new ConfigError("missing_media_type", message, { path: "mediaType" });
  }
  return { type: "file", mediaType: type, data, ...(filename && { filename }) };
}

/** Reads a file by its path (`~` is the home folder) or `file:` URL. Throws a `ConfigError` that names it. */
export async function readLocalFile(path: string, maxBytes: number, signal?: AbortSignal): Promise<Buffer> {
  signal?.throwIfAborted();
  try {
    await using file = await open(localPath(path));
    const { size } = await file.stat();
    checkSize(size, maxBytes, path);
    return await file.readFile({ signal });
  } catch (cause) {
    if (signal?.aborted || cause instanceof ConfigError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : message;
    throw new ConfigError("file_unreadable", `The file "${path}" cannot be read: ${why}.`, { path, cause });
  }
}

function checkSize(size: number, maxBytes: number, name: string): void {
  if (size <= maxBytes) return;
  const message = `"${name}" has ${Math.ceil(size / MB)} MB; at most ${Math.floor(maxBytes / MB)} MB can be sent.`;
  throw new ConfigError("file_too_large", message, { path: name });
}

function localPath(path: string): string {
  if (/^file:/i.test(path)) return fileURLToPath(path);
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
}
