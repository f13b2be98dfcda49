import type { Tool, ToolContext } from "../tools/tool.js";
import type { RunToolkit, Toolkit, ToolkitRun } from "../tools/toolkit.js";
import { callTool } from "./call.js";
import { type McpServersConfig, readServers } from "./config.js";
import { McpUnavailable } from "./explain.js";
import type { Listing } from "./listing.js";
import { type SavedResults, savedResults } from "./saved-results.js";
import { type McpServer, mcpServer } from "./server.js";

const MAX_INSTRUCTIONS = 4_096;

export interface McpToolkitOptions {
  /**
   * The toolkit's name, and that of its one own tool, `<name>__read_result`, by which agents without a workspace read long results.
   * Letters, digits, `_` and `-`. Give another to the second of two toolkits that the same agent has. Default: `mcp`.
   */
  name?: string;
}

/** Also an `AsyncDisposable`: `await using` closes it. */
export interface McpToolkit extends Toolkit {
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Tools of MCP servers, as `mcp__server__tool`. Each server is connected when a run first needs it, and shared by all runs; a
 * server that cannot be used costs a run a `warning` and that server's tools, unless it is `required`. `close` ends what was started
 * here; a program that ends without it leaves no server behind either.
 * @throws ConfigError for a config that cannot work: `bad_mcp_server`, `unknown_key`
 */
export function createMcpServers(config: McpServersConfig, { name = "mcp" }: McpToolkitOptions = {}): McpToolkit {
  const servers = readServers(config).map((spec) => mcpServer(spec, spec.perAgent ? { roots: spec.roots } : {}));
  const close = async () => {
    await Promise.all(servers.map((server) => server.close()));
  };
  return {
    name,
    open: (run) => openRun(servers, run, savedResults(`${name}__read_result`)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function openRun(servers: readonly McpServer[], run: ToolkitRun, saved: SavedResults): Promise<RunToolkit> {
  const use = { runtime: run.runtime, signal: run.signal };
  const leave = servers.map((server) => server.enter(run.runtime));
  const own = new Map<string, McpServer>();
  const unsubscribe = servers.map((server) => server.onListing((listing) => tellProblems(server, listing)));
  const told = new Set<string>();
  const close = async () => {
    for (const stop of unsubscribe) stop();
    await Promise.all([...leave.map((end) => end()), ...[...own.values()].map((server) => server.close()), saved.close()]);
  };

  try {
    const outcomes = await Promise.allSettled(servers.map((server) => server.acquire(use)));
    run.signal.throwIfAborted();
    for (const [index, outcome] of outcomes.entries()) {
      const server = servers[index]!;
      if (outcome.status === "fulfilled") {
        if (server.listing) tellProblems(server, server.listing);
      } else if (server.spec.required) throw outcome.reason;
      else warn("mcp_unavailable", withoutIt(outcome.reason));
    }
  } catch (error) {
    await close();
    throw error;
  }

  const instructions = instructionsOf(servers);
  const waking = new Set<McpServer>();
  const offered = new Map<McpServer, { listing: Listing; tools: Tool[] }>();
  return {
    tools() {
      for (const server of servers) wake(server);
      const tools = servers.flatMap(toolsOf);
      return tools.length === 0 ? [] : [...tools, saved.tool];
    },
    instructions: () => instructions,
    close,
  };

  /** One that is not connected now may be by the next turn. */
  function wake(server: McpServer): void {
    if (waking.has(server) || run.signal.aborted) return;
    waking.add(server);
    const done = () => waking.delete(server);
    server.acquire(use).then(done, done);
  }

  /** The same objects as long as the server lists the same. */
  function toolsOf(server: McpServer): Tool[] {
    const { listing } = server;
    if (listing === undefined) return [];
    const known = offered.get(server);
    if (known?.listing === listing) return known.tools;
    const tools = [...listing.tools.values()].map(
      (tool): Tool => ({
        ...tool.tool,
        execute: (input, context) => callTool({ server: serverFor(server, context), tool, input, context, run, saved }),
      }),
    );
    offered.set(server, { listing, tools });
    return tools;
  }

  /** The shared one, or the agent's own, started now. */
  function serverFor(server: McpServer, { agentId, workspace }: ToolContext): McpServer {
    if (!server.spec.perAgent) return server;
    const key = JSON.stringify([server.spec.name, agentId]);
    const known = own.get(key);
    if (known !== undefined) return known;
    const roots = workspace === undefined ? server.spec.roots : [workspace, ...server.spec.roots];
    const started = mcpServer(server.spec, { roots, ...(workspace !== undefined && { cwd: workspace }) });
    started.enter(run.runtime); // until it is closed
    own.set(key, started);
    return started;
  }

  function tellProblems(server: McpServer, { problems }: Listing): void {
    for (const problem of problems) warn("mcp_tools", `The MCP server "${server.spec.name}" ${server.redactor.all(problem)}.`);
  }

  function warn(code: string, message: string): void {
    if (told.has(message)) return;
    told.add(message);
    run.warn({ code, message });
  }
}

function withoutIt(error: unknown): string {
  const { brief, wrote } = error instanceof McpUnavailable ? error : { brief: String(error), wrote: "" };
  return `${brief} The run goes on without its tools.${wrote === "" ? "" : ` It wrote: ${wrote}`}`;
}

/** What the servers say of themselves. They are asked once, so that the text stays the same in every turn. */
function instructionsOf(servers: readonly McpServer[]): string | undefined {
  const texts = servers.flatMap(({ spec, instructions, listing, redactor }) => {
    if (!spec.instructions || !instructions?.trim() || !listing?.tools.size) return [];
    const said = redactor.secrets(instructions.trim());
    const cut = said.length > MAX_INSTRUCTIONS ? `${said.slice(0, MAX_INSTRUCTIONS)}… (cut)` : said;
    return [`The tools named mcp__${spec.segment}__… come with these instructions:\n${cut}`];
  });
  return texts.length === 0 ? undefined : texts.join("\n\n");
}
