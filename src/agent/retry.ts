import { BackendError } from "../errors.js";
import type { Runtime } from "../runtime.js";

const FIRST_DELAY = 500;
const LONGEST_DELAY = 60_000;

export function isRetryable(error: unknown): error is BackendError {
  return error instanceof BackendError && error.retryable;
}

/** How long to wait before retry number `retry` (from 0), in ms: what the provider asked for, else doubling with jitter. */
export function retryDelay(error: BackendError, retry: number, runtime: Runtime): number {
  if (error.retryAfterMs !== undefined) return Math.min(Math.max(0, error.retryAfterMs), LONGEST_DELAY);
  return Math.min(FIRST_DELAY * 2 ** retry * (0.5 + runtime.random()), LONGEST_DELAY);
}
