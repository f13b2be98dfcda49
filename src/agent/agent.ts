import type { Backend, ModelSettings } from "../backends/backend.js";
import { ConfigError } from "../errors.js";
import type { McpServersConfig } from "../mcp/config.js";
import type { Tool } from "../tools/tool.js";
import type { Toolkit } from "../tools/toolkit.js";

export interface AgentOptions {
  /** Names the agent in events and results; unique in its team. Models never read it. */
  id: string;
  systemMessage?: string;
  /** Performs its model steps. */
  backend: Backend;
  /** Default: none. */
  tools?: readonly Tool[];
  /** MCP servers of its own, besides the team's. */
  mcpServers?: McpServersConfig;
  /** Toolkits besides the team's. */
  toolkits?: readonly Toolkit[];
  /** Whether it has a workspace. Default: as the orchestrator's `workspaces` says. */
  workspace?: boolean;
  /** Neutral settings of its model steps. */
  settings?: ModelSettings;
  /** The API's own parameters, in its own spelling. */
  params?: Record<string, unknown>;
}

/** An id, a system message, a backend and tools; knows nothing of other agents. */
export class Agent {
  readonly id: string;
  readonly systemMessage: string | undefined;
  readonly backend: Backend;
  readonly tools: Tool[];
  readonly mcpServers: McpServersConfig | undefined;
  readonly toolkits: readonly Toolkit[] | undefined;
  readonly workspace: boolean | undefined;
  readonly settings: ModelSettings | undefined;
  readonly params: Record<string, unknown> | undefined;

  /** @throws ConfigError for a blank id, something that is no backend, or two tools of one name. */
  constructor(options: AgentOptions) {
    const { id, systemMessage, backend, tools = [], settings, params, mcpServers, toolkits, workspace } = options;
    if (typeof id !== "string" || id.trim() === "") {
      throw new ConfigError("bad_agent_id", `An agent's id must be a string that is not blank, got ${JSON.stringify(id)}.`, { path: "id" });
    }
    if (typeof backend?.stream !== "function") {
      const message = `Agent "${id}" needs a backend: an object with \`stream\`, e.g. from \`createBackend({ type, model })\`.`;
      throw new ConfigError("bad_backend", message, { path: "backend" });
    }
    const names = new Set<string>();
    for (const [index, { name }] of tools.entries()) {
      if (names.has(name)) {
        const message = `Agent "${id}" has two tools named "${name}". Rename one of them.`;
        throw new ConfigError("duplicate_tool", message, { path: `tools[${index}].name` });
      }
      names.add(name);
    }
    this.id = id;
    this.systemMessage = systemMessage;
    this.backend = backend;
    this.tools = [...tools];
    this.mcpServers = mcpServers;
    this.toolkits = toolkits;
    this.workspace = workspace;
    this.settings = settings;
    this.params = params;
  }
}
