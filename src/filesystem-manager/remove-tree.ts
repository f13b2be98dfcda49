import { lstat, readdir, rmdir, unlink } from "node:fs/promises";
import { closeDirectory, type Directory, openDirectory, openRawChild, openUp, rawEntryOf, selfOf, unlessCode } from "./directories.js";

const AT_ONCE = 32;

/**
 * Removes an entry of a directory and everything below it. Symbolic links are removed, never followed; directories that may
 * not be written to (those of snapshots, for one) are opened up first. What is gone already is no error.
 */
export async function removeIn(parent: Directory, name: string | Buffer): Promise<void> {
  const raw = Buffer.from(name); // names as bytes: those that are no UTF-8 have to go too
  const path = rawEntryOf(parent, raw);
  const stat = await lstat(path).catch(unlessCode("ENOENT"));
  if (stat === undefined) return;
  if (!stat.isDirectory()) {
    await unlink(path).catch(unlessCode("ENOENT"));
    return;
  }
  if ((stat.mode & 0o700) !== 0o700) await openUp(path);
  // Someone may still be writing into it: a second look takes what came in meanwhile.
  for (let look = 1; ; look++) {
    await emptyChild(parent, raw);
    try {
      await rmdir(path).catch(unlessCode("ENOENT"));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY" || look === 5) throw error;
    }
  }
}

async function emptyChild(parent: Directory, name: Buffer): Promise<void> {
  const directory = await openRawChild(parent, name);
  try {
    const entries = await readdir(selfOf(directory), { withFileTypes: true, encoding: "buffer" });
    const files = entries.filter((entry) => !entry.isDirectory());
    for (let at = 0; at < files.length; at += AT_ONCE) {
      const some = files.slice(at, at + AT_ONCE);
      await Promise.all(some.map((entry) => unlink(rawEntryOf(directory, entry.name)).catch(unlessCode("ENOENT"))));
    }
    for (const entry of entries) if (entry.isDirectory()) await removeIn(directory, entry.name);
  } finally {
    await closeDirectory(directory);
  }
}

/** The same by a real path. */
export async function removeTree(parentPath: string, name: string): Promise<void> {
  const parent = await openDirectory(parentPath).catch(unlessCode("ENOENT"));
  if (parent === undefined) return;
  try {
    await removeIn(parent, name);
  } finally {
    await closeDirectory(parent);
  }
}
