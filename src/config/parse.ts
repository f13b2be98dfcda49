import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Document, LineCounter, parseDocument } from "yaml";
import { ConfigError } from "../errors.js";
import type { AgentConfig, OrchestratorOptions } from "../orchestrator/options.js";
import { toOptions } from "./options.js";
import { configError, type Problem, pathText } from "./problems.js";
import type { ConfigFile } from "./schema.js";
import { validate } from "./validate.js";
import { type Environment, expandVariables } from "./variables.js";
import { withoutEffect } from "./vocabulary.js";

/** What a config file describes, ready for `new Orchestrator(…)`. */
export interface LoadedConfig extends OrchestratorOptions {
  agents: AgentConfig[];
}

export interface ParseOptions {
  /** Names the file in messages, and its folder is where relative paths in it begin. Default "The config", in the working directory. */
  path?: string;
  /** Where `${NAME}` is looked up. Default `process.env`. */
  env?: Environment;
}

/** What the program reads from a file beside the options. */
export interface ConfigWithUi {
  options: LoadedConfig;
  ui: NonNullable<ConfigFile["ui"]>;
}

/**
 * Reads a team from a YAML or JSON file. Throws a `ConfigError`: `config_unreadable` when the file cannot be read,
 * `invalid_config` with every problem in it, each with its line, column and path.
 */
export async function loadConfig(path: string): Promise<LoadedConfig> {
  return (await loadConfigWithUi(path)).options;
}

/** Reads a team from YAML or JSON. Throws a `ConfigError` `invalid_config` with every problem, each with its line, column and path. */
export function parseConfig(text: string, options: ParseOptions = {}): LoadedConfig {
  return parseConfigWithUi(text, options).options;
}

export async function loadConfigWithUi(path: string): Promise<ConfigWithUi> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : message;
    throw new ConfigError("config_unreadable", `The config file "${path}" cannot be read: ${why}.`, { path, cause });
  }
  return parseConfigWithUi(text, { path });
}

function parseConfigWithUi(text: string, { path = "The config", env = process.env }: ParseOptions): ConfigWithUi {
  const lines = new LineCounter();
  const document: Document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const problems = syntaxProblems(document, text);
  const fail = () => configError(problems, path, document, lines);
  if (problems.length > 0) throw fail();
  const data = expandVariables(toData(document, problems), env, problems);
  if (problems.length === 0 && !isMapping(data)) {
    problems.push({ path: [], message: "It must hold a mapping that lists the team under `agents`" });
  }
  if (!isMapping(data)) throw fail();
  const { config, problems: shape } = validate(data);
  // A value whose variable is unset has been reported already.
  problems.push(...shape.filter(({ path: at }) => !problems.some((known) => known.path.join() === at.join())));
  if (config === undefined || problems.length > 0) throw fail();
  warnOfKeys(data, path);
  return { options: toOptions(config, resolve(dirname(path))), ui: config.ui ?? {} };
}

/** Tells of keys that change nothing, as a warning of the process: a file of MassGen's should work, and nothing be ignored in silence. */
function warnOfKeys(data: Record<string, unknown>, path: string): void {
  for (const [key, why] of Object.entries(withoutEffect)) {
    const keys = key.split(".");
    const value = keys.reduce<unknown>((inner, part) => (inner as Record<string, unknown> | undefined)?.[part], data);
    if (value === undefined) continue;
    process.emitWarning(`${path}: ${pathText(keys)} has no effect: ${why}. Remove the key.`, {
      type: "MassGenConfigWarning",
      code: "config_key_without_effect",
    });
  }
}

/** One mistake often breaks all that follows: beside keys given twice, only the first is told. */
function syntaxProblems(document: Document, text: string): Problem[] {
  const first = document.errors.find(({ code }) => code !== "DUPLICATE_KEY");
  return document.errors.flatMap((error) => {
    const { code, message, pos } = error;
    if (code !== "DUPLICATE_KEY" && error !== first) return [];
    const line = text.slice(text.lastIndexOf("\n", pos[0] - 1) + 1, pos[1]);
    const hint = line.includes("${") && line.includes("{ ") ? ". Inside { } put quotes around a variable" : "";
    const why = code === "DUPLICATE_KEY" ? "A key is given twice here" : `This is not YAML: ${message.replace(/\.$/, "")}${hint}`;
    return [{ path: [], message: why, offset: pos[0] }];
  });
}

function toData(document: Document, problems: Problem[]): unknown {
  try {
    return document.toJS();
  } catch (error) {
    problems.push({ path: [], message: `Its aliases cannot be resolved: ${(error as Error).message}` });
    return undefined;
  }
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
