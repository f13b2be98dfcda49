import type { Runtime } from "../runtime.js";

/** A controller that also aborts when `parent` does. Call `unlink` when done, so that the parent forgets it. */
export function linkedController(parent: AbortSignal): { controller: AbortController; unlink: () => void } {
  const controller = new AbortController();
  if (parent.aborted) {
    controller.abort(parent.reason);
    return { controller, unlink: () => {} };
  }
  const forward = () => controller.abort(parent.reason);
  parent.addEventListener("abort", forward, { once: true });
  return { controller, unlink: () => parent.removeEventListener("abort", forward) };
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
