import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, realpath, rename, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError } from "../errors.js";
import { unlessCode } from "./directories.js";
import { ownIdentity, type ProcessIdentity, stateOfProcess } from "./process-identity.js";
import { removeTree } from "./remove-tree.js";

/**
 * What lies under the root:
 *
 *     live/<random>/                 a run that goes on, or was cut off
 *       .massgen-run                 the marker: which process it belongs to. Only what has one is ever deleted
 *       <random>/workspace/          an agent's own directory
 *       answers/agent2.1/            the files of an answer, read-only
 *     results/<time>-<random>/       what a finished run has left
 *       .massgen-run
 *       workspace/
 */
export interface RunDirectories {
  /** Real. */
  root: string;
  /** How many results are kept. */
  keep: number;
}

export const MARKER = ".massgen-run";
const VERSION = 1;
/** Results younger than this are kept whatever `keep` says: who asked for them may not have looked yet. */
const FRESH_MS = 60 * 60 * 1000;
/** What a process of another machine or container left is taken for abandoned after this long without a sign of life. */
const ABANDONED_MS = 7 * 24 * 60 * 60 * 1000;
const RUN_NAME = /^[0-9a-f]{12}$/;

/** Makes the root where it is missing. @throws ConfigError `bad_root` for one that cannot be right */
export async function openRoot(path: string, keep: number): Promise<RunDirectories> {
  const wanted = resolve(path);
  if (wanted === dirname(wanted) || wanted === homedir()) {
    throw new ConfigError("bad_root", `workspaces.root: "${path}" is no place for workspaces. Name a directory of their own.`, {
      path: "workspaces.root",
    });
  }
  try {
    const made = await mkdir(wanted, { recursive: true });
    const root = await realpath(wanted);
    // Made by us: nothing in it belongs into version control.
    if (made !== undefined) await writeFile(join(root, ".gitignore"), "*\n", { flag: "wx" }).catch(unlessCode("EEXIST"));
    await mkdir(join(root, "live"), { recursive: true });
    await mkdir(join(root, "results"), { recursive: true });
    return { root, keep };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError("bad_root", `workspaces.root: "${path}" cannot be used: ${why}.`, { path: "workspaces.root", cause });
  }
}

/** A directory for a run, of no name. Returns its real path. */
export function createRunDirectory({ root }: RunDirectories): Promise<string> {
  return createMarked(join(root, "live"), randomName());
}

export const randomName = (): string => randomBytes(6).toString("hex");

async function createMarked(parent: string, name: string): Promise<string> {
  const path = join(parent, name);
  await mkdir(path, { mode: 0o700 });
  await writeFile(join(path, MARKER), `${JSON.stringify({ massgen: VERSION, ...ownIdentity() })}\n`, { flag: "wx" });
  return path;
}

/** Deletes what has a marker, with everything in it; the marker last, so that who is cut off here can be cleaned up after. */
export async function removeMarked(path: string): Promise<void> {
  const names = await readdir(path).catch(unlessCode("ENOENT"));
  for (const name of names ?? []) if (name !== MARKER) await removeTree(path, name);
  await removeTree(dirname(path), basename(path));
}

/** Moves a directory (of the same file system) to where the results are. Returns its new path. */
export async function keepResult({ root }: RunDirectories, directory: string, now: number): Promise<string> {
  const time = new Date(now).toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
  const result = await createMarked(join(root, "results"), `${time}-${randomName()}`);
  await rename(directory, join(result, "workspace"));
  return join(result, "workspace");
}

/** Deletes the oldest results beyond `keep`. */
export async function pruneResults({ root, keep }: RunDirectories, now: number): Promise<void> {
  if (keep === Number.POSITIVE_INFINITY) return;
  const results = join(root, "results");
  const names = (await readdir(results)).filter((name) => timeOf(name) !== undefined).sort();
  for (const name of names.slice(0, Math.max(0, names.length - keep))) {
    if (now - timeOf(name)! < FRESH_MS) break;
    if ((await readMarker(join(results, name))) !== undefined) await removeMarked(join(results, name));
  }
}

/** Of a result's name, `20250131T120000Z-0123456789ab`. */
function timeOf(name: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[0-9a-f]{12}$/.exec(name);
  return parts ? Date.UTC(+parts[1]!, +parts[2]! - 1, +parts[3]!, +parts[4]!, +parts[5]!, +parts[6]!) : undefined;
}

/** Deletes what runs left that were cut off. Looks at live runs only, however many there have been. */
export async function sweep({ root }: RunDirectories, now: number): Promise<void> {
  const live = join(root, "live");
  const own = ownIdentity();
  for (const name of await readdir(live)) {
    if (!RUN_NAME.test(name)) continue;
    const owner = await readMarker(join(live, name));
    if (owner === undefined || (owner.machine === own.machine && owner.pid === own.pid && owner.started === own.started)) continue;
    const state = stateOfProcess(owner, own);
    if (state === "alive") continue;
    if (state === "unknown" && now - (await lastSign(join(live, name))) < ABANDONED_MS) continue;
    // Taken by one sweep only, and not by this one if another was faster.
    const taken = randomName();
    const won = await rename(join(live, name), join(live, taken)).then(() => true, unlessCode("ENOENT"));
    if (won) await removeMarked(join(live, taken));
  }
}

async function lastSign(path: string): Promise<number> {
  const found = await stat(join(path, MARKER)).catch(unlessCode("ENOENT"));
  return found?.mtimeMs ?? Number.POSITIVE_INFINITY;
}

async function readMarker(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const marker: unknown = JSON.parse(await readFile(join(path, MARKER), "utf8"));
    if (typeof marker !== "object" || marker === null || !("massgen" in marker) || marker.massgen !== VERSION) return undefined;
    if (!("machine" in marker) || typeof marker.machine !== "string" || !("pid" in marker) || !Number.isInteger(marker.pid))
      return undefined;
    return marker as unknown as ProcessIdentity;
  } catch {
    return undefined;
  }
}
