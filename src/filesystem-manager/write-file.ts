import { randomBytes } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { constants, type FileHandle, lstat, open, rename, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { MassGenError } from "../errors.js";
import type { CheckedPath } from "./check-path.js";
import { closeDirectory, type Directory, entryOf, openBelow, openDirectory, openFileIn, unlessCode } from "./directories.js";

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** The directory that holds a checked path, and the path's name in it. Close the directory. */
export async function openParent(checked: CheckedPath, create = false): Promise<{ directory: Directory; name: string }> {
  const { root, segments, path, shown } = checked;
  try {
    if (segments.length > 0) {
      return { directory: await openBelow(root.path, segments.slice(0, -1), create), name: segments.at(-1)! };
    }
    // A root itself, which may be a file: by its parent.
    return { directory: await openDirectory(dirname(path)), name: basename(path) };
  } catch (error) {
    throw readable(error, shown);
  }
}

/** Opens a file that was checked, for reading. @throws MassGenError `not_found`, `is_a_directory`, `not_a_file`, `path_denied` */
export async function openChecked(checked: CheckedPath): Promise<FileHandle> {
  const { directory, name } = await openParent(checked);
  try {
    return await openFileIn(directory, name);
  } catch (error) {
    throw readable(error, checked.shown);
  } finally {
    await closeDirectory(directory);
  }
}

/**
 * Writes a file as a whole: into a temporary file beside it, which then takes its place. A reader sees the old or the new
 * content, a hard link elsewhere keeps the old one, and a file that exists keeps its permissions. Directories that are
 * missing are made.
 * @param accept looks at the file that is there now, just before it is replaced; throws to stop
 */
export async function replaceFile(
  checked: CheckedPath,
  data: string | Uint8Array,
  accept: (stat: BigIntStats | undefined) => void = () => {},
  signal?: AbortSignal,
): Promise<BigIntStats> {
  const { directory, name } = await openParent(checked, true);
  try {
    return await replaceIn(directory, name, (handle) => handle.writeFile(data, { signal }), accept);
  } catch (error) {
    throw readable(error, checked.shown);
  } finally {
    await closeDirectory(directory);
  }
}

/** The same with a directory at hand and a way to fill the file. */
export async function replaceIn(
  directory: Directory,
  name: string,
  fill: (handle: FileHandle) => Promise<unknown>,
  accept: (stat: BigIntStats | undefined) => void,
): Promise<BigIntStats> {
  const target = entryOf(directory, name);
  const before = await lstat(target, { bigint: true }).catch(unlessCode("ENOENT"));
  acceptable(before, accept);
  const temporary = entryOf(directory, `.massgen-${randomBytes(6).toString("hex")}.tmp`);
  const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o666);
  try {
    let written: BigIntStats;
    try {
      await fill(handle);
      if (before !== undefined) await handle.chmod(Number(before.mode) & 0o777);
      written = await handle.stat({ bigint: true });
    } finally {
      await handle.close();
    }
    acceptable(await lstat(target, { bigint: true }).catch(unlessCode("ENOENT")), accept);
    await rename(temporary, target);
    return written;
  } catch (error) {
    await unlink(temporary).catch(unlessCode("ENOENT"));
    throw error;
  }
}

function acceptable(stat: BigIntStats | undefined, accept: (stat: BigIntStats | undefined) => void): void {
  if (stat?.isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
  if (stat !== undefined && !stat.isFile()) throw Object.assign(new Error(), { code: "ELOOP" });
  accept(stat);
}

/** A system's error in words that help; others as they are. */
export function readable(error: unknown, shown: string): unknown {
  if (error instanceof MassGenError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const say = (name: string, message: string) => new MassGenError(name, message, { cause: error });
  if (code === "ENOENT") return say("not_found", `There is no "${shown}".`);
  if (code === "ENOTDIR") return say("not_a_directory", `"${shown}" is no directory, or a part of its path is a file.`);
  if (code === "EISDIR") return say("is_a_directory", `"${shown}" is a directory, not a file.`);
  if (code === "ELOOP" || code === "ENXIO")
    return say("path_denied", `"${shown}" is no ordinary file, or was replaced by a link meanwhile.`);
  if (code === "EACCES" || code === "EPERM") return say("no_permission", `The system does not let you use "${shown}".`);
  if (code === "ENAMETOOLONG") return say("bad_path", `A name in "${shown.slice(0, 80)}…" is too long for the file system.`);
  if (code === "ENOSPC" || code === "EDQUOT") return say("disk_full", `There is no space left to write "${shown}".`);
  return error;
}
