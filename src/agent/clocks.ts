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

/** A limit that can stand still. */
export interface TurnClock {
  pause(): void;
  resume(): void;
  stop(): void;
}

/** Calls `expire` once, after `ms` of running time; `Infinity` never. */
export function startTurnClock(runtime: Runtime, ms: number, expire: () => void): TurnClock {
  let left = ms;
  let since = 0;
  let paused = true;
  let cancel: (() => void) | undefined;

  function resume(): void {
    if (!paused) return;
    paused = false;
    since = runtime.now();
    if (left !== Number.POSITIVE_INFINITY) cancel = runtime.setTimer(left, expire);
  }

  function pause(): void {
    if (paused) return;
    paused = true;
    left = Math.max(0, left - (runtime.now() - since));
    cancel?.();
    cancel = undefined;
  }

  resume();
  return {
    pause,
    resume,
    stop() {
      cancel?.();
      cancel = undefined;
      left = Number.POSITIVE_INFINITY; // a late resume arms nothing
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
