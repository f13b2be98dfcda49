import { ConfigError } from "../../errors.js";
import type { RunToolkit, Toolkit } from "../toolkit.js";
import { type AgentPlan, openAgentPlan } from "./agent-plan.js";
import { taskPlanNote } from "./describe.js";
import { taskPlanTools } from "./tools.js";

export interface TaskPlanningOptions {
  /** Tasks in one agent's plan, 1 to 200. Default 10. */
  maxTasks?: number;
  /** Whether the plan is also written to `tasks/plan.json` in the agent's workspace, where it has one. Default true. */
  file?: boolean;
}

const DEFAULT_MAX_TASKS = 10;
const MOST_TASKS = 200;

/**
 * Gives every agent a plan of its own: tasks with a status, which may depend on each other, kept over all its turns of one run.
 * An agent that finds a `tasks/plan.json` from earlier in its workspace goes on with it.
 * @throws ConfigError `bad_option` for a `maxTasks` or `file` that cannot be.
 */
export function createTaskPlanning(options: TaskPlanningOptions = {}): Toolkit {
  const { maxTasks = DEFAULT_MAX_TASKS, file = true } = options;
  if (!Number.isInteger(maxTasks) || maxTasks < 1 || maxTasks > MOST_TASKS) {
    const message = `maxTasks must be a whole number from 1 to ${MOST_TASKS}, not ${String(maxTasks)}.`;
    throw new ConfigError("bad_option", message, { path: "maxTasks" });
  }
  if (typeof file !== "boolean") {
    throw new ConfigError("bad_option", `file must be true or false, not ${JSON.stringify(file)}.`, { path: "file" });
  }
  return {
    name: "task-planning",
    async open(run): Promise<RunToolkit> {
      const plans = new Map<string, AgentPlan>(run.agents.map(({ agentId }) => [agentId, openAgentPlan(maxTasks, file)]));
      return {
        tools({ agentId }) {
          const plan = plans.get(agentId);
          return plan === undefined ? [] : taskPlanTools(plan, maxTasks);
        },
        instructions: () => instructions(maxTasks, file),
        async note({ agentId }, { workspace }) {
          const plan = plans.get(agentId);
          return plan && taskPlanNote(await plan.read(workspace));
        },
        async close() {
          await Promise.all([...plans.values()].map((plan) => plan.settled()));
        },
      };
    },
  };
}

function instructions(maxTasks: number, file: boolean): string {
  return [
    "# Task plan",
    `You have a task plan of your own, of up to ${maxTasks} tasks. For work of several steps make one with create_task_plan before you start, keep it true with update_task_status as you go, and work on what get_ready_tasks gives. For work of one step you need none.`,
    "A task may depend on others, by id or by index (its place in the list, from 0); it is ready when they are completed.",
    ...(file ? ["Where you have a workspace, tasks/plan.json shows the plan: change it with these tools only."] : []),
    "Nobody but you is given your plan. What others must know of it belongs into your answer.",
  ].join("\n");
}
