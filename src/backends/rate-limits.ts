import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import type { Backend } from "./backend.js";
import { lateStream } from "./late-stream.js";
import { wrapped } from "./wrapped.js";

/**
 * What a provider allows one key on one model. Shared by everything in the process that asks the same provider for the same model
 * with the same key; steps that are over a limit wait their turn.
 */
export interface RateLimits {
  /** Requests begun within any 60 s. Default: no limit. */
  requestsPerMinute?: number;
  /**
   * Input and output tokens within any 60 s. A step is let through on an estimate of its input and its `maxOutputTokens`, if any,
   * which the provider's own figures replace. Default: no limit.
   */
  tokensPerMinute?: number;
  /** Requests under way at once. Default: no limit. */
  concurrent?: number;
}

const KEYS = ["requestsPerMinute", "tokensPerMinute", "concurrent"] as const;

/** Throws a `ConfigError` for limits that mean nothing. */
export function checkRateLimits(limits: RateLimits): void {
  if (typeof limits !== "object" || limits === null || Array.isArray(limits)) {
    const message = `"rateLimits" must be an object with ${KEYS.join(", ")}, not ${JSON.stringify(limits)}.`;
    throw new ConfigError("invalid_value", message, { path: "rateLimits" });
  }
  for (const [key, value] of Object.entries(limits) as [string, unknown][]) {
    const path = `rateLimits.${key}`;
    if (!(KEYS as readonly string[]).includes(key)) {
      const meant = nearest(key, KEYS);
      const hint = meant ? `Did you mean "${meant}"?` : `There are ${KEYS.join(", ")}.`;
      throw new ConfigError("unknown_key", `"${key}" is not a rate limit. ${hint}`, { path });
    }
    if (value !== undefined) checkCount(value, path);
  }
}

/** Throws a `ConfigError` for what is no whole number above 0. */
export function checkCount(value: unknown, path: string): void {
  if (Number.isInteger(value) && (value as number) >= 1) return;
  throw new ConfigError("invalid_value", `"${path}" must be a whole number above 0, not ${JSON.stringify(value)}.`, { path });
}

/** The backend under limits that it shares with all of the process that have the same `key`. */
export function withRateLimits(backend: Backend, key: string, limits: RateLimits): Backend {
  return wrapped(backend, {
    stream: (request, options = {}) =>
      lateStream(async () => {
        const { processLimiter } = await import("./rate-limiter.js");
        return processLimiter.stream(backend, key, limits, request, options);
      }),
  });
}
