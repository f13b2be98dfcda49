import type { ErrorInfo } from "../errors.js";
import { type Budget, type BudgetUse, tokensOf } from "../token-manager/budget.js";
import type { Usage } from "../token-manager/usage.js";
import type { WarningEvent } from "./events.js";
import type { Ledger } from "./ledger.js";

/** Says how far the caps of a run's budget are used up. Loaded by the runs that want to know. */
export class BudgetWatch {
  readonly #budget: Budget;
  readonly #ledger: Ledger;
  /** Marks that have been told of. */
  readonly #told = new Set<string>();

  constructor(budget: Budget, ledger: Ledger) {
    this.#budget = budget;
    this.#ledger = ledger;
  }

  /** The marks of `budget.warnAt` that the run, or the agent, has reached since it was asked last. */
  warnings(agentId: string): WarningEvent[] {
    const marks = [this.#budget.warnAt ?? []].flat().sort((a, b) => a - b);
    return this.#uses(agentId).flatMap((use) => {
      const whose = isOwn(use) ? { agentId } : {};
      const reached = marks.filter((at) => use.spent >= at * use.limit && this.#isNew(JSON.stringify([use.cap, at, whose])));
      return reached.map((at) => {
        const message = `${Math.floor((100 * use.spent) / use.limit)} % of a budget: ${textOf(use)}.`;
        return { type: "warning", code: "budget_warning", ...whose, message, budget: { ...use, at } };
      });
    });
  }

  /**
   * What the run ends with where `budget.onExceed` is `abort`: names the cap that is spent or, with an `estimate`, has no room for such
   * a step.
   */
  excess(agentId: string, estimate?: Usage): { error?: ErrorInfo } {
    if (this.#budget.onExceed !== "abort") return {};
    const step = estimate && { tokens: tokensOf(estimate), usd: this.#ledger.priceOf(agentId, estimate).usd ?? 0 };
    const needs = ({ cap }: BudgetUse) => step?.[cap === "maxUsd" ? "usd" : "tokens"] ?? 0;
    const isOver = (use: BudgetUse) => (step === undefined ? use.spent >= use.limit : use.spent + needs(use) > use.limit);
    const use = this.#uses(agentId).find((each) => !isOwn(each) && isOver(each));
    const what = use === undefined ? "budget.isSpent says so" : textOf(use);
    const next = use === undefined || step === undefined ? "" : `, and the next step may take ${amount(needs(use))}`;
    const message = `The budget is spent: ${what}${next}. Raise it, or have the best answer so far with budget.onExceed "finish".`;
    return { error: { name: "MassGenError", code: "budget_exceeded", message } };
  }

  #isNew(mark: string): boolean {
    return this.#told.size < this.#told.add(mark).size;
  }

  /** The caps there are: those of the run, then those of the agent. */
  #uses(agentId: string): BudgetUse[] {
    const { total, cost } = this.#ledger;
    const own = this.#ledger.of(agentId);
    const spent: [BudgetUse["cap"], number | null][] = [
      ["maxTokens", tokensOf(total)],
      ["maxUsd", cost.usd],
      ["maxTokensPerAgent", tokensOf(own.usage)],
      ["maxUsdPerAgent", own.cost.usd],
    ];
    return spent.flatMap(([cap, value]) => {
      const limit = this.#budget[cap];
      return limit === undefined ? [] : { cap, spent: value ?? 0, limit };
    });
  }
}

/** Whether the cap is an agent's. */
const isOwn = ({ cap }: BudgetUse): boolean => cap.endsWith("PerAgent");

/** Without the dust of adding dollars. */
const amount = (value: number): number => Number(value.toFixed(6));

const textOf = ({ cap, spent, limit }: BudgetUse): string => `${amount(spent)} of the ${limit} of budget.${cap} are spent`;
