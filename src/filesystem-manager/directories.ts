import { existsSync } from "node:fs";
import { chmod, constants, type FileHandle, mkdir, open, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { MassGenError } from "../errors.js";

/**
 * A directory that is held open, so that what happens in it happens there even when someone moves it or puts a symbolic link
 * in its place meanwhile. Linux reaches entries through `/proc/self/fd`, as `openat` would; elsewhere the real path is looked
 * at again whenever a directory is opened, which leaves a moment's gap.
 */
export interface Directory {
  handle: FileHandle | undefined;
  path: string;
}

const HELD = process.platform === "linux" && existsSync("/proc/self/fd");
/** A handle that says where something is and nothing more. Node does not name the flag. */
const O_PATH = 0x200000;
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** A path of an entry, good as long as the directory is open. Its last name may be a symbolic link. */
export function entryOf(directory: Directory, name: string): string {
  return directory.handle === undefined ? `${directory.path}${sep}${name}` : `/proc/self/fd/${directory.handle.fd}/${name}`;
}

/** The same for a name as bytes, which need not be UTF-8. */
export function rawEntryOf(directory: Directory, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(entryOf(directory, "")), name]);
}

/** The directory itself, for `readdir` and the like. */
export function selfOf(directory: Directory): string {
  return directory.handle === undefined ? directory.path : `/proc/self/fd/${directory.handle.fd}`;
}

export async function closeDirectory(directory: Directory): Promise<void> {
  await directory.handle?.close();
}

/** Opens a directory by its real path. */
export function openDirectory(path: string): Promise<Directory> {
  return opened(path, path);
}

/** Opens a directory in another one. A symbolic link in its place is an error. */
export function openChild(parent: Directory, name: string): Promise<Directory> {
  return opened(entryOf(parent, name), join(parent.path, name));
}

/** Opens a directory that nothing was held of before, by its name as bytes. */
export function openRawChild(parent: Directory, name: Buffer): Promise<Directory> {
  return opened(rawEntryOf(parent, name), join(parent.path, name.toString()));
}

/** Gives the owner all rights to a directory that may not even be opened; never to what a link leads to. */
export async function openUp(at: string | Buffer): Promise<void> {
  if (!HELD) return chmod(at, 0o700);
  const handle = await open(at, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  try {
    await chmod(`/proc/self/fd/${handle.fd}`, 0o700);
  } finally {
    await handle.close();
  }
}

async function opened(at: string | Buffer, path: string): Promise<Directory> {
  if (!HELD) {
    if ((await realpath(path)) !== path) throw moved(path);
    return { handle: undefined, path };
  }
  return { handle: await open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path };
}

/**
 * Opens the directory that the names lead to from a real path, one by one, so that no symbolic link is followed.
 * @param create makes those that are missing
 */
export async function openBelow(root: string, names: readonly string[], create = false): Promise<Directory> {
  let directory = await openDirectory(root);
  for (const name of names) {
    const parent = directory;
    try {
      if (create) await mkdir(entryOf(parent, name)).catch(unlessCode("EEXIST"));
      directory = await openChild(parent, name);
    } finally {
      await closeDirectory(parent);
    }
  }
  return directory;
}

/**
 * Opens a regular file for reading. A symbolic link in its place is an error, and so is everything that is no file; a pipe
 * does not make it wait.
 */
export async function openFileIn(directory: Directory, name: string): Promise<FileHandle> {
  const handle = await open(entryOf(directory, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) throw new MassGenError("is_a_directory", `"${name}" is a directory, not a file.`);
    if (!stat.isFile()) throw new MassGenError("not_a_file", `"${name}" is no ordinary file (a pipe, socket or device).`);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Lets one kind of system error pass. */
export function unlessCode(...codes: string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    return undefined;
  };
}

function moved(path: string): MassGenError {
  return new MassGenError("path_denied", `"${path}" was replaced by a symbolic link while it was used.`);
}
