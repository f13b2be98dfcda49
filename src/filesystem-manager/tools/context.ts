import type { BigIntStats } from "node:fs";
import { MassGenError } from "../../errors.js";
import type { FileAccess } from "../access.js";
import { type CheckedPath, resolvePath } from "../check-path.js";
import { markSeen, type SeenFiles } from "../seen-files.js";
import { decodeFile, type FileContent } from "../text-file.js";
import { openChecked } from "../write-file.js";

/** What the file tools of one agent work with. */
export interface FileToolsContext {
  /** What the turn may touch; asked at every call, as news of answers add to it. */
  access: () => FileAccess;
  /** What the agent knows; one for all its turns. */
  seen: SeenFiles;
  /** The largest file that is read or written, in bytes. */
  maxFileBytes: number;
  /** Names that searches, comparisons and copies of directories pass by. */
  exclude: readonly string[];
}

/** Content of a file that was checked, no larger than the limit; the agent knows it from now on. */
export async function readChecked(context: FileToolsContext, path: string, signal: AbortSignal) {
  const checked = await resolvePath(context.access(), path, "read");
  const { bytes, stat } = await readBytes(checked, context.maxFileBytes, signal);
  markSeen(context.seen, checked.path, stat);
  return { checked, bytes, stat, content: decodeFile(bytes) };
}

export async function readBytes(
  checked: CheckedPath,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ bytes: Buffer; stat: BigIntStats }> {
  const handle = await openChecked(checked);
  try {
    const stat = await handle.stat({ bigint: true });
    if (stat.size > maxBytes) {
      const message = `"${checked.shown}" has ${bytesText(stat.size)}; files of at most ${bytesText(maxBytes)} can be opened. Use a command on it, if you have one.`;
      throw new MassGenError("file_too_large", message);
    }
    return { bytes: await handle.readFile({ signal }), stat };
  } finally {
    await handle.close();
  }
}

/** @throws MassGenError `binary_file` */
export function requireText(content: FileContent, shown: string, size: number | bigint): asserts content is FileContent & { kind: "text" } {
  if (content.kind === "text") return;
  const what = content.mediaType ?? "unknown format";
  const message = `"${shown}" is a binary file (${what}, ${bytesText(size)}), which this tool cannot handle. Use a command or a tool for that format; copy_file, move_file and delete_file work on it.`;
  throw new MassGenError("binary_file", message);
}

/** `1.5 MiB`, `12 bytes`. */
export function bytesText(size: number | bigint): string {
  let value = Number(size);
  if (value < 1024) return `${value} ${value === 1 ? "byte" : "bytes"}`;
  for (const unit of ["KiB", "MiB", "GiB"]) {
    value /= 1024;
    if (value < 1024 || unit === "GiB") return `${value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${unit}`;
  }
  return `${size} bytes`;
}

/** `1 line`, `3 lines`. */
export function count(number: number, word: string): string {
  return `${number} ${number === 1 ? word : `${word.replace(/y$/, "ie")}s`}`;
}

/** The first few of many, for a message. */
export function some(items: readonly string[], most = 3): string {
  const rest = items.length - most;
  const shown = items.slice(0, most).map((item) => `"${item}"`);
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}
