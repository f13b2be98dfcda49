import { z } from "zod";
import { MassGenError } from "../../errors.js";
import { type Tool, tool } from "../tool.js";
import type { AgentPlan } from "./agent-plan.js";
import { blockedView, planCounts, planView, readyView, taskView } from "./describe.js";
import { addTask, createPlan, deleteTask, editTask, readyTasks, setStatus, type TaskPlan, taskOf, taskStatuses } from "./plan.js";

const id = z.string().describe("The task's id.");
const description = z.string().describe("What is to be done, in a sentence.");
const dependencies = z.array(z.union([z.string(), z.int()]));
const dependsOn = dependencies.describe("Tasks to be completed first, by id or by their place in the plan, from 0.");
const spec = z.object({
  id: z.string().optional().describe("Default: task1, task2, …"),
  description,
  depends_on: dependencies.optional().describe("Tasks of this list to be completed first, by id or by their place in the list, from 0."),
});

/** The eight tools of one agent's plan. */
export function taskPlanTools(plan: AgentPlan, maxTasks: number): Tool[] {
  const changing = { effects: "workspace", annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false } } as const;
  const reading = { effects: "none", annotations: { readOnlyHint: true, openWorldHint: false } } as const;
  return [
    tool({
      name: "create_task_plan",
      description: `Makes your task plan, of at most ${maxTasks} tasks. Each is a text, or has a description and, if others depend on it, an id and what it depends on.`,
      input: z.object({
        tasks: z.array(z.union([z.string(), spec])).min(1),
        replace: z.boolean().optional().describe("Whether a plan that is there is given up for this one. Default false."),
      }),
      ...changing,
      execute: async ({ tasks, replace = false }, { workspace }) => {
        const specs = tasks.map((given) =>
          typeof given === "string"
            ? { description: given }
            : { id: given.id, description: given.description, dependsOn: given.depends_on },
        );
        return plan.change(workspace, (old) => {
          if (old.tasks.length > 0 && !replace) throw alreadyPlanned(old);
          const next = createPlan(specs, maxTasks);
          return { next, result: planView(next) };
        });
      },
    }),
    tool({
      name: "add_task",
      description: "Adds a task to your plan, at its end or after another task.",
      input: z.object({ ...spec.shape, depends_on: dependsOn.optional(), after_task_id: id.optional() }),
      ...changing,
      execute: async ({ id, description, depends_on, after_task_id }, { workspace }) =>
        plan.change(workspace, (old) => {
          const next = addTask(old, { id, description, dependsOn: depends_on }, after_task_id, maxTasks);
          const added = next.tasks.find((task) => !old.tasks.includes(task)) as TaskPlan["tasks"][number];
          return { next, result: { task: taskView(next, added), counts: planCounts(next) } };
        }),
    }),
    tool({
      name: "update_task_status",
      description:
        "Sets a task's status: pending, in_progress, completed, or blocked by something outside the plan. Tells which tasks are ready now.",
      input: z.object({ task_id: id, status: z.enum(taskStatuses) }),
      ...changing,
      execute: async ({ task_id, status }, { workspace }) =>
        plan.change(workspace, (old) => {
          const next = setStatus(old, task_id, status);
          const before = readyTasks(old).map((task) => task.id);
          const newlyReady = readyTasks(next).filter((task) => !before.includes(task.id) && task.id !== task_id);
          return {
            next,
            result: {
              task: taskView(next, taskOf(next, task_id)),
              ...(newlyReady.length > 0 && { newly_ready: newlyReady.map((task) => taskView(next, task)) }),
              counts: planCounts(next),
            },
          };
        }),
    }),
    tool({
      name: "edit_task",
      description: "Changes a task's description, or what it depends on.",
      input: z.object({ task_id: id, description: description.optional(), depends_on: dependsOn.optional() }),
      ...changing,
      execute: async ({ task_id, description, depends_on }, { workspace }) =>
        plan.change(workspace, (old) => {
          const next = editTask(old, task_id, { description, dependsOn: depends_on });
          return { next, result: { task: taskView(next, taskOf(next, task_id)) } };
        }),
    }),
    tool({
      name: "delete_task",
      description: "Takes a task out of your plan. One that others depend on stays.",
      input: z.object({ task_id: id }),
      ...changing,
      execute: async ({ task_id }, { workspace }) =>
        plan.change(workspace, (old) => {
          const next = deleteTask(old, task_id);
          return { next, result: { deleted: task_id, counts: planCounts(next) } };
        }),
    }),
    tool({
      name: "get_task_plan",
      description: "Your whole task plan.",
      input: z.object({}),
      ...reading,
      execute: async (_, { workspace }) => planView(await plan.read(workspace)),
    }),
    tool({
      name: "get_ready_tasks",
      description: "The tasks you can start now: pending, and all they depend on is completed.",
      input: z.object({}),
      ...reading,
      execute: async (_, { workspace }) => readyView(await plan.read(workspace)),
    }),
    tool({
      name: "get_blocked_tasks",
      description: "The tasks you cannot start: marked as blocked, or waiting for others.",
      input: z.object({}),
      ...reading,
      execute: async (_, { workspace }) => blockedView(await plan.read(workspace)),
    }),
  ];
}

function alreadyPlanned(plan: TaskPlan): MassGenError {
  const { total, completed } = planCounts(plan);
  const message = `There is a plan of ${total} tasks, ${completed} of them completed. Go on with it (get_task_plan, add_task, edit_task, delete_task), or give it up with "replace": true.`;
  return new MassGenError("plan_exists", message);
}
