/** Microtasks that a generator with nothing left to do takes to end after its last value. */
const A_FEW = 5;

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/**
 * The last value of an iterable, or what a generator returns; every one before it is told as soon as it is known not to be the
 * last: when another follows, or the source goes on working. Aborting closes the source.
 */
export async function lastValue(values: AsyncIterable<unknown>, signal: AbortSignal, tell: (value: unknown) => void): Promise<unknown> {
  const iterator = values[Symbol.asyncIterator]();
  const close = () => {
    try {
      iterator.return?.().then(undefined, () => {}); // nobody is left to hear why closing failed
    } catch {
      // the same
    }
  };
  signal.addEventListener("abort", close, { once: true });
  try {
    let last: unknown;
    let untold = false;
    for (;;) {
      const next = iterator.next();
      if (untold && !(await settlesAtOnce(next))) {
        tell(last);
        untold = false;
      }
      const { done, value } = await next;
      if (signal.aborted) return undefined; // it may not care that it was closed
      if (untold && (done !== true || value !== undefined)) tell(last);
      if (done === true) return value === undefined ? last : value;
      last = value;
      untold = true;
    }
  } finally {
    signal.removeEventListener("abort", close);
  }
}

async function settlesAtOnce(promise: PromiseLike<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  for (let i = 0; i < A_FEW && !settled; i++) await undefined;
  return settled;
}
