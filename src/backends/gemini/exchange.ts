import type { WireFailure } from "../errors.js";
import { Tail } from "../wire-fetch.js";
import { JsonEvents } from "./json-events.js";

type Fetch = typeof globalThis.fetch;

/** One request, and what the SDK does not tell of its answer. */
export interface Exchange {
  /** For the SDK, for this request alone. */
  fetch: Fetch;
  /** The answer was a refusal. */
  failure: WireFailure | undefined;
  /** There was no answer: what `fetch` threw. */
  broken: unknown;
  /** How the answer's bytes ended, once there is a stream. */
  tail: Tail | undefined;
}

/** `body` replaces what the SDK would send. */
export function openExchange(fetch: Fetch, body?: unknown): Exchange {
  const exchange: Exchange = {
    failure: undefined,
    broken: undefined,
    tail: undefined,
    fetch: async (input, init) => {
      const request = body === undefined ? init : { ...init, body: JSON.stringify(body) };
      const response = await fetch(input, request).catch((error: unknown) => {
        exchange.broken = error;
        throw error;
      });
      const { status, headers } = response;
      const type = headers.get("content-type") ?? "";
      if (!response.ok) {
        exchange.failure = { status, headers, body: parse(await response.text()) };
        return new Response("{}", { status, headers: { "content-type": "application/json" } });
      }
      if (type.includes("text/html")) {
        void response.body?.cancel().catch(() => {});
        const message = "the server answered with a web page instead of a reply";
        exchange.failure = { status: 404, headers, body: { error: { message, code: "not_found" } } };
        return new Response("{}", { status: 404, headers: { "content-type": "application/json" } });
      }
      if (String(input).includes(":streamGenerateContent") && response.body) watch(response, response.body, exchange, type);
      return response;
    },
  };
  return exchange;
}

type Read = { done: boolean; value?: Uint8Array | undefined };

/**
 * Shadows the body that the SDK reads. The SDK lets go of a body without cancelling it, which would leave the connection open, and
 * refuses a last event that lacks its blank line.
 */
function watch(response: Response, body: ReadableStream<Uint8Array>, exchange: Exchange, type: string): void {
  const tail = new Tail();
  exchange.tail = tail;
  const isJson = type.includes("application/json");
  const getReader = () => {
    const reader = body.getReader();
    let ended = false;
    let over = false;
    const end = (): Read => {
      tail.end();
      if (ended) {
        over = true;
        return { done: true };
      }
      ended = true;
      return { done: false, value: encoder.encode("\n\n") };
    };
    const next = isJson ? jsonReader(() => reader.read(), tail, end) : undefined;
    const note = (result: Read): Read => {
      if (result.done || !result.value) return end();
      tail.push(result.value);
      return result;
    };
    return {
      read: next ?? ((): Promise<Read> => (ended ? Promise.resolve(end()) : reader.read().then(note))),
      releaseLock() {
        if (over) reader.releaseLock();
        else void reader.cancel().catch(() => {});
      },
    };
  };
  Object.defineProperty(response, "body", { value: { getReader } });
}

const encoder = new TextEncoder();

/** Turns the objects of a JSON body into events. */
function jsonReader(read: () => Promise<Read>, tail: Tail, end: () => Read): () => Promise<Read> {
  const decoder = new TextDecoder();
  const events = new JsonEvents();
  return async () => {
    for (;;) {
      const { done, value } = await read();
      if (done || !value) return end();
      const objects = events.push(decoder.decode(value, { stream: true }));
      if (objects.length === 0) continue;
      const bytes = encoder.encode(objects.map((object) => `data: ${oneLine(object)}\n\n`).join(""));
      tail.push(bytes);
      return { done: false, value: bytes };
    }
  };
}

function oneLine(object: string): string {
  const value = parse(object);
  return typeof value === "string" ? object.replace(/[\r\n]+/g, " ") : JSON.stringify(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
