import { expect, it } from "vitest";
import { addEvent, emptyHistory } from "../../src/run-record/index.js";
import { statusOf } from "../../src/run-record/status.js";
import { livelyTeam, playLively } from "./lively-team.js";

it("follows what the run and its agents do", async () => {
  const { events } = await playLively(livelyTeam({ agents: 4, seed: 8 }));
  const history = emptyHistory();
  const states: string[] = [];
  const phases: (string | null)[] = [];
  const seen = (list: (string | null)[], value: string | null) => {
    if (list.at(-1) !== value) list.push(value);
  };
  for (const event of events) {
    addEvent(history, event);
    const status = statusOf(history, { question: "q", cost: undefined, costByAgent: {} });
    expect(status).toMatchObject({ seq: event.seq, runId: event.runId });
    seen(phases, status.phase);
    seen(states, status.agents.find(({ agentId }) => agentId === "gemini")?.state ?? null);
  }
  expect(phases).toEqual(["draft", "evaluate", "present", null]);
  expect(states.slice(0, 4)).toEqual(["waiting", "drafting", "answered", "evaluating"]);
  expect(states.slice(-3)).toEqual(["voted", "presenting", "voted"]);
  const { answers, votes, agents } = statusOf(history, { question: undefined, cost: { usd: 1, complete: true }, costByAgent: {} });
  expect(answers.filter(({ current }) => current).map(({ label }) => label)).toEqual(agents.map(({ answer }) => answer).sort());
  expect(votes.length).toBeGreaterThan(0);
});
