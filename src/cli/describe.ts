import { compactionLine } from "../compaction-line.js";
import type { CoordinationEvent } from "../orchestrator/events.js";
import type { RunResult } from "../orchestrator/run.js";
import type { Style } from "./style.js";
import { type AgentRow, rowOf, type TeamView } from "./team-view.js";
import { dollars, duration, oneLine, plural } from "./text.js";

/** What a line of the display says, and of which agent. */
export interface Line {
  row?: AgentRow;
  text: string;
}

/** A line about something worth one, or `undefined`. The view is the one after the event. */
export function describe(event: CoordinationEvent, view: TeamView, style: Style): Line | undefined {
  const row = "agentId" in event ? rowOf(view, event.agentId) : undefined;
  const text = textOf(event, view, style);
  return text === undefined ? undefined : { text, ...(row && { row }) };
}

function textOf(event: CoordinationEvent, view: TeamView, style: Style): string | undefined {
  switch (event.type) {
    case "epoch-start":
      return style.dim(
        `Epoch ${event.epoch}: ${event.labels.join(", ")}${view.voided > 0 ? `; ${plural(view.voided, "vote")} void` : ""}${event.voteOnly ? "; votes only from here on" : ""}`,
      );
    case "answer": {
      const better = event.phase === "evaluate" ? "has a better answer," : "answers";
      const why = event.lacking === undefined ? "" : style.dim(` (what the others lacked: ${clip(oneLine(event.lacking), 120)})`);
      return `${better} ${style.bold(event.label)}: ${clip(oneLine(event.content), 120)}${why}`;
    }
    case "vote":
      return `votes for ${style.bold(event.label)}: ${clip(oneLine(event.reason), 200)}`;
    case "vote-void":
      // A new answer's are counted in the line of its epoch.
      return event.reason === "new-answer" ? undefined : style.dim(`the vote for ${event.label} is void, there was no majority`);
    case "decision-rejected":
      return style.dim(`the decision was refused (${event.code})`);
    case "turn-finish":
      return event.outcome === "abstain" ? style.dim("abstains") : undefined;
    case "turn-error":
      return `${style.bad(event.willRetry ? "error, will try again" : "failed")}: ${errorOf(event.agentId, view)}`;
    case "step-finish":
      if (event.status !== "retry") return undefined;
      return `${style.bad("trying again")}: ${errorOf(event.agentId, view)}`;
    case "compaction":
      // Which methods do not apply is for the record to tell.
      return style.dim(compactionLine({ ...event, failed: [] }));
    case "warning":
      return style.dim(`warning: ${oneLine(event.message)}`);
    case "agent-out":
      return style.bad(rowOf(view, event.agentId)?.status ?? `out: ${event.reason}`);
    case "consensus":
      return decision(event, view, style);
    case "run-restart":
      return `${style.bold(`Attempt ${event.attempt}`)}: the review sent the answer back: ${clip(oneLine(event.feedback), 200)}`;
    default:
      return undefined;
  }
}

/** An error in full where it is news. */
function errorOf(agentId: string, view: TeamView): string {
  const { message = "", again = false } = rowOf(view, agentId)?.error ?? {};
  return again ? "the same error" : message;
}

function decision(event: CoordinationEvent & { type: "consensus" }, view: TeamView, style: Style): string {
  const { label, votes, reason, tieRule } = event;
  const row = rowOf(view, event.winner);
  const author = row ? ` by ${style.agent(row.index, row.agentId)}` : "";
  const answer = `${style.good(style.bold(label))}${author}`;
  if (reason === "single") return `${answer} is the only answer`;
  const won = votes.filter((vote) => vote.label === label).length;
  const count = votes.length === 0 ? "without a vote" : `with ${won} of ${plural(votes.length, "vote")}`;
  const tie = tieRule === undefined ? "" : `, a tie decided by ${tieRule}`;
  const early: Partial<Record<typeof reason, string>> = {
    deadline: ", at the deadline",
    budget: ", as the budget is spent",
    "finished-early": ", as it was asked to finish",
    exhausted: ", as nobody is left to vote",
  };
  return `${answer} wins ${count}${tie}${early[reason] ?? ""}`;
}

/** The closing line. */
export function summary(result: RunResult, ms: number, style: Style): string {
  const { winner, label, votes, usage, cost, reason, epochs } = result;
  const won = votes.filter((vote) => vote.label === label).length;
  const parts = [
    `${label} by ${oneLine(winner)}`,
    votes.length > 0 && `${won} of ${plural(votes.length, "vote")}`,
    reason,
    epochs > 1 && plural(epochs, "epoch"),
    `${usage.estimated ? "about " : ""}${plural(usage.inputTokens + usage.outputTokens, "token")}`,
    dollars(cost) && `${usage.estimated && cost.complete ? "about " : ""}${dollars(cost)}`,
    duration(ms),
  ];
  return style.dim(parts.filter(Boolean).join(" · "));
}

export function nameOf(row: AgentRow, style: Style): string {
  return `${style.agent(row.index, row.alias)} ${row.agentId}`;
}

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length).trimEnd()}…` : text;
}
