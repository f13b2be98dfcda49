import type { McpServersConfig } from "../../mcp/config.js";
import type { MemoryOptions } from "../../tools/memory/index.js";
import type { TaskPlanningOptions } from "../../tools/task-planning/index.js";
import type { Toolkit } from "../../tools/toolkit.js";
import type { WorkspaceOptions } from "./toolkit-options.js";

// Loaded when a run first needs one of them: whoever uses none pays for none.

export async function makeWorkspaces(options: WorkspaceOptions): Promise<Toolkit> {
  const path = "../../filesystem-manager/index.js"; // TODO: literal once it exists
  const { createWorkspaces } = (await import(path)) as { createWorkspaces: (options: WorkspaceOptions) => Toolkit };
  return createWorkspaces(options);
}

export async function makeMcpServers(config: McpServersConfig): Promise<Toolkit> {
  const path = "../../mcp/index.js"; // TODO: literal once it exists
  const { createMcpServers } = (await import(path)) as { createMcpServers: (config: McpServersConfig) => Toolkit };
  return createMcpServers(config);
}

export async function makeTaskPlanning(options: TaskPlanningOptions): Promise<Toolkit> {
  const { createTaskPlanning } = await import("../../tools/task-planning/index.js");
  return createTaskPlanning(options);
}

export async function makeMemory(options: MemoryOptions): Promise<Toolkit> {
  const { createMemory } = await import("../../tools/memory/index.js");
  return createMemory(options);
}
