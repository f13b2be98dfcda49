import { describe, expect, it } from "vitest";
import { emptyView, fold } from "../../src/orchestrator/core/fold.js";
import { fail, hang, newAnswer, say, vote } from "../../src/testing/index.js";
import { addCost, noCost } from "../../src/token-manager/prices.js";
import { addUsage, noUsage } from "../../src/token-manager/usage.js";
import { ofType, play, team } from "./helpers.js";

const usage = { inputTokens: 9_000, outputTokens: 1_000 };
const counted = { a: { backend: { usage } }, b: { backend: { usage } } };
const prices = { scripted: { "model-a": { input: 2, output: 10 } } };
const agree = {
  a: [["half", fail("connection")], newAnswer("A"), vote("agent1"), "Final."],
  b: [newAnswer("B"), vote("agent1")],
} as const;

describe("a `usage` event", () => {
  it("follows every step at once, and adds up what each of them spent, by agent and in all", async () => {
    const { events, result } = await play(team(agree, { agents: counted, prices }));
    const steps = ofType(events, "step-finish");
    expect(steps.map(({ status }) => status)).toContain("retry");
    let total = noUsage;
    const own: Record<string, typeof noUsage> = {};
    for (const step of steps) {
      total = addUsage(total, step.usage);
      own[step.agentId] = addUsage(own[step.agentId] ?? noUsage, step.usage);
      const { agentId, turnId, phase, attempt, epoch } = step;
      expect(events[step.seq + 1]).toMatchObject({
        type: "usage",
        agentId,
        turnId,
        phase,
        attempt,
        epoch,
        usage: total,
        agentUsage: own[agentId],
      });
    }
    const told = ofType(events, "usage");
    expect(told).toHaveLength(steps.length);
    const { byAgent, ledger: _, ...all } = result.usage;
    expect(told.at(-1)).toMatchObject({ usage: all, cost: result.cost });
    for (const agentId of ["a", "b"]) {
      const last = told.findLast((event) => event.agentId === agentId)!;
      expect([last.agentUsage, last.agentCost]).toEqual([byAgent[agentId], result.costByAgent[agentId]]);
    }
  });

  it("has the cost as far as it is known", async () => {
    const { of } = await play(team(agree, { agents: counted, prices }));
    const [first] = of("usage").filter(({ agentId }) => agentId === "b");
    expect(first).toMatchObject({ agentCost: { usd: null, complete: false } });
    const last = of("usage").findLast(({ agentId }) => agentId === "a")!;
    expect(last.agentCost).toMatchObject({ complete: true });
    expect(last.cost).toEqual({ usd: last.agentCost.usd, complete: false });
    expect(addCost(noCost, last.agentCost)).toEqual(last.agentCost);
  });

  it("tells of a step that was cut short, as an estimate, before the turn-interrupt", async () => {
    const script = { a: [newAnswer("A"), vote("agent1"), "Final."], b: [[say("Half a thought"), hang()]] };
    const { events, of } = await play(team(script, { draftGraceMs: 10 }));
    const cut = of("turn-interrupt")[0]!;
    expect(events[cut.seq - 2]).toMatchObject({ type: "step-finish", status: "interrupted", agentId: "b" });
    expect(events[cut.seq - 1]).toMatchObject({ type: "usage", agentId: "b", agentUsage: { estimated: true }, usage: { estimated: true } });
  });

  it("does not follow a step at which a listener ends the run", async () => {
    const { events } = await play(team({ a: ["Final."] }), {
      during: (event, run) => {
        if (event.type === "step-finish") run.abort("enough");
      },
    });
    expect(events.slice(-3).map(({ type }) => type)).toEqual(["step-finish", "turn-interrupt", "run-abort"]);
  });

  it("stays as it was told, however much is spent later", async () => {
    const duo = team(agree, { agents: counted });
    const run = duo.orchestrator.run("The task");
    await duo.runtime.runUntil(run.result);
    const totals: number[] = [];
    for await (const event of run) if (event.type === "usage") totals.push(event.usage.inputTokens);
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
    expect(new Set(totals).size).toBe(totals.length);
  });

  it("changes nothing in the folded view", async () => {
    const { events, of } = await play(team(agree, { agents: counted }));
    const view = events.filter(({ type }) => type !== "usage").reduce(fold, emptyView());
    expect(of("usage").reduce(fold, view)).toBe(view);
  });
});
