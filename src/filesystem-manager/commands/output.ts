import type { Readable } from "node:stream";
import type { Runtime } from "../../runtime.js";

/** A process that writes faster than this is slowed down, so that one that floods does not take the whole program's time. */
const BURST_BYTES = 1024 * 1024;
const PAUSE_MS = 50;

/** Hands on what a stream brings until it ends, is destroyed or breaks. */
export function readAll(stream: Readable, runtime: Runtime, take: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve) => {
    let burst = 0;
    let cancel = () => {};
    stream.on("data", (chunk: Buffer) => {
      take(chunk);
      burst += chunk.length;
      if (burst < BURST_BYTES) return;
      burst = 0;
      stream.pause();
      cancel = runtime.setTimer(PAUSE_MS, () => stream.resume());
    });
    stream.on("error", () => {}); // `close` follows
    stream.once("close", () => {
      cancel();
      resolve();
    });
  });
}

/** The first and the last of what was written, never cut in the middle of a character. */
export function headAndTail(bytes: Buffer, limit: number): { head: string; tail: string; left: number } | undefined {
  if (bytes.length <= limit) return undefined;
  const headEnd = characterStart(bytes, Math.ceil(limit / 2));
  const tailStart = characterEnd(bytes, bytes.length - Math.floor(limit / 2));
  return { head: bytes.toString("utf8", 0, headEnd), tail: bytes.toString("utf8", tailStart), left: tailStart - headEnd };
}

const continues = (byte: number | undefined) => byte !== undefined && (byte & 0b1100_0000) === 0b1000_0000;

function characterStart(bytes: Buffer, at: number): number {
  let start = at;
  while (start > at - 4 && start > 0 && continues(bytes[start])) start--;
  return continues(bytes[start]) ? at : start;
}

function characterEnd(bytes: Buffer, at: number): number {
  let end = at;
  while (end < at + 4 && continues(bytes[end])) end++;
  return continues(bytes[end]) ? at : end;
}

/**
 * Output as the model reads it: whole if it is short, else its first and last part. `save` keeps all of it and tells where.
 */
export async function shownOutput(bytes: Buffer, limit: number, save?: (data: Uint8Array) => Promise<string>): Promise<string> {
  const cut = headAndTail(bytes, limit);
  if (cut === undefined) return bytes.toString("utf8");
  const where = save === undefined ? "" : `; all of it is in ${await save(bytes)}`;
  return `${cut.head}\n[… ${cut.left} bytes left out${where} …]\n${cut.tail}`;
}
