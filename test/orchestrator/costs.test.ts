import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.js";
import { callTool, fail, hang, newAnswer, vote, wait } from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";
import { play, team } from "./helpers.js";

const usage = { inputTokens: 9_000, outputTokens: 1_000 };
const counted = { a: { backend: { usage } }, b: { backend: { usage } } };
/** One step of `usage` costs 9,000 × 2 $/M + 1,000 × 10 $/M = 0.028 $. */
const price = { input: 2, output: 10 };
const prices = { scripted: { "model-a": price, "model-b": price } };
const STEP = 0.028;

const lookUp = tool({ name: "look_up", description: "Looks up.", input: { type: "object" }, execute: () => "found" });
const agree = { a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] };

describe("the cost of a run", () => {
  it("is summed step by step, by agent as well", async () => {
    const { result } = await play(team(agree, { agents: counted, prices }));
    expect(result.cost).toEqual({ usd: expect.closeTo(5 * STEP, 9), complete: true });
    expect(result.costByAgent).toEqual({
      a: { usd: expect.closeTo(3 * STEP, 9), complete: true },
      b: { usd: expect.closeTo(2 * STEP, 9), complete: true },
    });
  });

  it("prices long requests one by one, not by their sum", async () => {
    const above = { inputTokens: 9_500, rates: { input: 1_000, output: 1_000 } };
    const long = { scripted: { "model-a": { ...price, above }, "model-b": price } };
    const { result } = await play(team(agree, { agents: counted, prices: long }));
    expect(result.cost.usd).toBeCloseTo(5 * STEP, 9);
  });

  it("prices what an advisor spent by its own model", async () => {
    const advised = { ...usage, otherModels: { adviser: { inputTokens: 1_000, outputTokens: 100 } } };
    const agents = { ...counted, a: { backend: { usage: advised } } };
    const adviser = { input: 20, output: 100 };
    const { result } = await play(team(agree, { agents, prices: { scripted: { ...prices.scripted, adviser } } }));
    const step = (8_000 * 2 + 900 * 10 + 1_000 * 20 + 100 * 100) / 1e6;
    expect(result.costByAgent.a).toEqual({ usd: expect.closeTo(3 * step, 9), complete: true });
    const half = await play(team(agree, { agents, prices }));
    expect(half.result.costByAgent.a).toEqual({ usd: expect.closeTo((3 * (8_000 * 2 + 900 * 10)) / 1e6, 9), complete: false });
  });

  it("is a lower bound where a price is unknown, and unknown where none is known", async () => {
    const half = await play(team(agree, { agents: counted, prices: { scripted: { "model-a": price } } }));
    expect(half.result.cost).toEqual({ usd: expect.closeTo(3 * STEP, 9), complete: false });
    expect(half.result.costByAgent.b).toEqual({ usd: null, complete: false });
    const none = await play(team(agree, { agents: counted }));
    expect(none.result.cost).toEqual({ usd: null, complete: false });
  });
});

describe("the ledger", () => {
  it("has a line per turn, with its phase", async () => {
    const { result } = await play(team(agree, { agents: counted, prices }));
    expect(result.usage.ledger.map(({ agentId, phase, attempt, steps }) => [agentId, phase, attempt, steps])).toEqual([
      ["a", "draft", 1, 1],
      ["b", "draft", 1, 1],
      ["a", "evaluate", 1, 1],
      ["b", "evaluate", 1, 1],
      ["a", "present", 1, 1],
    ]);
    for (const entry of result.usage.ledger) {
      expect(entry).toMatchObject({ usage, usd: expect.closeTo(STEP, 9), complete: true, wasted: { inputTokens: 0, outputTokens: 0 } });
    }
    const sum = result.usage.ledger.reduce((total, entry) => total + entry.usage.inputTokens, 0);
    expect(sum).toBe(result.usage.inputTokens);
  });

  it("tells what an interrupted turn wasted, the steps that had ended well included", async () => {
    const duo = team(
      { a: [newAnswer("A"), vote("agent1"), "Final."], b: [callTool("look_up"), hang()] },
      { agents: { a: counted.a, b: { ...counted.b, tools: [lookUp] } }, draftGraceMs: 100 },
    );
    const { result, of } = await play(duo);
    const interrupted = of("turn-interrupt")[0]!;
    const entry = result.usage.ledger.find(({ turnId }) => turnId === interrupted.turnId)!;
    expect(entry).toMatchObject({ agentId: "b", phase: "draft", steps: 2 });
    expect(entry.wasted).toEqual(entry.usage);
    expect(entry.usage).toEqual(interrupted.usage);
    expect(entry.wasted.inputTokens).toBeGreaterThan(9_000);
  });

  it("tells what a step that was started again wasted", async () => {
    const { result } = await play(
      team(
        { a: [["half", fail("connection")], newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] },
        { agents: counted },
      ),
    );
    const steps = result.usage.ledger.reduce((total, entry) => total + entry.steps, 0);
    const wasted = result.usage.ledger.reduce((total, entry) => total + entry.wasted.inputTokens, 0);
    expect(steps).toBe(6);
    expect(wasted).toBeGreaterThan(0);
    expect(wasted).toBeLessThan(result.usage.inputTokens);
  });
});

