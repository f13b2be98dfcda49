import type { Stats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { ConfigError } from "../errors.js";
import type { AccessRoot } from "./access.js";
import { contains } from "./check-path.js";
import { unlessCode } from "./directories.js";
import type { WorkspaceSettings } from "./options.js";

/**
 * The context paths as roots, with the permission that the presenter has.
 * @param runs where the directories of runs are; real
 * @throws ConfigError `context_path_missing`, `bad_context_path`
 */
export async function contextRoots({ contextPaths, exclude, hidden }: WorkspaceSettings, runs: string): Promise<AccessRoot[]> {
  const roots: AccessRoot[] = [];
  for (const [index, context] of contextPaths.entries()) {
    const at = `workspaces.contextPaths[${index}]`;
    const path = await realpath(expanded(context.path)).catch((cause: unknown) => {
      throw new ConfigError("context_path_missing", `${at}: there is no "${context.path}", or it may not be read.`, { path: at, cause });
    });
    const found = await stat(path);
    const problem = problemOf(path, found, roots, runs);
    if (problem !== undefined) throw bad(at, `"${context.path}" ${problem}.`);
    const { permission, protectedPaths = [] } = context;
    const guarded = await Promise.all(protectedPaths.map((each) => guardedPaths(each, path, found.isFile(), `${at}.protectedPaths`)));
    const kind = "context" as const;
    if (found.isFile()) roots.push({ path, permission, kind, file: true, protectedPaths: guarded.flat() });
    else roots.push({ path, permission, kind, protectedPaths: guarded.flat(), hiddenNames: hidden, readOnlyNames: exclude });
  }
  return roots;
}

function problemOf(path: string, found: Stats, roots: readonly AccessRoot[], runs: string): string | undefined {
  if (path === dirname(path)) return "is the whole file system. Name the directory that is needed";
  if (path === runs || contains(join(runs, "live"), path)) return "belongs to the runs themselves. Name another directory";
  if (roots.some((root) => root.path === path)) return "is listed twice";
  return found.isFile() || found.isDirectory() ? undefined : "is neither a file nor a directory";
}

/** The path itself, and where it leads if links are in it. */
async function guardedPaths(given: string, root: string, isFile: boolean, at: string): Promise<string[]> {
  const base = isFile ? dirname(root) : root;
  const plain = isAbsolute(given) || given.startsWith("~") ? expanded(given) : resolve(base, given);
  const real = await realBeginning(plain);
  const inside = [plain, real].filter((path) => contains(base, path));
  if (inside.length === 0) throw bad(at, `"${given}" does not lie in the context path it belongs to.`);
  if (relative(root, real) === "" && !isFile)
    throw bad(at, `"${given}" is the whole context path. Give that the permission "read" instead.`);
  return [...new Set(inside)];
}

/** The real path of what exists of it, with the rest behind. */
async function realBeginning(path: string): Promise<string> {
  const real = await realpath(path).catch(unlessCode("ENOENT", "ENOTDIR"));
  if (real !== undefined || path === dirname(path)) return real ?? path;
  return join(await realBeginning(dirname(path)), basename(path));
}

function expanded(path: string): string {
  if (path === "~") return homedir();
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(path);
}

function bad(at: string, problem: string): ConfigError {
  return new ConfigError("bad_context_path", `${at}: ${problem}`, { path: at });
}
