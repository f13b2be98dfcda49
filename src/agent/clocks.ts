import type { Backend } from "../backends/backend.js";
import { BackendError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import type { TurnTimeouts } from "./types.js";

export type StepLimit = "step" | "firstChunk" | "chunk";

/** Watches one model step. */
export interface Watchdog {
  /** Something has arrived. `output`: it is the model's, not just a sign that the provider answered. */
  touch(output: boolean): void;
  stop(): void;
}

/**
 * Calls `expire` once, when the step as a whole, its first chunk or its next chunk is overdue. A chunk costs one clock
 * reading: the timer runs on and, when it fires, looks how long ago the last one came.
 */
export function startWatchdog(
  runtime: Runtime,
  limits: Pick<TurnTimeouts, StepLimit>,
  expire: (limit: StepLimit, ms: number) => void,
): Watchdog {
  const started = runtime.now();
  let last = started;
  let begun = false;
  let due = Number.POSITIVE_INFINITY;
  let cancel: (() => void) | undefined;

  function arm(): void {
    due = Math.min(started + limits.step, begun ? last + limits.chunk : started + limits.firstChunk);
    cancel = due === Number.POSITIVE_INFINITY ? undefined : runtime.setTimer(Math.max(0, due - runtime.now()), check);
  }

  function check(): void {
    cancel = undefined;
    const now = runtime.now();
    const overdue: StepLimit | undefined =
      now - started >= limits.step
        ? "step"
        : begun
          ? now - last >= limits.chunk
            ? "chunk"
            : undefined
          : now - started >= limits.firstChunk
            ? "firstChunk"
            : undefined;
    if (overdue === undefined) arm();
    else expire(overdue, limits[overdue]);
  }

  arm();
  return {
    touch(output) {
      last = runtime.now();
      if (begun || !output) return;
      begun = true;
      if (last + limits.chunk >= due) return; // the timer fires early enough as it is
      cancel?.();
      arm();
    },
    stop() {
      cancel?.();
      cancel = undefined;
    },
  };
}

/** The limits of a turn and of its tool calls, which stand still together. */
export interface TurnClock {
  /** Calls `expire` once, after `ms` of running time; `Infinity` never. The returned function cancels. */
  limit(ms: number, expire: () => void): () => void;
  /** Stands still until each pause has been resumed. */
  pause(): void;
  resume(): void;
  /** For good: nothing expires any more. */
  stop(): void;
}

interface Limit {
  left: number;
  since: number;
  expire: () => void;
  cancel: (() => void) | undefined;
}

export function startTurnClock(runtime: Runtime): TurnClock {
  const limits = new Set<Limit>();
  let pauses = 0;
  let stopped = false;

  function arm(limit: Limit): void {
    limit.since = runtime.now();
    limit.cancel = runtime.setTimer(limit.left, () => {
      limits.delete(limit);
      limit.expire();
    });
  }

  function drop(limit: Limit): void {
    limit.cancel?.();
    limits.delete(limit);
  }

  return {
    limit(ms, expire) {
      if (ms === Number.POSITIVE_INFINITY || stopped) return () => {};
      const limit: Limit = { left: ms, since: 0, expire, cancel: undefined };
      limits.add(limit);
      if (pauses === 0) arm(limit);
      return () => drop(limit);
    },
    pause() {
      if (pauses++ > 0) return;
      for (const limit of limits) {
        limit.cancel?.();
        limit.left = Math.max(0, limit.left - (runtime.now() - limit.since));
      }
    },
    resume() {
      if (--pauses === 0) for (const limit of limits) arm(limit);
    },
    stop() {
      stopped = true;
      for (const limit of limits) drop(limit);
    },
  };
}

const WHAT: Record<StepLimit | "turn", string> = {
  turn: "The turn was not over",
  step: "The model step was not over",
  firstChunk: "Nothing came from the model",
  chunk: "The model's stream fell silent and nothing more came",
};

/** The error of a limit that was passed; retryable. */
export function timeoutError(limit: StepLimit | "turn", ms: number, backend: Backend): BackendError {
  const name = backend.model === "" ? backend.type : `${backend.type} ${backend.model}`;
  const message = `${WHAT[limit]} within ${ms} ms (${name}). Check the provider, or raise the timeout \`${limit}\`.`;
  return new BackendError("timeout", message, { retryable: true, provider: backend.type });
}
