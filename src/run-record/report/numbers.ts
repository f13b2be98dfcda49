import type { LedgerEntry } from "../../orchestrator/ledger.js";
import { dollars, plural } from "../../terminal-text.js";
import { addCost, type Cost, noCost } from "../../token-manager/prices.js";
import { addUsage, noUsage, type Usage } from "../../token-manager/usage.js";
import type { RunHistory } from "../history.js";
import { type Html, html, percent } from "./html.js";

export interface Spending {
  cost: Cost | undefined;
  costByAgent: Record<string, Cost>;
  ledger: readonly LedgerEntry[];
}

export const number = (value: number): string => value.toLocaleString("en-US");
const tokensOf = ({ inputTokens, outputTokens }: Usage): number => inputTokens + outputTokens;
export const tokens = (usage: Usage): string => `${usage.estimated ? "≈ " : ""}${number(tokensOf(usage))}`;

/** A cost as it is shown; `—` where it is not known. */
export function costText(cost: Cost | undefined): string {
  return (cost && dollars(cost)) || "—";
}

const PHASES = ["draft", "evaluate", "present", "review"] as const;

/** Tokens and cost by agent and by phase. */
export function usageSection(history: RunHistory, hues: readonly number[], { cost, costByAgent, ledger }: Spending): Html {
  const spentIn = (phase: string, agentId?: string) =>
    history.turns
      .filter((turn) => turn.phase === phase && (agentId === undefined || turn.agentId === agentId))
      .reduce((sum, turn) => addUsage(sum, turn.usage), noUsage);
  const costIn = (phase: string) => {
    const lines = ledger.filter((entry) => entry.phase === phase);
    return lines.length === 0 ? undefined : lines.reduce<Cost>((sum, { usd, complete }) => addCost(sum, { usd, complete }), noCost);
  };
  const lost = (agentId?: string) => {
    const lines = ledger.filter((entry) => agentId === undefined || entry.agentId === agentId);
    return tokensOf(lines.reduce((sum, { wasted }) => addUsage(sum, wasted), noUsage));
  };
  const phases = PHASES.filter((phase) => history.turns.some((turn) => turn.phase === phase));
  const most = Math.max(1, ...history.agents.map(({ usage }) => tokensOf(usage)));
  const rows = history.agents.map(({ agentId, usage }, i) => {
    const cells = phases.map((phase) => html`<td>${tokens(spentIn(phase, agentId))}</td>`);
    const bars = phases.map((phase) => html`<i class="${phase}" style="width:${percent(tokensOf(spentIn(phase, agentId)), most)}"></i>`);
    return html`<tr style="--h:${hues[i] ?? 0}"><th scope="row"><span class="dot"></span>${agentId}</th>${cells}<td>${number(usage.inputTokens)}</td><td>${number(usage.cachedInputTokens ?? 0)}</td><td>${number(usage.outputTokens)}</td>
${ledger.length > 0 && html`<td>${number(lost(agentId))}</td>`}<td>${costText(costByAgent[agentId])}</td><td class="bars" aria-hidden="true">${bars}</td></tr>`;
  });
  const total = history.usage;
  const byPhase = phases.map(
    (phase) => html`<td>${tokens(spentIn(phase))}${costIn(phase)?.usd != null && html`<small>${costText(costIn(phase))}</small>`}</td>`,
  );
  return html`<section class="wide" aria-labelledby="usage-title"><h2 id="usage-title">Tokens and cost</h2>
<div class="table" tabindex="0" role="group" aria-labelledby="usage-title"><table class="numbers"><thead><tr><th scope="col">agent</th>${phases.map((phase) => html`<th scope="col"><span class="k ${phase}">${phase}</span></th>`)}<th scope="col">input</th><th scope="col">of it cached</th><th scope="col">output</th>${ledger.length > 0 && html`<th scope="col">came to nothing</th>`}<th scope="col">cost</th><th></th></tr></thead>
<tbody>${rows}</tbody><tfoot><tr><th scope="row">all</th>${byPhase}<td>${number(total.inputTokens)}</td><td>${number(total.cachedInputTokens ?? 0)}</td><td>${number(total.outputTokens)}</td>${ledger.length > 0 && html`<td>${number(lost())}</td>`}<td>${costText(cost)}</td><td></td></tr></tfoot></table></div>
<p class="fine">${total.estimated && "≈ holds estimates: steps that were cut short. "}${cost?.usd !== null && cost?.complete === false && "≥: some prices are not known. "}${costText(cost) === "—" && "The cost is not known: no prices, or a record without usage.json. "}${plural(history.turns.length, "turn")}, ${plural(
    history.turns.reduce((sum, { steps }) => sum + steps, 0),
    "model step",
  )}.</p></section>`;
}
