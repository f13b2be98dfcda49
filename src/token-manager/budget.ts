import type { Usage } from "./usage.js";

/** When to stop spending. Checked after every model step. */
export interface Budget {
  /** Input and output tokens of the whole run. When they are spent the best answer so far is the result. */
  maxTokens?: number;
  /** Input and output tokens of one agent. When they are spent the agent is out. */
  maxTokensPerAgent?: number;
  /** A check of your own, e.g. in dollars. Called after every step; `true`: the run's budget is spent. */
  isSpent?(spent: { total: Usage; byAgent: ReadonlyMap<string, Usage> }): boolean;
}

export const tokensOf = (usage: Usage): number => usage.inputTokens + usage.outputTokens;
