/** The longest wait that Node's timers know, in ms. */
export const MAX_DELAY_MS = 2 ** 31 - 1;

/** Calls `fn` once after `ms`, or never where that is Infinity; does not keep the process alive. The returned function cancels. */
export function after(ms: number, fn: () => void): () => void {
  if (ms === Number.POSITIVE_INFINITY) return () => {};
  const timer = setTimeout(fn, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
