import { plural } from "../../terminal-text.js";
import type { RecordedAgent, RecordedAnswer, RunHistory } from "../history.js";
import { type Html, html, nothing } from "./html.js";
import { wordDiff } from "./word-diff.js";

/** Texts longer than this are not compared word by word. */
const MAX_COMPARED = 200_000;

/** The answers side by side, a column per agent, the winner's first; in each the newest version first. */
export function answersSection(history: RunHistory, hues: readonly number[]): Html {
  const order = history.agents.map((_, i) => i).sort((a, b) => Number(isWinner(history, b)) - Number(isWinner(history, a)));
  const columns = order.flatMap((i) => {
    const agent = history.agents[i] as RecordedAgent;
    const versions = history.answers.filter(({ agentId }) => agentId === agent.agentId);
    if (versions.length === 0) return [];
    const won = isWinner(history, i);
    const blocks = versions.map((version, at) => versionBlock(version, versions[at - 1], history, at === versions.length - 1));
    return html`<article class="column${won ? " won" : ""}" style="--h:${hues[i] ?? 0}">
<header><b>${won && html`<span class="crown">★</span> `}${agent.agentId}</b><small>${agent.alias} · ${plural(versions.length, "version")}</small></header>
${blocks.reverse()}</article>`;
  });
  if (columns.length === 0) return html`<section><h2>Answers</h2><p class="none">Nobody has answered.</p></section>`;
  const changed = history.agents.some(({ agentId }) => history.answers.filter((answer) => answer.agentId === agentId).length > 1);
  return html`<section class="wide" aria-labelledby="answers-title"><div class="bar-title"><h2 id="answers-title">Answers</h2>
${changed && html`<label class="switch" hidden><input type="checkbox" id="plain"> hide changes</label>`}</div>
<div class="answers" tabindex="0" role="group" aria-label="Answers side by side">${columns}</div></section>`;
}

const isWinner = (history: RunHistory, index: number): boolean => history.agents[index]?.agentId === history.winner;

function versionBlock(answer: RecordedAnswer, before: RecordedAnswer | undefined, history: RunHistory, newest: boolean): Html {
  const { label, content, lacking, epoch, attempt } = answer;
  const { rule, tally, votes: counted = [] } = history.consensus ?? {};
  // The score leaves out votes for oneself; under other rules it is no number of votes.
  const votes = (rule === "plurality" ? tally?.[label] : undefined) ?? counted.filter((vote) => vote.label === label).length;
  const when = [
    `${answer.phase === "draft" ? "draft" : `epoch ${epoch}`}`,
    attempt > 1 && `attempt ${attempt}`,
    votes > 0 && plural(votes, "vote"),
  ];
  return html`<details ${newest && { html: "open" }}><summary><code>${label}</code> <small>${when.filter(Boolean).join(" · ")}</small></summary>
${lacking !== undefined && html`<p class="lacking" dir="auto"><small>what the others lacked</small> ${lacking}</p>`}
<div class="text" dir="auto">${before === undefined ? content : changes(before.content, content)}</div></details>`;
}

function changes(before: string, after: string): Html | string {
  if (before.length + after.length > MAX_COMPARED) return after;
  const parts = wordDiff(before, after);
  return {
    html: parts
      .map(
        ({ kind, text }) => (kind === "same" ? html`${text}` : kind === "added" ? html`<ins>${text}</ins>` : html`<del>${text}</del>`).html,
      )
      .join(""),
  };
}

/** The final text. */
export function finalSection(history: RunHistory, wide: boolean): Html {
  if (history.text === "") return nothing;
  const title = history.outcome === "finished" ? "Final answer" : "Final answer, as far as it was written";
  return html`<section class="final${wide ? " wide" : ""}" aria-labelledby="final-title"><h2 id="final-title">${title}</h2><div class="text" dir="auto">${history.text}</div></section>`;
}
