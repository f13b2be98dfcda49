import { MassGenError } from "../../errors.js";
import type { Runtime } from "../../runtime.js";
import type { Exit, RunningProcess } from "./executor.js";
import { readAll } from "./output.js";

/** From asking a command to end until it is killed. */
export const END_GRACE_MS = 2_000;
/** From a command's end until nobody waits any longer for what might still hold its output open. */
const DRAIN_GRACE_MS = 500;

export interface RunLimits {
  timeoutMs: number;
  /** A command that writes more than this is stopped. */
  maxBytes: number;
}

export interface CommandResult extends Exit {
  stdout: Buffer;
  stderr: Buffer;
  durationMs: number;
  /** Why it did not end by itself. */
  stopped?: "timeout" | "output";
  /** Something it started still held its output open when everything else had ended. */
  leftBehind: boolean;
}

/**
 * Waits for a command's end, and no longer than its time and a little. When `signal` aborts, the command and all it started
 * are ended before the returned promise rejects.
 */
export async function runToEnd(child: RunningProcess, limits: RunLimits, runtime: Runtime, signal: AbortSignal): Promise<CommandResult> {
  const started = runtime.now();
  const streams = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let size = 0;
  let stopped: CommandResult["stopped"];
  let ending = false;
  let cancelKill = () => {};

  const end = (why?: "timeout" | "output") => {
    if (ending) return;
    ending = true;
    stopped = why;
    cancelKill = endSoftly(child, runtime);
  };
  const onAbort = () => end();
  const cancelTimeout = limits.timeoutMs === Number.POSITIVE_INFINITY ? () => {} : runtime.setTimer(limits.timeoutMs, () => end("timeout"));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const collect = (into: Buffer[]) => (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limits.maxBytes) into.push(chunk);
    else end("output");
  };
  const drained = Promise.all([
    readAll(child.stdout, runtime, collect(streams.stdout)),
    readAll(child.stderr, runtime, collect(streams.stderr)),
  ]);
  try {
    const exit = await child.exited;
    const durationMs = runtime.now() - started;
    const leftBehind = !(await drainedInTime(child, drained, runtime));
    if (signal.aborted) throw new MassGenError("aborted", "The command was stopped because the turn was.", { cause: signal.reason });
    if (exit.notSetUp && stopped === undefined) {
      const why = Buffer.concat(streams.stderr).toString().trim();
      throw new MassGenError("sandbox_failed", `The command was not run, its sandbox could not be set up: ${why}`);
    }
    const stdout = Buffer.concat(streams.stdout);
    const stderr = Buffer.concat(streams.stderr);
    return { ...exit, stdout, stderr, durationMs, leftBehind, ...(stopped !== undefined && { stopped }) };
  } finally {
    cancelTimeout();
    cancelKill();
    signal.removeEventListener("abort", onAbort);
  }
}

/** Asks it to end, then makes it. The returned function cancels the latter. */
export function endSoftly(child: RunningProcess, runtime: Runtime): () => void {
  child.terminate();
  return runtime.setTimer(END_GRACE_MS, child.kill);
}

/** False when the streams were closed with something still holding them open. */
export async function drainedInTime(child: RunningProcess, drained: Promise<unknown>, runtime: Runtime): Promise<boolean> {
  let cancel = () => {};
  const late = new Promise<false>((resolve) => {
    cancel = runtime.setTimer(DRAIN_GRACE_MS, () => resolve(false));
  });
  const inTime = await Promise.race([drained.then(() => true), late]);
  cancel();
  if (!inTime) {
    child.stdout.destroy();
    child.stderr.destroy();
  }
  return inTime;
}
