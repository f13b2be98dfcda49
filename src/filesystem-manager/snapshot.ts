import type { BigIntStats, Dirent } from "node:fs";
import {
  chmod,
  constants,
  copyFile,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  symlink,
  unlink,
} from "node:fs/promises";
import { basename, dirname } from "node:path";
import { MassGenError } from "../errors.js";
import { closeDirectory, type Directory, entryOf, openChild, openDirectory, selfOf, unlessCode } from "./directories.js";
import { eachLimit } from "./each-limit.js";
import { nameTest } from "./names.js";
import { removeTree } from "./remove-tree.js";
import { bytesText } from "./tools/context.js";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, COPYFILE_EXCL, COPYFILE_FICLONE_FORCE } = constants;
const AT_ONCE = 16;
const MAX_DEPTH = 100;
/** In bytes; read and written at once. */
const SMALL = 1_048_576n;
/** How often a file is copied again that changed meanwhile. */
const ATTEMPTS = 3;
/** A clock tick of the file system, generously; in nanoseconds. Some count whole seconds, FAT pairs of them. */
const TICK = 50_000_000n;
const COARSE_TICK = 2_100_000_000n;
const SECOND = 1_000_000_000n;

export interface SnapshotOptions {
  /** Names that are left out. */
  exclude: readonly string[];
  maxFiles: number;
  maxBytes: number;
  signal: AbortSignal;
  /** The last snapshot of the same directory: files that have not changed since are hard links to its files. */
  previous?: Snapshot | undefined;
}

/** A copy of a directory that is never written to again. */
export interface Snapshot {
  path: string;
  /** Of its files, by relative path: what tells whether the original has changed. None for those that just might have. */
  states: Map<string, string>;
  /** Files and their bytes in all, and those that had to be copied. */
  files: number;
  bytes: number;
  copiedFiles: number;
  copiedBytes: number;
  /** Entries that could not be taken along, with the reason. */
  left: { path: string; why: string }[];
}

/**
 * Copies a directory to a path where nothing is yet. Files become read-only and share no data block that a write to the original
 * could reach: they are clones where the file system has them, else copies, and hard links only between snapshots. Symbolic links
 * are kept if they stay inside, and nothing is read through them.
 * @throws MassGenError `workspace_too_large`; the signal's reason. Nothing is left at `path` then.
 */
export async function takeSnapshot(source: string, path: string, options: SnapshotOptions): Promise<Snapshot> {
  await mkdir(path, { mode: 0o700 });
  const snapshot: Snapshot = { path, states: new Map(), files: 0, bytes: 0, copiedFiles: 0, copiedBytes: 0, left: [] };
  try {
    const { ctimeNs } = await lstat(path, { bigint: true });
    const taking: Taking = { ...options, snapshot, began: ctimeNs, excluded: nameTest(options.exclude), clones: true };
    await copyDirectory(taking, await openDirectory(source), "", 1);
    return snapshot;
  } catch (error) {
    await removeTree(dirname(path), basename(path));
    throw error;
  }
}

interface Taking extends SnapshotOptions {
  snapshot: Snapshot;
  /** By the file system's clock. */
  began: bigint;
  excluded: (name: string) => boolean;
  /** Whether the file system may have clones: true until one fails. */
  clones: boolean;
}

/** Closes `source`. */
async function copyDirectory(taking: Taking, source: Directory, prefix: string, depth: number): Promise<void> {
  const { snapshot, signal, excluded } = taking;
  const target = `${snapshot.path}/${prefix}`;
  try {
    const entries = (await readdir(selfOf(source), { withFileTypes: true })).filter((entry) => !excluded(entry.name));
    await eachLimit(entries, AT_ONCE, async (entry) => {
      signal.throwIfAborted();
      if (!entry.isDirectory()) await copyEntry(taking, source, entry, prefix + entry.name);
    });
    for (const entry of entries) {
      if (!entry.isDirectory()) continue;
      const relative = prefix + entry.name;
      if (depth === MAX_DEPTH) throw tooLarge(`directories more than ${MAX_DEPTH} deep`);
      const child = await openChild(source, entry.name).catch(unlessCode("ENOENT", "ENOTDIR", "ELOOP", "EACCES", "EPERM"));
      if (child === undefined) {
        await explain(taking, source, entry.name, relative);
        continue;
      }
      await mkdir(`${snapshot.path}/${relative}`, { mode: 0o700 });
      await copyDirectory(taking, child, `${relative}/`, depth + 1);
    }
  } finally {
    await closeDirectory(source);
  }
  await chmod(target, 0o555);
}

async function copyEntry(taking: Taking, source: Directory, entry: Dirent, relative: string): Promise<void> {
  const { snapshot } = taking;
  if (entry.isSymbolicLink()) return copyLink(taking, source, entry.name, relative);
  if (!entry.isFile()) {
    snapshot.left.push({ path: relative, why: "no ordinary file" });
    return;
  }
  if (!(await linked(taking, source, entry.name, relative))) await copyContent(taking, source, entry.name, relative);
}

/** Takes a file that has not changed since the last snapshot from there. */
async function linked(taking: Taking, source: Directory, name: string, relative: string): Promise<boolean> {
  const { snapshot, previous } = taking;
  const known = previous?.states.get(relative);
  if (previous === undefined || known === undefined) return false;
  const stat = await lstat(entryOf(source, name), { bigint: true }).catch(unlessCode("ENOENT"));
  if (stat === undefined || stateOf(stat) !== known) return false;
  try {
    await link(`${previous.path}/${relative}`, `${snapshot.path}/${relative}`);
  } catch {
    return false; // no hard links here, or too many of this one: a copy does as well
  }
  countFile(taking, Number(stat.size));
  snapshot.states.set(relative, known);
  return true;
}

