import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { MassGenError } from "../errors.js";
import type { AccessRoot, FileAccess } from "./access.js";
import { folded, nameTest } from "./names.js";
import { checkPathText } from "./path-text.js";

export type PathUse = "read" | "write" | "delete";

/** A path that may be used, and why. */
export interface CheckedPath {
  /** Real: no symbolic link in it. What does not exist yet lies in a real directory. */
  path: string;
  root: AccessRoot;
  /** The names from the root's path to `path`; none where it is the root itself. */
  segments: string[];
  exists: boolean;
  /** What the model calls it. */
  shown: string;
}

/** How the labels of answers look; as the first name of a relative path they never mean a file of the workspace. */
const LABEL = /^agent\d+\.\d+$/;

/**
 * The real path of what a model named, if this turn may use it so. Relative paths are meant from the workspace, those that
 * begin with the label of an answer from the files of that answer. Symbolic links are followed first: what counts is where
 * a path leads. Who opens the path later must not follow links again (`openFileBelow` and the file tools do not).
 * @throws MassGenError `bad_path`; `path_denied` (the message says what is allowed)
 */
export async function checkPath(access: FileAccess, path: unknown, use: PathUse): Promise<string> {
  const { path: real } = await resolvePath(access, path, use);
  // Who writes or deletes may mean a link itself.
  if (use !== "read") await resolveEntry(access, path, use);
  return real;
}

/** The same, with what the file tools need besides. */
export async function resolvePath(access: FileAccess, path: unknown, use: PathUse): Promise<CheckedPath> {
  const text = checkPathText(path);
  const real = await realPath(await locate(access, text, use), access, text, use);
  const { root } = judge(access, real.path, text, use);
  return { ...real, root, segments: segmentsBelow(root, real.path), shown: shownPath(access, real.path) };
}

/** The same for an entry of a directory itself: if it is a symbolic link, the link and not what it leads to. */
export async function resolveEntry(access: FileAccess, path: unknown, use: PathUse): Promise<CheckedPath> {
  const text = checkPathText(path);
  const located = await locate(access, text, use);
  const parent = dirname(located);
  const real = parent === located ? located : join((await realPath(parent, access, text, use)).path, basename(located));
  const { root } = judge(access, real, text, use);
  const exists = (await lstat(real).catch(() => undefined)) !== undefined;
  return { path: real, exists, root, segments: segmentsBelow(root, real), shown: shownPath(access, real) };
}

/** Judges a real path by the rules alone, without looking at the file system. */
export function judge(access: FileAccess, real: string, text: string, use: PathUse): { root: AccessRoot } {
  const root = rootOf(access, real);
  if (root === undefined) throw denied(access, text, use, "it is outside of what you may use");
  const names = segmentsBelow(root, real);
  if (names.some(nameTest(root.hiddenNames))) throw denied(access, text, use, "files of that name are kept from you");
  if (use === "read") return { root };
  if (root.permission === "read") throw denied(access, text, use, readOnly(root));
  if (names.some(nameTest(root.readOnlyNames))) throw denied(access, text, use, "directories and files of that name are read-only");
  for (const guarded of root.protectedPaths ?? []) {
    if (contains(folded(guarded), folded(real))) throw denied(access, text, use, "it is protected");
    if (use === "delete" && contains(folded(real), folded(guarded))) throw denied(access, text, use, "something in it is protected");
  }
  if (use === "delete" && names.length === 0) throw denied(access, text, use, "it is a whole workspace or context path");
  return { root };
}

/** Where a path would be, links not followed. */
async function locate(access: FileAccess, text: string, use: PathUse): Promise<string> {
  const written = isAbsolute(text) ? text : `${access.workspace}/${text}`;
  const path = resolve(written);
  const answer = answerNamed(access, path);
  if (answer === undefined) {
    await refuseLinkBeforeParent(access, written, text, use);
    return path;
  }
  if (answer.root === undefined) throw denied(access, text, use, "there are no files of that answer for you to read now");
  // Nothing of how it was written is used any more.
  return join(answer.root.path, ...answer.rest);
}

