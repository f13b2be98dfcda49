import { timerHeap } from "../../src/testing/timer-heap.js";

/** Simulated time: what is due is run in order, and nothing waits. */
export class SimClock {
  now = 0;
  readonly #timers = timerHeap();
  #order = 0;

  /** Runs `fn` after `ms`; never for `Infinity`. Returns what cancels it. */
  after(ms: number, fn: () => void): () => void {
    if (!Number.isFinite(ms)) return () => {};
    const timer = { due: this.now + ms, order: this.#order++, fn, index: -1 };
    this.#timers.push(timer);
    return () => this.#timers.remove(timer);
  }

  /** Runs what is due until `done`. */
  runUntil(done: () => boolean): void {
    while (!done()) {
      const next = this.#timers.peek();
      if (next === undefined) throw new Error("The simulation hangs: nothing is due and the run is not over.");
      this.#timers.remove(next);
      this.now = next.due;
      next.fn();
    }
  }
}
