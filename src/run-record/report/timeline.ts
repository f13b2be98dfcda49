import { duration, oneLine, plural, preview } from "../../terminal-text.js";
import type { RecordedNote, RecordedTurn, RunHistory } from "../history.js";
import { type Html, html, nothing, percent } from "./html.js";

/** Share of the width that a label of a mark takes on a usual screen: closer ones show it only when zoomed in. */
const LABEL_ROOM = 0.065;
/** Tool calls closer than this share of the run are one tick. */
const TICKS = 4_000;

const DOES: Record<string, string> = { draft: "drafts", evaluate: "evaluates", present: "presents", review: "reviews" };
const ENDS: Record<string, string> = {
  answer: "→ a new answer",
  vote: "→ a vote",
  abstain: "→ abstains",
  stale: "→ its decision came too late",
  closed: "→ its answer came too late",
  presented: "→ the final answer",
  accepted: "→ accepted",
  "sent-back": "→ sent back",
  interrupted: "✕ interrupted",
  failed: "✕ failed",
};

interface Mark {
  time: number;
  kind: "answer" | "vote" | "void" | "out" | "budget" | "compaction";
  label: string;
  tip: string;
}

/** Who did what when: a row per agent, a bar per turn. */
export function timeline(history: RunHistory, hues: readonly number[]): Html {
  const { start, agents } = history;
  const span = Math.max(1, history.end - start);
  const at = (time: number) => percent(Math.min(Math.max(0, time - start), span), span);
  const epochs = history.epochs.map(({ time, epoch, attempt, labels, voteOnly }, i) => {
    const next = history.epochs[i + 1]?.time;
    const name = `${history.attempt > 1 ? `${attempt}.` : ""}E${epoch}`;
    const tip = `Epoch ${epoch}: ${labels.join(", ")}${voteOnly ? " (votes only)" : ""}`;
    const shown = next === undefined || (next - time) / span > 0.03;
    return html`<div class="epoch" style="left:${at(time)}" title="${tip}">${shown && html`<span>${name}</span>`}</div>`;
  });
  const budgets = history.notes.flatMap(({ agentId, budget, time, text }) =>
    budget === undefined || agentId !== undefined
      ? []
      : html`<div class="epoch budget" style="left:${at(time)}" title="${text}"><span>${marked(budget)}</span></div>`,
  );
  const rows = agents.map((agent, i) => {
    const turns = history.turns.filter(({ agentId }) => agentId === agent.agentId);
    const won = agent.agentId === history.winner;
    return html`<div class="row" style="--h:${hues[i] ?? 0}">
<div class="who"><b>${won && html`<span class="crown" title="winner">★</span> `}${agent.agentId}</b><small>${agent.alias}${agent.model && ` · ${agent.model}`}</small></div>
<div class="lane">${turns.map((turn) => bar(turn, history, at, span))}${ticks(turns, start, span)}${marksOf(history, agent.agentId, span, at)}</div>
</div>`;
  });
  return html`<section aria-labelledby="timeline-title" class="wide">
<div class="bar-title"><h2 id="timeline-title">Timeline</h2>
<div class="legend" aria-hidden="true"><span class="k draft">draft</span><span class="k evaluate">evaluate</span><span class="k present">present</span>${history.turns.some(({ phase }) => phase === "review") && html`<span class="k review">review</span>`}<span class="k cut">interrupted</span><span class="k failed">failed</span><span class="m">◆ answer</span><span class="m">▲ vote</span><span class="m">△ void vote</span><span class="m">▏tool</span>${history.notes.some(({ budget }) => budget !== undefined) && html`<span class="m">! budget</span>`}${history.notes.some(({ compaction }) => compaction !== undefined) && html`<span class="m">⇊ compaction</span>`}</div>
<div class="zoom" hidden><button type="button" data-zoom="0.5" aria-label="Zoom out">−</button><button type="button" data-zoom="0" aria-label="Fit the whole run">fit</button><button type="button" data-zoom="2" aria-label="Zoom in">+</button></div></div>
<div class="scroll" tabindex="0" role="group" aria-label="Timeline of the agents; zoom with + and −, scroll with the arrow keys">
<div class="plot"><div class="row axis"><div class="who"></div><div class="lane">${axis(span)}</div></div>
${rows}<div class="overlay" aria-hidden="true"><div class="lane">${epochs}${budgets}</div></div></div></div>
<div class="tip" id="tip" role="status" hidden></div>
</section>`;
}

function bar(turn: RecordedTurn, history: RunHistory, at: (time: number) => string, span: number): Html {
  const end = turn.end ?? history.end;
  const state = turn.outcome === "interrupted" ? "cut" : turn.outcome === "failed" ? "failed" : turn.end === undefined ? "open" : "";
  const tokens = turn.usage.inputTokens + turn.usage.outputTokens;
  const how = turn.outcome === undefined ? "(not over)" : (ENDS[turn.outcome] ?? turn.outcome);
  const facts = [
    `${turn.agentId} ${DOES[turn.phase] ?? turn.phase} ${how}${turn.why === undefined ? "" : `: ${preview(turn.why, 300)}`}`,
    `${duration(turn.start - history.start)} – ${duration(end - history.start)} (${duration(end - turn.start)}), epoch ${turn.epoch}`,
    `${plural(turn.steps, "step")}, ${turn.usage.estimated ? "about " : ""}${plural(tokens, "token")}${toolsOf(turn)}`,
    turn.rejections.length > 0 && `refused: ${turn.rejections.join(", ")}`,
  ].filter(Boolean);
  const label = facts.join("\n");
  const room = (end - turn.start) / span > 0.05;
  return html`<button type="button" class="turn ${turn.phase} ${state}" style="left:${at(turn.start)};width:${percent(end - turn.start, span)}" data-tip="${label}" aria-label="${label}">${room && html`<span>${turn.phase}</span>`}</button>`;
}

