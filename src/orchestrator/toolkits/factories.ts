import type { WorkspaceOptions } from "../../filesystem-manager/index.js";
import type { McpServersConfig } from "../../mcp/config.js";
import type { MemoryOptions } from "../../tools/memory/index.js";
import type { TaskPlanningOptions } from "../../tools/task-planning/index.js";
import type { Toolkit } from "../../tools/toolkit.js";

// Loaded when a run first needs one of them: whoever uses none pays for none.

export async function makeWorkspaces(options: WorkspaceOptions): Promise<Toolkit> {
  const { createWorkspaces } = await import("../../filesystem-manager/index.js");
  return createWorkspaces(options);
}

export async function makeMcpServers(config: McpServersConfig, name: string): Promise<Toolkit> {
  const { createMcpServers } = await import("../../mcp/index.js");
  return createMcpServers(config, { name });
}

export async function makeTaskPlanning(options: TaskPlanningOptions): Promise<Toolkit> {
  const { createTaskPlanning } = await import("../../tools/task-planning/index.js");
  return createTaskPlanning(options);
}

export async function makeMemory(options: MemoryOptions): Promise<Toolkit> {
  const { createMemory } = await import("../../tools/memory/index.js");
  return createMemory(options);
}
