import { MassGenError } from "../../errors.js";
import { createPlan, setStatus, type TaskPlan, type TaskStatus, taskStatuses } from "./plan.js";

/** The plan as `tasks/plan.json` holds it. */
export function planText(plan: TaskPlan): string {
  const tasks = plan.tasks.map(({ id, description, status, dependsOn }) => ({ id, description, status, dependencies: dependsOn }));
  return `${JSON.stringify({ tasks }, null, 2)}\n`;
}

/** Reads such a file, checked as if its tasks were written now. Other keys of a task, as MassGen writes them, are passed over. */
export function parsePlan(text: string, maxTasks: number): TaskPlan {
  const data = JSON.parse(text) as { tasks?: unknown } | null;
  if (typeof data !== "object" || data === null || !Array.isArray(data.tasks)) throw notAPlan("it has no list `tasks`.");
  const tasks = data.tasks.map((given: unknown, index) => {
    const { id, description, status, dependencies } = (given ?? {}) as Record<string, unknown>;
    if (typeof id !== "string" || typeof description !== "string") throw notAPlan(`tasks[${index}] lacks its id or description.`);
    if (!taskStatuses.includes(status as TaskStatus)) throw notAPlan(`tasks[${index}] has no status of ${taskStatuses.join(", ")}.`);
    const dependsOn = Array.isArray(dependencies) ? dependencies.map(String) : [];
    return { id, description, status: status as TaskStatus, dependsOn };
  });
  const plan = createPlan(tasks, maxTasks);
  return tasks.reduce((built, { id, status }) => setStatus(built, id, status), plan);
}

const notAPlan = (why: string) => new MassGenError("bad_task_plan", `It cannot be read as a plan: ${why}`);
