import { duration, oneLine, padded, plural, preview } from "../terminal-text.js";
import type { RunHistory } from "./history.js";

/** One line of the table: what an agent did, or what concerns all of them. */
interface Row {
  seq: number;
  /** Index of the agent; absent: the whole team. */
  agent?: number;
  text: string;
  /** What the agent is from then on. */
  state?: string;
}

/** What each agent did, in time order, a column per agent: as plain text with boxes, or as a Markdown table. */
export function coordinationTable(history: RunHistory, question: string | undefined, format: "text" | "markdown"): string {
  const rows = rowsOf(history);
  return format === "text" ? textTable(history, question, rows) : markdownTable(history, question, rows);
}

function rowsOf(history: RunHistory): Row[] {
  const rows: Row[] = [];
  const add = (seq: number | undefined, agentId: string | undefined, text: string, state?: string) => {
    const agent = agentId === undefined ? {} : { agent: history.agents.findIndex((each) => each.agentId === agentId) };
    rows.push({ seq: seq ?? history.seq, text, ...agent, ...(state !== undefined && { state }) });
  };
  for (const turn of history.turns) {
    const { agentId, phase, startSeq, endSeq, outcome, why } = turn;
    add(startSeq, agentId, ...(STARTS[phase] ?? [phase, phase]));
    if (endSeq === undefined) continue;
    if (outcome === "interrupted") add(endSeq, agentId, `interrupted (${why})`, "waiting");
    else if (outcome === "abstain") add(endSeq, agentId, "abstains", "abstained");
    else if (outcome === "stale" || outcome === "closed") add(endSeq, agentId, `decided too late (${outcome})`, "waiting");
    else if (outcome === "presented") add(endSeq, agentId, "final answer", "done");
    else if (outcome === "accepted") add(endSeq, agentId, "accepts the final answer", "done");
    else if (outcome === "sent-back") add(endSeq, agentId, "sends the final answer back", "waiting");
  }
  for (const { agentId, label, content, seq } of history.answers)
    add(seq, agentId, `new answer ${label}: ${preview(content, 80)}`, `answered ${label}`);
  for (const { agentId, label, reason, seq, void: voided } of history.votes) {
    const fate = voided === undefined ? "" : ` [void: ${voided}]`;
    add(seq, agentId, `votes ${label}${fate}: ${preview(reason, 80)}`, `voted ${label}`);
  }
  for (const { seq, epoch, labels, voteOnly } of history.epochs)
    add(seq, undefined, `epoch ${epoch}: ${labels.join(", ")}${voteOnly ? " (votes only)" : ""}`);
  for (const { seq, agentId, text, type } of history.notes)
    add(seq, agentId, preview(text, 120), type === "agent-out" ? "out" : type === "turn-error" ? "waiting" : undefined);
  const { consensus } = history;
  if (consensus !== undefined)
    add(consensus.seq, undefined, `winner: ${consensus.label} (${oneLine(consensus.winner)}), ${consensus.reason}`);
  return rows.sort((a, b) => a.seq - b.seq);
}

const STARTS: Record<string, [string, string]> = {
  draft: ["drafts", "drafting"],
  evaluate: ["reads the answers", "evaluating"],
  present: ["presents", "presenting"],
  review: ["reviews", "reviewing"],
};

const LEGEND = [
  "Each row is one event, oldest first, in the column of its agent; (in brackets) what the others are then.",
  "agent2.1 is the first answer of agent2. [void] marks a vote that no longer counts.",
];

function summary(history: RunHistory, i: number): string {
  const agent = history.agents[i];
  if (agent === undefined) return "";
  const answers = history.answers.filter(({ agentId }) => agentId === agent.agentId).length;
  const votes = history.votes.filter(({ agentId }) => agentId === agent.agentId).length;
  const cut = history.turns.filter(({ agentId, outcome }) => agentId === agent.agentId && outcome === "interrupted").length;
  const state = agent.agentId === history.winner ? "winner" : agent.out === undefined ? "" : `out (${agent.out})`;
  return [plural(answers, "answer"), plural(votes, "vote"), cut > 0 && plural(cut, "interrupt"), state].filter(Boolean).join(", ");
}

function ending(history: RunHistory): string {
  const took = duration(Math.max(0, history.end - history.start));
  if (history.outcome === "finished") return `${history.label} by ${oneLine(history.winner ?? "")} won (${history.reason}) after ${took}`;
  if (history.outcome === "running") return `the record breaks off after ${took}`;
  return `${history.outcome} after ${took}: ${oneLine(history.error ?? "")}`;
}

function textTable(history: RunHistory, question: string | undefined, rows: Row[]): string {
  const count = Math.max(1, history.agents.length);
  const width = count <= 2 ? 60 : count === 3 ? 40 : count === 4 ? 30 : 25;
  const number = Math.max(3, `E${rows.length}`.length);
  const inner = count * (width + 3) - 1;
  const line = `+${"-".repeat(number + 2)}+${`${"-".repeat(width + 2)}+`.repeat(count)}`;
  const cells = (first: string, texts: string[]) =>
    `| ${padded(first, number)} |${texts.map((text) => ` ${padded(text, width)} |`).join("")}`;
  const full = (first: string, text: string) => `| ${padded(first, number)} | ${padded(text, inner - 2)} |`;
  const lines = [...LEGEND, "", line];
  lines.push(
    cells(
      "",
      history.agents.map(({ alias, agentId }) => `${alias} (${oneLine(agentId)})`),
    ),
    line,
  );
  if (question !== undefined) lines.push(full("", `Question: ${oneLine(question)}`), line);
  const states = history.agents.map(() => "waiting");
  for (const [at, { agent, text, state }] of rows.entries()) {
    const name = `E${at + 1}`;
    if (agent !== undefined && state !== undefined) states[agent] = state;
    if (agent === undefined) lines.push(line, full(name, text), line);
    else
      lines.push(
        cells(
          name,
          states.map((each, i) => (i === agent ? text : `(${each})`)),
        ),
      );
  }
  lines.push(
    line,
    cells(
      "",
      history.agents.map((_, i) => summary(history, i)),
    ),
    line,
    full("", ending(history)),
    line,
  );
  return `${lines.join("\n").replaceAll(`${line}\n${line}`, line)}\n`;
}

function markdownTable(history: RunHistory, question: string | undefined, rows: Row[]): string {
  const cell = (text: string) => oneLine(text).replace(/[\\`*_[\]<>|&#]/g, "\\$&");
  const row = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const lines = ["# Coordination", ""];
  if (question !== undefined) lines.push(`**Question:** ${cell(question)}`, "");
  lines.push(`**Result:** ${cell(ending(history))}`, "", ...LEGEND, "");
  lines.push(row(["", "team", ...history.agents.map(({ alias, agentId }) => `${alias} (${cell(agentId)})`)]));
  lines.push(row(Array.from({ length: history.agents.length + 2 }, () => "---")));
  for (const [at, { agent, text }] of rows.entries())
    lines.push(
      row([`E${at + 1}`, agent === undefined ? cell(text) : "", ...history.agents.map((_, i) => (i === agent ? cell(text) : ""))]),
    );
  lines.push(row(["", "", ...history.agents.map((_, i) => cell(summary(history, i)))]));
  return `${lines.join("\n")}\n`;
}
