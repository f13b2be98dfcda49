import type { Backend } from "../backends/backend.js";
import { BackendError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import type { TurnTimeouts } from "./types.js";

export type Limit = "turn" | "step" | "firstChunk" | "chunk";

/**
 * Watches one turn and the step that it is in, with one timer. Calls `expire` when the turn has run too long, or the step as a
 * whole, its first chunk or its next chunk is overdue; whoever hears it ends the turn or the step. A chunk costs one clock reading:
 * the timer runs on and, when it fires, looks how long ago the last one came.
 */
export class TurnClock {
  readonly #runtime: Runtime;
  readonly #limits: TurnTimeouts;
  readonly #expire: (limit: Limit) => void;
  /** Running time that the turn has left. */
  #left: number;
  /** When the turn last began to run. */
  #since = 0;
  #running = false;
  #stopped = false;
  /** How often it has been paused and not resumed. */
  #pauses = 1;
  /** Limits of tool calls, which stand still with the turn's. */
  #calls: Set<CallLimit> | undefined;
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
    this.#left = limits.turn;
    this.resume();
  }

  /** The turn's time, and that of its tool calls, stands still until each pause has been resumed. */
  pause(): void {
    if (this.#pauses++ > 0 || this.#stopped) return;
    const ran = this.#runtime.now() - this.#since;
    this.#left = Math.max(0, this.#left - ran);
    this.#running = false;
    this.#arm();
    if (this.#calls !== undefined) for (const call of this.#calls) haltCall(call, this.#runtime);
  }

  resume(): void {
    if (--this.#pauses > 0 || this.#stopped) return;
    this.#since = this.#runtime.now();
    this.#running = true;
    this.#arm();
    if (this.#calls !== undefined) for (const call of this.#calls) this.#armCall(call);
  }

  /** Calls `expire` once, after `ms` of running time; `Infinity` never. The returned function cancels. */
  limitCall(ms: number, expire: () => void): () => void {
    if (ms === Number.POSITIVE_INFINITY || this.#stopped) return () => {};
    const call: CallLimit = { left: ms, since: 0, expire, cancel: undefined };
    this.#calls ??= new Set();
    this.#calls.add(call);
    if (this.#pauses === 0) this.#armCall(call);
    return () => {
      call.cancel?.();
      this.#calls?.delete(call);
    };
  }

  #armCall(call: CallLimit): void {
    call.since = this.#runtime.now();
    call.cancel = this.#runtime.setTimer(call.left, () => {
      this.#calls?.delete(call);
      call.expire();
    });
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

  /** For good: a late `resume` arms nothing. */
  stop(): void {
    this.#stopped = true;
    if (this.#calls !== undefined) for (const call of this.#calls) call.cancel?.();
    this.#calls = undefined;
    this.#left = Number.POSITIVE_INFINITY;
    this.#running = false;
    this.#step = "none";
    this.#arm();
  }

  /** When each limit in force will be passed. */
  #dueOf(limit: Limit): number {
    switch (limit) {
      case "turn":
        return this.#running ? this.#since + this.#left : Number.POSITIVE_INFINITY;
      case "step":
        return this.#step === "none" ? Number.POSITIVE_INFINITY : this.#started + this.#limits.step;
      case "firstChunk":
        return this.#step === "silent" ? this.#started + this.#limits.firstChunk : Number.POSITIVE_INFINITY;
      case "chunk":
        return this.#step === "streaming" ? this.#last + this.#limits.chunk : Number.POSITIVE_INFINITY;
    }
  }

  #nextDue(): number {
    return Math.min(this.#dueOf("turn"), this.#dueOf("step"), this.#dueOf("firstChunk"), this.#dueOf("chunk"));
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
    if (overdue !== undefined) this.#expire(overdue);
    if (this.#cancel === undefined) this.#arm();
  }
}

/** The time that one tool call has left. */
interface CallLimit {
  left: number;
  since: number;
  expire: () => void;
  cancel: (() => void) | undefined;
}

function haltCall(call: CallLimit, runtime: Runtime): void {
  call.cancel?.();
  call.left = Math.max(0, call.left - (runtime.now() - call.since));
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
