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

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(": keep-alive\n\n");

/**
 * A reply as server-sent events. The reader sets the pace: while it does not read, nothing is taken from the run, whose
 * log merges the deltas meanwhile. A reader that goes away stops the run.
 */
export function eventStream(reply: Reply, encode: StreamEncoder, options: EventStreamOptions): ReadableStream<Uint8Array> {
  const { outputs, abort } = reply;
  let heartbeat: NodeJS.Timeout | undefined;
  let idle = true;
  let over = false;
  let first = options.onFirst;
  const end = (outcome: "ok" | "error" | "disconnected", error?: unknown) => {
    if (over) return;
    over = true;
    clearInterval(heartbeat);
    options.onEnd({ outcome, ...(error !== undefined && { error }) });
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
            const text = encode.write(output);
            const last = output.type === "finish" || output.type === "tool-calls";
            if (text === "") continue;
            idle = false;
            first?.();
            first = undefined;
            controller.enqueue(encoder.encode(text));
            if (!last) return;
          }
        } catch (error) {
          if (over) return;
          abort("its reply could not go on");
          const told = asHttpError(options.stopped() ?? error);
          controller.enqueue(encoder.encode(`${encode.fail?.(told) ?? ""}data: ${JSON.stringify(envelope(told))}\n\n`));
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
