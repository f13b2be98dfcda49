import type { BackendChunk } from "./backend.js";

/**
 * A step whose stream is there only once `open` has resolved, which is called with the first chunk that is asked for. Written by hand,
 * as an async generator around the stream itself would cost every delta three promises.
 */
export function lateStream(open: () => Promise<AsyncIterable<BackendChunk>>): AsyncIterableIterator<BackendChunk> {
  let chunks: AsyncIterator<BackendChunk> | undefined;
  let over = false;
  const end: IteratorReturnResult<undefined> = { done: true, value: undefined };
  const begin = async (): Promise<IteratorResult<BackendChunk, undefined>> => {
    try {
      const stream = await open();
      if (over) return end;
      chunks = stream[Symbol.asyncIterator]();
    } catch (error) {
      over = true;
      throw error;
    }
    return chunks.next();
  };
  return {
    next: () => (chunks !== undefined ? chunks.next() : over ? Promise.resolve(end) : begin()),
    async return() {
      over = true;
      await chunks?.return?.();
      return end;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
