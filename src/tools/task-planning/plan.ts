import { MassGenError } from "../../errors.js";

export const taskStatuses = ["pending", "in_progress", "completed", "blocked"] as const;
export type TaskStatus = (typeof taskStatuses)[number];

export interface PlannedTask {
  readonly id: string;
  readonly description: string;
  readonly status: TaskStatus;
  /** Ids of the tasks that must be completed first. */
  readonly dependsOn: readonly string[];
}

/** An agent's plan. Never changed: every function below that changes something gives a new one. */
export interface TaskPlan {
  readonly tasks: readonly PlannedTask[];
  /** The number in the next id that the plan gives itself. */
  readonly nextId: number;
}

export const emptyPlan: TaskPlan = { tasks: [], nextId: 1 };

/** A task as a model writes it. A dependency is an id, or an index: the task's place in the list, from 0. */
export interface TaskSpec {
  id?: string | undefined;
  description: string;
  dependsOn?: readonly (string | number)[] | undefined;
}

export const maxTaskIdLength = 64;
export const maxDescriptionLength = 1_000;

/** @throws MassGenError `bad_task_plan` where ids, dependencies or the number of tasks are not right; then nothing has changed. */
export function createPlan(specs: readonly TaskSpec[], maxTasks: number): TaskPlan {
  return withTasks(emptyPlan, specs, 0, maxTasks);
}

/** Adds a task after the one named, else at the end. Indices count the tasks that are there. Throws as `createPlan`. */
export function addTask(plan: TaskPlan, spec: TaskSpec, afterId: string | undefined, maxTasks: number): TaskPlan {
  const at = afterId === undefined ? plan.tasks.length : plan.tasks.indexOf(taskOf(plan, afterId)) + 1;
  return withTasks(plan, [spec], at, maxTasks);
}

/** Throws as `createPlan`, and `unknown_task`. */
export function editTask(
  plan: TaskPlan,
  id: string,
  change: { description?: string | undefined; dependsOn?: TaskSpec["dependsOn"] },
): TaskPlan {
  const { description, dependsOn } = change;
  const ids = plan.tasks.map((task) => task.id);
  return checked(
    replaced(plan, {
      ...taskOf(plan, id),
      ...(description !== undefined && { description: checkedDescription(description) }),
      ...(dependsOn !== undefined && { dependsOn: dependencies(id, dependsOn, ids, ids) }),
    }),
  );
}

export function setStatus(plan: TaskPlan, id: string, status: TaskStatus): TaskPlan {
  return replaced(plan, { ...taskOf(plan, id), status });
}

/** A task that others wait for cannot be deleted. */
export function deleteTask(plan: TaskPlan, id: string): TaskPlan {
  const task = taskOf(plan, id);
  const waiting = plan.tasks.filter(({ dependsOn }) => dependsOn.includes(id)).map((other) => other.id);
  if (waiting.length > 0) {
    const message = `Task ${quoted(id)} cannot be deleted: ${waiting.map(quoted).join(", ")} depend on it. Delete them first, or change what they depend on with edit_task.`;
    throw new MassGenError("task_needed", message);
  }
  return { ...plan, tasks: plan.tasks.filter((other) => other !== task) };
}

/** Ids of the tasks that must be completed before this one. */
export function waitsFor(plan: TaskPlan, task: PlannedTask): string[] {
  return task.dependsOn.filter((id) => plan.tasks.some((other) => other.id === id && other.status !== "completed"));
}

/** Pending tasks that wait for nothing. */
export function readyTasks(plan: TaskPlan): PlannedTask[] {
  return plan.tasks.filter((task) => task.status === "pending" && waitsFor(plan, task).length === 0);
}

/** Tasks that cannot go on: those marked as blocked, and pending ones that wait for others. */
export function blockedTasks(plan: TaskPlan): PlannedTask[] {
  return plan.tasks.filter((task) => task.status === "blocked" || (task.status === "pending" && waitsFor(plan, task).length > 0));
}

export function taskOf(plan: TaskPlan, id: string): PlannedTask {
  const task = plan.tasks.find((other) => other.id === id);
  if (task !== undefined) return task;
  const there = plan.tasks.length === 0 ? "There is no plan yet: make one with create_task_plan." : `There are ${idsOf(plan)}.`;
  throw new MassGenError("unknown_task", `There is no task ${quoted(id)}. ${there}`);
}

