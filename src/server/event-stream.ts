import type { Reply } from "./conductor.js";
import { asHttpError, envelope, type HttpError } from "./http-error.js";
import type { Output } from "./output.js";

/** How an API spells a reply, event by event. */
export interface StreamEncoder {
  start(): string;
  write(output: Output): string;
  /** What an API says before the error frame. */
  fail?(error: HttpError): string;
}

export interface EventStreamOptions {
  /** Between two comments that keep a silent stream open, in ms. */
  heartbeatMs: number;
  /** Why it was stopped, if it was: told to the client instead of what the run says about it. */
  stopped(): unknown;
  /** Told once when the stream is over, and how. */
  onEnd(end: { outcome: "ok" | "error" | "disconnected"; error?: unknown }): void;
  /** Told at the first text or progress. */
  onFirst?(): void;
}

/** A write costs a system call here and wakes the client there, however short it is: so many ms lie between two of them. */
const WRITE_EVERY_MS = { text: 5, progress: 100 };

/** Characters that wait at most. */
const MOST_UNWRITTEN = 16_384;

const HEARTBEAT = ": keep-alive\n\n";

/** Where events are written. */
export interface Sink {
  /** False when it takes no more for now; it says so when it does again. */
  write(events: string): boolean;
  end(): void;
}

/** What a sink tells of itself. */
export interface SinkListener {
  /** It takes more. */
  drained(): void;
  /** Its reader is gone: stops the run, unless all has been said. */
  left(): void;
}

/**
 * Writes a reply as server-sent events. The first text and the end go out with whatever comes in the same turn of the event loop. Other
 * text waits until 5 ms after the write before, progress until 100 ms after it, as few events with longer deltas. The reader sets the
 * pace: while it does not read, nothing is taken from the reply, whose deltas are merged meanwhile.
 */
export function writeEvents(sink: Sink, reply: Reply, encode: StreamEncoder, options: EventStreamOptions): SinkListener {
  const { outputs, abort } = reply;
  const unwritten = new Unwritten(encode);
  let heartbeat: NodeJS.Timeout | undefined;
  /** The next write. */
  let due: NodeJS.Timeout | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  let soon: NodeJS.Immediate | undefined;
  let wroteAt = performance.now();
  let idle = true;
  let over = false;
  let hasText = false;
  let full = false;
  let onDrain = () => {};
  let first = options.onFirst;
  const forget = () => {
    clearTimeout(due);
    clearImmediate(soon);
    due = soon = undefined;
    dueAt = Number.POSITIVE_INFINITY;
  };
  const end = (outcome: "ok" | "error" | "disconnected", error?: unknown) => {
    if (over) return;
    over = true;
    clearInterval(heartbeat);
    forget();
    options.onEnd({ outcome, ...(error !== undefined && { error }) });
  };
  const write = () => {
    forget();
    const events = unwritten.take();
    if (events === "") return;
    idle = false;
    wroteAt = performance.now();
    first?.();
    first = undefined;
    full = !sink.write(events);
  };
  const fail = (error: unknown) => {
    if (over) return;
    abort("its reply could not go on");
    const told = asHttpError(options.stopped() ?? error);
    sink.write(`${unwritten.take()}${encode.fail?.(told) ?? ""}data: ${JSON.stringify(envelope(told))}\n\n`);
    end(told.status === 499 ? "disconnected" : "error", error);
    sink.end();
  };
  const writeOrFail = () => {
    try {
      write();
    } catch (error) {
      fail(error);
    }
  };
  const schedule = (at: number) => {
    if (soon !== undefined || at >= dueAt) return;
    const wait = at - performance.now();
    if (wait <= 0) return write();
    clearTimeout(due);
    dueAt = at;
    due = setTimeout(writeOrFail, wait);
  };
  const add = (output: Output, last: boolean) => {
    unwritten.add(output);
    if (last || unwritten.length > MOST_UNWRITTEN) return write();
    if (output.type !== "text" || hasText) return schedule(wroteAt + WRITE_EVERY_MS[output.type === "text" ? "text" : "progress"]);
    hasText = true;
    soon ??= setImmediate(writeOrFail);
  };
  const pump = async () => {
    let last = false;
    try {
      for (;;) {
        // After the last output nothing more is to be written: the reply is over, whoever has read it.
        if (full && !last) await new Promise<void>((resolve) => (onDrain = resolve));
        const { done, value: output } = await outputs.next();
        if (over) return;
        if (done) break;
        last = output.type === "finish" || output.type === "tool-calls";
        add(output, last);
      }
      end("ok");
      sink.end();
    } catch (error) {
      fail(error);
    }
  };
  full = !sink.write(encode.start());
  if (options.heartbeatMs !== Number.POSITIVE_INFINITY) {
    heartbeat = setInterval(() => {
      if (idle && !full) full = !sink.write(HEARTBEAT);
      idle = true;
    }, options.heartbeatMs);
    heartbeat.unref();
  }
  void pump();
  return {
    drained() {
      full = false;
      onDrain();
    },
    left() {
      if (over) return; // all was said; a run that waits for the client's tools goes on waiting
      end("disconnected");
      abort("the client went away");
    },
  };
}

/** What is written to a sink as a stream of bytes. */
export function byteStream(writeTo: (sink: Sink) => SinkListener): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let listener: SinkListener;
  return new ReadableStream(
    {
      start(controller) {
        listener = writeTo({
          write(events) {
            controller.enqueue(encoder.encode(events));
            return (controller.desiredSize ?? 0) > 0;
          },
          end: () => controller.close(),
        });
      },
      pull: () => listener.drained(),
      cancel: () => listener.left(),
    },
    // A reader that stands still must not make the run wait for more than one piece.
    { highWaterMark: 1 },
  );
}

/** What is to be written yet: neighbouring deltas of a kind are one. */
class Unwritten {
  readonly #encode: StreamEncoder;
  #encoded = "";
  #type: "progress" | "text" = "text";
  #delta = "";

  constructor(encode: StreamEncoder) {
    this.#encode = encode;
  }

  get length(): number {
    return this.#encoded.length + this.#delta.length;
  }

  /** Throws what the encoder throws; what was added before stays. */
  add(output: Output): void {
    if (output.type !== "progress" && output.type !== "text") {
      this.#settle();
      this.#encoded += this.#encode.write(output);
      return;
    }
    if (output.type !== this.#type) this.#settle();
    this.#type = output.type;
    this.#delta += output.delta;
  }

  take(): string {
    this.#settle();
    const encoded = this.#encoded;
    this.#encoded = "";
    return encoded;
  }

  #settle(): void {
    const delta = this.#delta;
    if (delta === "") return;
    this.#delta = "";
    this.#encoded += this.#encode.write({ type: this.#type, delta });
  }
}
