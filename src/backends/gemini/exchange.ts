type Fetch = typeof globalThis.fetch;

/** A fetch for one request of the SDK. `body` replaces what it would send. */
export function fetchWithBody(fetch: Fetch, body: unknown): Fetch {
  return (input, init) => fetch(input, { ...init, body: JSON.stringify(body) });
}

/**
 * Opens a stream through the SDK and takes its response, which the SDK has no way to hand out: it is given an empty one instead,
 * whose events nobody asks it for.
 */
export async function openStream(fetch: Fetch, open: (fetch: Fetch) => Promise<unknown>): Promise<Response> {
  let response: Response | undefined;
  await open(async (input, init) => {
    response = await fetch(input, init);
    return new Response();
  });
  if (response === undefined) throw new Error("the SDK sent no request");
  return response;
}
