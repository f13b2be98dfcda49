import { describe, expect, it } from "vitest";
import { callTool, hang, newAnswer, say, vote, wait } from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";
import { play, presentedText, story, type TeamOptions, team } from "./helpers.js";

const usage = { inputTokens: 9_000, outputTokens: 1_000 };
const backend = { usage };
const settings = { maxOutputTokens: 100 };
const counted = { a: { backend, settings }, b: { backend, settings } };
const price = { input: 10, output: 10 };
const prices = { scripted: { "model-a": price, "model-b": price } };
const agree = { a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] };
const lookUp = tool({ name: "look_up", description: "Looks up.", input: { type: "object" }, execute: () => "found" });

/** Both agents spend 10,000 tokens, or 0.1 $, a step: ten times what is reserved for it. */
const duo = (options: TeamOptions) => team(agree, { agents: counted, prices, ...options });

describe("budget.warnAt", () => {
  it("tells once of each part of each cap: of the run's, and of every agent's", async () => {
    const budget = { maxTokens: 100_000, maxUsd: 1, maxTokensPerAgent: 40_000, warnAt: [0.5, 0.2] };
    const { of, result } = await play(duo({ budget }));
    expect(result.text).toBe("Final.");
    const told = of("warning").map(({ code, agentId, budget }) => [code, agentId, budget?.cap, budget?.at, budget?.spent, budget?.limit]);
    const usd = (value: number) => expect.closeTo(value, 9);
    expect(told).toEqual([
      ["budget_warning", "a", "maxTokensPerAgent", 0.2, 10_000, 40_000],
      ["budget_warning", undefined, "maxTokens", 0.2, 20_000, 100_000],
      ["budget_warning", undefined, "maxUsd", 0.2, usd(0.2), 1],
      ["budget_warning", "b", "maxTokensPerAgent", 0.2, 10_000, 40_000],
      ["budget_warning", "a", "maxTokensPerAgent", 0.5, 20_000, 40_000],
      ["budget_warning", "b", "maxTokensPerAgent", 0.5, 20_000, 40_000],
      ["budget_warning", undefined, "maxTokens", 0.5, 50_000, 100_000],
      ["budget_warning", undefined, "maxUsd", 0.5, usd(0.5), 1],
    ]);
  });

  it("says in words which cap, how much of it and of whom", async () => {
    const { of } = await play(duo({ budget: { maxUsd: 0.3, warnAt: 0.9 } }));
    expect(of("warning")).toEqual([
      {
        ...{ type: "warning", code: "budget_warning", runId: expect.any(String), seq: expect.any(Number), time: expect.any(Number) },
        message: "100 % of a budget: 0.3 of the 0.3 of budget.maxUsd are spent.",
        budget: { cap: "maxUsd", at: 0.9, spent: expect.closeTo(0.3, 9), limit: 0.3 },
      },
    ]);
  });

  it("comes right after the `usage` of its step, and of several parts reached at once each is told", async () => {
    const { events } = await play(duo({ budget: { maxTokensPerAgent: 12_000, warnAt: [0.1, 0.8] } }));
    const first = events.findIndex(({ type }) => type === "step-finish");
    expect(events.slice(first, first + 4).map(({ type }) => type)).toEqual(["step-finish", "usage", "warning", "warning"]);
  });

  it("hears of the step that judges the task in planning mode, too", async () => {
    const solo = team(
      { a: [say("IRREVERSIBLE: NO"), "Final."] },
      { agents: { a: { ...counted.a, tools: [lookUp] } }, planningMode: { judge: true }, budget: { maxTokens: 50_000, warnAt: 0.1 } },
    );
    const { events } = await play(solo);
    expect(events.slice(0, 4).map(({ type }) => type)).toEqual(["run-start", "usage", "warning", "planning"]);
  });

  it("is silent without it", async () => {
    const { of } = await play(duo({ budget: { maxTokens: 55_000 } }));
    expect(of("warning")).toEqual([]);
  });

  it.each([0, 1.1, -0.5, "0.5", [0.5, Number.NaN], [0.5, 80]])("%j is an error that names the key", (warnAt) => {
    expect(() => duo({ budget: { maxTokens: 10, warnAt: warnAt as number } })).toThrow(
      /^budget\.warnAt: must be above 0 and at most 1, not/,
    );
  });

  it("without a cap to warn of is an error", () => {
    expect(() => duo({ budget: { warnAt: 0.5, isSpent: () => false } })).toThrow("budget.warnAt: needs a cap");
  });
});

