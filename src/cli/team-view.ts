import type { CoordinationEvent, Phase } from "../orchestrator/events.js";
import { estimateTokens } from "../token-manager/estimate.js";
import { type Cost, noCost } from "../token-manager/prices.js";
import { oneLine } from "./text.js";

/** What one agent is up to, for a line of the display. */
export interface AgentRow {
  index: number;
  agentId: string;
  alias: string;
  model: string;
  mood: "idle" | "busy" | "done" | "trouble" | "out";
  /** e.g. `drafting`, `voted → agent2.1: it covers the edge case`. */
  status: string;
  /** Tokens streamed in this turn, roughly. */
  written: number;
  /** Label of its current answer. */
  answer?: string;
  /** Label its counted vote is for. */
  vote?: string;
  /** Its latest error, and whether the one before was the same. */
  error?: { message: string; again: boolean };
}

/** Everything a display shows of a run. */
export interface TeamView {
  agents: AgentRow[];
  startedAt: number;
  epoch: number;
  attempt: number;
  /** Tokens of the steps that are over, and what they cost. */
  tokens: number;
  cost: Cost;
  /** Votes that a new answer has voided since the last epoch began. */
  voided: number;
}

export function emptyTeam(): TeamView {
  return { agents: [], startedAt: 0, epoch: 0, attempt: 1, tokens: 0, cost: noCost, voided: 0 };
}

const started: Record<Phase, string> = {
  draft: "drafting",
  evaluate: "comparing",
  present: "writing the final answer",
  review: "reviewing",
};
const cuts: Record<string, string> = {
  "new-answer": "starting over: a new answer came",
  "vote-grace": "abstains: out of time",
  settled: "stopped: the vote is settled",
  late: "stopped: too late",
  budget: "stopped: the budget is spent",
  deadline: "stopped at the deadline",
  "finished-early": "stopped: finished early",
};
const reasonsOut = {
  failed: "it failed",
  abstained: "it abstained too often",
  late: "it was too late",
  budget: "its budget is spent",
} as const;

/** Updates the view by one event. */
export function watch(view: TeamView, event: CoordinationEvent): void {
  switch (event.type) {
    case "run-start":
      view.startedAt = event.time;
      view.agents = event.agents.map(({ agentId, alias, backend, model }, index) => {
        return { index, agentId: oneLine(agentId), alias, model: oneLine(model) || backend, mood: "idle", status: "waiting", written: 0 };
      });
      return;
    case "epoch-start":
      view.epoch = event.epoch;
      return;
    case "usage":
      view.tokens = event.usage.inputTokens + event.usage.outputTokens;
      view.cost = event.cost;
      return;
    case "run-restart":
      view.attempt = event.attempt;
      view.epoch = 0;
      for (const row of view.agents) {
        if (row.mood !== "out") Object.assign(row, { mood: "idle", status: "waiting", written: 0 });
        delete row.answer;
        delete row.vote;
      }
      return;
  }
  if (!("agentId" in event)) return;
  const row = rowOf(view, event.agentId);
  if (row === undefined) return;
  const set = (mood: AgentRow["mood"], status: string) => Object.assign(row, { mood, status });
  switch (event.type) {
    case "turn-start":
      row.written = 0;
      if (event.phase === "evaluate") view.voided = 0;
      set("busy", event.phase === "evaluate" ? `comparing ${event.labels.length} answers` : started[event.phase]);
      return;
    case "turn-update":
      set("busy", `reading ${event.labels.length} answers`);
      return;
    case "text-delta":
    case "reasoning-delta":
    case "answer-delta":
      row.written += estimateTokens(event.delta);
      if (event.type === "answer-delta") set("busy", event.phase === "evaluate" ? "writing a better answer" : "drafting");
      else if (row.mood === "trouble") set("busy", started[event.phase]);
      return;
    case "tool-call":
      set("busy", `using ${oneLine(event.toolName)}`);
      return;
    case "step-finish":
      if (event.status === "retry") set("trouble", `trying again: ${erred(row, event.error?.message ?? "the step failed")}`);
      return;
    case "answer":
      row.answer = event.label;
      set("done", `answered ${event.label}`);
      return;
    case "vote":
      row.vote = event.label;
      set("done", `voted → ${event.label}: ${oneLine(event.reason)}`);
      return;
    case "vote-void":
      delete row.vote;
      if (event.reason === "new-answer") view.voided++;
      if (row.mood === "done")
        set("idle", event.reason === "new-answer" ? "its vote is void: a new answer came" : "votes again: no majority");
      return;
    case "decision-rejected":
      set("trouble", `asked again: ${event.code}`);
      return;
    case "turn-finish":
      if (event.outcome === "abstain") set("done", "abstained");
      if (event.outcome === "stale") set("idle", "its decision came too late");
      if (event.phase === "present") set("done", "has written the final answer");
      if (event.phase === "review") set("done", event.outcome === "sent-back" ? "sent the answer back" : "accepted the answer");
      return;
    case "turn-interrupt":
      if (row.mood === "busy" || row.mood === "trouble") set("idle", cuts[event.reason] ?? "stopped");
      return;
    case "turn-error":
      set("trouble", `${event.willRetry ? "will try again" : "failed"}: ${erred(row, event.error.message)}`);
      return;
    case "agent-out":
      set("out", `out: ${reasonsOut[event.reason]}`);
  }
}

function erred(row: AgentRow, text: string): string {
  const message = oneLine(text);
  row.error = { message, again: row.error?.message === message };
  return message;
}

export function rowOf(view: TeamView, agentId: string): AgentRow | undefined {
  return view.agents.find((row) => row.agentId === oneLine(agentId));
}
