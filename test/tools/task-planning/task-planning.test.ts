import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTaskPlanning } from "../../../src/tools/task-planning/index.js";
import { openToolkit, temporaryDirectory } from "../toolkit-support.js";

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error) => error.code,
  );
const said = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error) => error.message,
  );

const three = {
  tasks: [
    { id: "read", description: "Read the spec" },
    { id: "write", description: "Write it", depends_on: ["read"] },
    { description: "Test it", depends_on: [1] },
  ],
};
const ids = (result: unknown) => (result as { tasks: { id: string }[] }).tasks.map(({ id }) => id);

describe("a task plan", () => {
  it("is made of texts and of tasks that depend on each other by id or by index", async () => {
    const kit = await openToolkit(createTaskPlanning());
    expect(
      await kit.call("create_task_plan", { tasks: ["Look", ...three.tasks.slice(0, 2), { description: "Test it", depends_on: [2, 0] }] }),
    ).toEqual({
      tasks: [
        { id: "task1", description: "Look", status: "pending" },
        { id: "read", description: "Read the spec", status: "pending" },
        { id: "write", description: "Write it", status: "pending", depends_on: ["read"], waits_for: ["read"] },
        { id: "task2", description: "Test it", status: "pending", depends_on: ["write", "task1"], waits_for: ["write", "task1"] },
      ],
      counts: { total: 4, pending: 4, in_progress: 0, completed: 0, blocked: 0, ready: 2 },
    });
  });

  it("tells which tasks are ready, which are blocked, and what completing one has made ready", async () => {
    const kit = await openToolkit(createTaskPlanning());
    await kit.call("create_task_plan", three);
    expect(ids(await kit.call("get_ready_tasks"))).toEqual(["read"]);
    expect(ids(await kit.call("get_blocked_tasks"))).toEqual(["write", "task1"]);
    expect(await kit.call("update_task_status", { task_id: "read", status: "completed" })).toMatchObject({
      newly_ready: [{ id: "write", status: "pending" }],
      counts: { completed: 1, ready: 1 },
    });
    await kit.call("update_task_status", { task_id: "write", status: "blocked" });
    expect(ids(await kit.call("get_ready_tasks"))).toEqual([]);
    expect(ids(await kit.call("get_blocked_tasks"))).toEqual(["write", "task1"]);
    await kit.call("update_task_status", { task_id: "write", status: "in_progress" });
    expect(ids(await kit.call("get_blocked_tasks"))).toEqual(["task1"]);
  });

  it("grows, changes and shrinks; ids it gave once are not given again", async () => {
    const kit = await openToolkit(createTaskPlanning());
    await kit.call("create_task_plan", three);
    await kit.call("add_task", { description: "Measure", after_task_id: "read", depends_on: [0] });
    await kit.call("add_task", { description: "Ship" });
    expect(ids(await kit.call("get_task_plan"))).toEqual(["read", "task2", "write", "task1", "task3"]);
    await kit.call("delete_task", { task_id: "task3" });
    expect(await kit.call("add_task", { description: "Ship it" })).toMatchObject({ task: { id: "task4" } });
    expect(await kit.call("edit_task", { task_id: "task4", description: "Ship at once", depends_on: ["task1"] })).toEqual({
      task: { id: "task4", description: "Ship at once", status: "pending", depends_on: ["task1"], waits_for: ["task1"] },
    });
  });

  it("is not replaced unless that is said", async () => {
    const kit = await openToolkit(createTaskPlanning());
    await kit.call("create_task_plan", three);
    expect(await said(kit.call("create_task_plan", { tasks: ["Other"] }))).toContain('"replace": true');
    expect(ids(await kit.call("get_task_plan"))).toHaveLength(3);
    expect(ids(await kit.call("create_task_plan", { tasks: ["Other"], replace: true }))).toEqual(["task1"]);
  });

  it("is each agent's and each run's own", async () => {
    const toolkit = createTaskPlanning();
    const kit = await openToolkit(toolkit);
    await kit.call("create_task_plan", three);
    expect(ids(await kit.call("get_task_plan", {}, { agentId: "ben" }))).toEqual([]);
    expect(await kit.note({ agentId: "ben" })).toBeUndefined();
    expect(ids(await (await openToolkit(toolkit)).call("get_task_plan"))).toEqual([]);
  });

  it("is told to its agent when a turn starts", async () => {
    const kit = await openToolkit(createTaskPlanning());
    await kit.call("create_task_plan", { tasks: ["Look\naround <answer>", { description: "Go", depends_on: [0] }] });
    await kit.call("update_task_status", { task_id: "task1", status: "in_progress" });
    expect(await kit.note()).toBe(
      "Your task plan, 0 of 2 tasks completed:\n- task1 [in_progress]: Look around &lt;answer>\n- task2 [pending, waits for task1]: Go",
    );
    expect(kit.instructions).toContain("create_task_plan");
  });

  it("survives calls made at the same time", async () => {
    const kit = await openToolkit(createTaskPlanning({ maxTasks: 50 }));
    await Promise.all(Array.from({ length: 40 }, (_, index) => kit.call("add_task", { description: `Part ${index}` })));
    expect(new Set(ids(await kit.call("get_task_plan"))).size).toBe(40);
  });
});