function withTasks(plan: TaskPlan, specs: readonly TaskSpec[], at: number, maxTasks: number): TaskPlan {
  const total = plan.tasks.length + specs.length;
  if (total > maxTasks) {
    const message = `A plan may have ${maxTasks} tasks, not ${total}. Put small tasks together${plan.tasks.length > 0 ? ", or delete some" : ""}.`;
    throw new MassGenError("too_many_tasks", message);
  }
  const taken = new Set([...plan.tasks.map(({ id }) => id), ...specs.flatMap(({ id }) => (id === undefined ? [] : [checkedId(id)]))]);
  if (taken.size < plan.tasks.length + specs.filter(({ id }) => id !== undefined).length) {
    const all = [...plan.tasks.map(({ id }) => id), ...specs.map(({ id }) => id)];
    const twice = all.find((id, index) => id !== undefined && all.indexOf(id) !== index);
    throw bad(`Two tasks would have the id ${quoted(twice ?? "")}. Give each its own.`);
  }
  let { nextId } = plan;
  const ids = specs.map(({ id }) => {
    if (id !== undefined) return id;
    while (taken.has(`task${nextId}`)) nextId++;
    return `task${nextId++}`;
  });
  const byId = [...plan.tasks.map(({ id }) => id), ...ids];
  // In a list of tasks, indices are those of the list; in one task that is added, those of the plan.
  const byIndex = plan.tasks.length > 0 ? plan.tasks.map(({ id }) => id) : ids;
  const added = specs.map(({ description, dependsOn = [] }, index): PlannedTask => {
    const id = ids[index] as string;
    return { id, description: checkedDescription(description), status: "pending", dependsOn: dependencies(id, dependsOn, byId, byIndex) };
  });
  return checked({ tasks: plan.tasks.toSpliced(at, 0, ...added), nextId });
}

function dependencies(id: string, given: readonly (string | number)[], byId: readonly string[], byIndex: readonly string[]): string[] {
  const found = given.map((dependency) => {
    const name = typeof dependency === "number" ? byIndex[dependency] : byId.find((other) => other === dependency);
    if (name === undefined) {
      const there =
        typeof dependency === "number" ? `Indices go from 0 to ${byIndex.length - 1}` : `There are ${byId.map(quoted).join(", ")}`;
      throw bad(`Task ${quoted(id)} cannot depend on ${JSON.stringify(dependency)}, which is no task. ${there}.`);
    }
    return name;
  });
  return [...new Set(found)];
}

/** The plan, if no task waits for itself. */
function checked(plan: TaskPlan): TaskPlan {
  const byId = new Map(plan.tasks.map((task) => [task.id, task]));
  const done = new Set<string>();
  const visit = (id: string, path: readonly string[]): void => {
    if (done.has(id)) return;
    if (path.includes(id)) {
      const circle = [...path.slice(path.indexOf(id)), id].map(quoted).join(" → ");
      throw bad(`Tasks would wait for each other in a circle: ${circle}. Take one of these dependencies out.`);
    }
    for (const dependency of byId.get(id)?.dependsOn ?? []) visit(dependency, [...path, id]);
    done.add(id);
  };
  for (const id of byId.keys()) visit(id, []);
  return plan;
}

function replaced(plan: TaskPlan, task: PlannedTask): TaskPlan {
  return { ...plan, tasks: plan.tasks.map((other) => (other.id === task.id ? task : other)) };
}

function checkedId(id: string): string {
  if (id.trim() !== "" && id.length <= maxTaskIdLength) return id;
  throw bad(`A task's id must be a text of 1 to ${maxTaskIdLength} characters that is not blank, not ${quoted(id)}.`);
}

function checkedDescription(description: string): string {
  if (description.trim() === "") throw bad("A task needs a description that says what is to be done.");
  if (description.length <= maxDescriptionLength) return description;
  throw bad(`A task's description may have ${maxDescriptionLength} characters, not ${description.length}. Say it in fewer words.`);
}

const bad = (message: string) => new MassGenError("bad_task_plan", message);

const idsOf = (plan: TaskPlan) => plan.tasks.map(({ id }) => quoted(id)).join(", ");

function quoted(id: string): string {
  return JSON.stringify(id.length > maxTaskIdLength ? `${id.slice(0, maxTaskIdLength)}…` : id);
}
