import type { Runtime } from "../runtime.js";

interface Timer {
  name: string | undefined;
  /** When it fires, in the run's time. */
  at: number;
  fn: () => void;
  cancel: (() => void) | undefined;
}

/** The time of one run, which stands still while somebody is asked something. */
export class RunClock {
  readonly #runtime: Runtime;
  #timers: Timer[] = [];
  #holds = 0;
  #heldSince = 0;
  /** How long it has stood still in all. */
  #held = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Epoch milliseconds, less the time it stood still. */
  now(): number {
    return (this.#holds > 0 ? this.#heldSince : this.#runtime.now()) - this.#held;
  }

  /** Calls `fn` once after `ms` of its time; the returned function cancels, as `clearTimer` does with its name. */
  setTimer(ms: number, fn: () => void, name?: string): () => void {
    const timer: Timer = { name, at: this.now() + ms, fn, cancel: undefined };
    this.#timers = this.#timers.concat(timer);
    if (this.#holds === 0) this.#arm(timer);
    return () => this.#clear(timer);
  }

  clearTimer(name: string): void {
    for (const timer of this.#timers) if (timer.name === name) this.#clear(timer);
  }

  /** Clears all timers. */
  stop(): void {
    for (const timer of this.#timers) this.#clear(timer);
  }

  /** Stands still until the returned function has been called, for every hold. */
  hold(): () => void {
    if (this.#holds++ === 0) {
      this.#heldSince = this.#runtime.now();
      for (const timer of this.#timers) timer.cancel?.();
    }
    let released = false;
    return () => {
      if (released) return;
      released = true;
      if (--this.#holds > 0) return;
      this.#held += this.#runtime.now() - this.#heldSince;
      for (const timer of this.#timers) this.#arm(timer);
    };
  }

  #arm(timer: Timer): void {
    timer.cancel = this.#runtime.setTimer(Math.max(0, timer.at - this.now()), () => {
      this.#clear(timer);
      timer.fn();
    });
  }

  #clear(timer: Timer): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
    timer.cancel?.();
  }
}
