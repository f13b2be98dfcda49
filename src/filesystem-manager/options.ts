import { knownKeys } from "../option-checks.js";
import { type CommandOptions, commandSettings } from "./commands/options.js";
import { DEFAULT_EXCLUDE, DEFAULT_HIDDEN } from "./names.js";
import { bad, checkObject } from "./option-errors.js";
import { WORKSPACE_KEYS } from "./option-keys.js";

/** A directory or file of yours that agents may use. */
export interface ContextPath {
  /** `~` is the home folder; relative paths are meant from the current directory. Must exist. */
  path: string;
  /** `write`: only the agent that presents the final answer writes to it, everyone reads it. */
  permission: "read" | "write";
  /** In it, never written to: absolute, or relative to it (of a file: to its directory). They need not exist yet. */
  protectedPaths?: readonly string[];
}

export interface WorkspaceOptions {
  /** Where runs have their directories. Default: `.massgen/workspaces` in the current directory. */
  root?: string;
  /** Directories and files that agents may use besides their workspace. */
  contextPaths?: readonly ContextPath[];
  /**
   * Names (globs of a single name) that snapshots and results leave out, that searches pass by, and that are never written to in
   * a context path. Default: `DEFAULT_EXCLUDE` (`.git`, `node_modules`, `.venv` and the like). `.massgen` is always among them.
   */
  exclude?: readonly string[];
  /** Names that are neither read nor written in a context path. Default: `DEFAULT_HIDDEN` (`.env`, `.env.*`). `.massgen` is always among them. */
  hidden?: readonly string[];
  /** Whether an agent must have read a file as it is before it overwrites, edits or deletes it. Default true. */
  readBeforeWrite?: boolean;
  /** The largest file that the file tools open or write, in bytes. Default 10 MiB. */
  maxFileBytes?: number;
  /** What a workspace may hold when an answer is handed in, without what is excluded. Defaults: 50,000 files, 1 GiB. */
  maxSnapshotFiles?: number;
  maxSnapshotBytes?: number;
  /** Whether agents can run commands, and how. Default true. */
  commands?: boolean | CommandOptions;
  /**
   * How many results stay under `root/results`; older ones are deleted when a run ends, except those of the last hour.
   * `Infinity`: all. Default 20.
   */
  keep?: number;
}

export interface WorkspaceSettings extends Required<Omit<WorkspaceOptions, "commands">> {
  /** `undefined`: no commands. */
  commands: CommandOptions | undefined;
}

const MIB = 2 ** 20;

/**
 * Checks the options and fills in what is not given.
 * @throws ConfigError `bad_option`, `unknown_option`
 */
export function workspaceSettings(options: WorkspaceOptions = {}, path = "workspaces"): WorkspaceSettings {
  checkObject(options, path);
  knownKeys(options, Object.keys(WORKSPACE_KEYS), path);
  const {
    root = ".massgen/workspaces",
    contextPaths = [],
    exclude = DEFAULT_EXCLUDE,
    hidden = DEFAULT_HIDDEN,
    readBeforeWrite = true,
  } = options;
  const { maxFileBytes = 10 * MIB, maxSnapshotFiles = 50_000, maxSnapshotBytes = 1024 * MIB, commands = true, keep = 20 } = options;
  if (typeof root !== "string" || root === "") throw bad(`${path}.root`, "must be the path of a directory", root);
  if (!Array.isArray(contextPaths)) throw bad(`${path}.contextPaths`, "must be a list of { path, permission }", contextPaths);
  for (const [index, each] of contextPaths.entries()) checkContextPath(each, `${path}.contextPaths[${index}]`);
  for (const [key, names] of Object.entries({ exclude, hidden })) {
    const fine = Array.isArray(names) && names.every((name) => typeof name === "string" && name !== "" && !/[\\/]/.test(name));
    if (!fine) throw bad(`${path}.${key}`, 'must be a list of names without "/"', names);
  }
  if (typeof readBeforeWrite !== "boolean") throw bad(`${path}.readBeforeWrite`, "must be true or false", readBeforeWrite);
  for (const [key, value] of Object.entries({ maxFileBytes, maxSnapshotFiles, maxSnapshotBytes })) {
    if (!Number.isInteger(value) || value < 1) throw bad(`${path}.${key}`, "must be a whole number above 0", value);
  }
  if (keep !== Number.POSITIVE_INFINITY && !(Number.isInteger(keep) && keep >= 1)) {
    throw bad(`${path}.keep`, "must be a whole number above 0, or Infinity", keep);
  }
  if (typeof commands === "object") commandSettings(commands, `${path}.commands`);
  else if (typeof commands !== "boolean") throw bad(`${path}.commands`, "must be true, false or an object of options", commands);
  return {
    root,
    contextPaths,
    exclude: withOwn(exclude),
    hidden: withOwn(hidden),
    readBeforeWrite,
    maxFileBytes,
    maxSnapshotFiles,
    maxSnapshotBytes,
    commands: commands === false ? undefined : commands === true ? {} : commands,
    keep,
  };
}

const withOwn = (names: readonly string[]): readonly string[] => (names.includes(".massgen") ? names : [...names, ".massgen"]);

function checkContextPath(context: unknown, path: string): void {
  checkObject(context, path);
  knownKeys(context, ["path", "permission", "protectedPaths"], path);
  const { path: given, permission, protectedPaths = [] } = context as ContextPath;
  if (typeof given !== "string" || given === "") throw bad(`${path}.path`, "must be the path of a directory or file", given);
  if (permission !== "read" && permission !== "write") throw bad(`${path}.permission`, 'must be "read" or "write"', permission);
  const fine = Array.isArray(protectedPaths) && protectedPaths.every((each) => typeof each === "string" && each !== "");
  if (!fine) throw bad(`${path}.protectedPaths`, "must be a list of paths", protectedPaths);
}
