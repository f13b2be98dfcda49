/** Where a `PullIterator` takes its values from. */
export interface PullSource<T> {
  /** The next value, if one is there now. */
  take(): T | undefined;
  /** The consumer left. */
  cancel(): void;
}

const DONE: IteratorReturnResult<undefined> = Object.freeze({ value: undefined, done: true });

/**
 * An async iterator over values that somebody else produces. Written by hand, for an async generator would cost two more
 * promises per value. Calls of `next()` that overlap are answered in order.
 */
export class PullIterator<T> implements AsyncIterableIterator<T, undefined> {
  #source: PullSource<T> | undefined;
  #waiters: ((result: IteratorResult<T, undefined> | Promise<never>) => void)[] = [];
  #ended = false;
  #failure: { error: unknown } | undefined;

  constructor(source: PullSource<T>) {
    this.#source = source;
  }

  /** Whether a call of `next()` waits; only then may `offer` be called. */
  get waiting(): boolean {
    return this.#waiters.length > 0;
  }

  /** Hands a value to the call of `next()` that has waited longest. */
  offer(value: T): void {
    this.#waiters.shift()?.({ value, done: false });
  }

  /** No more values will come; those in the source are still given out. */
  end(): void {
    this.#ended = true;
    for (const resolve of this.#waiters.splice(0)) resolve(DONE);
  }

  /** As `end`, but the first call that finds nothing left rejects with `error`. */
  fail(error: unknown): void {
    const first = this.#waiters.shift();
    if (first === undefined) this.#failure = { error };
    else first(Promise.reject(error));
    this.end();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const value = this.#source?.take();
    if (value !== undefined) return Promise.resolve({ value, done: false });
    if (!this.#ended) return new Promise((resolve) => this.#waiters.push(resolve));
    this.#source = undefined;
    if (this.#failure === undefined) return Promise.resolve(DONE);
    const { error } = this.#failure;
    this.#failure = undefined;
    return Promise.reject(error);
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#source?.cancel();
    this.#source = undefined;
    this.#failure = undefined;
    this.end();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
