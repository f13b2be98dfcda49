type Fetch = typeof globalThis.fetch;

/** An error body as `wireFetch` hands it to the SDK, which keeps only what is under `error`. */
export interface WrappedBody {
  massgenBody: unknown;
}

/** A request that failed. The SDK would turn anything that mentions a timeout into an error that no longer says which. */
export class FetchFailure extends Error {
  readonly failure: unknown;

  constructor(failure: unknown) {
    super("the request failed");
    this.failure = failure;
  }
}

/**
 * A fetch for the SDK. Error bodies reach our error mapping whole, a plain JSON completion becomes a stream of one event, a web
 * page becomes an error.
 */
export function wireFetch(fetch: Fetch): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init).catch((failure: unknown) => {
      throw new FetchFailure(failure);
    });
    const type = response.headers.get("content-type") ?? "";
    const { status } = response;
    if (!response.ok) return jsonResponse({ error: { massgenBody: parse(await response.text()) } }, status, response.headers);
    if (type.includes("text/html")) {
      const body = { message: "the server answered with a web page instead of a reply", code: "not_found" };
      return jsonResponse({ error: { massgenBody: body } }, 404, response.headers);
    }
    const plain = init?.method?.toUpperCase() === "POST" && type.includes("application/json");
    return plain ? oneEvent(await response.text(), response.headers) : response;
  };
}

/** A server that was asked for a stream and sent the finished completion. */
function oneEvent(text: string, headers: Headers): Response {
  const completion = parse(text) as { choices?: { message?: unknown; delta?: unknown }[] };
  const event =
    typeof completion === "object" && completion !== null && Array.isArray(completion.choices)
      ? { ...completion, choices: completion.choices.map((choice) => ({ ...choice, delta: choice.delta ?? choice.message })) }
      : completion;
  return new Response(`data: ${JSON.stringify(event)}\n\n`, { headers: kept(headers, "text/event-stream") });
}

function jsonResponse(body: unknown, status: number, headers: Headers): Response {
  return new Response(JSON.stringify(body), { status, headers: kept(headers, "application/json") });
}

/** Without what describes the old body. */
function kept(headers: Headers, type: string): Headers {
  const copy = new Headers([...headers]);
  copy.delete("content-length");
  copy.delete("content-encoding");
  copy.set("content-type", type);
  return copy;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
