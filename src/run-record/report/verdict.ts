import type { VoteRecord } from "../../orchestrator/events.js";
import { duration, plural, preview } from "../../terminal-text.js";
import { countedVotes, type RecordedVote, type RunHistory } from "../history.js";
import { type Html, html, nothing, percent } from "./html.js";
import { costText, type Spending, tokens } from "./numbers.js";

const REASONS: Record<string, string> = {
  consensus: "Everyone still standing had voted.",
  single: "It was the only answer.",
  exhausted: "Nobody was left to vote: it is the best so far.",
  deadline: "The time was up: it is the best so far.",
  budget: "The budget had no room for more: it is the best so far.",
  "finished-early": "The caller asked to finish: it is the best so far.",
};

/** Who won and why, and the run in figures. */
export function headerSection(history: RunHistory, question: string | undefined, hues: readonly number[], { cost }: Spending): Html {
  const day = new Date(history.start);
  const when = Number.isNaN(day.getTime()) ? "" : `${day.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const figures: [string, string][] = [
    ["took", duration(Math.max(0, history.end - history.start))],
    ["tokens", tokens(history.usage)],
    ["cost", cost?.usd == null ? "unknown" : costText(cost)],
    ["agents", String(history.agents.length)],
    ["answers", String(history.answers.length)],
    ["epochs", String(history.epochs.length)],
  ];
  if (history.attempt > 1) figures.push(["attempts", String(history.attempt)]);
  const long = (question?.length ?? 0) > 320;
  return html`<header class="top"><p class="eyebrow">massgen · run <code>${history.runId}</code>${when !== "" && html` · <time datetime="${day.toISOString()}">${when}</time>`}</p>
<h1 dir="auto" class="${long ? "long" : ""}" ${long && { html: 'tabindex="0"' }}>${question ?? "(the question is not in this record)"}</h1>${attached(history)}
${verdict(history, hues)}
<dl class="figures">${figures.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></header>`;
}

/** What was given with the question. */
function attached({ input }: RunHistory): Html {
  const files = (input?.files ?? []).map(({ mediaType, bytes }) => (bytes === undefined ? mediaType : `${mediaType} (${size(bytes)})`));
  return files.length === 0 ? nothing : html`<p class="fine">with ${files.join(", ")}</p>`;
}

const size = (bytes: number): string =>
  bytes < 1000 ? plural(bytes, "byte") : bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;

function verdict(history: RunHistory, hues: readonly number[]): Html {
  const { winner, label, outcome } = history;
  if (winner === undefined || label === undefined) {
    const text =
      outcome === "running"
        ? "The record breaks off before a decision."
        : `No result: the run ${outcome === "aborted" ? "was aborted" : "failed"}.`;
    return html`<div class="verdict none"><p class="who">${text}</p>${history.error !== undefined && html`<p dir="auto">${history.error}</p>`}</div>`;
  }
  const index = history.agents.findIndex(({ agentId }) => agentId === winner);
  const votes = countedVotes(history);
  const reason = history.reason ?? history.consensus?.reason ?? "";
  const unfinished =
    outcome === "finished"
      ? ""
      : outcome === "running"
        ? " The record breaks off before the end."
        : ` The run then ${outcome === "aborted" ? "was aborted" : "failed"}: ${history.error}`;
  const because = votes.find((vote) => vote.label === label && vote.agentId !== winner);
  return html`<div class="verdict" style="--h:${hues[index] ?? 0}"><p class="who"><span class="crown" aria-hidden="true">★</span> ${winner} won <span class="with">with its answer <code>${label}</code></span></p>
<p>${votes.length > 0 ? score(history, label, votes) : history.consensus?.rule === "oldest-answer" && "No vote counts, so the oldest answer wins. "}${REASONS[reason] ?? reason}${unfinished}</p>${because !== undefined && html`<p class="because" dir="auto">“${preview(because.reason, 220)}” <small>${because.agentId}</small></p>`}</div>`;
}

/** How many votes it has, and next to which others. */
function score(history: RunHistory, label: string, votes: readonly VoteRecord[]): Html {
  // The tally leaves out votes for oneself, where it is a number of votes.
  const { rule, tally = {}, tieRule, carried } = history.consensus ?? {};
  const given = votes.filter((vote) => vote.label === label);
  const counts = rule === "plurality" && tally[label] !== undefined;
  const won = counts ? (tally[label] ?? given.length) : given.length;
  const all = counts ? Object.values(tally).reduce((sum, each) => sum + each, 0) : votes.length;
  const others = Object.keys(tally).filter((each) => each !== label);
  const equal = others.filter((each) => tally[each] === tally[label]);
  const authorOf = (each: string) => history.answers.find((answer) => answer.label === each)?.agentId ?? each;
  const earliest = tieRule === "earliest-answer" ? "of equals the answer that was given first wins" : `the tie was decided by ${tieRule}`;
  const beside =
    tieRule !== undefined
      ? `, as many as ${equal.map(authorOf).join(", ") || "another"}: ${earliest}`
      : rule !== undefined && rule !== "plurality" && rule !== "single"
        ? `, by the rule “${rule}”`
        : others.some((each) => (tally[each] ?? 0) > 0) && ", more than any other answer";
  return html`<b>${won} of ${plural(all, "vote")}</b>${all < votes.length && " (without those for the voter’s own answer)"}${won > 0 && given.every(({ agentId }) => agentId === history.winner) && ", its own"}${beside}${carried && "; votes carried over from an earlier set"}. `;
}

/** The answers that were voted for, most votes first, each with its reasons; then the votes that do not count. */
export function votesSection(history: RunHistory, hues: readonly number[]): Html {
  const counted = countedVotes(history);
  const cast = history.votes;
  if (cast.length === 0 && counted.length === 0) return nothing;
  const hue = (agentId: string) => hues[history.agents.findIndex((agent) => agent.agentId === agentId)] ?? 0;
  const name = (agentId: string) => html`<span class="name" style="--h:${hue(agentId)}"><span class="dot"></span>${agentId}</span>`;
  const { tally, rule } = history.consensus ?? {};
  const score = (label: string) => tally?.[label] ?? counted.filter((vote) => vote.label === label).length;
  const labels = [...new Set(counted.map(({ label }) => label))].sort(
    (a, b) => Number(b === history.label) - Number(a === history.label) || score(b) - score(a),
  );
  const most = Math.max(1, ...labels.map(score));
  const groups = labels.map((label) => {
    const votes = counted.filter((vote) => vote.label === label);
    const target = votes[0]?.targetAgentId ?? "";
    const items = votes.map(
      ({ agentId, reason }) =>
        html`<li>${name(agentId)}${agentId === target && html`<small class="own">own answer${votes.length > score(label) && ", not counted"}</small>`}<q dir="auto">${reason}</q></li>`,
    );
    return html`<div class="group${label === history.label ? " won" : ""}" style="--h:${hue(target)}"><p class="for"><code>${label}</code> ${target}<span class="score">${Number(score(label).toFixed(2))}</span></p><div class="meter"><i style="width:${percent(score(label), most)}"></i></div><ul>${items}</ul></div>`;
  });
  const unvoted = history.agents.flatMap(({ answer }) => (answer === undefined || labels.includes(answer) ? [] : [answer]));
  const voided = cast.filter((vote) => vote.void !== undefined);
  return html`<section aria-labelledby="votes-title" class="${history.text === "" ? "wide" : ""}"><h2 id="votes-title">Why: the votes</h2>
${groups.length > 0 ? html`<div class="groups">${groups}</div>` : html`<p class="none">No vote counts.</p>`}
${unvoted.length > 0 && groups.length > 0 && html`<p class="fine">No vote for ${unvoted.join(", ")}.${rule !== undefined && rule !== "plurality" && ` Decision rule: ${rule}.`}</p>`}
${voided.length > 0 && html`<details class="voided"><summary>${plural(voided.length, "vote")} that no longer ${voided.length === 1 ? "counts" : "count"}</summary><ul>${voided.map((vote) => voidItem(vote, name))}</ul></details>`}</section>`;
}

const VOID: Record<string, string> = {
  "new-answer": "a new answer came",
  "no-majority": "there was no majority",
  restart: "the review sent the result back",
};

function voidItem({ agentId, label, reason, void: why, epoch }: RecordedVote, name: (agentId: string) => Html): Html {
  return html`<li>${name(agentId)} → <code>${label}</code> <small>epoch ${epoch}; ${VOID[why ?? ""] ?? why}</small><q dir="auto">${reason}</q></li>`;
}

/** What else happened: failures, refusals, warnings. */
export function notesSection(history: RunHistory): Html {
  if (history.notes.length === 0) return nothing;
  const shown = history.notes.slice(0, 500);
  const items = shown.map(({ time, agentId, text }) => {
    return html`<li><time>${duration(time - history.start)}</time> <b>${agentId ?? "run"}</b> <span dir="auto">${text}</span></li>`;
  });
  const more = history.notes.length - shown.length;
  return html`<section aria-labelledby="notes-title"><details class="notes"><summary><h2 id="notes-title">Also happened <small>${history.notes.length}</small></h2></summary><ol>${items}</ol>${more > 0 && html`<p class="fine">${more} more are in events.jsonl.</p>`}</details></section>`;
}
