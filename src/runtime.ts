/**
 * The four things a run takes from the outside world. Everything in massgen that needs the time, a timer, a random
 * number or an id asks for it here, so that a run can be replayed and simulated.
 */
export interface Runtime {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls `fn` once after `ms`; the returned function cancels. */
  setTimer(ms: number, fn: () => void): () => void;
  /** A number in [0, 1). */
  random(): number;
  /** A fresh id with the given prefix, e.g. `run_8c1f…`. */
  newId(prefix: string): string;
  /** Told of code of massgen's own that is being loaded, so that a virtual clock can wait for it. */
  loading?(code: Promise<unknown>): void;
}

/** Code of massgen's own that is loaded when it is first needed; `code` is its `import()`. */
export function loaded<T>(runtime: Runtime, code: Promise<T>): Promise<T> {
  runtime.loading?.(code);
  return code;
}

/** Node's `setTimeout` fires at once for delays above this; longer waits are taken in stages. */
const MAX_DELAY = 2 ** 31 - 1;

/** The real clock. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  setTimer(ms, fn) {
    let left = Math.max(0, ms);
    let handle: NodeJS.Timeout;
    const arm = () => {
      const slice = Math.min(left, MAX_DELAY);
      left -= slice;
      handle = setTimeout(() => (left > 0 ? arm() : fn()), slice);
    };
    arm();
    return () => clearTimeout(handle);
  },
  random: () => Math.random(),
  newId: (prefix) => `${prefix}_${globalThis.crypto.randomUUID().replaceAll("-", "")}`,
};
