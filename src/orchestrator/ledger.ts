import type { Backend } from "../backends/backend.js";
import { listedModel, sellerOf } from "../backends/identity.js";
import { type Budget, limitsDollars, tokensOf } from "../token-manager/budget.js";
import { addCost, type Cost, costOf, noCost, type PriceOverrides, priceOf } from "../token-manager/prices.js";
import { addUsage, noUsage, type Usage } from "../token-manager/usage.js";
import type { Phase, UsageEvent } from "./events.js";

/** What one turn spent. */
export interface LedgerEntry {
  agentId: string;
  turnId: string;
  phase: Phase;
  attempt: number;
  /** Model steps, those that were started again included. */
  steps: number;
  usage: Usage;
  /** `null`: no price is known. */
  usd: number | null;
  /** `false`: something in it has no known price, so `usd` is the least that it cost. */
  complete: boolean;
  /** The part of `usage` that came to nothing: steps that failed or were cut short, all of a turn that failed or was interrupted. */
  wasted: Usage;
}

/** The turn that a step belongs to. */
export type LedgerTurn = Pick<LedgerEntry, "agentId" | "turnId" | "phase" | "attempt">;

interface Amount {
  tokens: number;
  usd: number;
}

/** What one agent has spent. */
interface Account {
  agentId: string;
  usage: Usage;
  cost: Cost;
}

export interface LedgerOptions {
  agents: readonly { id: string; backend: Pick<Backend, "type" | "model"> }[];
  budget: Budget | undefined;
  prices: PriceOverrides | undefined;
}

/** What a run has spent, and whether that is too much. */
export class Ledger {
  total: Usage = noUsage;
  cost: Cost = noCost;
  readonly #options: LedgerOptions;
  // Lists, for all of them stay short: an empty map of Node's costs 180 bytes.
  readonly #accounts: Account[] = [];
  readonly #entries: LedgerEntry[] = [];
  /** What steps under way have reserved. */
  #reserved: (Amount & { turnId: string })[] = [];
  #waiting: (() => void)[] = [];

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** A line per turn that made a step, in the order of their first steps to end. */
  get entries(): LedgerEntry[] {
    return this.#entries.map((entry) => ({ ...entry }));
  }

