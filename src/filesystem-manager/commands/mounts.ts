import { readdir, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import type { AccessRoot, FileAccess } from "../access.js";
import { contains, rootOf } from "../check-path.js";
import { nameTest } from "../names.js";

/** A place in the file system that a command sees. Applied in order, each on top of those before. */
export interface Mount {
  /** Where the command sees it; the real path of all but the files of answers. */
  target: string;
  /** The real path. Nothing is there for `hide-…`. */
  source: string;
  kind: "read" | "write" | "hide-directory" | "hide-file";
}

/** A context path with more entries, or more hidden and read-only ones, is not shown to commands at all. */
const MAX_ENTRIES = 200_000;
const MAX_NAMED = 500;

/** Files of answers stand beside the workspace: what searches or tests all of it does not come upon them. */
export function answerTarget(access: FileAccess, root: AccessRoot): string {
  return join(dirname(access.workspace), root.name ?? "");
}

/** Where a command finds a real path: the files of answers beside the workspace, all else where it is. */
export function insidePath(real: string, access: FileAccess): string | undefined {
  const root = rootOf(access, real);
  if (root === undefined) return undefined;
  return root.kind === "answer" ? join(answerTarget(access, root), relative(root.path, real)) : real;
}

/** Everything a command may see besides the system itself. `leftOut` are roots that cannot be shown in part. */
export async function mountsOf(access: FileAccess): Promise<{ mounts: Mount[]; leftOut: AccessRoot[] }> {
  const mounts: Mount[] = [];
  const leftOut: AccessRoot[] = [];
  for (const hidden of access.hiddenPaths ?? []) {
    if (liesInRoot(access, hidden)) mounts.push(...(await hide(hidden)));
  }
  const home = dirname(access.workspace);
  if (liesInRoot(access, home)) mounts.push({ target: home, source: home, kind: "hide-directory" }); // with the workspaces of others
  for (const root of access.roots) {
    const found = await namedIn(root);
    if (found === undefined) {
      leftOut.push(root);
      continue;
    }
    const target = root.kind === "answer" ? answerTarget(access, root) : root.path;
    mounts.push({ target, source: root.path, kind: root.permission });
    if (root.permission === "write") mounts.push(...(await guarded(root)));
    const moved = (path: string) => join(target, relative(root.path, path));
    for (const path of found.readOnly) mounts.push({ target: moved(path), source: path, kind: "read" });
    for (const path of found.hidden) mounts.push(...(await hide(path)).map((mount) => ({ ...mount, target: moved(path) })));
  }
  return { mounts: byDepth(mounts), leftOut };
}

/** What is further out goes first, as it would cover what is further in. Stable: among equals the later one wins. */
function byDepth(mounts: Mount[]): Mount[] {
  const depth = ({ target }: Mount) => target.split(sep).length;
  return mounts.sort((a, b) => depth(a) - depth(b));
}

/** Strictly below a root. */
function liesInRoot(access: FileAccess, path: string): boolean {
  if (access.roots.some((root) => root.path === path)) return false;
  return access.roots.some((root) => !root.file && contains(root.path, path));
}

async function hide(path: string): Promise<Mount[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return [];
  return [{ target: path, source: path, kind: found.isDirectory() ? "hide-directory" : "hide-file" }];
}

/**
 * Protected paths, read-only. The directories that lead to one are mounted on themselves, because a mount point cannot be moved:
 * else a command could move the directory, and the next one would find nothing to protect.
 */
async function guarded(root: AccessRoot): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const path of root.protectedPaths ?? []) {
    if ((await stat(path).catch(() => undefined)) === undefined) continue;
    for (let above = dirname(path); above !== root.path && contains(root.path, above); above = dirname(above)) {
      mounts.push({ target: above, source: above, kind: "write" });
    }
    mounts.push({ target: path, source: path, kind: "read" });
  }
  return mounts;
}

/** Entries below a root whose names are hidden or read-only; nothing is looked for in those. `undefined`: too many to look at. */
async function namedIn(root: AccessRoot): Promise<{ hidden: string[]; readOnly: string[] } | undefined> {
  const hidden: string[] = [];
  const readOnly: string[] = [];
  const isHidden = nameTest(root.hiddenNames);
  const isReadOnly = nameTest(root.permission === "write" ? root.readOnlyNames : undefined);
  const none = !root.hiddenNames?.length && (root.permission === "read" || !root.readOnlyNames?.length);
  if (root.file || none) return { hidden, readOnly };
  const skipped = nameTest(root.readOnlyNames);
  let left = MAX_ENTRIES;
  const open = [root.path];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []); // gone, or not to be read by anyone
    left -= entries.length;
    for (const entry of entries) {
      const path = join(directory, entry.name);
      if (isHidden(entry.name)) {
        if (!entry.isSymbolicLink()) hidden.push(path);
      } else if (isReadOnly(entry.name)) {
        if (!entry.isSymbolicLink()) readOnly.push(path);
      } else if (entry.isDirectory() && !skipped(entry.name)) open.push(path);
    }
    if (left < 0 || hidden.length + readOnly.length > MAX_NAMED) return undefined;
  }
  return { hidden, readOnly };
}
