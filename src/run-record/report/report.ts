import { createHash } from "node:crypto";
import { preview } from "../../terminal-text.js";
import type { RunHistory } from "../history.js";
import { answersSection, finalSection } from "./answers.js";
import { html, nothing } from "./html.js";
import { type Spending, usageSection } from "./numbers.js";
import { SCRIPT } from "./script.js";
import { STYLE } from "./style.js";
import { timeline } from "./timeline.js";
import { headerSection, notesSection, votesSection } from "./verdict.js";

export interface ReportInput extends Partial<Spending> {
  history: RunHistory;
  /** What was asked. Default: the text of the message that the run was given. */
  question?: string | undefined;
}

/** Far apart for neighbours; twelve agents can be told from each other. */
const HUES = [212, 24, 150, 330, 265, 48, 185, 0, 95, 300, 235, 72];

/**
 * A run as one HTML page that needs nothing else: no network, no other file. Everything that models wrote is escaped, and the page's
 * own policy forbids every script but the one in it.
 */
export function renderReport({ history, cost, costByAgent = {}, ledger = [], ...given }: ReportInput): string {
  const question = given.question ?? history.input?.text;
  const spending: Spending = { cost, costByAgent, ledger };
  const hues = history.agents.map((_, i) => HUES[i % HUES.length] as number);
  const hash = createHash("sha256").update(SCRIPT).digest("base64");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const title = `${preview(question ?? history.runId, 80)} · massgen`;
  const votes = votesSection(history, hues);
  const final = finalSection(history, votes === nothing);
  const body = html`<main>${headerSection(history, question, hues, spending)}${votes}${final}${timeline(history, hues)}${answersSection(history, hues)}${usageSection(history, hues, spending)}${notesSection(history)}
<footer>Made by massgen from ${history.seq + 1} events. Times are counted from the start of the run.</footer></main>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${html`${title}`.html}</title><style>${STYLE}</style></head>
<body>${body.html}<script>${SCRIPT}</script></body></html>
`;
}
