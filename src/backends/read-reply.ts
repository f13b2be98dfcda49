import type { BackendChunk } from "./backend.js";
import { JsonDecoder } from "./json-events.js";
import { type EventReading, mapEvents } from "./map-events.js";
import { SseDecoder } from "./sse.js";
import { UnreadableEvent } from "./wire-fetch.js";

/** Reads the events of one reply. What `take` and `end` throw ends the stream. */
export interface ReplyReader {
  /** Puts what an event brings into `out`. An event named `error` may be anything, also a text that is no JSON. */
  take(event: unknown, name: string, out: BackendChunk[]): void;
  /** The same for a reply, or an error, that came as JSON instead of a stream. */
  takeWhole(body: unknown, out: BackendChunk[]): void;
  /** Whether the reply is whole, so that nothing that follows matters. */
  whole(): boolean;
  /** The events are over: puts the rest and `finish` into `out`, or throws. `done`: they closed with `[DONE]`. */
  end(out: BackendChunk[], done: boolean): void;
  /** The events broke off: puts what is known all the same into `out`, e.g. the usage. */
  breakOff(out: BackendChunk[]): void;
}

/** A reply that has begun, and what is needed to read it. */
export interface OpenedReply {
  response: Response;
  reader: ReplyReader;
  /** Told before anything else. */
  warnings: readonly string[];
}

/** How the request for a reply is opened and ended. */
export interface ReplyRequest {
  open(): Promise<OpenedReply>;
  /** What to throw for an error of the connection or of the reader. */
  failed(error: unknown): unknown;
  /** Aborts what is under way. */
  signal: AbortSignal;
  /** Comes last, whatever happened. `whole`: the reply has been read to its end. */
  close(whole: boolean): void;
}

/** Gives the chunks of a reply up to `finish`, or throws. */
export function readReply(request: ReplyRequest): AsyncIterableIterator<BackendChunk> {
  let whole = false;
  const open = async () =>
    readingOf(await request.open(), request, () => {
      whole = true;
    });
  return mapEvents(open, () => request.close(whole));
}

/** The bytes are read here and not by the SDK, whose reading costs up to two thirds of all time and hides how a stream ended. */
function readingOf(
  { response, reader, warnings }: OpenedReply,
  { failed, signal }: ReplyRequest,
  onWhole: () => void,
): EventReading<Uint8Array> {
  let decoder: JsonDecoder | SseDecoder | undefined;
  let done = false;
  let told: BackendChunk[] = [];

  function onEvent(data: string, name: string): void {
    if (data === "" || done || reader.whole()) return;
    if (data.startsWith("[DONE]")) {
      done = true;
      return;
    }
    const event = name === "error" ? parsed(data) : JSON.parse(data);
    if (decoder instanceof JsonDecoder) reader.takeWhole(event, told);
    else reader.take(event, name, told);
  }

  function end(out: BackendChunk[]): void {
    told = out;
    try {
      decoder?.end(onEvent);
    } catch (error) {
      // An event that broke off: the reader judges what has come of the reply.
      if (!(error instanceof SyntaxError)) throw broken(unreadable(error), out);
    }
    if (signal.aborted) throw broken(signal.reason, out);
    conclude(out);
  }

  function conclude(out: BackendChunk[]): void {
    try {
      reader.end(out, done);
      onWhole();
    } catch (error) {
      throw error instanceof TypeError ? failed(unreadable(error)) : error;
    }
  }

  function broken(error: unknown, out: BackendChunk[]): unknown {
    try {
      reader.breakOff(out);
    } catch {
      // What cannot be read cannot be told; the error is.
    }
    return failed(error);
  }

  return {
    events: bytesOf(response.body ?? new Blob([]).stream()),
    first: warnings.map((message) => ({ type: "warning", code: "unsupported_setting", message })),
    take(bytes, out) {
      if (bytes.length === 0) return;
      told = out;
      decoder ??= isJson(response, bytes) ? new JsonDecoder() : new SseDecoder();
      try {
        decoder.push(bytes, onEvent);
      } catch (error) {
        throw unreadable(error);
      }
    },
    end,
    fail(error, out) {
      if (signal.aborted || !(done || reader.whole())) return broken(error, out);
      // What breaks after the end breaks nothing.
      try {
        conclude(out);
        return undefined;
      } catch (thrown) {
        return thrown;
      }
    },
  };
}

/** The pieces of a body. Its own iterator would cost each piece two promises more, and 1 KB. */
function bytesOf(body: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  // A fetch of the caller's, or ours, may give bodies that can only be iterated.
  if (typeof body.getReader !== "function") return body as AsyncIterable<Uint8Array>;
  const reader = body.getReader();
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => reader.read() as Promise<IteratorResult<Uint8Array, undefined>>,
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

/** Some servers say JSON and send it; some say that it is a stream, or the other way round. No line of a stream begins with a bracket. */
function isJson({ headers }: Response, [first = 0]: Uint8Array): boolean {
  if (first === 0x7b || first === 0x5b) return true;
  return Boolean(headers.get("content-type")?.includes("application/json")) && !STREAM.includes(first);
}

/** How a stream begins: with `data:`, `event:` or a comment. */
const STREAM: readonly number[] = [0x64, 0x65, 0x3a];

/** A reader stumbles over an event that is not what its API sends. */
function unreadable(error: unknown): unknown {
  return error instanceof TypeError ? new UnreadableEvent(error) : error;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
