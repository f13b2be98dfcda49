import type { IncomingMessage } from "node:http";
import { MassGenError } from "../../errors.js";

/**
 * How an exchange ended: the response was sent to its end (faults that end it early but cleanly included); the client
 * left first; the emulator cut the connection as a fault; the emulator was closed.
 */
export type ExchangeEnd = "complete" | "client-left" | "reset" | "emulator-closed";

/** A request the emulator received, refused ones included. */
export interface RecordedRequest {
  /** From 0, in order of arrival. */
  readonly index: number;
  readonly method: string;
  /** With the query, if there was one. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON; the text where it is not JSON; undefined without a body. */
  readonly body: unknown;
  /** Epoch ms. */
  readonly time: number;
  /** HTTP status of the response, once it has begun. */
  readonly status: number | undefined;
  /** Deltas sent so far. */
  readonly chunksSent: number;
  /** How the exchange ended; undefined while it lasts. */
  readonly end: ExchangeEnd | undefined;
  /** Resolves when the exchange is over. Never rejects. */
  readonly closed: Promise<ExchangeEnd>;
}

export interface OpenRequest extends RecordedRequest {
  status: number | undefined;
  chunksSent: number;
  end: ExchangeEnd | undefined;
  finish(end: ExchangeEnd): void;
}

export function openRequest(message: IncomingMessage, body: unknown, index: number): OpenRequest {
  let settle = (_: ExchangeEnd) => {};
  const closed = new Promise<ExchangeEnd>((resolve) => {
    settle = resolve;
  });
  return {
    index,
    method: message.method ?? "",
    path: message.url ?? "",
    headers: flatHeaders(message),
    body,
    time: Date.now(),
    status: undefined,
    chunksSent: 0,
    end: undefined,
    closed,
    finish(end) {
      if (this.end !== undefined) return;
      this.end = end;
      settle(end);
    },
  };
}

/** The whole body, or undefined when the client left before it was sent. */
export async function readBody(message: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  try {
    for await (const part of message) parts.push(part as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(parts).toString("utf8");
}

function flatHeaders(message: IncomingMessage): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return flat;
}

/** Lets tests wait for a state instead of sleeping. */
export interface Watch {
  /** Look again: something changed. */
  changed(): void;
  /** Resolves with what `look` gives as soon as it is not undefined. */
  wait<T>(look: () => T | undefined, signal?: AbortSignal): Promise<T>;
  /** Rejects everyone still waiting, now and later. */
  stop(): void;
}

export function createWatch(): Watch {
  const looks = new Set<() => void>();
  let stopped = false;
  return {
    changed() {
      for (const look of [...looks]) look();
    },
    stop() {
      stopped = true;
      for (const look of [...looks]) look();
    },
    wait(look, signal) {
      return new Promise((resolve, reject) => {
        const leave = () => {
          looks.delete(check);
          signal?.removeEventListener("abort", onAbort);
        };
        const onAbort = () => {
          leave();
          reject(signal?.reason);
        };
        const check = () => {
          try {
            const found = look();
            if (found === undefined && !stopped) return;
            leave();
            if (found !== undefined) resolve(found);
            else reject(new MassGenError("emulator_closed", "The emulator was closed before what was waited for happened."));
          } catch (error) {
            leave();
            reject(error);
          }
        };
        if (signal?.aborted) return onAbort();
        looks.add(check);
        signal?.addEventListener("abort", onAbort, { once: true });
        check();
      });
    },
  };
}
