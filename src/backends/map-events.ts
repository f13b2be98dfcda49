import type { BackendChunk } from "./backend.js";

/** How the events of one opened stream become chunks. */
export interface EventReading<E> {
  events: AsyncIterable<E>;
  /** Chunks that come before any event. */
  first?: BackendChunk[];
  /** Puts what an event brings into `out`. What it throws ends the stream, through `fail`. */
  take(event: E, out: BackendChunk[]): void;
  /** The events are over. What it throws ends the stream as it is. */
  end(out: BackendChunk[]): void;
  /** The events broke off with an error: puts what is left into `out` and returns the error to throw, or none if all had come. */
  fail(error: unknown, out: BackendChunk[]): unknown;
}

/**
 * Opens a stream of events and gives its chunks one by one; closes it whatever happens. Written by hand because every
 * delta passes here: an async generator would cost each of them two promises more. Ask for one chunk at a time.
 */
export function mapEvents<E>(open: () => Promise<EventReading<E>>, close: () => void): AsyncIterableIterator<BackendChunk> {
  const out: BackendChunk[] = [];
  let head = 0;
  let reading: EventReading<E> | undefined;
  let source: AsyncIterator<E> | undefined;
  let over = false;
  let closed = false;
  let failure: { error: unknown } | undefined;

  function shut(): void {
    over = true;
    if (closed) return;
    closed = true;
    close();
  }

  /** The next chunk that is there, the end or the error; nothing while more must be read. */
  function ready(): Promise<IteratorResult<BackendChunk, undefined>> | undefined {
    if (head < out.length) {
      const value = out[head++]!;
      if (head === out.length) {
        out.length = 0;
        head = 0;
      }
      return Promise.resolve({ done: false, value });
    }
    if (!over) return undefined;
    const failed = failure;
    failure = undefined;
    shut();
    return failed === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(failed.error);
  }

  function onError(error: unknown): Promise<IteratorResult<BackendChunk, undefined>> {
    if (!over) {
      over = true;
      const failed = reading === undefined ? error : reading.fail(error, out);
      if (failed !== undefined) failure = { error: failed };
    }
    return ready()!;
  }

  function onEvent(result: IteratorResult<E>): Promise<IteratorResult<BackendChunk, undefined>> | IteratorResult<BackendChunk, undefined> {
    if (closed) return { done: true, value: undefined };
    if (result.done) {
      over = true;
      try {
        reading!.end(out);
      } catch (error) {
        failure = { error };
      }
      return ready()!;
    }
    try {
      reading!.take(result.value, out);
    } catch (error) {
      // The source would otherwise wait for a reader that does not come.
      source!.return?.().then(undefined, () => {});
      return onError(error);
    }
    if (out.length === 1) {
      const value = out[0]!;
      out.length = 0;
      return { done: false, value };
    }
    return ready() ?? pull();
  }

  function pull(): Promise<IteratorResult<BackendChunk, undefined>> {
    return source!.next().then(onEvent, onError);
  }

  async function begin(): Promise<IteratorResult<BackendChunk, undefined>> {
    try {
      reading = await open();
      source = reading.events[Symbol.asyncIterator]();
      if (closed) {
        // The reader has left meanwhile.
        source.return?.().then(undefined, () => {});
        return { done: true, value: undefined };
      }
      if (reading.first !== undefined) out.push(...reading.first);
    } catch (error) {
      return onError(error);
    }
    return ready() ?? pull();
  }

  return {
    next: () => ready() ?? (source === undefined ? begin() : pull()),
    return() {
      const ending = over ? undefined : source?.return?.();
      out.length = 0;
      head = 0;
      failure = undefined;
      shut();
      const done = { done: true, value: undefined } as const;
      return ending === undefined ? Promise.resolve(done) : ending.then(() => done);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