  /** The agents that have spent something. */
  get byAgent(): Map<string, Usage> {
    return new Map(this.#accounts.map(({ agentId, usage }) => [agentId, usage]));
  }

  get costByAgent(): Map<string, Cost> {
    return new Map(this.#accounts.map(({ agentId, cost }) => [agentId, cost]));
  }

  /**
   * Reserves a step. `agent`, `run`: that budget has no room for it. `wait`: others' reservations take the room; try again when one
   * of them is `settled`.
   */
  reserve({ agentId, turnId }: LedgerTurn, estimate: Usage): "ok" | "wait" | "agent" | "run" {
    const { maxTokens, maxUsd, maxTokensPerAgent, maxUsdPerAgent, onUnknownPrice } = this.#options.budget ?? {};
    const { usd } = this.priceOf(agentId, estimate);
    if (usd === null && limitsDollars(this.#options.budget) && onUnknownPrice !== "allow") return "agent";
    const step: Amount = { tokens: tokensOf(estimate), usd: usd ?? 0 };
    if (!fits(add(this.#spentBy(agentId), step), maxTokensPerAgent, maxUsdPerAgent)) return "agent";
    const others = this.#reserved.reduce<Amount>(add, { tokens: 0, usd: 0 });
    const spent = { tokens: tokensOf(this.total), usd: this.cost.usd ?? 0 };
    if (!fits(add(add(spent, others), step), maxTokens, maxUsd)) return this.#reserved.length > 0 ? "wait" : "run";
    this.#free(turnId);
    this.#reserved.push({ turnId, ...step });
    return "ok";
  }

  /** Resolves when a step under way has been booked. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Books a step; what it had reserved is free again. */
  add(turn: LedgerTurn, usage: Usage, ok = true): void {
    const { agentId } = turn;
    const cost = this.priceOf(agentId, usage);
    this.#write(turn, usage, cost, ok);
    this.total = addUsage(this.total, usage);
    this.cost = addCost(this.cost, cost);
    const account = this.#account(agentId);
    if (account === undefined) this.#accounts.push({ agentId, usage: addUsage(noUsage, usage), cost: addCost(noCost, cost) });
    else {
      account.usage = addUsage(account.usage, usage);
      account.cost = addCost(account.cost, cost);
    }
    this.#free(turn.turnId);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** What is told of a step that has been booked. */
  news(turn: LedgerTurn, epoch: number): UsageEvent {
    const { usage: agentUsage, cost: agentCost } = this.of(turn.agentId);
    return { type: "usage", ...turn, epoch, usage: this.total, cost: this.cost, agentUsage, agentCost };
  }

  /** What an agent has spent. */
  of(agentId: string): Pick<Account, "usage" | "cost"> {
    return this.#account(agentId) ?? { usage: noUsage, cost: noCost };
  }

  /** Which budgets are spent: the run's, the agent's. Throws what the caller's own check throws. */
  spent(agentId: string): { runSpent: boolean; agentSpent: boolean } {
    const { budget } = this.#options;
    const { maxTokens, maxUsd, maxTokensPerAgent, maxUsdPerAgent } = budget ?? {};
    const own = this.#spentBy(agentId);
    return {
      runSpent:
        isSpent({ tokens: tokensOf(this.total), usd: this.cost.usd ?? 0 }, maxTokens, maxUsd) ||
        budget?.isSpent?.({ total: this.total, byAgent: this.byAgent, cost: this.cost }) === true,
      agentSpent: isSpent(own, maxTokensPerAgent, maxUsdPerAgent),
    };
  }

  /** The turn came to nothing. */
  waste(turnId: string): void {
    const entry = this.#entry(turnId);
    if (entry !== undefined) entry.wasted = entry.usage;
  }

  #write(turn: LedgerTurn, usage: Usage, cost: Cost, ok: boolean): void {
    const { agentId, turnId, phase, attempt } = turn;
    let entry = this.#entry(turnId);
    if (entry === undefined) {
      entry = { agentId, turnId, phase, attempt, steps: 0, usage: noUsage, ...noCost, wasted: noUsage };
      this.#entries.push(entry);
    }
    const { usd, complete } = addCost(entry.steps === 0 ? noCost : entry, cost);
    entry.usd = usd;
    entry.complete = complete;
    entry.steps++;
    entry.usage = addUsage(entry.usage, usage);
    if (!ok) entry.wasted = addUsage(entry.wasted, usage);
  }

  #account(agentId: string): Account | undefined {
    return this.#accounts.find((account) => account.agentId === agentId);
  }

  #entry(turnId: string): LedgerEntry | undefined {
    return this.#entries.find((entry) => entry.turnId === turnId);
  }

  #free(turnId: string): void {
    this.#reserved = this.#reserved.filter((step) => step.turnId !== turnId);
  }

  /** What it costs, if a step of the agent spends it. */
  priceOf(agentId: string, usage: Usage): Cost {
    const backend = this.#options.agents.find(({ id }) => id === agentId)?.backend;
    // Looked up at every step: some backends learn their model's name from the server.
    if (backend === undefined) return costOf(usage, null);
    const { prices } = this.#options;
    const seller = sellerOf(backend);
    const price = priceOf(backend.type, backend.model, prices, seller, listedModel(backend));
    return costOf(usage, price, (model) => priceOf(backend.type, model, prices, seller));
  }

  #spentBy(agentId: string): Amount {
    const { usage, cost } = this.of(agentId);
    return { tokens: tokensOf(usage), usd: cost.usd ?? 0 };
  }
}

const add = (a: Amount, b: Amount): Amount => ({ tokens: a.tokens + b.tokens, usd: a.usd + b.usd });

function fits({ tokens, usd }: Amount, maxTokens = Number.POSITIVE_INFINITY, maxUsd = Number.POSITIVE_INFINITY): boolean {
  return tokens <= maxTokens && usd <= maxUsd;
}

function isSpent({ tokens, usd }: Amount, maxTokens = Number.POSITIVE_INFINITY, maxUsd = Number.POSITIVE_INFINITY): boolean {
  return tokens >= maxTokens || usd >= maxUsd;
}
