import { MassGenError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import { seededRandom } from "./random.js";
import { type HeapTimer, timerHeap } from "./timer-heap.js";

export interface VirtualRuntimeOptions {
  /** Seeds `random()`. Default 1. */
  seed?: number;
  /** What `now()` says at first, in epoch ms. Default 1,700,000,000,000. */
  startTime?: number;
}

export interface RunUntilOptions {
  /** Timers to fire before giving up with `livelock`. Default 100,000. */
  maxTimers?: number;
  /**
   * Turns of the event loop to wait, with no timer pending, before giving up with `stuck`. Default 50. Raise it when
   * something real happens meanwhile, such as a module that is imported on first use.
   */
  idleTurns?: number;
}

/**
 * A clock that moves only when told to: give it to anything that takes a `Runtime`. Timers fire in the order they are
 * due (those due together in the order they were set), random numbers come from a seed and ids are counted (`run_1`,
 * `run_2`, `turn_1`), so that the same test gives the same run every time. Real time and real I/O are not part of it: a
 * timer meant to guard a network request fires at once, because nothing in virtual time waits for the network.
 */
export interface VirtualRuntime extends Runtime {
  /** How many timers are set and have neither fired nor been cancelled. A timer of `Infinity` ms never counts. */
  readonly pending: number;
  /** Moves the clock by `ms`, firing synchronously every timer due meanwhile; promises they resolve continue afterwards. */
  advance(ms: number): void;
  /** Moves the clock to the next timer and fires it; false when none is set. What the timer throws is thrown here. */
  runNext(): boolean;
  /** Lets promises and their continuations run, without moving the clock. */
  flush(): Promise<void>;
  /** Like `advance`, but lets promises continue before the first timer and after each one. */
  runFor(ms: number): Promise<void>;
  /**
   * Fires timer after timer, letting promises continue in between, until `promise` settles, and gives its result.
   * Throws a `MassGenError` with code `stuck` when nothing is pending that could settle it, `livelock` when timers go
   * on for ever.
   */
  runUntil<T>(promise: PromiseLike<T>, options?: RunUntilOptions): Promise<T>;
}

/** A `Runtime` in virtual time. Takes a seed, or options. */
export function virtualRuntime(options: number | VirtualRuntimeOptions = {}): VirtualRuntime {
  const { seed = 1, startTime = 1_700_000_000_000 } = typeof options === "number" ? { seed: options } : options;
  const timers = timerHeap();
  const random = seededRandom(seed);
  const ids = new Map<string, number>();
  let now = startTime;
  let order = 0;
  let loads = 0;

  function runNext(): boolean {
    const timer = timers.peek();
    if (timer === undefined) return false;
    timers.remove(timer);
    now = Math.max(now, timer.due);
    timer.fn();
    return true;
  }

  function dueBy(time: number): boolean {
    const next = timers.peek();
    return next !== undefined && next.due <= time;
  }

  /** Turns of the event loop: every promise that can continue has done so before it ends, and code being loaded is there. */
  async function flush(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (loads > 0);
  }

  function target(ms: number): number {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
      throw new MassGenError("bad_delay", `The clock cannot move by ${ms} ms: give a finite number of at least 0.`);
    }
    return now + ms;
  }

  return {
    now: () => now,
    setTimer(ms, fn) {
      if (Number.isNaN(ms)) throw new MassGenError("bad_delay", "A timer was set for NaN ms: give a number.");
      if (ms === Number.POSITIVE_INFINITY) return () => {};
      const timer: HeapTimer = { due: now + Math.max(0, ms), order: order++, fn, index: -1 };
      timers.push(timer);
      return () => timers.remove(timer);
    },
    random,
    newId(prefix) {
      const count = (ids.get(prefix) ?? 0) + 1;
      ids.set(prefix, count);
      return `${prefix}_${count}`;
    },
    loading(code) {
      loads++;
      const loaded = () => {
        loads--;
      };
      code.then(loaded, loaded);
    },
    get pending() {
      return timers.size;
    },
    advance(ms) {
      const end = target(ms);
      const still = stillness(100_000);
      while (dueBy(end)) {
        runNext();
        still(now);
      }
      now = Math.max(now, end);
    },
    runNext,
    flush,
    async runFor(ms) {
      const end = target(ms);
      const still = stillness(100_000);
      await flush();
      while (dueBy(end)) {
        runNext();
        still(now);
        await flush();
      }
      now = Math.max(now, end);
    },
    async runUntil(promise, { maxTimers = 100_000, idleTurns = 50 } = {}) {
      let settled = false;
      const mark = () => {
        settled = true;
      };
      promise.then(mark, mark);
      let fired = 0;
      let idle = 0;
      await flush();
      while (!settled) {
        if (fired >= maxTimers) {
          throw new MassGenError("livelock", `Still not settled after ${fired} timers (now ${now}): something sets timers for ever.`);
        }
        if (runNext()) {
          fired++;
          idle = 0;
        } else if (idle++ >= idleTurns) {
          throw new MassGenError(
            "stuck",
            `The promise is not settled and no timer is pending (now ${now}): what it waits for will never happen in virtual time. Look for a promise nobody resolves, or for real I/O.`,
          );
        }
        await flush();
      }
      return await promise;
    },
  };
}

/** Throws once more than `limit` timers have fired at one moment: a timer that sets itself for 0 ms would never let go. */
function stillness(limit: number): (now: number) => void {
  let moment = Number.NaN;
  let count = 0;
  return (now) => {
    count = now === moment ? count + 1 : 1;
    moment = now;
    if (count > limit) throw new MassGenError("livelock", `More than ${limit} timers fired at ${now} without time moving on.`);
  };
}
