import type { Cost } from "./prices.js";
import type { Usage } from "./usage.js";

/**
 * When to stop spending. Before a step its input, as estimated, and `maxOutputTokens` of its settings (where it has none:
 * `RESERVED_OUTPUT_TOKENS`) are reserved, after it what it really spent is booked. A step that does not fit is not started; it waits
 * while other steps of the run are under way, for they may leave more than they reserved.
 */
export interface Budget {
  /** Input and output tokens of the whole run. When they are spent the best answer so far is the result, but for `onExceed`. */
  maxTokens?: number;
  /** US dollars of the whole run. When they are spent the best answer so far is the result, but for `onExceed`. */
  maxUsd?: number;
  /** Input and output tokens of one agent. When they are spent the agent is out. */
  maxTokensPerAgent?: number;
  /** US dollars of one agent. When they are spent the agent is out. */
  maxUsdPerAgent?: number;
  /** A check of your own. Called after every step; `true`: the run's budget is spent. */
  isSpent?(spent: { total: Usage; byAgent: ReadonlyMap<string, Usage>; cost: Cost }): boolean;
  /**
   * What becomes of a model without a known price under a budget in dollars. `deny`: a `ConfigError` `unknown_price`, or, where the
   * model is known only later, its agent is out. `allow`: it runs and counts nothing in dollars. Default `deny`.
   */
  onUnknownPrice?: "allow" | "deny";
  /**
   * Parts of each cap, above 0 and at most 1, at which a `warning` event `budget_warning` tells what is spent: once per cap and part, of
   * the agents' caps once per agent. Default: none.
   */
  warnAt?: number | readonly number[];
  /**
   * What becomes of the run when its own budget is spent, or has no room for a step. `finish`: the best answer so far is the result.
   * `abort`: all turns are stopped at once and the run ends with the error `budget_exceeded`, whatever there is. An agent whose budget
   * is spent is out in either case. Default `finish`.
   */
  onExceed?: "finish" | "abort";
}

/** A cap of a budget, and what is spent of it: tokens or US dollars. */
export interface BudgetUse {
  cap: "maxTokens" | "maxUsd" | "maxTokensPerAgent" | "maxUsdPerAgent";
  spent: number;
  limit: number;
}

/** Output tokens reserved for a step whose settings do not limit them. */
export const RESERVED_OUTPUT_TOKENS = 2048;

export const tokensOf = (usage: Usage): number => usage.inputTokens + usage.outputTokens;

/** Whether the budget says anything that must be known before a step. */
export function limitsSteps({ maxTokens, maxUsd, maxTokensPerAgent, maxUsdPerAgent }: Budget = {}): boolean {
  return [maxTokens, maxUsd, maxTokensPerAgent, maxUsdPerAgent].some((limit) => limit !== undefined);
}

export const limitsDollars = ({ maxUsd, maxUsdPerAgent }: Budget = {}): boolean => maxUsd !== undefined || maxUsdPerAgent !== undefined;
