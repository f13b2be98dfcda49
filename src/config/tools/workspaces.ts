import { isAbsolute } from "node:path";
import { ConfigError } from "../../errors.js";
import { type CommandOptions, commandSettings } from "../../filesystem-manager/commands/options.js";
import type { OrchestratorOptions } from "../../orchestrator/options.js";
import type { Path, Problem } from "../problems.js";
import type { BackendEntry, ConfigFile } from "../schema.js";
import { wordPattern } from "./command-patterns.js";
import { pathFrom } from "./paths.js";

type WorkspaceOptions = Exclude<NonNullable<OrchestratorOptions["workspaces"]>, boolean>;

/** One backend of the file, and where it stands. */
export interface PlacedBackend {
  entry: BackendEntry;
  path: Path;
}

/** Keys that say how commands are run, once the tool for them is on. */
const commandKeys = [
  "command_line_allowed_commands",
  "command_line_blocked_commands",
  "command_line_env",
  "command_line_execution_mode",
  "command_line_sandbox",
  "command_line_network",
  "command_line_docker_image",
  "command_line_docker_memory_limit",
  "command_line_docker_cpu_limit",
  "command_line_docker_network_mode",
] as const;

/** Keys that have no meaning in a container. */
const localKeys: ReadonlySet<string> = new Set(["command_line_sandbox", "command_line_network"]);

/** Where options stand whose values are checked there. */
const optionOf: Readonly<Record<string, string>> = {
  command_line_env: "env",
  command_line_docker_image: "executor.docker.image",
  command_line_docker_memory_limit: "executor.docker.memory",
};

/** Keys that all agents with a workspace share, for it is one feature of the run. */
const sharedKeys = ["enable_mcp_command_line", ...commandKeys, "enforce_read_before_delete"] as const;

const DEFAULT_IMAGE = "massgen/mcp-runtime:latest";

/** The workspaces of a run, where any backend has a `cwd`. */
export function workspaces(backends: readonly PlacedBackend[], config: ConfigFile, folder: string): WorkspaceOptions | undefined {
  const [first] = backends.filter(({ entry }) => entry.cwd !== undefined);
  if (first === undefined) return undefined;
  const { context_paths: contextPaths } = config.orchestrator ?? {};
  const { enforce_read_before_delete: readFirst } = first.entry;
  return {
    commands: commands(first.entry),
    ...(readFirst !== undefined && { readBeforeWrite: readFirst }),
    ...(contextPaths !== undefined && {
      contextPaths: contextPaths.map(({ path, permission = "read", protected_paths: guarded }) => ({
        path: pathFrom(folder, path),
        permission,
        ...(guarded !== undefined && { protectedPaths: guarded }),
      })),
    }),
  };
}

function commands(entry: BackendEntry): false | CommandOptions {
  if (entry.enable_mcp_command_line !== true) return false;
  const { command_line_allowed_commands: allow, command_line_blocked_commands: deny } = entry;
  const patterns = (given: readonly string[]) => given.flatMap((expression) => wordPattern(expression) ?? []);
  return {
    ...(allow !== undefined && { allow: patterns(allow) }),
    ...(deny !== undefined && { deny: patterns(deny) }),
    ...(entry.command_line_env !== undefined && { env: entry.command_line_env }),
    ...(entry.command_line_sandbox !== undefined && { sandbox: entry.command_line_sandbox }),
    ...(entry.command_line_network !== undefined && { network: entry.command_line_network }),
    ...(entry.command_line_execution_mode === "docker" && { executor: docker(entry) }),
  };
}

function docker(entry: BackendEntry): Exclude<CommandOptions["executor"], "local" | undefined> {
  const {
    command_line_docker_image: image = DEFAULT_IMAGE,
    command_line_docker_network_mode: network,
    command_line_docker_memory_limit: memory,
    command_line_docker_cpu_limit: cpus,
  } = entry;
  return {
    docker: {
      image,
      ...(network !== undefined && { network }),
      ...(memory !== undefined && { memory }),
      ...(cpus !== undefined && { cpus }),
    },
  };
}

/** What is wrong with the keys that make workspaces, beyond their shapes. */
export function workspaceProblems(backends: readonly PlacedBackend[], config: { context_paths?: unknown }): Problem[] {
  const housed = backends.filter(({ entry }) => entry.cwd !== undefined);
  const [first] = housed;
  const problems: Problem[] = [];
  if (first === undefined && Array.isArray(config.context_paths) && config.context_paths.length > 0) {
    const message = "needs agents that can use it: give backends a `cwd`, which gives their agents a workspace and file tools";
    problems.push({ path: ["orchestrator", "context_paths"], message });
  }
  for (const { entry, path } of backends) {
    if (entry.cwd === undefined) {
      for (const key of sharedKeys) {
        if (entry[key] !== undefined && entry[key] !== false)
          problems.push({ path: [...path, key], message: "needs a workspace: give this backend a `cwd`" });
      }
    } else problems.push(...cwdProblems(entry.cwd, [...path, "cwd"]), ...commandProblems(entry, path));
  }
  for (const { entry, path } of first === undefined ? [] : housed.slice(1)) {
    for (const key of sharedKeys) {
      if (JSON.stringify(entry[key]) === JSON.stringify(first?.entry[key])) continue;
      const message = `differs from that of agents[${first?.path[1]}]. All agents with a workspace have the same: write it alike in each of them`;
      problems.push({
        path: entry[key] === undefined ? path : [...path, key],
        message: entry[key] === undefined ? `lacks ${key}, or it ${message}` : message,
      });
    }
  }
  return problems;
}

function cwdProblems(cwd: string, path: Path): Problem[] {
  if (!isAbsolute(cwd) && !/^~|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)/.test(cwd)) return [];
  const message =
    "names a directory of your own. Every run gives the agent a fresh workspace, for which any name does (`cwd: workspace`); list what it shall work on under `orchestrator.context_paths`, with `permission: write` if the winner may write there";
  return [{ path, message }];
}

function commandProblems(entry: BackendEntry, path: Path): Problem[] {
  const problems: Problem[] = [];
  if (entry.enable_mcp_command_line !== true) {
    for (const key of commandKeys) {
      if (entry[key] !== undefined)
        problems.push({ path: [...path, key], message: "has no meaning without `enable_mcp_command_line: true`" });
    }
    return problems;
  }
  for (const key of ["command_line_allowed_commands", "command_line_blocked_commands"] as const) {
    for (const [index, expression] of (entry[key] ?? []).entries()) {
      if (wordPattern(expression) !== undefined) continue;
      const message =
        'is a regular expression that cannot be carried over. Write the words of a command, with "*" for anything: "git *", "npm run test". One line for each command';
      problems.push({ path: [...path, key, index], message });
    }
  }
  const isDocker = entry.command_line_execution_mode === "docker";
  for (const key of commandKeys) {
    const isOther = isDocker ? localKeys.has(key) : key.startsWith("command_line_docker_");
    if (!isOther || entry[key] === undefined) continue;
    const message = isDocker
      ? "has no meaning with `command_line_execution_mode: docker`"
      : "has no meaning without `command_line_execution_mode: docker`";
    problems.push({ path: [...path, key], message });
  }
  if (problems.length > 0) return problems;
  try {
    commandSettings(commands(entry) || {});
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const key = Object.entries(optionOf).find(([, option]) => error.path.startsWith(`commands.${option}`))?.[0];
    return [{ path: key === undefined ? path : [...path, key], message: `cannot be used: ${error.message}` }];
  }
}
