import type { Runtime } from "../runtime.js";

/** A controller that also aborts when one of `parents` does. Call `unlink` when done, so that they forget it. */
export function linkedController(...parents: AbortSignal[]): { controller: AbortController; unlink: () => void } {
  const controller = new AbortController();
  const aborted = parents.find((parent) => parent.aborted);
  if (aborted !== undefined) {
    controller.abort(aborted.reason);
    return { controller, unlink: () => {} };
  }
  const links = parents.map((parent) => ({ parent, forward: () => controller.abort(parent.reason) }));
  for (const { parent, forward } of links) parent.addEventListener("abort", forward, { once: true });
  return {
    controller,
    unlink() {
      for (const { parent, forward } of links) parent.removeEventListener("abort", forward);
    },
  };
}

/** Resolves after `ms`, or as soon as `signal` aborts. */
export function wait(runtime: Runtime, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const cancel = runtime.setTimer(ms, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    function onAbort() {
      cancel();
      resolve();
    }
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
