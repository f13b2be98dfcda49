import type { z } from "zod";
import { ConfigError } from "../../errors.js";
import { type McpServerConfig, type McpServersConfig, readServers } from "../../mcp/config.js";
import type { Path, Problem } from "../problems.js";
import { pathFrom } from "./paths.js";
import { type McpServerEntry, mcpServerSchema } from "./schema.js";

/** How the options that have other names here are called in a file. */
const FILE_NAMES: Readonly<Record<string, string>> = {
  allowedTools: "allowed_tools",
  excludeTools: "exclude_tools",
  timeoutMs: "timeout",
  connectTimeoutMs: "connect_timeout",
  perAgent: "per_agent",
  maxTools: "max_tools",
  maxResultBytes: "max_result_bytes",
  mcpServers: "mcp_servers",
};

/** Filters of a backend, for the tools of its own servers: a server's `allowed_tools` go before the backend's, `exclude_tools` add up. */
export interface ToolFilters {
  allowed_tools?: string[] | undefined;
  exclude_tools?: string[] | undefined;
}

/** `mcp_servers` as options, of which the shape has been checked. */
export function mcpServers(value: unknown, folder: string, filters: ToolFilters = {}): McpServersConfig {
  if (Array.isArray(value)) {
    return (value as (McpServerEntry & { name: string })[]).map((entry) => ({ ...server(entry, folder, filters), name: entry.name }));
  }
  const entries = Object.entries((value ?? {}) as Record<string, McpServerEntry>);
  return Object.fromEntries(entries.map(([name, entry]) => [name, server(entry, folder, filters)]));
}

function server(entry: McpServerEntry, folder: string, filters: ToolFilters): McpServerConfig {
  const { timeout, connect_timeout: connect, cwd, roots, allowed_tools: allowed = filters.allowed_tools, ...rest } = entry;
  const excluded = [...(filters.exclude_tools ?? []), ...(entry.exclude_tools ?? [])];
  const started = entry.command !== undefined;
  const options = {
    ...(rest.type !== undefined && { type: rest.type }),
    ...(rest.command !== undefined && { command: rest.command }),
    ...(rest.args !== undefined && { args: rest.args }),
    ...(rest.env !== undefined && { env: rest.env }),
    ...(rest.url !== undefined && { url: rest.url }),
    ...(rest.headers !== undefined && { headers: rest.headers }),
    // A program's relative arguments are meant from the file as well; one of each agent's own starts in the agent's workspace.
    ...((cwd !== undefined || (started && !rest.per_agent)) && { cwd: pathFrom(folder, cwd ?? ".") }),
    ...(timeout !== undefined && { timeoutMs: timeout === null ? Number.POSITIVE_INFINITY : timeout * 1_000 }),
    ...(connect !== undefined && { connectTimeoutMs: connect * 1_000 }),
    ...(allowed !== undefined && { allowedTools: allowed }),
    ...(excluded.length > 0 && { excludeTools: excluded }),
    ...(rest.required !== undefined && { required: rest.required }),
    ...(rest.per_agent !== undefined && { perAgent: rest.per_agent }),
    ...(roots !== undefined && { roots: roots.map((root) => pathFrom(folder, root)) }),
    ...(rest.instructions !== undefined && { instructions: rest.instructions }),
    ...(rest.paths !== undefined && { paths: rest.paths }),
    ...(rest.max_tools !== undefined && { maxTools: rest.max_tools }),
    ...(rest.max_result_bytes !== undefined && { maxResultBytes: rest.max_result_bytes }),
  };
  return options as McpServerConfig;
}

/** What is wrong with `mcp_servers`. `shapeProblems` tells an issue of the schema as the rest of the file's are told. */
export function mcpServersProblems(value: unknown, path: Path, shapeProblems: (issue: z.core.$ZodIssue) => Problem[]): Problem[] {
  if (value === undefined) return [];
  if (typeof value !== "object" || value === null) {
    return [{ path, message: "must be a list of servers, each with a name, or a mapping from names to servers" }];
  }
  if (!Array.isArray(value) && typeof (value as { command?: unknown }).command === "string") {
    return [{ path, message: "is a single server. Give it a name: `mcp_servers: { its_name: { command: … } }`" }];
  }
  const entries: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  const problems = entries.flatMap(([key, entry]) => {
    const checked = mcpServerSchema.safeParse(entry);
    const shape = checked.success
      ? []
      : checked.error.issues.flatMap((issue) => shapeProblems({ ...issue, path: [...path, key, ...issue.path] }));
    const unnamed = Array.isArray(value) && checked.success && checked.data.name === undefined;
    const message = "is missing: the server's tools are called mcp__<name>__<tool>";
    return unnamed ? [{ path: [...path, key, "name"], message }] : shape;
  });
  if (problems.length > 0) return problems;
  const meaning = entries.flatMap(([key, entry]) => {
    const name = Array.isArray(value) ? (entry as { name: string }).name : String(key);
    return attempt(mcpServers({ [name]: entry }, "/"), [...path, key], `mcpServers.${name}`);
  });
  return meaning.length > 0 ? meaning : attempt(mcpServers(value, "/"), path, "mcpServers");
}

/** What is wrong with options that have the form `at`, told as of the file at `path`. */
function attempt(options: McpServersConfig, path: Path, at: string): Problem[] {
  try {
    readServers(options);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [key] = /^\w+/.exec(error.path.slice(at.length + 1)) ?? [];
    const said = error.message.startsWith(error.path) ? error.message.slice(error.path.length).trim() : error.message;
    const message = said.replace(/\b[a-z]+(?:[A-Z]\w*)+\b/g, (name) => FILE_NAMES[name] ?? name);
    return [{ path: key === undefined ? path : [...path, FILE_NAMES[key] ?? key], message }];
  }
}
