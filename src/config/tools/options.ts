import type { AgentConfig, OrchestratorOptions } from "../../orchestrator/options.js";
import type { BackendEntry, ConfigFile } from "../schema.js";
import { customTools } from "./custom-tools.js";
import { mcpServers } from "./mcp-servers.js";
import { workspaces } from "./workspaces.js";

/** What the keys of a backend give its agent. */
export function agentTools(
  entry: BackendEntry,
  config: ConfigFile,
  folder: string,
): Pick<AgentConfig, "mcpServers" | "toolkits" | "workspace"> {
  const { mcp_servers: servers, custom_tools: custom } = entry;
  return {
    ...(servers !== undefined && { mcpServers: mcpServers(servers, folder, entry) }),
    ...(custom !== undefined && custom.length > 0 && { toolkits: [customTools(custom, folder)] }),
    ...(backendsOf(config).some(({ cwd }) => cwd !== undefined) && { workspace: entry.cwd !== undefined }),
  };
}

/** What all agents of a file share. */
export function teamTools(
  config: ConfigFile,
  folder: string,
): Pick<OrchestratorOptions, "workspaces" | "mcpServers" | "planningMode" | "taskPlanning" | "memory"> {
  const coordination = config.orchestrator?.coordination ?? {};
  const housing = workspaces(
    backendsOf(config).map((entry, index) => ({ entry, path: ["agents", index, "backend"] })),
    config,
    folder,
  );
  const { max_tasks_per_plan: maxTasks, task_planning_filesystem_mode: file } = coordination;
  return {
    ...(housing !== undefined && { workspaces: housing }),
    ...(config.mcp_servers !== undefined && { mcpServers: mcpServers(config.mcp_servers, folder) }),
    ...(coordination.enable_planning_mode === true && { planningMode: { judge: coordination.planning_mode_judge ?? true } }),
    ...(coordination.enable_agent_task_planning === true && {
      taskPlanning: { ...(maxTasks !== undefined && { maxTasks }), ...(file !== undefined && { file }) },
    }),
    ...(coordination.enable_memory_filesystem_mode === true && { memory: true }),
  };
}

const backendsOf = (config: ConfigFile): BackendEntry[] =>
  (config.agents ?? (config.agent ? [config.agent] : [])).map(({ backend }) => backend);