describe("a budget", () => {
  it("in dollars ends the run with the best so far", async () => {
    const { result } = await play(team(agree, { agents: counted, prices, budget: { maxUsd: 4 * STEP } }));
    expect(result).toMatchObject({ reason: "budget", text: "A" });
    expect(result.cost.usd).toBeCloseTo(4 * STEP, 9);
  });

  it("in dollars of one agent puts it out", async () => {
    const { of, result } = await play(
      team(agree, {
        agents: { a: { backend: { usage: { inputTokens: 1, outputTokens: 1 } } }, b: counted.b },
        prices,
        budget: { maxUsdPerAgent: STEP },
      }),
    );
    expect(of("agent-out")).toMatchObject([{ agentId: "b", reason: "budget" }]);
    expect(result.text).toBe("Final.");
  });

  it("has no room for a step: it is not sent", async () => {
    const duo = team(agree, { agents: counted, budget: { maxTokens: 500 } });
    const { error } = await play(duo);
    expect(error).toMatchObject({ code: "budget_exceeded", message: expect.stringContaining("budget") });
    expect(duo.backends.a?.requests).toEqual([]);
    expect(duo.backends.b?.requests).toEqual([]);
    expect(error.partial.usage).toMatchObject({ inputTokens: 0, outputTokens: 0 });
  });

  it("reserves the output that the settings allow", async () => {
    const settings = (maxOutputTokens: number) => ({ agents: { a: { settings: { maxOutputTokens } } }, budget: { maxTokens: 5_000 } });
    const wide = team({ a: ["Final."] }, settings(6_000));
    expect((await play(wide)).error.code).toBe("budget_exceeded");
    expect(wide.backends.a?.requests).toEqual([]);
    expect((await play(team({ a: ["Final."] }, settings(10)))).result.text).toBe("Final.");
  });

  it("that others' steps have reserved is waited for, and what they leave is used", async () => {
    const small = { backend: { usage: { inputTokens: 10, outputTokens: 10 } }, settings: { maxOutputTokens: 10_000 } };
    const duo = team(
      { a: [[wait(50), newAnswer("A")], vote("agent1"), "Final."], b: [[wait(10), newAnswer("B")], vote("agent1")] },
      { agents: { a: small, b: small }, budget: { maxTokens: 15_000 } },
    );
    const { result, of } = await play(duo);
    expect(result).toMatchObject({ reason: "consensus", text: "Final." });
    const steps = of("step-start").slice(0, 2);
    expect(steps.map(({ agentId }) => agentId)).toEqual(["a", "b"]);
    expect(steps[1]!.time - steps[0]!.time).toBe(50);
    expect(of("agent-out")).toEqual([]);
  });

  it("stops waiting when the run is aborted", async () => {
    const wide = { settings: { maxOutputTokens: 10_000 } };
    const duo = team({ a: [hang()], b: [hang()] }, { agents: { a: wide, b: wide }, budget: { maxTokens: 15_000 } });
    const { error } = await play(duo, {
      during: (event, run) => {
        if (event.type === "step-start") run.abort("enough");
      },
    });
    expect(error.code).toBe("aborted");
    expect(duo.backends.b?.requests).toEqual([]);
    expect(duo.runtime.pending).toBe(0);
  });

  it("in dollars wants prices, or to be told that none will do", async () => {
    const unpriced = () => team(agree, { agents: counted, budget: { maxUsd: 1 } });
    expect(unpriced).toThrow(ConfigError);
    expect(unpriced).toThrow(/model-a.*prices: \{ "scripted".*onUnknownPrice/);
    const { result } = await play(team(agree, { agents: counted, budget: { maxUsd: 1, onUnknownPrice: "allow" } }));
    expect(result).toMatchObject({ reason: "consensus", cost: { usd: null, complete: false } });
  });

  it.each([
    [{ budget: { maxUsd: 0 } }, "budget.maxUsd"],
    [{ budget: { maxUsdPerAgent: "1" } }, "budget.maxUsdPerAgent"],
    [{ budget: { maxUSD: 1 } }, 'did you mean "maxUsd"'],
    [{ budget: { onUnknownPrice: "ask" } }, "budget.onUnknownPrice"],
    [{ prices: { openai: { mine: { input: 1 } } } }, "prices.openai.mine.output"],
    [{ prices: { openai: { mine: { input: -1, output: 1 } } } }, "prices.openai.mine.input"],
    [{ prices: { openai: { mine: { input: 1, output: 1, cached: 1 } } } }, "prices.openai.mine.cached"],
  ])("%j is an error that names the key", (options, message) => {
    expect(() => team(agree, options as never)).toThrow(message);
  });
});
