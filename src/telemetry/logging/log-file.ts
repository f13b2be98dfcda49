import { close, open, write, writeSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

export interface LogFile {
  /** Never throws. */
  write(line: string): void;
  /** Writes what is pending and closes the file. Never rejects. */
  close(): Promise<void>;
}

export interface LogFileOptions {
  onError(error: unknown): void;
  /** The line that says how many were left out before it. */
  gap(lines: number): string;
  /** Characters that may wait for a disk that does not keep up; further lines are left out. Default 16 Mi. */
  maxPending?: number;
}

const NEWLINE = 10;
/** What open files have to do when the process ends; one listener for all, however many there are. */
const atExits = new Set<() => void>();
const endAll = () => {
  for (const atExit of atExits) atExit();
};

const writePart = promisify(write);

/**
 * Appends lines to a file, made with its folders, in the background: nobody waits for the disk. What is pending when the process ends is
 * written then. Where the disk fails, lines are left out and counted, and later ones tried again. pino's own writer is not used: while it
 * opens a file the end of the process is an uncaught exception, and on a full disk the process does not end at all.
 */
export async function openLogFile(path: string, { onError, gap, maxPending = 2 ** 24 }: LogFileOptions): Promise<LogFile> {
  await mkdir(dirname(path), { recursive: true });
  const fd = await promisify(open)(path, "a");
  let pending: string[] = [];
  let size = 0;
  /** Lines that were left out before what is pending, and after it. */
  let failed = 0;
  let dropped = 0;
  /** The last line in the file is only half there. */
  let torn = false;
  let writing: Promise<void> | undefined;
  let closed = false;

  function take(): Buffer {
    const lines = [...(torn ? ["\n"] : []), ...(failed > 0 ? [gap(failed)] : []), ...pending, ...(dropped > 0 ? [gap(dropped)] : [])];
    pending = [];
    size = 0;
    failed = 0;
    dropped = 0;
    return Buffer.from(lines.join(""));
  }

  async function drain(): Promise<void> {
    while (pending.length > 0) {
      const lost = failed + pending.length + dropped;
      const batch = take();
      let at = 0;
      try {
        while (at < batch.length) at += (await writePart(fd, batch, at)).bytesWritten;
        torn = false;
      } catch (error) {
        failed = lost;
        if (at > 0) torn = batch[at - 1] !== NEWLINE;
        onError(error);
      }
    }
    writing = undefined;
  }

  function atExit(): void {
    if (pending.length === 0) return;
    const batch = take();
    try {
      for (let at = 0; at < batch.length; ) at += writeSync(fd, batch, at);
    } catch (error) {
      onError(error);
    }
  }
  if (atExits.size === 0) process.on("exit", endAll);
  atExits.add(atExit);

  return {
    write(line) {
      if (closed) return;
      if (size > maxPending) {
        if (dropped++ === 0) onError(new Error(`${path} takes lines slower than they come`));
        return;
      }
      pending.push(line);
      size += line.length;
      writing ??= drain();
    },
    async close() {
      if (closed) return;
      closed = true;
      await writing;
      atExits.delete(atExit);
      if (atExits.size === 0) process.off("exit", endAll);
      await promisify(close)(fd).catch(onError);
    },
  };
}