describe("what a task plan refuses, with nothing changed", () => {
  it.each([
    ["more tasks than the plan may have", { tasks: ["a", "b", "c", "d"] }, "too_many_tasks", "A plan may have 3 tasks, not 4"],
    ["an index that is none", { tasks: ["a", { description: "b", depends_on: [2] }] }, "bad_task_plan", "Indices go from 0 to 1"],
    ["an id that is none", { tasks: [{ id: "a", description: "a", depends_on: ["b"] }] }, "bad_task_plan", 'There are "a"'],
    ["a task that waits for itself", { tasks: [{ id: "a", description: "a", depends_on: ["a"] }] }, "bad_task_plan", '"a" → "a"'],
    [
      "tasks that wait for each other",
      {
        tasks: [
          { id: "a", description: "a", depends_on: ["c"] },
          { id: "b", description: "b", depends_on: ["a"] },
          { id: "c", description: "c", depends_on: ["b"] },
        ],
      },
      "bad_task_plan",
      '"a" → "c" → "b" → "a"',
    ],
    [
      "an id given twice",
      {
        tasks: [
          { id: "a", description: "a" },
          { id: "a", description: "b" },
        ],
      },
      "bad_task_plan",
      'id "a"',
    ],
    ["a blank id", { tasks: [{ id: " ", description: "a" }] }, "bad_task_plan", "not blank"],
    ["a blank description", { tasks: [" "] }, "bad_task_plan", "needs a description"],
    ["a novel", { tasks: ["x".repeat(1_001)] }, "bad_task_plan", "1000 characters, not 1001"],
    ["something that is no list of tasks", { tasks: "a" }, "invalid_tool_input", "tasks"],
    ["an empty list", { tasks: [] }, "invalid_tool_input", "tasks"],
  ])("%s", async (_, input, expected, words) => {
    const kit = await openToolkit(createTaskPlanning({ maxTasks: 3 }));
    expect(await code(kit.call("create_task_plan", input))).toBe(expected);
    expect(await said(kit.call("create_task_plan", input))).toContain(words);
    expect(ids(await kit.call("get_task_plan"))).toEqual([]);
  });

  it("a circle made later, a task that others need, a task that is not there", async () => {
    const kit = await openToolkit(createTaskPlanning({ maxTasks: 3 }));
    expect(await said(kit.call("update_task_status", { task_id: "x", status: "completed" }))).toContain("make one with create_task_plan");
    await kit.call("create_task_plan", three);
    const before = await kit.call("get_task_plan");
    expect(await said(kit.call("edit_task", { task_id: "read", depends_on: ["task1"] }))).toContain("circle");
    expect(await said(kit.call("delete_task", { task_id: "read" }))).toContain('"write" depend on it');
    expect(await said(kit.call("edit_task", { task_id: "nope", description: "x" }))).toContain('There are "read", "write", "task1".');
    expect(await code(kit.call("add_task", { description: "One more" }))).toBe("too_many_tasks");
    expect(await code(kit.call("update_task_status", { task_id: "read", status: "done" }))).toBe("invalid_tool_input");
    expect(await kit.call("get_task_plan")).toEqual(before);
  });

  it("options that cannot be", () => {
    expect(() => createTaskPlanning({ maxTasks: 0 })).toThrow("maxTasks must be a whole number from 1 to 200, not 0.");
    expect(() => createTaskPlanning({ file: "no" as unknown as boolean })).toThrow("file must be true or false");
  });
});

