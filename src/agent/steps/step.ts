import type { AgentHost, Backend, BackendChunk, BackendRequest, TraceContext } from "../../backends/backend.js";
import { BackendError } from "../../errors.js";
import type { TurnClock } from "../clocks.js";
import { type Reply, type ReplySink, takeChunk } from "./reply.js";

export type StepEnd = { type: "ok" } | { type: "failed"; error: unknown } | { type: "stopped" };

/**
 * One request to the model. The backend's stream is pumped into the reply by a loop of its own, and the step ends when that loop
 * does, or by `stop`: a backend that ignores its signal holds nobody up.
 */
export class Step {
  readonly request: BackendRequest;
  readonly reply: Reply;
  readonly #backend: Backend;
  readonly #clock: TurnClock;
  readonly #sink: ReplySink;
  readonly #host: AgentHost | undefined;
  readonly #controller = new AbortController();
  #iterator: AsyncIterator<BackendChunk> | undefined;
  #resolve: ((end: StepEnd) => void) | undefined;
  #over = false;

  constructor(backend: Backend, request: BackendRequest, reply: Reply, clock: TurnClock, sink: ReplySink, host: AgentHost | undefined) {
    this.#backend = backend;
    this.request = request;
    this.reply = reply;
    this.#clock = clock;
    this.#sink = sink;
    this.#host = host;
  }

  /** Sends the request. The promise never rejects. Call it once, and not after `stop`. */
  run(trace: TraceContext | undefined): Promise<StepEnd> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#clock.beginStep();
      void this.#pump(trace);
    });
  }

  /** Ends it here and now, whatever the backend does; its later chunks are dropped. */
  stop(end: StepEnd, reason: unknown): void {
    if (this.#over) return;
    this.#end(end);
    this.#controller.abort(reason);
    this.#closeStream();
  }

  async #pump(trace: TraceContext | undefined): Promise<void> {
    try {
      const { signal } = this.#controller;
      const host = this.#host;
      const stream = this.#backend.stream(this.request, { signal, ...(trace && { trace }), ...(host && { host }) });
      const iterator = stream[Symbol.asyncIterator]();
      this.#iterator = iterator;
      for (;;) {
        const { done, value: chunk } = await iterator.next();
        if (this.#over) return;
        if (done) return this.#end({ type: "failed", error: truncated(this.#backend) });
        this.#clock.touch(chunk.type !== "response-metadata" && chunk.type !== "warning");
        takeChunk(this.reply, chunk, this.#sink);
        if (chunk.type !== "finish") continue;
        // The reply is whole: how long its connection takes to close, or how, does not matter any more.
        this.#end({ type: "ok" });
        return this.#closeStream();
      }
    } catch (error) {
      if (this.#over) return;
      this.#end({ type: "failed", error });
      this.#closeStream();
    }
  }

  #end(end: StepEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#clock.endStep();
    this.#resolve?.(end);
  }

  #closeStream(): void {
    try {
      this.#iterator?.return?.().then(undefined, () => {}); // nobody is left to hear why closing failed
    } catch {
      // the same
    }
  }
}

function truncated(backend: Backend): BackendError {
  const message = `The stream of ${backend.type} ended before the model had finished. The connection was probably cut; try again.`;
  return new BackendError("stream_truncated", message, { retryable: true, provider: backend.type });
}
