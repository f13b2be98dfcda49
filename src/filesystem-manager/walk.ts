import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { FileAccess } from "./access.js";
import { type CheckedPath, rootOf } from "./check-path.js";
import { closeDirectory, type Directory, openBelow, openChild, selfOf, unlessCode } from "./directories.js";
import { nameTest } from "./names.js";
import { readable } from "./write-file.js";

/** One entry of a tree, while its directory is held open. */
export interface WalkEntry {
  /** From where the walk began, with "/". */
  relative: string;
  /** Real, unless the entry is a symbolic link: those are named, not followed. */
  path: string;
  directory: Directory;
  name: string;
  kind: "file" | "directory" | "link" | "other";
}

export interface WalkOptions {
  /** Names not to descend into and not to yield. */
  exclude?: readonly string[];
  /** Names to yield, but not to descend into. */
  closed?: readonly string[];
  /** How deep to go; 1: the directory's own entries. Default 100. */
  depth?: number;
  signal?: AbortSignal;
}

/** What a walk passed by. */
export interface WalkNotes {
  /** Entries whose names are hidden or excluded. */
  skipped: string[];
  /** Directories below the depth, or that the system does not let us read. */
  unread: string[];
}

/**
 * Everything below a checked directory, parents first, names in order. What the access hides is left out, whatever the
 * options say; symbolic links are not followed, so there are no circles.
 */
export async function* walk(
  access: FileAccess,
  from: CheckedPath,
  options: WalkOptions = {},
  notes?: WalkNotes,
): AsyncGenerator<WalkEntry> {
  const { exclude, closed, depth = 100, signal } = options;
  let start: Directory;
  try {
    start = await openBelow(from.root.path, from.segments);
  } catch (error) {
    throw readable(error, from.shown);
  }
  const hidden = nameTest(from.root.hiddenNames);
  const excluded = nameTest(exclude);
  const shut = nameTest(closed);
  yield* inside(start, "", 1);

  async function* inside(directory: Directory, prefix: string, level: number): AsyncGenerator<WalkEntry> {
    try {
      const entries = await readdir(selfOf(directory), { withFileTypes: true });
      entries.sort((a, b) => (a.name < b.name ? -1 : 1));
      for (const entry of entries) {
        signal?.throwIfAborted();
        const { name } = entry;
        const relative = prefix + name;
        const path = join(directory.path, name);
        if (hidden(name) || excluded(name) || rootOf(access, path) === undefined) {
          notes?.skipped.push(relative);
          continue;
        }
        const kind = kindOf(entry);
        yield { relative, path, directory, name, kind };
        if (kind !== "directory" || shut(name)) continue;
        if (level >= depth) {
          notes?.unread.push(relative);
          continue;
        }
        const child = await openChild(directory, name).catch(unlessCode("ENOENT", "ENOTDIR", "ELOOP", "EACCES", "EPERM"));
        if (child === undefined) notes?.unread.push(relative);
        else yield* inside(child, `${relative}/`, level + 1);
      }
    } finally {
      await closeDirectory(directory);
    }
  }
}

function kindOf(entry: Dirent): WalkEntry["kind"] {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "directory";
  return entry.isSymbolicLink() ? "link" : "other";
}
