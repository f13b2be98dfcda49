import type { TurnProgress, TurnUpdate, Verdict } from "../agent/types.js";
import { TextBuffer } from "../text-buffer.js";
import { noUsage } from "../token-manager/usage.js";
import type { ToolTurn } from "../tools/toolkit.js";
import type { Spent, TurnOrder } from "./core/types.js";

/** What the driver keeps of a turn under way. */
export class LiveTurn {
  readonly order: TurnOrder;
  readonly agentId: string;
  progress: TurnProgress = { partialText: () => "", usage: () => noUsage, hold: () => () => {} };
  /** News that wait for the next step. */
  update: (TurnUpdate & { setVersion: number; epoch: number; labels: string[] }) | undefined;
  /** What toolkits know of it. */
  readonly seen: { -readonly [K in keyof ToolTurn]: ToolTurn[K] };
  /** It was given nothing to work with. */
  toolless = false;
  /** The epoch of the answers it reads. */
  epoch: number;
  /** Budgets that its last step has used up, until the core is told. */
  spent: Spent | undefined;
  readonly #controller = new AbortController();
  #answer: ((verdict: Verdict) => void) | undefined;
  /** Text of the steps that ended well, and of the one in flight. */
  #kept = "";
  /** The step before was only paused by its provider: its text goes on where it stopped. */
  #paused = false;
  readonly #current = new TextBuffer();
  #begun = false;

  constructor(order: TurnOrder, agentId: string) {
    this.order = order;
    this.agentId = agentId;
    this.epoch = order.epoch;
    this.seen = { agentId, turnId: order.turnId, phase: order.phase, labels: labelsOf(order) };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: string): void {
    // As `fetch` and everybody else aborts.
    this.#controller.abort(new DOMException(`The turn was stopped: ${reason}.`, "AbortError"));
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
    const piece = this.#begun || this.#paused || this.#kept === "" ? delta : `\n\n${delta}`;
    this.#begun = true;
    this.#current.add(piece);
    return piece;
  }

  stepEnded(ok: boolean, paused: boolean): void {
    this.#paused = paused;
    const text = this.#current.drain();
    if (ok) this.#kept += text;
    this.#begun = false;
  }

  presented(): string {
    return this.#kept;
  }
}

/** The answers a turn may look at: a review looks at the one that was presented. */
export function labelsOf({ phase, answers, candidate }: TurnOrder): string[] {
  if (phase === "review") return candidate === undefined ? [] : [candidate.label];
  return answers.map(({ label }) => label);
}
