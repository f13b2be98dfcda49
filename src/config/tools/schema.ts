import { z } from "zod";

const text = z.string().min(1);
const texts = z.array(text);
/** Seconds; `null`: no limit. */
const seconds = z.number().positive().nullable();

const paths = z.strictObject({ reads: texts.optional(), writes: texts.optional(), deletes: texts.optional() });

/** One entry of `mcp_servers`, in either form of it. */
export const mcpServerSchema = z.strictObject({
  name: text.optional(),
  type: z.enum(["stdio", "streamable-http", "http", "sse"]).optional(),
  command: z.union([text, texts]).optional(),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  cwd: text.optional(),
  url: text.optional(),
  headers: z.record(z.string(), z.string()).optional(),
  timeout: seconds.optional(),
  connect_timeout: z.number().positive().optional(),
  allowed_tools: texts.optional(),
  exclude_tools: texts.optional(),
  required: z.boolean().optional(),
  per_agent: z.boolean().optional(),
  roots: texts.optional(),
  instructions: z.boolean().optional(),
  paths: z.union([z.literal(false), z.record(z.string(), z.union([z.literal(false), paths]))]).optional(),
  max_tools: z.int().min(1).optional(),
  max_result_bytes: z.int().min(1).optional(),
});

export type McpServerEntry = z.infer<typeof mcpServerSchema>;

export const contextPathSchema = z.strictObject({
  path: text,
  permission: z.enum(["read", "write"]).optional(),
  protected_paths: texts.optional(),
});

export const customToolSchema = z.strictObject({
  path: text,
  function: z.union([text, texts]).optional(),
});

/** Keys of a backend that say what its agent may use; none of them is the backend's own. */
export const agentToolKeys = {
  cwd: text.optional(),
  /** A list or a mapping: checked apart, so that what is wrong is told by the form it has. */
  mcp_servers: z.unknown().optional(),
  allowed_tools: texts.optional(),
  exclude_tools: texts.optional(),
  custom_tools: z.array(customToolSchema).optional(),
  enable_mcp_command_line: z.boolean().optional(),
  command_line_allowed_commands: texts.optional(),
  command_line_blocked_commands: texts.optional(),
  command_line_execution_mode: z.enum(["local", "docker"]).optional(),
  command_line_sandbox: z.enum(["auto", "required", "none"]).optional(),
  command_line_network: z.boolean().optional(),
  command_line_env: texts.optional(),
  command_line_docker_image: text.optional(),
  command_line_docker_memory_limit: text.optional(),
  command_line_docker_cpu_limit: z.number().positive().optional(),
  command_line_docker_network_mode: z.enum(["none", "bridge", "host"]).optional(),
  enforce_read_before_delete: z.boolean().optional(),
};

export const orchestratorToolKeys = {
  context_paths: z.array(contextPathSchema).optional(),
  snapshot_storage: text.optional(),
  agent_temporary_workspace: text.optional(),
};

export const coordinationToolKeys = {
  enable_planning_mode: z.boolean().optional(),
  planning_mode_judge: z.boolean().optional(),
  planning_mode_instruction: text.optional(),
  enable_agent_task_planning: z.boolean().optional(),
  max_tasks_per_plan: z.int().min(1).max(200).optional(),
  task_planning_filesystem_mode: z.boolean().optional(),
  enable_memory_filesystem_mode: z.boolean().optional(),
};
