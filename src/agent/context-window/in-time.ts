import type { Runtime } from "../../runtime.js";
import { linkedController } from "../abort.js";

/** What `ask` comes to, or nothing after so many ms or once `parent` aborts, even if it does not hear its signal. */
export async function inTime<T>(
  runtime: Runtime,
  ms: number,
  ask: (signal: AbortSignal) => Promise<T>,
  parent?: AbortSignal,
): Promise<T | undefined> {
  const { controller, unlink } = linkedController(...(parent === undefined ? [] : [parent]));
  const { signal } = controller;
  if (signal.aborted) return undefined;
  const late = runtime.setTimer(ms, () => controller.abort(new DOMException(`No answer within ${ms} ms.`, "TimeoutError")));
  const aborted = new Promise<undefined>((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));
  try {
    return await Promise.race([ask(signal), aborted]);
  } finally {
    late();
    unlink();
  }
}
