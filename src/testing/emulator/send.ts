import type { ServerResponse } from "node:http";
import type { Action } from "./plan.js";

/**
 * Carries out the actions on a response whose head has been written. Resolves when the body has ended, was cut, or
 * `signal` aborted. `wrote` hears of every write, once it has left Node's hands.
 */
export async function send(
  actions: readonly Action[],
  response: ServerResponse,
  options: { delayMs: number; signal: AbortSignal; wrote(deltas: number): void; resetting(): void },
): Promise<void> {
  const { delayMs, signal } = options;
  let first = true;
  for (const action of actions) {
    if (signal.aborted) return;
    switch (action.type) {
      case "write": {
        if (!first && delayMs > 0) await sleep(delayMs, signal);
        if (signal.aborted) return;
        first = false;
        const room = response.write(action.bytes);
        // Node gathers the writes of one tick; the pause makes this one a write of its own.
        await (room ? turn() : drained(response, signal));
        options.wrote(action.deltas);
        break;
      }
      case "hold":
        await settled(action.until, signal);
        break;
      case "stall":
        await settled(new Promise(() => {}), signal);
        return;
      case "reset":
        options.resetting();
        response.destroy();
        return;
      case "end":
        await new Promise<void>((resolve) => {
          response.once("close", resolve);
          response.end(resolve);
        });
        return;
    }
  }
}

/** Resolves after `ms` or when `signal` aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** Resolves when `promise` settles, either way, or when `signal` aborts. */
export function settled(promise: PromiseLike<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener("abort", done);
      resolve();
    };
    signal.addEventListener("abort", done, { once: true });
    promise.then(done, done);
  });
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return settled(new Promise<void>((resolve) => response.once("drain", resolve)), signal);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