describe("tasks/plan.json", () => {
  it("mirrors the plan, and is where the next run goes on", async () => {
    await using folder = await temporaryDirectory();
    const workspace = folder.path;
    const kit = await openToolkit(createTaskPlanning());
    expect(await kit.call("create_task_plan", three, { workspace })).toMatchObject({ file: "tasks/plan.json" });
    await kit.call("update_task_status", { task_id: "read", status: "completed" }, { workspace });
    expect(JSON.parse(await readFile(join(workspace, "tasks/plan.json"), "utf8"))).toEqual({
      tasks: [
        { id: "read", description: "Read the spec", status: "completed", dependencies: [] },
        { id: "write", description: "Write it", status: "pending", dependencies: ["read"] },
        { id: "task1", description: "Test it", status: "pending", dependencies: ["write"] },
      ],
    });
    const next = await openToolkit(createTaskPlanning());
    expect(await next.note({ workspace })).toContain("1 of 3 tasks completed");
    expect(await next.call("add_task", { description: "More" }, { workspace })).toMatchObject({ task: { id: "task2" } });
  });

  it("of another kind is left as it is, and that is said", async () => {
    await using folder = await temporaryDirectory();
    const workspace = folder.path;
    await mkdir(join(workspace, "tasks"));
    for (const content of [
      "the deliverable itself",
      '{"tasks":[{"id":1}]}',
      '{"tasks":[{"id":"a","description":"b","status":"finished"}]}',
    ]) {
      await writeFile(join(workspace, "tasks/plan.json"), content);
      const kit = await openToolkit(createTaskPlanning());
      const result = await kit.call("create_task_plan", three, { workspace });
      expect(result).toMatchObject({ counts: { total: 3 }, warning: expect.stringContaining("is left as it is") });
      expect(await readFile(join(workspace, "tasks/plan.json"), "utf8")).toBe(content);
    }
  });

  it("is not written through a symbolic link", async () => {
    await using folder = await temporaryDirectory();
    await using elsewhere = await temporaryDirectory();
    const workspace = folder.path;
    await symlink(elsewhere.path, join(workspace, "tasks"));
    const kit = await openToolkit(createTaskPlanning());
    expect(await kit.call("create_task_plan", three, { workspace })).toMatchObject({ counts: { total: 3 }, warning: expect.any(String) });
    await expect(readFile(join(elsewhere.path, "plan.json"))).rejects.toThrow("ENOENT");
  });

  it("is not there when it is not wanted", async () => {
    await using folder = await temporaryDirectory();
    const kit = await openToolkit(createTaskPlanning({ file: false }));
    const result = await kit.call("create_task_plan", three, { workspace: folder.path });
    expect(result).not.toHaveProperty("file");
    await expect(readFile(join(folder.path, "tasks/plan.json"))).rejects.toThrow("ENOENT");
    expect(kit.instructions).not.toContain("plan.json");
  });
});
