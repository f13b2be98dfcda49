import { expect, it } from "vitest";
import { Orchestrator, type OrchestratorOptions } from "../../../src/index.js";
import { hang, say, scriptedBackend } from "../../../src/testing/index.js";
import { tool } from "../../../src/tools/tool.js";
import { good, scratch } from "../../mcp/helpers.js";
import { toolNames } from "../helpers.js";
import { fakeToolkit } from "./fake-toolkit.js";

const make = (options: Partial<OrchestratorOptions>, steps: Parameters<typeof scriptedBackend>[0] = []) => {
  const backend = scriptedBackend(steps);
  return { backend, orchestrator: new Orchestrator({ agents: [{ id: "a", backend }], ...options }) };
};

it.each<[string, () => Partial<OrchestratorOptions>]>([
  ["workspaces and commands", () => ({ workspaces: { root: scratch() } })],
  ["MCP servers", () => ({ mcpServers: { test: good() } })],
  ["task plans", () => ({ taskPlanning: true })],
  ["memory", () => ({ memory: true })],
])("the names of tools of %s are known before they are made", { timeout: 30_000 }, async (_name, options) => {
  const { orchestrator, backend } = make(options(), ["Done."]);
  await using _ = orchestrator;
  await orchestrator.run("The task").result;
  const names = toolNames(backend.requests[0]);
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !orchestrator.mayHaveTool(name))).toEqual([]);
  expect(orchestrator.mayHaveTool("apply_diff")).toBe(false);
});

it("of toolkits of the user's own any name may come; of functions their own", () => {
  expect(make({ toolkits: [fakeToolkit()] }).orchestrator.mayHaveTool("whatever")).toBe(true);
  const look = tool({ name: "look", description: "Looks.", input: { type: "object" }, execute: () => "" });
  const { orchestrator } = make({ agents: [{ id: "a", backend: scriptedBackend([]), tools: [look] }] });
  expect([orchestrator.mayHaveTool("look"), orchestrator.mayHaveTool("whatever")]).toEqual([true, false]);
});

it("an agent alone has the tools and limits of its team, and no coordination", { timeout: 30_000 }, async () => {
  const backends = [scriptedBackend(["Alone."]), scriptedBackend([])];
  const agents = backends.map((backend, i) => ({ id: ["a", "b"][i]!, backend }));
  const team = new Orchestrator({
    agents,
    workspaces: { root: scratch() },
    reviewer: "b",
    maxRestarts: 1,
    draftQuorum: 2,
    budget: { maxTokens: 1 },
  });
  await using _ = team;
  const alone = team.alone("a");
  expect(team.alone("a")).toBe(alone);
  expect(alone.agents.map(({ id }) => id)).toEqual(["a"]);
  await expect(alone.run("The task").result).rejects.toMatchObject({ code: "budget_exceeded", message: expect.stringContaining("budget") });
  expect(alone.reviews).toBe(false);
  expect(alone.mayHaveTool("read_file")).toBe(true);
  expect(() => team.alone("c")).toThrow(/no agent has the id "c"/);
});

it("agents alone share their team's toolkits, which are closed after all of their runs", { timeout: 30_000 }, async () => {
  const shared = fakeToolkit();
  const slow = fakeToolkit({ name: "of a" });
  const backends = [scriptedBackend(["Alone."]), scriptedBackend([[say("So"), hang()]])];
  const agents = backends.map((backend, i) => ({ id: ["a", "b"][i]!, backend, ...(i === 0 && { toolkits: [slow] }) }));
  const team = new Orchestrator({ agents, toolkits: [shared] });
  expect((await team.alone("a").run("The task").result).text).toBe("Alone.");
  expect(slow.log[0]).toBe("of a open a=agent1");
  const run = team.alone("b").run("The task");
  await new Promise((resolve) => run.once("text-delta", resolve));
  const failed = expect(run.result).rejects.toMatchObject({ code: "aborted" });
  await team.close();
  await failed;
  expect(shared.log.filter((line) => / open | close$/.test(line))).toEqual([
    "fake open a=agent1",
    "fake close",
    "fake open b=agent1",
    "fake close",
  ]);
  expect(slow.log.filter((line) => line.includes(" open "))).toHaveLength(1);
  expect(() => team.alone("a").run("The task")).toThrow(/closed/);
});
