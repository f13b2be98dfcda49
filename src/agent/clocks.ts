import type { Backend } from "../backends/backend.js";
import { BackendError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import type { TurnTimeouts } from "./types.js";

export type Limit = "turn" | "step" | "firstChunk" | "chunk";

/** The limit of one tool call. */
interface CallLimit {
  /** The turn's running time at which it is passed. */
  at: number;
  expire: () => void;
}

const NONE: readonly CallLimit[] = [];

/**
 * Watches one turn, the step that it is in and the tool calls that it waits for, with one timer. Calls `expire` when the turn has run
 * too long, or the step as a whole, its first chunk or its next chunk is overdue; whoever hears it ends the turn or the step. A chunk
 * costs one clock reading: the timer runs on and, when it fires, looks how long ago the last one came. A pause stops the time of the
 * turn and of its tool calls, not that of a step: nobody but its provider keeps it waiting.
 */
export class TurnClock {
  readonly #runtime: Runtime;
  readonly #limits: TurnTimeouts;
  readonly #expire: (limit: Limit) => void;
  /** Running time of the turn, up to `#since`. */
  #ran = 0;
  /** When the turn last began to run. */
  #since: number;
  #pauses = 0;
  #calls = NONE;
  /** When the step began. */
  #started = 0;
  /** When something last arrived. */
  #last = 0;
  #step: "none" | "silent" | "streaming" = "none";
  /** When the timer fires. */
  #due = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  /** The turn's time begins to run. A limit of `Infinity` never expires. */
  constructor(runtime: Runtime, limits: TurnTimeouts, expire: (limit: Limit) => void) {
    this.#runtime = runtime;
    this.#limits = limits;
    this.#expire = expire;
    this.#since = runtime.now();
    this.#arm();
  }

  /** The turn's time stands still until each pause has been resumed. */
  pause(): void {
    if (this.#pauses++ > 0) return;
    this.#ran += Math.max(0, this.#runtime.now() - this.#since);
    this.#arm();
  }

  resume(): void {
    if (--this.#pauses > 0) return;
    this.#since = this.#runtime.now();
    this.#arm();
  }

  /** Watches a tool call: calls `expire` once, after `ms` of the turn's running time; `Infinity` never. The returned function cancels. */
  limitCall(ms: number, expire: () => void): () => void {
    if (ms === Number.POSITIVE_INFINITY) return () => {};
    const elapsed = this.#pauses > 0 ? this.#ran : this.#ran + this.#runtime.now() - this.#since;
    const call = { at: elapsed + ms, expire };
    this.#calls = this.#calls.concat(call);
    if (this.#nextDue() < this.#due) this.#arm();
    return () => this.#drop(call);
  }

  beginStep(): void {
    this.#started = this.#runtime.now();
    this.#step = "silent";
    if (this.#nextDue() < this.#due) this.#arm();
  }

  /** Something has arrived. `output`: it is the model's, not just a sign that the provider answered. */
  touch(output: boolean): void {
    this.#last = this.#runtime.now();
    if (this.#step !== "silent" || !output) return;
    this.#step = "streaming";
    if (this.#nextDue() < this.#due) this.#arm(); // else the timer fires early enough as it is
  }

  /** The timer is left as it is: there may be another step at once. */
  endStep(): void {
    this.#step = "none";
  }

  /** For good: a pause that nobody resumes. */
  stop(): void {
    this.#pauses++;
    this.#step = "none";
    this.#calls = NONE;
    this.#arm();
  }

  /** When each limit in force will be passed. */
  #dueOf(limit: Limit): number {
    switch (limit) {
      case "turn":
        return this.#whenRan(this.#limits.turn);
      case "step":
        return this.#step === "none" ? Number.POSITIVE_INFINITY : this.#started + this.#limits.step;
      case "firstChunk":
        return this.#step === "silent" ? this.#started + this.#limits.firstChunk : Number.POSITIVE_INFINITY;
      case "chunk":
        return this.#step === "streaming" ? this.#last + this.#limits.chunk : Number.POSITIVE_INFINITY;
    }
  }

  /** When the turn will have run for `ms`. */
  #whenRan(ms: number): number {
    return this.#pauses > 0 ? Number.POSITIVE_INFINITY : this.#since + ms - this.#ran;
  }

  #nextDue(): number {
    let due = Math.min(this.#dueOf("turn"), this.#dueOf("step"), this.#dueOf("firstChunk"), this.#dueOf("chunk"));
    for (const { at } of this.#calls) due = Math.min(due, this.#whenRan(at));
    return due;
  }

  #arm(): void {
    this.#cancel?.();
    this.#due = this.#nextDue();
    const forever = this.#due === Number.POSITIVE_INFINITY;
    this.#cancel = forever ? undefined : this.#runtime.setTimer(Math.max(0, this.#due - this.#runtime.now()), () => this.#check());
  }

  #check(): void {
    this.#cancel = undefined;
    const now = this.#runtime.now();
    const overdue = LIMITS.find((limit) => this.#dueOf(limit) <= now);
    const call = this.#calls.find(({ at }) => this.#whenRan(at) <= now);
    if (overdue !== undefined) this.#expire(overdue);
    else if (call !== undefined) {
      this.#drop(call);
      call.expire();
    }
    if (this.#cancel === undefined) this.#arm();
  }

  #drop(call: CallLimit): void {
    this.#calls = this.#calls.filter((other) => other !== call);
  }
}

const LIMITS: readonly Limit[] = ["turn", "step", "firstChunk", "chunk"];

const WHAT: Record<Limit, string> = {
  turn: "The turn was not over",
  step: "The model step was not over",
  firstChunk: "Nothing came from the model",
  chunk: "The model's stream fell silent and nothing more came",
};

/** The error of a limit that was passed; retryable. */
export function timeoutError(limit: Limit, ms: number, backend: Backend): BackendError {
  const name = backend.model === "" ? backend.type : `${backend.type} ${backend.model}`;
  const message = `${WHAT[limit]} within ${ms} ms (${name}). Check the provider, or raise the timeout \`${limit}\`.`;
  return new BackendError("timeout", message, { retryable: true, provider: backend.type });
}
