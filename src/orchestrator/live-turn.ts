import type { TurnProgress, TurnUpdate, Verdict } from "../agent/types.js";
import { noUsage } from "../token-manager/usage.js";
import type { Spent, TurnOrder } from "./core/types.js";

/** What the driver keeps of a turn under way. */
export class LiveTurn {
  readonly order: TurnOrder;
  readonly agentId: string;
  progress: TurnProgress = { partialText: () => "", usage: () => noUsage };
  /** News that wait for the next step. */
  update: (TurnUpdate & { setVersion: number }) | undefined;
  /** Budgets that its last step has used up, until the core is told. */
  spent: Spent | undefined;
  readonly #controller = new AbortController();
  #answer: ((verdict: Verdict) => void) | undefined;
  /** Text of the steps that ended well, and of the one in flight. */
  #kept = "";
  #current: string[] = [];

  constructor(order: TurnOrder, agentId: string) {
    this.order = order;
    this.agentId = agentId;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: string): void {
    this.#controller.abort(reason);
    this.#answer = undefined;
  }

  takeSpent(): Spent | undefined {
    const { spent } = this;
    this.spent = undefined;
    return spent;
  }

  /** Waits for what becomes of a decision. */
  ask(put: () => void): Promise<Verdict> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      put();
    });
  }

  reply(verdict: Verdict): void {
    this.#answer?.(verdict);
    this.#answer = undefined;
  }

  /** Takes a delta of the final text; returns it with the gap to the text of the step before, where there is one. */
  addPresented(delta: string): string {
    const gap = this.#current.length === 0 && this.#kept !== "" ? "\n\n" : "";
    this.#current.push(gap + delta);
    return gap + delta;
  }

  stepEnded(ok: boolean): void {
    if (ok) this.#kept += this.#current.join("");
    this.#current = [];
  }

  presented(): string {
    return this.#kept;
  }
}
