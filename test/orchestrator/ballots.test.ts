import { describe, expect, it } from "vitest";
import { emptyView, fold } from "../../src/orchestrator/core/fold.js";
import { plurality, unanimity } from "../../src/orchestrator/voting/rule.js";
import { fail, hang, newAnswer, type ScriptedRule, vote, wait } from "../../src/testing/index.js";
import { play, team, toolNames } from "./helpers.js";

describe("another ballot on the same answers", () => {
  const voting =
    (answer: string): ScriptedRule =>
    (request) => {
      if (toolNames(request).includes("vote")) return [wait(10), vote("agent1")];
      return toolNames(request).includes("new_answer") ? newAnswer(answer) : "Final.";
    };

  it("is held five times at most, whatever the rule asks for", async () => {
    const rule = { ...plurality, name: "restless", again: () => true };
    const { of, result } = await play(team({ a: voting("A"), b: voting("B") }, { decisionRule: rule, timeout: { run: 1_000 } }));
    expect(of("vote")).toHaveLength(10);
    expect(of("vote-void")).toHaveLength(8);
    expect(result).toMatchObject({ text: "Final.", reason: "consensus" });
  });

  it("keeps the votes of agents that are out: they cannot vote again", async () => {
    const usage = (inputTokens: number) => ({ usage: { inputTokens, outputTokens: 1 } });
    const trio = team(
      {
        a: [
          [newAnswer("A"), usage(1)],
          [vote("agent1"), usage(100_000)],
        ],
        b: [
          [newAnswer("B"), usage(1)],
          [wait(10), vote("agent2"), usage(1)],
          [vote("agent1"), usage(1)],
          ["Final.", usage(1)],
        ],
        c: [
          [newAnswer("C"), usage(1)],
          [wait(10), vote("agent2"), usage(1)],
          [vote("agent1"), usage(1)],
        ],
      },
      { decisionRule: "unanimity", selfVote: "count", budget: { maxTokensPerAgent: 50_000 } },
    );
    const { of, result } = await play(trio);
    expect(of("agent-out")).toMatchObject([{ agentId: "a", reason: "budget" }]);
    expect(of("vote-void").map(({ agentId }) => agentId)).toEqual(["b", "c"]);
    expect(of("consensus")).toMatchObject([{ tally: { "agent1.1": 3 } }]);
    expect(result.votes.map(({ agentId }) => agentId)).toEqual(["a", "b", "c"]);
  });

  it("the last of them, in the last epoch, waits for nobody that cannot change the winner", async () => {
    const trio = team(
      {
        a: [newAnswer("A"), vote("agent1"), vote("agent1"), "Final."],
        b: [newAnswer("B"), vote("agent1"), vote("agent1")],
        c: [newAnswer("C"), vote("agent2"), hang()],
      },
      { decisionRule: unanimity(), selfVote: "count", maxEpochs: 1 },
    );
    const { of, events } = await play(trio);
    expect(of("turn-interrupt")).toMatchObject([{ agentId: "c", reason: "settled" }]);
    expect(events.find(({ type }) => type === "consensus")!.time).toBe(events[0]!.time);
  });
});

describe("a voter that waits to try again when the vote grace is over", () => {
  it("abstains: an event says so, and it counts", async () => {
    const trio = team(
      {
        a: [newAnswer("A"), vote("agent1"), "Final."],
        b: [newAnswer("B"), vote("agent1")],
        c: [newAnswer("C"), fail("rate_limit", { retryAfterMs: 50_000 }), vote("agent3")],
      },
      { voteGraceMs: 5_000, maxStepRetries: 0, maxAgentFailures: 2 },
    );
    const { events, of } = await play(trio);
    expect(of("abstain")).toMatchObject([{ agentId: "c", attempt: 1, epoch: 1 }]);
    expect(of("abstain")[0]!.time - events[0]!.time).toBe(5_000);
    const view = events.reduce(fold, emptyView());
    expect(view.agents.c).toMatchObject({ failures: 1, abstentions: 1, out: null });
    expect(of("consensus")).toMatchObject([{ winner: "a", votes: [{ agentId: "a" }, { agentId: "b" }] }]);
    expect(trio.runtime.pending).toBe(0);
  });

  it("is out when it has abstained too often, and tries no more", async () => {
    const trio = team(
      {
        a: [newAnswer("A"), vote("agent1"), vote("agent1"), "Final."],
        b: [newAnswer("B"), vote("agent2"), vote("agent1")],
        c: [newAnswer("C"), hang(), fail("rate_limit", { retryAfterMs: 50_000 })],
      },
      { decisionRule: "unanimity", voteGraceMs: 5_000, maxStepRetries: 0, maxAgentFailures: 2 },
    );
    const { events, of } = await play(trio);
    expect(of("abstain")).toMatchObject([{ agentId: "c" }]);
    expect(of("agent-out")).toMatchObject([{ agentId: "c", reason: "abstained" }]);
    expect(events.at(-1)!.time - events[0]!.time).toBe(10_000);
  });
});
