import { expect, it } from "vitest";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { scriptedBackend } from "../../src/testing/index.js";
import { createMemory, createTaskPlanning } from "../../src/tools/index.js";

it("massgen/tools makes toolkits for one agent of a team", async () => {
  const kit = { a: [createTaskPlanning({ maxTasks: 3 }), createMemory()], b: [] };
  const backends = { a: scriptedBackend(["Alone."]), b: scriptedBackend(["Alone."]) };
  for (const id of ["a", "b"] as const) {
    await using orchestrator = new Orchestrator({ agents: [{ id, backend: backends[id], toolkits: kit[id] }] });
    await orchestrator.run("The task").result;
  }
  const names = (id: "a" | "b") => (backends[id].requests[0]?.tools ?? []).map(({ name }) => name);
  expect(names("a")).toContain("create_task_plan");
  expect(names("a")).toContain("save_memory");
  expect(names("b")).toEqual([]);
});
