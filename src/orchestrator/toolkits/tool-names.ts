// What the tools of massgen's own toolkits are called, known without loading them.

const WORKSPACE = [
  ...["read_file", "write_file", "edit_file", "copy_file", "move_file", "delete_file", "list_directory", "compare_files", "glob", "grep"],
  ...["execute_command", "start_job", "job_output", "list_jobs", "stop_job"],
];
const TASKS = [
  ...["create_task_plan", "add_task", "update_task_status", "edit_task", "delete_task"],
  ...["get_task_plan", "get_ready_tasks", "get_blocked_tasks"],
];
const MEMORY = ["save_memory", "load_memory", "remove_memory"];

export const isWorkspaceTool = (name: string): boolean => WORKSPACE.includes(name);
export const isTaskTool = (name: string): boolean => TASKS.includes(name);
export const isMemoryTool = (name: string): boolean => MEMORY.includes(name);
export const isMcpTool = (name: string): boolean => name.startsWith("mcp__");