/** Labels stand for the files of answers in the workspace and beside it, which is where commands find them. */
function answerNamed(access: FileAccess, path: string): { root: AccessRoot | undefined; rest: string[] } | undefined {
  const names = relative(dirname(access.workspace), path).split(sep);
  if (names[0] === basename(access.workspace)) names.shift();
  const [label, ...rest] = names;
  if (label === undefined || !LABEL.test(label)) return undefined;
  return { root: access.roots.find((root) => root.kind === "answer" && root.name === label), rest };
}

/**
 * `link/..` is the parent of where the link leads for the system, and of the link itself for everyone who reads the path.
 * A tool that gets the path as it was written would go somewhere else than what is judged here.
 */
async function refuseLinkBeforeParent(access: FileAccess, path: string, text: string, use: PathUse): Promise<void> {
  const names = path.split(/[\\/]/);
  for (let at = names.indexOf("..", 1); at > 0; at = names.indexOf("..", at + 1)) {
    const before = names.slice(0, at).join(sep);
    const stat = before === "" ? undefined : await lstat(before).catch(() => undefined);
    if (stat?.isSymbolicLink()) throw denied(access, text, use, 'a symbolic link stands before ".."');
  }
}

async function realPath(path: string, access: FileAccess, text: string, use: PathUse): Promise<{ path: string; exists: boolean }> {
  try {
    return { path: await realpath(path), exists: true };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      if (await lstat(path).catch(() => undefined)) throw denied(access, text, use, "it is a symbolic link that leads to nothing");
      const parent = dirname(path);
      if (parent !== path) return { path: join((await realPath(parent, access, text, use)).path, basename(path)), exists: false };
    }
    if (code === "ENAMETOOLONG") throw new MassGenError("bad_path", `A name in "${text.slice(0, 80)}…" is too long for the file system.`);
    // The same answer for all of it outside of the roots: whether something exists there is nobody's business.
    if (code === "ENOTDIR" && rootOf(access, path))
      throw new MassGenError("not_a_directory", `A part of "${text}" is a file, not a directory.`);
    throw denied(access, text, use, code === "ELOOP" ? "its symbolic links go round in a circle" : "it cannot be reached");
  }
}

/** The root that decides about a real path: the deepest that contains it, if nothing hidden lies deeper. */
export function rootOf(access: FileAccess, real: string): AccessRoot | undefined {
  let best: AccessRoot | undefined;
  for (const root of access.roots) {
    const inside = root.file ? root.path === real : contains(root.path, real);
    if (inside && (best === undefined || root.path.length > best.path.length)) best = root;
  }
  for (const hidden of access.hiddenPaths ?? []) {
    if (best !== undefined && hidden.length >= best.path.length && contains(hidden, real)) return undefined;
  }
  return best;
}

/** Whether `path` is `directory` or lies below it; both real. */
export function contains(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

function segmentsBelow(root: AccessRoot, real: string): string[] {
  const rest = relative(root.path, real);
  return rest === "" ? [] : rest.split(sep);
}

/** A real path as the model knows it: relative in the workspace, below its label in an answer, else absolute. */
export function shownPath(access: FileAccess, real: string): string {
  const root = rootOf(access, real);
  if (root === undefined || root.kind === "context") return real;
  const rest = segmentsBelow(root, real).join("/");
  if (root.kind === "workspace") return rest === "" ? "." : rest;
  return rest === "" ? (root.name ?? "") : `${root.name}/${rest}`;
}

function readOnly(root: AccessRoot): string {
  return root.kind === "answer" ? "the files of answers are read-only" : "it is read-only for you now";
}

export function denied(access: FileAccess, text: string, use: PathUse, why: string): MassGenError {
  const places = access.roots
    .filter((root) => use === "read" || root.permission === "write")
    .map((root) => (root.kind === "workspace" ? "your workspace (relative paths)" : root.kind === "answer" ? `${root.name}/` : root.path));
  return new MassGenError("path_denied", `You may not ${use} "${text}": ${why}. You may ${use} in: ${places.join(", ")}.`);
}
