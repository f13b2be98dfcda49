import { describe, expect, it } from "vitest";
import { callTool, newAnswer, type ScriptedPart, type ScriptedStep, say, vote, wait } from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";
import { play, presentedText, story, team } from "./helpers.js";

const look = tool({ name: "look", description: "Looks.", input: { type: "object", properties: {} }, execute: () => "found" });
const cost = (tokens: number): ScriptedPart => ({ usage: { inputTokens: tokens, outputTokens: 0 } });
const cheap = { b: { backend: { usage: { inputTokens: 1, outputTokens: 0 } } } };
const withLook = { a: { tools: [look] }, ...cheap };

/** `a` drafts and votes for 20 tokens, wins, and goes on with the steps given. */
const winning = (...steps: ScriptedStep[]) => ({
  a: [[callTool("look"), cost(0)], [newAnswer("A"), cost(10)], [vote("agent1"), cost(10)], ...steps],
  b: [newAnswer("B"), vote("agent1"), newAnswer("B again"), vote("agent1")],
});

describe("a budget that is spent while the winner presents", () => {
  it("stops the presenter; the voted answer is the result", async () => {
    const duo = team(winning([say("Let me look."), callTool("look"), cost(100_000)], "Never."), {
      agents: withLook,
      budget: { maxTokens: 100_000 },
    });
    const { result, events, of } = await play(duo);
    expect(of("turn-interrupt")).toMatchObject([{ agentId: "a", phase: "present", reason: "budget" }]);
    expect(result).toMatchObject({ text: "A", winner: "a", reason: "consensus" });
    expect(presentedText(events)).toBe("A");
    expect(duo.backends.a?.requests).toHaveLength(4);
    expect(duo.runtime.pending).toBe(0);
  });

  it("is not asked of a presentation that is whole", async () => {
    const duo = team(winning([say("Final."), cost(100_000)]), { agents: withLook, budget: { maxTokens: 100_000 } });
    const { result, of } = await play(duo);
    expect(result).toMatchObject({ text: "Final.", reason: "consensus" });
    expect(of("turn-interrupt")).toEqual([]);
  });

  it("of the presenter's own: it is out, and the voted answer is the result", async () => {
    const duo = team(winning([callTool("look"), cost(100_000)], "Never."), { agents: withLook, budget: { maxTokensPerAgent: 100_000 } });
    const { result, of } = await play(duo);
    expect(of("agent-out")).toMatchObject([{ agentId: "a", reason: "budget" }]);
    expect(of("turn-interrupt")).toMatchObject([{ agentId: "a", phase: "present", reason: "budget" }]);
    expect(result).toMatchObject({ text: "A", winner: "a", reason: "consensus" });
    expect(duo.backends.a?.requests).toHaveLength(4);
  });
});

describe("a budget that is spent by an agent alone", () => {
  it("ends the run: there is no answer, and the budget is why", async () => {
    const solo = team(
      { a: [[callTool("look"), cost(100_000)], "Never."] },
      { agents: { a: { tools: [look] } }, budget: { maxTokens: 100_000 } },
    );
    const { error, of } = await play(solo);
    expect(error).toMatchObject({
      code: "budget_exceeded",
      message: expect.stringContaining("budget was spent before any agent had answered"),
    });
    expect(of("turn-interrupt")).toMatchObject([{ phase: "present", reason: "budget" }]);
    expect(solo.backends.a?.requests).toHaveLength(1);
  });
});

describe("a budget that is spent while a result is reviewed", () => {
  const review = { agents: withLook, maxRestarts: 2 };

  it("accepts the result as it is", async () => {
    const duo = team(
      winning([say("Final."), cost(10)], [callTool("look"), cost(100_000)], callTool("restart_orchestration", { reason: "thin" })),
      {
        ...review,
        budget: { maxTokens: 100_000 },
      },
    );
    const { result, of } = await play(duo);
    expect(result).toMatchObject({ text: "Final.", reason: "consensus", attempts: 1 });
    expect(of("turn-interrupt")).toMatchObject([{ phase: "review", reason: "budget" }]);
    expect(duo.backends.a?.requests).toHaveLength(5);
  });

  it("lets no further attempt begin: what the presenter spent last is not even reviewed", async () => {
    const duo = team(winning([say("Final."), cost(100_000)], callTool("restart_orchestration", { reason: "thin" })), {
      ...review,
      budget: { maxTokens: 100_000 },
    });
    const { result, of } = await play(duo);
    expect(result).toMatchObject({ text: "Final.", reason: "consensus", attempts: 1 });
    expect(of("run-restart")).toEqual([]);
    expect(duo.backends.a?.requests).toHaveLength(4);
  });

  it("by the decision that would have sent it back: that one still counts, and the attempt ends at once", async () => {
    const duo = team(winning([say("Final."), cost(10)], [callTool("restart_orchestration", { reason: "thin" }), cost(100_000)]), {
      ...review,
      budget: { maxTokens: 100_000 },
    });
    const { result, events } = await play(duo);
    expect(result).toMatchObject({ text: "Final.", reason: "budget" });
    expect(story(events).slice(-2)).toEqual(["consensus agent1.1 budget", "run-finish"]);
  });

  it("of the reviewer's own: it is out, and the result is accepted when nobody else reviews", async () => {
    const duo = team(winning([say("Final."), cost(10)], [callTool("look"), cost(100_000)]), {
      ...review,
      budget: { maxTokensPerAgent: 100_000 },
    });
    const { result, of } = await play(duo);
    expect(of("agent-out")).toMatchObject([{ agentId: "a", reason: "budget" }]);
    expect(result).toMatchObject({ text: "Final.", attempts: 1 });
    expect(duo.backends.b?.requests).toHaveLength(2);
  });

  it("while the voted answer is reused after it: the run ends there, too", async () => {
    const duo = team(winning([callTool("look"), cost(100_000)], [wait(10), callTool("restart_orchestration", { reason: "thin" })]), {
      ...review,
      budget: { maxTokens: 100_000 },
    });
    const { result, of } = await play(duo);
    expect(result).toMatchObject({ text: "A", attempts: 1 });
    expect(of("turn-start").filter(({ phase }) => phase === "review")).toEqual([]);
  });
});
