import type { Reply } from "./conductor.js";
import { asHttpError, envelope, type HttpError } from "./http-error.js";
import type { Output } from "./served-run.js";

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

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(": keep-alive\n\n");

/**
 * A reply as server-sent events. The first text and the end go out with whatever comes in the same turn of the event loop. Other text
 * waits until 5 ms after the write before, progress until 100 ms after it, as few events with longer deltas. The reader sets the pace:
 * while it does not read, nothing is taken from the run, whose log merges the deltas meanwhile. A reader that goes away stops the run.
 */
export function eventStream(reply: Reply, encode: StreamEncoder, options: EventStreamOptions): ReadableStream<Uint8Array> {
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
  const write = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    forget();
    const text = unwritten.take();
    if (text === "") return;
    idle = false;
    wroteAt = performance.now();
    first?.();
    first = undefined;
    controller.enqueue(encoder.encode(text));
  };
  const schedule = (controller: ReadableStreamDefaultController<Uint8Array>, at: number) => {
    if (soon !== undefined || at >= dueAt) return;
    const wait = at - performance.now();
    if (wait <= 0) return write(controller);
    clearTimeout(due);
    dueAt = at;
    due = setTimeout(write, wait, controller);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(encode.start()));
        if (options.heartbeatMs === Number.POSITIVE_INFINITY) return;
        heartbeat = setInterval(() => {
          if (idle && (controller.desiredSize ?? 0) > 0) controller.enqueue(HEARTBEAT);
          idle = true;
        }, options.heartbeatMs);
        heartbeat.unref();
      },
      async pull(controller) {
        try {
          for (;;) {
            const { done, value: output } = await outputs.next();
            if (over) return;
            if (done) {
              end("ok");
              return controller.close();
            }
            unwritten.add(output);
            const last = output.type === "finish" || output.type === "tool-calls";
            if (last || unwritten.length > MOST_UNWRITTEN) write(controller);
            else if (output.type === "text" && !hasText) {
              hasText = true;
              soon ??= setImmediate(write, controller);
            } else schedule(controller, wroteAt + WRITE_EVERY_MS[output.type === "text" ? "text" : "progress"]);
            if (!last && (controller.desiredSize ?? 0) <= 0) return;
          }
        } catch (error) {
          if (over) return;
          abort("its reply could not go on");
          const told = asHttpError(options.stopped() ?? error);
          const frames = `${unwritten.take()}${encode.fail?.(told) ?? ""}data: ${JSON.stringify(envelope(told))}\n\n`;
          controller.enqueue(encoder.encode(frames));
          end(told.status === 499 ? "disconnected" : "error", error);
          controller.close();
        }
      },
      cancel() {
        if (over) return; // all was said; a run that waits for the client's tools goes on waiting
        end("disconnected");
        abort("the client went away");
      },
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
    if (this.#delta === "") return;
    this.#encoded += this.#encode.write({ type: this.#type, delta: this.#delta });
    this.#delta = "";
  }
}
