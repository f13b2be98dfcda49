import { type Budget, tokensOf } from "../token-manager/budget.js";
import { addUsage, noUsage, type Usage } from "../token-manager/usage.js";

/** What a run has spent, and whether that is too much. */
export class Ledger {
  total: Usage = noUsage;
  readonly byAgent = new Map<string, Usage>();
  readonly #budget: Budget | undefined;

  constructor(budget: Budget | undefined) {
    this.#budget = budget;
  }

  /** Books a step. */
  add(agentId: string, usage: Usage): { runSpent: boolean; agentSpent: boolean } {
    this.total = addUsage(this.total, usage);
    const own = addUsage(this.byAgent.get(agentId) ?? noUsage, usage);
    this.byAgent.set(agentId, own);
    const { maxTokens, maxTokensPerAgent } = this.#budget ?? {};
    return {
      runSpent:
        (maxTokens !== undefined && tokensOf(this.total) >= maxTokens) ||
        this.#budget?.isSpent?.({ total: this.total, byAgent: this.byAgent }) === true,
      agentSpent: maxTokensPerAgent !== undefined && tokensOf(own) >= maxTokensPerAgent,
    };
  }
}
