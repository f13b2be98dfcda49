import type { BackendChunk, BackendRequest, CallOptions, ModelInfo, StreamOptions } from "./backend.js";
import { lateStream } from "./late-stream.js";

/** What speaks to a provider. */
export interface Wire {
  stream(request: BackendRequest, options: StreamOptions): AsyncIterableIterator<BackendChunk>;
  listModels(options: CallOptions): Promise<ModelInfo[]>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/**
 * The wire of a backend, which is loaded and connected at the first request, once, however many wait for it; again after a failure or
 * a close. Most programs use one or two of the wires, and a backend must be there before any of them.
 */
export class LazyWire<W extends Wire> {
  readonly #open: () => Promise<W>;
  #wire: Promise<W> | undefined;
  #ready: W | undefined;

  constructor(open: () => Promise<W>) {
    this.#open = open;
  }

  stream(request: BackendRequest, options: StreamOptions = {}): AsyncIterableIterator<BackendChunk> {
    if (this.#ready !== undefined) return this.#ready.stream(request, options);
    return lateStream(async () => (await this.#opened()).stream(request, options));
  }

  /** Any other request. */
  async call<T>(send: (wire: W) => Promise<T>): Promise<T> {
    return send(await this.#opened());
  }

  async close(): Promise<void> {
    const wire = this.#wire;
    this.#wire = undefined;
    this.#ready = undefined;
    await (await wire?.catch(() => undefined))?.close();
  }

  #opened(): Promise<W> {
    if (this.#wire !== undefined) return this.#wire;
    const wire = this.#open();
    this.#wire = wire;
    wire.then(
      (ready) => {
        if (this.#wire === wire) this.#ready = ready;
      },
      () => {
        if (this.#wire === wire) this.#wire = undefined;
      },
    );
    return wire;
  }
}