function toolsOf({ tools }: RecordedTurn): string {
  if (tools.length === 0) return "";
  const names = [...new Set(tools.map(({ toolName }) => oneLine(toolName)))];
  const failed = tools.filter(({ isError }) => isError).length;
  return `, ${plural(tools.length, "tool call")} (${names.slice(0, 6).join(", ")}${names.length > 6 ? ", …" : ""}${failed > 0 ? `; ${failed} failed` : ""})`;
}

/** All tool calls of an agent as one drawing, however many there are. */
function ticks(turns: RecordedTurn[], start: number, span: number): Html {
  const places = (failed: boolean) => {
    const all = turns.flatMap(({ tools }) => tools.filter(({ isError }) => (isError === true) === failed));
    return [...new Set(all.map((tool) => Math.round(((tool.start - start) / span) * TICKS)))];
  };
  const path = (xs: number[], name: string) => xs.length > 0 && html`<path class="${name}" d="${xs.map((x) => `M${x} 0V8`).join("")}"/>`;
  const [fine, failed] = [places(false), places(true)];
  if (fine.length + failed.length === 0) return nothing;
  return html`<svg class="ticks" viewBox="0 0 ${TICKS} 8" preserveAspectRatio="none" aria-hidden="true">${path(fine, "ok")}${path(failed, "bad")}</svg>`;
}

function marksOf(history: RunHistory, agentId: string, span: number, at: (time: number) => string): Html[] {
  const of = <T extends { agentId?: string }>(list: T[]) => list.filter((each) => each.agentId === agentId);
  const marks: Mark[] = [
    ...of(history.answers).map(({ time, label, content }): Mark => {
      return { time, kind: "answer", label, tip: `${agentId} answers ${label}: ${preview(content, 200)}` };
    }),
    ...of(history.votes).map(({ time, label, reason, void: voided }): Mark => {
      const fate = voided === undefined ? "" : ` (void: ${voided})`;
      return {
        time,
        kind: voided === undefined ? "vote" : "void",
        label,
        tip: `${agentId} votes for ${label}${fate}: ${preview(reason, 200)}`,
      };
    }),
    ...of(history.notes)
      .filter(({ type }) => type === "agent-out")
      .map(({ time, text }): Mark => ({ time, kind: "out", label: "out", tip: `${agentId} ${text}` })),
    ...of(history.notes).flatMap(({ time, text, budget, compaction }): Mark[] => {
      const tip = `${agentId}: ${text}`;
      if (budget !== undefined) return [{ time, kind: "budget", label: marked(budget), tip }];
      return compaction === undefined ? [] : [{ time, kind: "compaction", label: compaction.method, tip }];
    }),
  ].sort((a, b) => a.time - b.time);
  const icons = { answer: "◆", vote: "▲", void: "△", out: "✕", budget: "!", compaction: "⇊" };
  let free = Number.NEGATIVE_INFINITY;
  return marks.map(({ time, kind, label, tip }, i) => {
    const tag = (name: string) =>
      html`<span class="mark ${kind}${name}" style="left:${at(time)}" title="${tip}">${icons[kind]}<em>${label}</em></span>`;
    if (isBelow(kind)) return tag(" below tight");
    const next = marks.slice(i + 1).find((mark) => !isBelow(mark.kind))?.time ?? Number.POSITIVE_INFINITY;
    // Near the end the label goes to the left of its mark.
    const late = (time - history.start) / span > 1 - LABEL_ROOM * 1.2;
    const room = late ? time - LABEL_ROOM * span >= free : time >= free && (next - time) / span > LABEL_ROOM;
    free = room && !late ? time + LABEL_ROOM * span : Math.max(free, time);
    return tag(`${room ? "" : " tight"}${late ? " late" : ""}`);
  });
}

/** Those of budgets and compactions have a line of their own. */
const isBelow = (kind: Mark["kind"]): boolean => kind === "budget" || kind === "compaction";

/** The part of a budget that has been reached. */
const marked = ({ at }: NonNullable<RecordedNote["budget"]>): string => `${Math.round(at * 100)} %`;

/** Round numbers of seconds, minutes or hours, at most ten of them. */
function axis(span: number): Html[] {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  const step = 1000 * (steps.find((seconds) => span / (seconds * 1000) <= 10) ?? Math.ceil(span / 10_000));
  const places: Html[] = [];
  for (let time = 0; time <= span * 0.97; time += step) places.push(html`<span style="left:${percent(time, span)}">${clock(time)}</span>`);
  return places;
}

function clock(ms: number): string {
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(1))} s`;
  const pad = (value: number) => String(value).padStart(2, "0");
  const seconds = Math.round(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}
