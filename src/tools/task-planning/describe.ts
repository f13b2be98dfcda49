import { promptData } from "../prompt-data.js";
import { blockedTasks, type PlannedTask, readyTasks, type TaskPlan, taskStatuses, waitsFor } from "./plan.js";

/** A task as tools tell it. */
export interface TaskView {
  id: string;
  description: string;
  status: string;
  depends_on?: readonly string[];
  /** Of its dependencies, those that are not completed. */
  waits_for?: readonly string[];
}

export function taskView(plan: TaskPlan, task: PlannedTask): TaskView {
  const waiting = task.status === "completed" ? [] : waitsFor(plan, task);
  return {
    id: task.id,
    description: task.description,
    status: task.status,
    ...(task.dependsOn.length > 0 && { depends_on: task.dependsOn }),
    ...(waiting.length > 0 && { waits_for: waiting }),
  };
}

/** How many tasks there are of each status. */
export function planCounts(plan: TaskPlan): Record<string, number> {
  const counts = taskStatuses.map((status) => [status, plan.tasks.filter((task) => task.status === status).length] as const);
  return { total: plan.tasks.length, ...Object.fromEntries(counts), ready: readyTasks(plan).length };
}

export function planView(plan: TaskPlan): { tasks: TaskView[]; counts: Record<string, number> } {
  return { tasks: plan.tasks.map((task) => taskView(plan, task)), counts: planCounts(plan) };
}

export const readyView = (plan: TaskPlan) => ({ tasks: readyTasks(plan).map((task) => taskView(plan, task)) });

export const blockedView = (plan: TaskPlan) => ({ tasks: blockedTasks(plan).map((task) => taskView(plan, task)) });

/** The plan as an agent reads it when a turn starts; nothing where there is none. */
export function taskPlanNote(plan: TaskPlan): string | undefined {
  if (plan.tasks.length === 0) return undefined;
  const completed = plan.tasks.filter(({ status }) => status === "completed").length;
  const lines = plan.tasks.map((task) => {
    const { id, description, status, waits_for: waiting } = taskView(plan, task);
    return `- ${id} [${status}${waiting ? `, waits for ${waiting.join(", ")}` : ""}]: ${description.replace(/\s+/g, " ")}`;
  });
  return [`Your task plan, ${completed} of ${plan.tasks.length} tasks completed:`, ...lines.map(promptData)].join("\n");
}
