import { type FileHandle, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { type CoordinationEvent, isTerminal } from "../orchestrator/events.js";
import { isGone, parseEvent, readStatus } from "./read-record.js";

export interface FollowOptions {
  /** Ends it. */
  signal?: AbortSignal;
  /** How often the file is looked at, in ms. Default 200. */
  pollMs?: number;
  /** Called for a line that is no event; what it throws ends it. */
  onBad?: () => void;
}

const NEWLINE = 0x0a;
/** Looks at the file between two looks at whether its writer is still there. */
const LOOKS = 10;

/**
 * The events of a record that is still being written, from its first one on. Ends after the terminal event, when `signal` aborts, or
 * when the process that wrote it is gone. A file that is renamed, replaced or cut is read on under its old name; an event that is
 * there again is given once.
 */
export async function* followEvents(
  path: string,
  { signal, pollMs = 200, onBad }: FollowOptions = {},
): AsyncGenerator<CoordinationEvent, void> {
  let tail: Tail | undefined;
  let seq = -1;
  let gone = false;
  try {
    for (let look = 1; !signal?.aborted; look++) {
      tail ??= await openTail(path);
      for await (const line of tail?.lines() ?? []) {
        const event = parseEvent(line);
        if (event === undefined && line.trim() !== "") onBad?.();
        if (event === undefined || event.seq <= seq) continue;
        seq = event.seq;
        yield event;
        if (isTerminal(event)) return;
      }
      if (tail !== undefined && (await tail.moved(path))) {
        // What was written to it until now has been read above, but for what came in between.
        if (tail.done) {
          await tail.close();
          tail = undefined;
        } else tail.done = true;
        continue;
      }
      if (gone) return;
      if (look % LOOKS === 0) gone = await hasGone(path);
      if (!gone) await pause(pollMs, signal);
    }
  } finally {
    await tail?.close();
  }
}

interface Tail {
  /** It has been read once more since it moved. */
  done: boolean;
  /** The whole lines that have come since the last call. */
  lines(): AsyncGenerator<string>;
  /** Whether the path is another file now, or this one was cut. */
  moved(path: string): Promise<boolean>;
  close(): Promise<void>;
}

async function openTail(path: string): Promise<Tail | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const { ino, dev } = await file.stat();
  const buffer = Buffer.alloc(1 << 16);
  let position = 0;
  let pieces: Buffer[] = [];
  return {
    done: false,
    async *lines() {
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
        if (bytesRead === 0) return;
        position += bytesRead;
        let from = 0;
        for (let at = buffer.indexOf(NEWLINE); at >= 0 && at < bytesRead; at = buffer.indexOf(NEWLINE, from)) {
          yield Buffer.concat([...pieces, buffer.subarray(from, at)]).toString("utf8");
          pieces = [];
          from = at + 1;
        }
        if (from < bytesRead) pieces.push(Buffer.from(buffer.subarray(from, bytesRead)));
      }
    },
    async moved(path) {
      const now = await stat(path).catch(() => undefined);
      return now !== undefined && (now.ino !== ino || now.dev !== dev || now.size < position);
    },
    close: () => file.close(),
  };
}

async function hasGone(path: string): Promise<boolean> {
  const status = await readStatus(dirname(path));
  return status?.outcome === "running" && isGone(status);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal?.addEventListener("abort", over, { once: true });
  });
}
