import { BackendError } from "../errors.js";
import { type Runtime, systemRuntime } from "../runtime.js";
import { tokensOf } from "../token-manager/budget.js";
import { estimateTokens, requestTokens } from "../token-manager/estimate.js";
import type { Backend, BackendChunk, BackendRequest, StreamOptions } from "./backend.js";
import type { RateLimits } from "./rate-limits.js";

const MINUTE = 60_000;

/** A request that has been let through. */
interface Passed {
  at: number;
  tokens: number;
}

interface Waiter {
  limits: RateLimits;
  tokens: number;
  go(passed: Passed): void;
}

/** What one key does on one model. Each waiter brings its own limits; the history they are held against is common. */
interface Gate {
  /** Of the last minute, oldest first. */
  passed: Passed[];
  active: number;
  /** The provider asked for silence until then. */
  closedUntil: number;
  /** First come, first served. */
  queue: Waiter[];
  cancelTimer: (() => void) | undefined;
}

/** Keeps the limits of all steps that go through it; those with the same `key` share theirs. */
export interface Limiter {
  stream(backend: Backend, key: string, limits: RateLimits, request: BackendRequest, options: StreamOptions): AsyncIterable<BackendChunk>;
  /** Gates that still remember something. */
  readonly size: number;
}

export function createLimiter(runtime: Runtime): Limiter {
  const gates = new Map<string, Gate>();

  function gateOf(key: string): Gate {
    for (const [other, gate] of gates) if (other !== key && isForgotten(gate, runtime.now())) gates.delete(other);
    let gate = gates.get(key);
    if (!gate) {
      gate = { passed: [], active: 0, closedUntil: 0, queue: [], cancelTimer: undefined };
      gates.set(key, gate);
    }
    return gate;
  }

  /** Lets through whoever may go, in order, and sets a timer for the next. */
  function admit(gate: Gate): void {
    gate.cancelTimer?.();
    gate.cancelTimer = undefined;
    for (let next = gate.queue[0]; next; next = gate.queue[0]) {
      const now = runtime.now();
      const ms = waitFor(gate, next, now);
      if (ms > 0) {
        // Without a time it is a running step that must end first, and its end asks again.
        if (ms !== Number.POSITIVE_INFINITY) gate.cancelTimer = runtime.setTimer(ms, () => admit(gate));
        return;
      }
      gate.queue.shift();
      gate.active++;
      const passed = { at: now, tokens: next.tokens };
      gate.passed.push(passed);
      next.go(passed);
    }
  }

  function enter(gate: Gate, limits: RateLimits, tokens: number, signal: AbortSignal | undefined): Promise<Passed> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        limits,
        tokens,
        go(passed) {
          signal?.removeEventListener("abort", onAbort);
          resolve(passed);
        },
      };
      function onAbort() {
        gate.queue.splice(gate.queue.indexOf(waiter), 1);
        reject(aborted(signal));
        admit(gate);
      }
      if (signal?.aborted) return reject(aborted(signal));
      signal?.addEventListener("abort", onAbort, { once: true });
      gate.queue.push(waiter);
      if (gate.queue.length === 1) admit(gate);
    });
  }

  async function* stream(
    backend: Backend,
    key: string,
    limits: RateLimits,
    request: BackendRequest,
    options: StreamOptions,
  ): AsyncGenerator<BackendChunk> {
    const held = gateOf(key);
    const passed = await enter(held, limits, limits.tokensPerMinute === undefined ? 0 : estimate(backend, request), options.signal);
    try {
      for await (const chunk of backend.stream(request, options)) {
        if (chunk.type === "usage") passed.tokens = tokensOf(chunk.usage);
        yield chunk;
      }
    } catch (error) {
      if (error instanceof BackendError && error.code === "rate_limit" && error.retryAfterMs !== undefined) {
        held.closedUntil = Math.max(held.closedUntil, runtime.now() + Math.min(error.retryAfterMs, MINUTE));
      }
      throw error;
    } finally {
      held.active--;
      admit(held);
    }
  }

  return {
    get size() {
      return gates.size;
    },
    stream,
  };
}

/** The limiter of this process. */
export const processLimiter: Limiter = createLimiter(systemRuntime);

/** Ms until the waiter may go; 0: now; `Infinity`: when a running step has ended. */
function waitFor(gate: Gate, { limits, tokens }: Waiter, now: number): number {
  while (gate.passed[0] && gate.passed[0].at <= now - MINUTE) gate.passed.shift();
  const { requestsPerMinute = Number.POSITIVE_INFINITY, tokensPerMinute = Number.POSITIVE_INFINITY, concurrent } = limits;
  if (concurrent !== undefined && gate.active >= concurrent) return Number.POSITIVE_INFINITY;
  let ms = Math.max(0, gate.closedUntil - now);
  const { passed } = gate;
  // How many of the oldest must be a minute old.
  const over = passed.length - requestsPerMinute;
  if (over >= 0) ms = Math.max(ms, passed[over]!.at + MINUTE - now);
  let spent = passed.reduce((sum, one) => sum + one.tokens, 0);
  for (const one of passed) {
    // A step that is over the limit by itself goes when it is alone.
    if (spent + tokens <= tokensPerMinute) break;
    spent -= one.tokens;
    ms = Math.max(ms, one.at + MINUTE - now);
  }
  return ms;
}

function isForgotten(gate: Gate, now: number): boolean {
  if (gate.active > 0 || gate.queue.length > 0 || gate.closedUntil > now) return false;
  const last = gate.passed.at(-1);
  return last === undefined || last.at <= now - MINUTE;
}

function estimate({ type }: Backend, request: BackendRequest): number {
  return requestTokens(request, estimateTokens, type) + (request.settings?.maxOutputTokens ?? 0);
}

function aborted(signal: AbortSignal | undefined): BackendError {
  return new BackendError("aborted", "The step was aborted while it waited for a rate limit.", { cause: signal?.reason });
}
