import type { Runtime } from "../runtime.js";

interface Timer {
  left: number;
  since: number;
  fn: () => void;
  cancel: () => void;
}

/** The time of one run, which stands still while somebody is asked something. */
export class RunClock {
  readonly #runtime: Runtime;
  readonly #timers = new Set<Timer>();
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

  /** Calls `fn` once after `ms` of its time; the returned function cancels. */
  setTimer(ms: number, fn: () => void): () => void {
    const timer: Timer = { left: ms, since: 0, fn, cancel: () => {} };
    this.#timers.add(timer);
    if (this.#holds === 0) this.#arm(timer);
    return () => {
      this.#timers.delete(timer);
      timer.cancel();
    };
  }

  /** Stands still until the returned function has been called, for every hold. */
  hold(): () => void {
    if (this.#holds++ === 0) {
      this.#heldSince = this.#runtime.now();
      for (const timer of this.#timers) {
        timer.cancel();
        timer.left = Math.max(0, timer.left - (this.#heldSince - timer.since));
      }
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
    timer.since = this.#runtime.now();
    timer.cancel = this.#runtime.setTimer(timer.left, () => {
      this.#timers.delete(timer);
      timer.fn();
    });
  }
}