describe('budget.onExceed "abort"', () => {
  const abort = { onExceed: "abort" as const };

  it("ends the run at once with an error that names the cap, though there are answers; they are in `partial`", async () => {
    const trio = team(
      { ...agree, c: [wait(5), hang()] },
      { agents: counted, prices, draftQuorum: 2, draftGraceMs: 0, budget: { maxTokens: 30_000, ...abort } },
    );
    const { error, events, of } = await play(trio);
    expect(error).toMatchObject({ name: "RunError", code: "budget_exceeded" });
    expect(error.message).toBe(
      'The budget is spent: 30000 of the 30000 of budget.maxTokens are spent. Raise it, or have the best answer so far with budget.onExceed "finish".',
    );
    expect(error.partial.answers.map(({ label }) => label)).toEqual(["agent1.1", "agent2.1"]);
    expect(of("consensus")).toEqual([]);
    expect(of("turn-interrupt").map(({ agentId, reason }) => [agentId, reason])).toContainEqual(["c", "budget"]);
    const last = of("usage").findLast(({ agentId }) => agentId !== "c")!;
    expect(events.at(-1)!.time).toBe(last.time);
    expect(of("step-start").filter(({ seq }) => seq > last.seq)).toEqual([]);
    expect(trio.backends.c?.active).toBe(0);
    expect(trio.runtime.pending).toBe(0);
  });

  it("counts the decision of the step that spent the last of it", async () => {
    const { events, error } = await play(duo({ budget: { maxTokens: 20_000, ...abort } }));
    expect(story(events)).toEqual(["a answers agent1.1", "b answers agent2.1", "run-error"]);
    expect(error.partial.usage).toMatchObject({ inputTokens: 18_000, outputTokens: 2_000 });
  });

  it("says what the next step might have taken, where there is no room for it", async () => {
    const tight = duo({ budget: { maxUsd: 0.2005, ...abort } });
    const { error } = await play(tight);
    expect(error.code).toBe("budget_exceeded");
    expect(error.message).toMatch(
      /^The budget is spent: 0\.2 of the 0\.2005 of budget\.maxUsd are spent, and the next step may take 0\.0\d+\. Raise/,
    );
    expect(error.partial.cost.usd).toBeCloseTo(0.2, 9);
  });

  it("hears your own check", async () => {
    const { error } = await play(duo({ budget: { isSpent: ({ total }) => total.inputTokens > 20_000, ...abort } }));
    expect(error).toMatchObject({ code: "budget_exceeded", message: expect.stringContaining("budget.isSpent says so") });
  });

  it("stops the presenter, too", async () => {
    const look = { ...agree, a: [callTool("look_up"), newAnswer("A"), vote("agent1"), callTool("look_up"), "Never."] };
    const { error, of } = await play(
      team(look, { agents: { ...counted, a: { ...counted.a, tools: [lookUp] } }, budget: { maxTokens: 60_000, ...abort } }),
    );
    expect(error.code).toBe("budget_exceeded");
    expect(of("turn-interrupt")).toMatchObject([{ agentId: "a", phase: "present", reason: "budget" }]);
    expect(of("run-finish")).toEqual([]);
  });

  it("leaves a result that is whole as it is", async () => {
    const { result } = await play(duo({ budget: { maxTokens: 50_000, ...abort } }));
    expect(result).toMatchObject({ text: "Final.", reason: "consensus" });
  });

  it("only puts an agent out whose own budget is spent; the run goes on", async () => {
    const agents = { a: { backend: { usage: { inputTokens: 1, outputTokens: 1 } } }, b: counted.b };
    const { result, of } = await play(team(agree, { agents, budget: { maxTokensPerAgent: 10_000, ...abort } }));
    expect(of("agent-out")).toMatchObject([{ agentId: "b", reason: "budget" }]);
    expect(result.text).toBe("Final.");
  });

  it("closes toolkits before the error is told", async () => {
    const told: string[] = [];
    const kit = { name: "kit", open: async () => ({ tools: () => [], close: async () => void told.push("closed") }) };
    const kitted = team(agree, { agents: counted, toolkits: [kit as never], budget: { maxTokens: 20_000, ...abort } });
    const { error } = await play(kitted, { during: ({ type }) => type === "run-error" && told.push(type) });
    expect(error.code).toBe("budget_exceeded");
    expect(told).toEqual(["closed", "run-error"]);
  });

  it("is one of two words", () => {
    expect(() => duo({ budget: { maxTokens: 1, onExceed: "stop" as never } })).toThrow("budget.onExceed: must be one of finish, abort");
  });
});