async function copyContent(taking: Taking, source: Directory, name: string, relative: string): Promise<void> {
  const { snapshot, began, signal } = taking;
  const target = `${snapshot.path}/${relative}`;
  const handle = await open(entryOf(source, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(
    unlessCode("ENOENT", "ELOOP", "ENXIO", "EACCES", "EPERM"),
  );
  if (handle === undefined) return explain(taking, source, name, relative);
  try {
    let stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) return explain(taking, source, name, relative);
    countFile(taking, Number(stat.size));
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      await copyFrom(handle, stat, source.handle === undefined ? entryOf(source, name) : `/proc/self/fd/${handle.fd}`, target, taking);
      const after = await handle.stat({ bigint: true });
      const quiet = stateOf(after) === stateOf(stat);
      stat = after;
      if (quiet && !mayChangeUnseen(after, began)) snapshot.states.set(relative, stateOf(after));
      if (quiet) break;
      if (attempt === ATTEMPTS) {
        snapshot.left.push({ path: relative, why: "kept changing while it was copied; the copy may be of several states" });
        break;
      }
      await unlink(target);
    }
    snapshot.copiedFiles++;
    snapshot.copiedBytes += Number(stat.size);
  } finally {
    await handle.close();
  }
}

/** Copies an open file, as a clone where the file system has them. */
async function copyFrom(handle: FileHandle, { size, mode }: BigIntStats, from: string, target: string, taking: Taking): Promise<void> {
  const readOnly = (mode & 0o111n) === 0n ? 0o444 : 0o555;
  if (taking.clones && size > 0n) {
    try {
      await copyFile(from, target, COPYFILE_FICLONE_FORCE | COPYFILE_EXCL);
      return await chmod(target, readOnly);
    } catch {
      taking.clones = false;
      await unlink(target).catch(unlessCode("ENOENT"));
    }
  }
  if (size > SMALL) {
    await copyFile(from, target, COPYFILE_EXCL);
    return chmod(target, readOnly);
  }
  // For small files several times as fast as letting the system copy.
  const copy = await open(target, O_WRONLY | O_CREAT | O_EXCL, readOnly);
  try {
    const buffer = Buffer.allocUnsafe(Number(size));
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, filled);
      if (bytesRead === 0) break; // shorter by now, which its state will tell
      filled += bytesRead;
    }
    if (filled > 0) await copy.writeFile(buffer.subarray(0, filled));
  } finally {
    await copy.close();
  }
}

/**
 * A link is kept if nothing outside can be reached by it, in the workspace or in the snapshot: it goes up no further than to the
 * top, and down by names alone. Where those are links themselves, the same was asked of them.
 */
async function copyLink(taking: Taking, source: Directory, name: string, relative: string): Promise<void> {
  const { snapshot } = taking;
  const target = await readlink(entryOf(source, name)).catch(unlessCode("ENOENT", "EINVAL"));
  if (target === undefined) return explain(taking, source, name, relative);
  if (!staysInside(target, relative.split("/").length - 1)) {
    snapshot.left.push({ path: relative, why: "a symbolic link that leaves the workspace" });
    return;
  }
  countFile(taking, 0);
  await symlink(target, `${snapshot.path}/${relative}`);
}

/** @param depth how many directories above the link are in the workspace */
export function staysInside(target: string, depth: number): boolean {
  if (target === "" || target.startsWith("/") || /[\\\0]/.test(target) || /^[a-z]:/i.test(target)) return false;
  const names = target.split("/").filter((name) => name !== "" && name !== ".");
  const down = names.findIndex((name) => name !== "..");
  const ups = down === -1 ? names.length : down;
  return ups <= depth && !names.slice(ups).includes("..");
}

function countFile(taking: Taking, size: number): void {
  const { snapshot, maxFiles, maxBytes } = taking;
  if (++snapshot.files > maxFiles) throw tooLarge(`more than ${maxFiles} files`);
  snapshot.bytes += size;
  if (snapshot.bytes > maxBytes) throw tooLarge(`more than ${bytesText(maxBytes)}`);
}

/** Why something that was listed could not be taken along. What is simply gone by now needs no word. */
async function explain({ snapshot }: Taking, source: Directory, name: string, relative: string): Promise<void> {
  const stat = await lstat(entryOf(source, name)).catch(() => undefined);
  if (stat !== undefined)
    snapshot.left.push({ path: relative, why: stat.isFile() || stat.isDirectory() ? "may not be read" : "no ordinary file" });
  else if (name.includes("\ufffd")) snapshot.left.push({ path: relative, why: "a name that is no UTF-8" });
}

function stateOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/** Changed so shortly before that one more change could leave the same times. */
function mayChangeUnseen({ ctimeNs }: BigIntStats, began: bigint): boolean {
  return ctimeNs > began - (ctimeNs % SECOND === 0n ? COARSE_TICK : TICK);
}

function tooLarge(what: string): MassGenError {
  const message = `Your workspace has ${what}, which is too much to keep with an answer. Delete what does not belong to your answer.`;
  return new MassGenError("workspace_too_large", message);
}
