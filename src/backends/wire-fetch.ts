import type { ReadableStreamReadResult } from "node:stream/web";

type Fetch = typeof globalThis.fetch;

/** What is kept of a reply's bytes: enough to see how it ended. */
const KEEP = 32 * 1024;

/**
 * The most bytes the SDK is handed at once. After each event it copies all the bytes it still holds, so that what a large piece
 * costs it grows with the square of its size.
 */
const PIECE = 1024;

/** Watches a reply's bytes go by, for what the SDK does not tell: the closing marker, and the whole of the last event. */
export class Tail {
  private older: Uint8Array[] = [];
  private newer: Uint8Array[] = [];
  private size = 0;
  private ended = false;

  end(): void {
    this.ended = true;
  }

  push(bytes: Uint8Array): void {
    this.newer.push(bytes);
    this.size += bytes.length;
    if (this.size < KEEP) return;
    this.older = this.newer;
    this.newer = [];
    this.size = 0;
  }

  /** Whether the bytes are over, in the middle of an event. */
  endedInside(): boolean {
    return this.ended && !/(\r\n\r\n|\n\n|\r\r)$/.test(this.text());
  }

  /** Whether the stream closed with `data: [DONE]`. */
  sawDone(): boolean {
    return /(^|[\r\n])data: ?\[DONE\][^\r\n]*\s*$/.test(this.text());
  }

  /** The last event that is JSON. */
  lastEvent(): unknown {
    const lines = this.text().split(/\r\n|\r|\n/);
    for (let i = lines.length - 1; i >= 0; i--) {
      if (!lines[i]!.startsWith("data:")) continue;
      try {
        return JSON.parse(lines[i]!.slice(5));
      } catch {
        // [DONE], or cut off: the one before it is meant.
      }
    }
    return undefined;
  }

  private text(): string {
    return Buffer.concat([...this.older, ...this.newer]).toString("utf8");
  }
}

const tails = new WeakMap<Response, Tail>();

/** The tail of a streamed reply that `wireFetch` fetched. */
export function tailOf(response: Response): Tail | undefined {
  return tails.get(response);
}

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

/** The one event that stands for a reply which came whole; `undefined` where the body is no reply that should have been streamed. */
export type WholeReply = (body: unknown, url: string) => unknown;

/**
 * A fetch for the SDK. Error bodies reach our error mapping whole, a plain JSON reply becomes a stream of one event, a web page
 * becomes an error, and the end of a stream stays visible. `onBytes` sees each read of a stream before the SDK does, and may
 * change it in place.
 */
export function wireFetch(fetch: Fetch, wholeReply: WholeReply = wholeCompletion, onBytes?: (bytes: Uint8Array) => void): Fetch {
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
    if (init?.method?.toUpperCase() !== "POST") return response;
    const url = typeof input === "object" && "url" in input ? input.url : String(input);
    if (type.includes("application/json")) {
      const text = await response.text();
      const event = wholeReply(parse(text), url);
      return event === undefined
        ? new Response(text, { status, headers: kept(response.headers, type) })
        : oneEvent(event, response.headers);
    }
    // Chat completions are read from the bytes themselves.
    return /\/chat\/completions(\?|$)/.test(url) ? response : watched(response, onBytes);
  };
}

function watched(response: Response, onBytes?: (bytes: Uint8Array) => void): Response {
  const body = response.body;
  if (!body) return response;
  const tail = new Tail();
  // The SDK iterates `body`. Shadowing it costs one call per network chunk; wrapping the stream would cost many.
  const iterable = {
    [Symbol.asyncIterator]() {
      const reader = body.getReader();
      let rest: Uint8Array | undefined;
      const cut = (bytes: Uint8Array) => {
        const longer = bytes.length > PIECE;
        rest = longer ? bytes.subarray(PIECE) : undefined;
        return { done: false as const, value: longer ? bytes.subarray(0, PIECE) : bytes };
      };
      const note = (result: ReadableStreamReadResult<Uint8Array>) => {
        if (result.done) {
          tail.end();
          return result;
        }
        onBytes?.(result.value);
        tail.push(result.value);
        return cut(result.value);
      };
      return {
        next: () => (rest === undefined ? reader.read().then(note) : Promise.resolve(cut(rest))),
        async return() {
          rest = undefined;
          await reader.cancel();
          return { done: true, value: undefined };
        },
      };
    },
  };
  Object.defineProperty(response, "body", { value: iterable });
  tails.set(response, tail);
  return response;
}

/** A server that was asked for a stream and sent the finished completion. */
function wholeCompletion(body: unknown): unknown {
  const { choices } = (body ?? {}) as { choices?: { message?: unknown; delta?: unknown }[] };
  if (!Array.isArray(choices)) return body;
  return { ...(body as object), choices: choices.map((choice) => ({ ...choice, delta: choice.delta ?? choice.message })) };
}

function oneEvent(event: unknown, headers: Headers): Response {
  return watched(new Response(`data: ${JSON.stringify(event)}\n\n`, { headers: kept(headers, "text/event-stream") }));
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
