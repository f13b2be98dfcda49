import type { Backend, BackendChunk, BackendRequest, TraceContext } from "../backends/backend.js";
import { BackendError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import { linkedController } from "./abort.js";
import { startWatchdog, timeoutError } from "./clocks.js";
import type { TurnTimeouts } from "./types.js";

export interface StepOptions {
  backend: Backend;
  request: BackendRequest;
  trace: TraceContext | undefined;
  timeouts: TurnTimeouts;
  runtime: Runtime;
  /** The turn's; when it aborts the backend's signal does too. */
  signal: AbortSignal;
  /** Called synchronously for each chunk until the step is over. */
  onChunk: (chunk: BackendChunk) => void;
}

export type StepEnd = { type: "ok" } | { type: "failed"; error: unknown } | { type: "stopped" };

export interface StepRun {
  /** Never rejects. */
  ended: Promise<StepEnd>;
  /** Ends it here and now, whatever the backend does; its later chunks are dropped. */
  stop(): void;
}

/**
 * One request to the model. The backend's stream is pumped by a loop of its own, and the step ends when that loop does,
 * at a timeout or by `stop`: a backend that ignores its signal holds nobody up.
 */
export function startStep(options: StepOptions): StepRun {
  const { backend, request, trace, onChunk } = options;
  const { controller, unlink } = linkedController(options.signal);
  let over = false;
  let iterator: AsyncIterator<BackendChunk> | undefined;
  let resolve: (end: StepEnd) => void;
  const ended = new Promise<StepEnd>((r) => {
    resolve = r;
  });

  function end(result: StepEnd): void {
    if (over) return;
    over = true;
    watchdog.stop();
    unlink();
    resolve(result);
  }

  function abandon(result: StepEnd, reason: unknown): void {
    if (over) return;
    end(result);
    controller.abort(reason);
    try {
      iterator?.return?.().then(undefined, () => {}); // nobody is left to hear why closing failed
    } catch {
      // the same
    }
  }

  const watchdog = startWatchdog(options.runtime, options.timeouts, (limit, ms) => {
    const error = timeoutError(limit, ms, backend);
    abandon({ type: "failed", error }, error);
  });

  async function pump(): Promise<void> {
    const stream = backend.stream(request, { signal: controller.signal, ...(trace !== undefined && { trace }) });
    iterator = stream[Symbol.asyncIterator]();
    const held = iterator;
    for await (const chunk of { [Symbol.asyncIterator]: () => held }) {
      if (over) return;
      watchdog.touch(chunk.type !== "response-metadata" && chunk.type !== "warning");
      onChunk(chunk);
      if (chunk.type !== "finish") continue;
      // The reply is whole: how long its connection takes to close, or how, does not matter any more.
      end({ type: "ok" });
      return;
    }
  }

  pump().then(
    () => end({ type: "failed", error: truncated(backend) }),
    (error: unknown) => end({ type: "failed", error }),
  );

  return { ended, stop: () => abandon({ type: "stopped" }, options.signal.reason) };
}

function truncated(backend: Backend): BackendError {
  const message = `The stream of ${backend.type} ended before the model had finished. The connection was probably cut; try again.`;
  return new BackendError("stream_truncated", message, { retryable: true, provider: backend.type });
}
