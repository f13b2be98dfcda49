import type { Agent } from "../../agent/agent.js";
import { COMMAND_KEYS, WORKSPACE_KEYS } from "../../filesystem-manager/option-keys.js";
import type { ContextPath, WorkspaceOptions } from "../../filesystem-manager/options.js";
import type { McpHttpServer, McpServersConfig, McpStdioServer } from "../../mcp/config.js";
import { atLeast, bad, given, knownKeys, required, shown } from "../../option-checks.js";
import type { MemoryOptions } from "../../tools/memory/index.js";
import type { TaskPlanningOptions } from "../../tools/task-planning/index.js";
import type { Toolkit } from "../../tools/toolkit.js";
import { makeMcpServers, makeMemory, makeTaskPlanning, makeWorkspaces } from "./factories.js";
import { type KitOrder, TeamToolkits } from "./team-toolkits.js";

/** What agents are given besides functions: opened when a run starts, closed when it is over. */
export interface ToolkitOptions {
  /** Gives every agent a directory of its own, with file tools and commands; its files go with its answers. Default false. */
  workspaces?: boolean | WorkspaceOptions;
  /** MCP servers for all agents: by name, or as a list of servers with a `name`. */
  mcpServers?: McpServersConfig;
  /** Toolkits for all agents. They stay yours: closing the orchestrator does not close them. */
  toolkits?: readonly Toolkit[];
  /** Gives every agent a task plan of its own. Default false. */
  taskPlanning?: boolean | TaskPlanningOptions;
  /** Lets every agent keep notes from turn to turn. Default false. */
  memory?: boolean | MemoryOptions;
}

// Keys are checked here; their values by whoever reads them, when a run first needs it.
const CONTEXT_KEYS: Record<keyof ContextPath, true> = { path: true, permission: true, protectedPaths: true };
const SERVER_KEYS: Record<keyof McpStdioServer | keyof McpHttpServer | "name", true> = {
  name: true,
  type: true,
  command: true,
  args: true,
  env: true,
  cwd: true,
  url: true,
  headers: true,
  authProvider: true,
  allowedTools: true,
  excludeTools: true,
  required: true,
  connectTimeoutMs: true,
  timeoutMs: true,
  resetTimeoutOnProgress: true,
  maxResultBytes: true,
  maxTools: true,
  paths: true,
  perAgent: true,
  roots: true,
  instructions: true,
};
const TASK_PLANNING_KEYS: Record<keyof TaskPlanningOptions, true> = { maxTasks: true, file: true };
const MEMORY_KEYS: Record<keyof MemoryOptions, true> = { maxNoteChars: true, maxShortTermChars: true, maxNotes: true };

/** The toolkits of a team; nothing, where nobody has any. Throws a `ConfigError` that names the key at fault. */
export function resolveToolkits(options: ToolkitOptions, agents: readonly Agent[]): TeamToolkits | undefined {
  const everybody = agents.map((_, index) => index);
  const orders: KitOrder[] = [];
  const own = (having: number[], make: KitOrder["make"]) => orders.push({ agents: having, make, own: true });

  const workspaces = switchOf("workspaces", options.workspaces, Object.keys(WORKSPACE_KEYS));
  if (workspaces !== undefined) checkWorkspaces(workspaces);
  for (const [index, { workspace }] of agents.entries())
    if (workspace !== undefined && typeof workspace !== "boolean") throw bad(`agents[${index}].workspace`, "must be true or false");
  const housed = everybody.filter((agent) => agents[agent]!.workspace ?? workspaces !== undefined);
  if (housed.length > 0) own(housed, () => makeWorkspaces(workspaces ?? {}));

  const servers = [
    { config: options.mcpServers, path: "mcpServers", having: everybody, name: "mcp" },
    ...agents.map(({ mcpServers }, index) => ({
      config: mcpServers,
      path: `agents[${index}].mcpServers`,
      having: [index],
      name: "mcp_own",
    })),
  ];
  for (const { config, path, having, name } of servers) {
    if (config !== undefined && hasServers(config, path)) own(having, () => makeMcpServers(config, name));
  }

  const planning = switchOf("taskPlanning", options.taskPlanning, Object.keys(TASK_PLANNING_KEYS));
  if (planning !== undefined) {
    if (planning.maxTasks !== undefined) atLeast("taskPlanning.maxTasks", planning.maxTasks, 1);
    own(everybody, () => makeTaskPlanning(planning));
  }
  const memory = switchOf("memory", options.memory, Object.keys(MEMORY_KEYS));
  if (memory !== undefined) own(everybody, () => makeMemory(memory));

  const given = [
    { toolkits: options.toolkits, path: "toolkits", having: everybody },
    ...agents.map(({ toolkits }, index) => ({ toolkits, path: `agents[${index}].toolkits`, having: [index] })),
  ];
  for (const { toolkits, path, having } of given) {
    for (const toolkit of listOf(toolkits, path)) orders.push({ agents: having, make: () => toolkit, own: false });
  }
  return orders.length === 0 ? undefined : new TeamToolkits(orders);
}

/** Whether there are any. What a server's keys may hold is checked by whoever connects it. */
function hasServers(config: McpServersConfig, path: string): boolean {
  if (typeof config !== "object" || config === null)
    throw bad(path, `must be an object of servers by name, or a list, not ${shown(config)}`);
  for (const [key, server] of Object.entries(config)) {
    const at = Array.isArray(config) ? `${path}[${key}]` : `${path}.${key}`;
    required(at, server);
    knownKeys(server, Object.keys(SERVER_KEYS), at);
    if (!("command" in server) && !("url" in server)) throw bad(at, "needs a `command` to start, or a `url`");
  }
  return Object.keys(config).length > 0;
}

/** The options of something that is off, on with its defaults, or on with options. */
function switchOf<T extends object>(path: string, value: boolean | T | undefined, keys: string[]): T | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return {} as T;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw bad(path, `must be true, false or an object of options, not ${shown(value)}`);
  knownKeys(value, keys, path);
  return given(path, value) as T;
}

function checkWorkspaces({ contextPaths = [], commands }: WorkspaceOptions): void {
  if (!Array.isArray(contextPaths)) throw bad("workspaces.contextPaths", "must be a list of { path, permission }");
  for (const [index, context] of contextPaths.entries()) {
    const path = `workspaces.contextPaths[${index}]`;
    knownKeys(given(path, context as ContextPath), Object.keys(CONTEXT_KEYS), path);
  }
  switchOf("workspaces.commands", commands, Object.keys(COMMAND_KEYS));
}

function listOf(toolkits: readonly Toolkit[] | undefined, path: string): readonly Toolkit[] {
  if (toolkits === undefined) return [];
  if (!Array.isArray(toolkits)) throw bad(path, `must be a list of toolkits, not ${shown(toolkits)}`);
  for (const [index, toolkit] of toolkits.entries()) {
    if (typeof toolkit?.open !== "function" || typeof toolkit.name !== "string")
      throw bad(`${path}[${index}]`, "must be a toolkit: an object with a `name` and `open(run)`");
  }
  return toolkits;
}
