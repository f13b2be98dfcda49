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
  add(agentId: string, usage: Usage): void {
    this.total = addUsage(this.total, usage);
    this.byAgent.set(agentId, addUsage(this.byAgent.get(agentId) ?? noUsage, usage));
  }

  /** Which budgets are spent: the run's, the agent's. Throws what the caller's own check throws. */
  spent(agentId: string): { runSpent: boolean; agentSpent: boolean } {
    const { maxTokens, maxTokensPerAgent } = this.#budget ?? {};
    const own = this.byAgent.get(agentId) ?? noUsage;
    return {
      runSpent:
        (maxTokens !== undefined && tokensOf(this.total) >= maxTokens) ||
        this.#budget?.isSpent?.({ total: this.total, byAgent: this.byAgent }) === true,
      agentSpent: maxTokensPerAgent !== undefined && tokensOf(own) >= maxTokensPerAgent,
    };
  }
}
