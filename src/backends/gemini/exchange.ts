import type { WireFailure } from "../errors.js";
import { Tail } from "../wire-fetch.js";
import { JsonEvents, SseEvents } from "./framing.js";

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
 * Shadows the body that the SDK reads. The SDK lets go of a body without cancelling it, which would leave the connection open;
 * refuses a last event that lacks its blank line; and skips events that begin with anything but `data:`.
 */
function watch(response: Response, body: ReadableStream<Uint8Array>, exchange: Exchange, type: string): void {
  const tail = new Tail();
  exchange.tail = tail;
  const getReader = () => {
    const reader = body.getReader();
    let events: JsonEvents | SseEvents | undefined = type.includes("application/json") ? new JsonEvents() : undefined;
    let begun = false;
    let closed = false;
    let over = false;
    const decoder = new TextDecoder();

    const end = (): Read => {
      tail.end();
      const rest = events && !closed ? events.rest().map(framed).join("") : "";
      over = closed;
      closed = true;
      return over ? { done: true } : { done: false, value: encoder.encode(`${rest}\n\n`) };
    };
    const take = ({ done, value }: Read): Read | Promise<Read> => {
      if (done || !value) return end();
      if (!begun && value.length > 0) {
        begun = true;
        if (value[0] !== LETTER_D) events ??= new SseEvents();
      }
      if (!events) {
        tail.push(value);
        return { done, value };
      }
      const payloads = events.push(decoder.decode(value, { stream: true }));
      if (payloads.length === 0) return read();
      const bytes = encoder.encode(payloads.map(framed).join(""));
      tail.push(bytes);
      return { done, value: bytes };
    };
    const read = (): Promise<Read> => (closed ? Promise.resolve(end()) : reader.read().then(take));
    return {
      read,
      releaseLock() {
        if (over) reader.releaseLock();
        else void reader.cancel().catch(() => {});
      },
    };
  };
  Object.defineProperty(response, "body", { value: { getReader } });
}

const encoder = new TextEncoder();
const LETTER_D = 0x64;

function framed(payload: string): string {
  return `data: ${oneLine(payload)}\n\n`;
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
