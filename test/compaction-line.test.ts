import { expect, it } from "vitest";
import { describe as lineOf } from "../src/cli/describe.js";
import { makeStyle } from "../src/cli/style.js";
import { emptyTeam, watch } from "../src/cli/team-view.js";
import { compactionLine } from "../src/compaction-line.js";
import type { CoordinationEvent, EventOfType } from "../src/orchestrator/events.js";
import { coordinationTable } from "../src/run-record/index.js";
import { historyOf } from "./run-record/lively-team.js";

const scope = { runId: "r", seq: 1, time: 5, agentId: "ada", turnId: "t", stepId: "s", phase: "draft", attempt: 1, epoch: 0 } as const;
const compaction = (more: Partial<EventOfType<"compaction">>): EventOfType<"compaction"> => {
  return { ...scope, type: "compaction", method: "clear", reason: "high-water", tokensBefore: 90_123, tokensAfter: 40_200, ...more };
};
const usage = { inputTokens: 91_000, outputTokens: 240 };

it.each<[Partial<EventOfType<"compaction">>, string]>([
  [{ durationMs: 3 }, "history compacted (clear): 90k → 40k tokens"],
  [{ tokensBefore: 1_240_000, tokensAfter: 9_449 }, "history compacted (clear): 1.2M → 9.4k tokens"],
  [
    { method: "summary", usage, usd: 0.0123, durationMs: 4_600, tokensAfter: 812 },
    "history compacted (summary): 90k → 812 tokens for 91,240 tokens, $0.012, in 4.6 s",
  ],
  [{ method: "summary", reused: true }, "history compacted (summary, as before): 90k → 40k tokens"],
  [{ method: "native", usage, usd: null, durationMs: 60 }, "history compacted (native): 90k → 40k tokens for 91,240 tokens, in 0.1 s"],
  [
    { reason: "overflow", failed: [{ method: "native", why: "openai cannot\ndo it" }] },
    "history compacted (clear), as it was too long for its model: 90k → 40k tokens; native failed: openai cannot do it",
  ],
])("%j is told in a line", (event, line) => {
  expect(compactionLine(compaction(event))).toBe(line);
});

it("one by the provider itself has the sizes that the provider tells", () => {
  const { tokensAfter: _, ...half } = compaction({ method: "provider", reason: "provider" });
  const { tokensBefore: __, ...none } = half;
  expect([compaction({ reason: "provider" }), half, none].map(compactionLine)).toEqual([
    "history compacted by the provider: 90k → 40k tokens",
    "history compacted by the provider: it had 90k tokens",
    "history compacted by the provider",
  ]);
});

it("the program and a run's record tell it of its agent", () => {
  const agents = [{ agentId: "ada", alias: "agent1", backend: "openai", model: "m" }];
  const events: CoordinationEvent[] = [
    { type: "run-start", runId: "r", seq: 0, time: 1, agents, input: { text: "?", messages: 1 } },
    compaction({ failed: [{ method: "native", why: "openai cannot do it" }] }),
  ];
  const view = emptyTeam();
  for (const event of events) watch(view, event);
  const line = "history compacted (clear): 90k → 40k tokens";
  expect(lineOf(events[1]!, view, makeStyle(false))).toMatchObject({ row: { agentId: "ada" }, text: line });
  const text = `${line}; native failed: openai cannot do it`;
  const history = historyOf(events);
  const sizes = { method: "clear", tokensBefore: 90_123, tokensAfter: 40_200 };
  expect(history.notes).toEqual([{ time: 5, seq: 1, type: "compaction", agentId: "ada", text, compaction: sizes }]);
  expect(coordinationTable(history, "?", "markdown")).toContain(text);
});
