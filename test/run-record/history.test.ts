import { describe, expect, it } from "vitest";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import type { RunError, RunResult } from "../../src/orchestrator/run.js";
import { countedVotes, currentAnswers } from "../../src/run-record/index.js";
import { historyOf, type LivelyOptions, livelyTeam, playLively } from "./lively-team.js";

const seeds = Array.from({ length: 40 }, (_, i) => i + 1);
const variants: LivelyOptions[] = [
  {},
  { agents: 1 },
  { agents: 5, peerAnswers: "inject" },
  { agents: 4, peerAnswers: "round", maxEpochs: 2 },
  { agents: 6, presentation: "reuse", decisionRule: "unanimity" },
  { timeout: { run: 15_000 } },
  { budget: { maxTokens: 3_000 } },
];

describe("the history of a run", () => {
  it.each(seeds)("gives what the caller's result gives, seed %i", async (seed) => {
    const team = livelyTeam({ seed, ...variants[seed % variants.length] });
    const { run, events } = await playLively(team);
    const result: Partial<RunResult> = await run.result.catch((error: RunError) => error.partial);
    for (const read of [events, await merged(run)]) {
      const history = historyOf(read);
      expect(history.seq).toBe(events.length - 1);
      expect({ winner: history.winner, label: history.label, reason: history.reason }).toEqual({
        winner: result.winner,
        label: result.label,
        reason: result.reason,
      });
      if (result.text !== undefined) expect(history.text).toBe(result.text);
      expect(currentAnswers(history).map(({ agentId, label, content }) => ({ agentId, label, content }))).toEqual(
        result.answers?.map(({ agentId, label, content }) => ({ agentId, label, content })),
      );
      expect(history.consensus?.votes ?? []).toEqual(result.votes);
      const { byAgent, ledger, ...usage } = result.usage!;
      expect(history.usage).toEqual(usage);
      expect(history.cost).toEqual(result.cost);
      expect(Object.fromEntries(history.agents.flatMap(({ agentId, cost }) => (cost ? [[agentId, cost]] : [])))).toEqual(
        result.costByAgent,
      );
      expect(history.input).toEqual({ text: "Which index fits this query, and why?", messages: 1 });
      for (const agent of history.agents) expect(byAgent[agent.agentId] ?? { inputTokens: 0, outputTokens: 0 }).toEqual(agent.usage);
      for (const { turnId, usage } of ledger) expect(history.turns.find((turn) => turn.turnId === turnId)?.usage).toEqual(usage);
      expect(history.turns.filter(({ end }) => end === undefined)).toEqual([]);
      expect({ attempt: history.attempt, epoch: history.epoch }).toEqual({ attempt: result.attempts, epoch: result.epochs });
    }
  });

  it("takes back the winner when the review sends the result back", async () => {
    const events = [
      { type: "run-start", agents: [{ agentId: "a", alias: "agent1", backend: "x", model: "m" }] },
      { type: "answer", agentId: "a", turnId: "t1", phase: "draft", attempt: 1, epoch: 0, label: "agent1.1", content: "one" },
      {
        type: "vote",
        agentId: "a",
        turnId: "t2",
        phase: "evaluate",
        attempt: 1,
        epoch: 1,
        targetAgentId: "a",
        label: "agent1.1",
        reason: "r",
      },
      {
        type: "consensus",
        attempt: 1,
        epoch: 1,
        reason: "consensus",
        winner: "a",
        label: "agent1.1",
        tally: {},
        votes: [],
        rule: "plurality",
      },
      { type: "run-restart", attempt: 2, reviewer: "a", feedback: "no" },
    ].map((event, seq) => ({ runId: "r", seq, time: seq, ...event })) as CoordinationEvent[];
    const history = historyOf(events);
    expect(history).toMatchObject({ attempt: 2, epoch: 0, text: "" });
    expect(history.winner).toBeUndefined();
    expect(currentAnswers(history)).toEqual([]);
    expect(countedVotes(history)).toEqual([]);
    expect(history.answers).toHaveLength(1);
    expect(history.votes[0]?.void).toBe("restart");
  });

  it("keeps going at events it does not know, and where the beginning is lost", () => {
    const history = historyOf([
      { type: "tool-progress", runId: "r", seq: 0, time: 1, agentId: "a" },
      { type: "warning", runId: "r", seq: 1, time: 2, code: "x", message: "of the run" },
      {
        type: "vote",
        runId: "r",
        seq: 2,
        time: 3,
        agentId: "b",
        turnId: "t",
        phase: "evaluate",
        attempt: 1,
        epoch: 1,
        targetAgentId: "a",
        label: "agent1.1",
        reason: "r",
      },
    ] as unknown as CoordinationEvent[]);
    expect(history).toMatchObject({ seq: 2, start: 1, end: 3, notes: [{ text: "warning: of the run" }] });
    expect(history.agents.map(({ agentId, vote }) => ({ agentId, vote }))).toEqual([{ agentId: "b", vote: "agent1.1" }]);
  });
});

/** The same events as a late reader gets them. */
async function merged(run: AsyncIterable<CoordinationEvent>): Promise<CoordinationEvent[]> {
  const events: CoordinationEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}
