import type { BackendChunk } from "./backend.js";
import { type WireOrigin, wireError } from "./errors.js";
import { type OpenedReply, readReply } from "./read-reply.js";
import { requestError, stepAborted } from "./wire-fetch.js";

/**
 * The requests of one backend that are under way. Each has a signal of its own, by which `abort` ends it: the SDKs never take their
 * listeners off the signal they are given.
 */
export class OpenRequests {
  readonly #open = new Set<AbortController>();
  readonly #origin: () => WireOrigin;
  readonly #refusal: typeof wireError;

  /** `refusal` makes the error of an answer that refuses. */
  constructor(origin: () => WireOrigin, refusal = wireError) {
    this.#origin = origin;
    this.#refusal = refusal;
  }

  /** One step. `send` opens it; what of that may fail goes through `sent`. */
  stream(outer: AbortSignal | undefined, send: (signal: AbortSignal) => Promise<OpenedReply>): AsyncIterableIterator<BackendChunk> {
    const { signal, begin, close, abort } = this.#request(outer);
    const open = async () => {
      begin();
      return send(signal);
    };
    return readReply({
      open,
      signal,
      failed: (error) => this.#failed(error, signal),
      close: (whole) => {
        close();
        // Nobody waits for the rest, or for an answer that has not begun.
        if (!whole) abort();
      },
    });
  }

  /** A request that is no step. */
  async call<T>(outer: AbortSignal | undefined, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal, begin, close } = this.#request(outer);
    try {
      begin();
      return await this.sent(send(signal), signal);
    } finally {
      close();
    }
  }

  /** What a request brings, or throws as an error of ours. */
  sent<T>(request: Promise<T>, signal: AbortSignal): Promise<T> {
    return request.catch((error: unknown) => {
      throw this.#failed(error, signal);
    });
  }

  /** Ends them all. */
  abort(): void {
    for (const controller of this.#open) controller.abort();
  }

  #failed(error: unknown, signal: AbortSignal): unknown {
    return requestError(error, this.#origin(), signal, this.#refusal);
  }

  #request(outer: AbortSignal | undefined) {
    const controller = new AbortController();
    const onAbort = () => controller.abort(outer?.reason);
    return {
      signal: controller.signal,
      abort: () => controller.abort(),
      begin: () => {
        if (outer?.aborted) throw stepAborted(this.#origin().provider, outer);
        outer?.addEventListener("abort", onAbort, { once: true });
        this.#open.add(controller);
      },
      close: () => {
        outer?.removeEventListener("abort", onAbort);
        this.#open.delete(controller);
      },
    };
  }
}
