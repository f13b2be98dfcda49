/** `massgen/tools`: toolkits to make by hand, for one agent or to share; `taskPlanning` and `memory` of a team's options make the same. */
export { createMemory, type MemoryOptions } from "./memory/index.js";
export { createTaskPlanning, type TaskPlanningOptions } from "./task-planning/index.js";