describe('at a spent budget with "finish", the default', () => {
  it("no answer yet: an error of its own code; what a draft had written is in its turn-interrupt", async () => {
    const script = { a: [[callTool("look_up")], "Never."], b: [[say("Half a thought"), wait(60_000)]] };
    const agents = { a: { ...counted.a, tools: [lookUp] }, b: counted.b };
    const { error, of } = await play(
      team(script, { agents, budget: { maxTokens: 10_000, isSpent: ({ total }) => total.inputTokens > 0 } }),
    );
    expect(error).toMatchObject({ code: "budget_exceeded", partial: { answers: [] } });
    expect(of("turn-interrupt").filter(({ reason }) => reason === "budget")).toHaveLength(2);
  });

  it("one draft of two: it is the result", async () => {
    const script = { a: [newAnswer("A")], b: [[say("Half"), hang()]] };
    const { result, of, events } = await play(team(script, { agents: { a: counted.a }, budget: { isSpent: () => true } }));
    expect(result).toMatchObject({ text: "A", reason: "budget", winner: "a" });
    expect(presentedText(events)).toBe("A");
    expect(of("turn-interrupt")).toMatchObject([{ agentId: "b", phase: "draft", partialText: "Half", usage: { estimated: true } }]);
  });

  it("in an evaluation: the votes there are decide, else the oldest answer", async () => {
    const voted = {
      a: [newAnswer("A"), [wait(50), vote("agent1")]],
      b: [
        [wait(5), newAnswer("B")],
        [wait(10), vote("agent2")],
      ],
    };
    const some = await play(team(voted, { agents: counted, budget: { maxTokens: 30_000 } }));
    expect(some.result).toMatchObject({ text: "B", reason: "budget", votes: [{ agentId: "b", label: "agent2.1" }] });
    const none = await play(duo({ budget: { maxTokens: 20_000 } }));
    expect(none.result).toMatchObject({ text: "A", reason: "budget", votes: [] });
    expect(none.of("consensus")).toMatchObject([{ rule: "oldest-answer", reason: "budget" }]);
  });

  it("by a better answer: it counts, and the votes it voided are carried to the answers their agents have now", async () => {
    const script = {
      a: [newAnswer("A"), [wait(5), vote("agent2")]],
      b: [newAnswer("B"), [wait(50), newAnswer("A better B", "depth")]],
    };
    const { result, of } = await play(team(script, { agents: counted, budget: { maxTokens: 40_000 } }));
    expect(result).toMatchObject({ text: "A better B", label: "agent2.2", reason: "budget" });
    expect(of("consensus")).toMatchObject([{ carried: true }]);
  });
});
