/** What carries the requests of one backend, and how to end it. */
export interface Transport {
  fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}

/**
 * The fetch of a backend: its own, else the global one. `longWaits` takes a connection pool of its own, whose connections may be
 * silent for more than the 300 s that Node's fetch allows; `close` ends them.
 */
export async function openTransport(options: { fetch?: typeof globalThis.fetch | undefined; longWaits?: boolean }): Promise<Transport> {
  const close = async () => {};
  if (options.fetch) return { fetch: options.fetch, close };
  if (!options.longWaits) return { fetch: (input, init) => globalThis.fetch(input, init), close };
  const undici = await import("undici");
  const dispatcher = new undici.Agent({ headersTimeout: 0, bodyTimeout: 0 });
  const fetch = (input: unknown, init: object = {}) => undici.fetch(input as string, { ...init, dispatcher });
  return { fetch: fetch as unknown as typeof globalThis.fetch, close: () => dispatcher.destroy() };
}
