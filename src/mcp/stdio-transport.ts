import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import { endWithProcess, signalGroup } from "./child-groups.js";
import type { ServerAddress } from "./config.js";
import type { Sdk } from "./sdk.js";

/** The longest message that is read, in bytes. */
export const MAX_MESSAGE_BYTES = 10 * 2 ** 20;
/** More than this within `FLOOD_MS`, in lines that answer nothing, is a flood. */
const FLOOD_BYTES = 16 * 2 ** 20;
const FLOOD_MS = 10_000;
const TAIL = 2000;
const OPENING_BRACE = 0x7b;

/** How long a server has to end by itself once its input has ended, and then after SIGTERM. These wait for a real process, so they are real time. */
const GRACE_MS = { input: 1000, terminate: 500, pipes: 500 };

export interface ServerTransport extends Transport {
  /** It will take no more messages, though some of its own may still arrive. */
  onexit?: () => void;
  /** What went wrong with it by itself, to go on after the server's name: `ended with exit code 1`. Known once it is closed. */
  failure(): string | undefined;
  /** Resolves once it is known how it ended, if it is just about to end. */
  settled(): Promise<unknown>;
  /** The end of what it wrote to its error stream. */
  errorTail(): string;
  /** Ends it without the time to do so by itself. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Whether this process stays alive for it. */
  keepAlive(yes: boolean): void;
}

type StdioAddress = Extract<ServerAddress, { type: "stdio" }>;
type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * A server as a child process, a message per line on its standard streams. What the SDK's own transport lacks: the child leads a
 * process group, so that what it started (`npx` starts the server proper) ends with it; closing waits until it is gone; its exit code
 * and error output can be told; a flood does not fill memory.
 */
export function stdioTransport(address: StdioAddress, sdk: Sdk): ServerTransport {
  let child: Child | undefined;
  let failure: string | undefined;
  let tail = "";
  /** It no longer reads: it has ended, or is about to, by itself. */
  let broken = false;
  let gone: Promise<void> = Promise.resolve();
  let closing: Promise<void> | undefined;
  let killing: Promise<void> | undefined;

  const transport: ServerTransport & { stderr: null; pid: number | null } = {
    // By these two the SDK knows that silence on the first, unknown request means an old server.
    stderr: null,
    pid: null,
    start,
    send,
    close,
    kill,
    failure: () => failure,
    settled: () => (failure === undefined ? within(gone, GRACE_MS.pipes) : Promise.resolve()),
    errorTail: () => tail,
    keepAlive(yes) {
      for (const handle of [child, child?.stdin, child?.stdout, child?.stderr] as (ChildProcess | undefined)[]) {
        if (yes) handle?.ref();
        else handle?.unref();
      }
    },
  };
  return transport;

  function start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const started = spawn(address.command, [...address.args], {
        env: { ...sdk.getDefaultEnvironment(), ...address.env },
        stdio: ["pipe", "pipe", "pipe"],
        detached: process.platform !== "win32", // its own process group
        windowsHide: true,
        ...(address.cwd !== undefined && { cwd: address.cwd }),
      });
      child = started;
      const forget = started.pid === undefined ? () => {} : endWithProcess(started.pid);
      transport.pid = started.pid ?? null;
      gone = new Promise((ended) => {
        started.once("error", (error) => {
          if (started.pid !== undefined) return transport.onerror?.(error);
          failure ??= notStarted(error, address);
          ended();
          reject(error);
        });
        started.once("exit", (code, signal) => {
          if (broken || (!closing && !killing)) failure ??= code === null ? `was ended by ${signal}` : `ended with exit code ${code}`;
          if (started.pid !== undefined) signalGroup(started.pid, "SIGKILL"); // whoever it started and left behind
          forget();
          transport.onexit?.();
          // A process that left the group may hold the pipes open.
          setTimeout(() => [started.stdin, started.stdout, started.stderr].forEach((pipe) => void pipe.destroy()), GRACE_MS.pipes).unref();
        });
        started.once("close", () => {
          ended();
          transport.onclose?.();
        });
      });
      started.once("spawn", resolve);
      for (const pipe of [started.stdin, started.stdout, started.stderr]) pipe.on("error", (error) => transport.onerror?.(error));
      started.stderr.on("data", (chunk: Buffer) => {
        tail = (tail + chunk.subarray(-TAIL).toString("utf8")).slice(-TAIL);
      });
      readLines(started.stdout, receive, fail);
    });
  }

  /** Whether the line was an answer or a question, or mere news or noise. */
  function receive(line: Buffer): boolean {
    let message: JSONRPCMessage;
    try {
      if (line[0] !== OPENING_BRACE) return false; // log output where it does not belong: common, and harmless
      message = JSON.parse(line.toString("utf8")); // the client looks at its shape
    } catch {
      return false;
    }
    transport.onmessage?.(message);
    return "id" in message;
  }

  function fail(problem: string): void {
    failure ??= problem;
    void kill();
  }

  function send(message: JSONRPCMessage): Promise<void> {
    const input = child?.stdin;
    if (input === undefined || !input.writable) {
      return Promise.reject(new sdk.SdkError(sdk.SdkErrorCode.NotConnected, "Not connected"));
    }
    // Settles when it is handed over: a server that does not read is given up by the call's own time limit.
    return new Promise((resolve, reject) => {
      input.write(`${JSON.stringify(message)}\n`, (error) => {
        if (!error) return resolve();
        broken = true;
        reject(error);
      });
    });
  }

  function close(): Promise<void> {
    closing ??= (async () => {
      transport.keepAlive(true); // until it is gone
      child?.stdin.end();
      if (await within(gone, GRACE_MS.input)) return;
      await kill();
    })();
    return closing;
  }

  function kill(): Promise<void> {
    killing ??= (async () => {
      const group = child?.pid;
      if (group === undefined) return gone;
      transport.keepAlive(true);
      signalGroup(group, "SIGTERM");
      if (!(await within(gone, GRACE_MS.terminate))) signalGroup(group, "SIGKILL");
      await gone;
    })();
    return killing;
  }
}

function notStarted(error: Error, { command, cwd }: StdioAddress): string {
  const { code } = error as NodeJS.ErrnoException;
  if (cwd !== undefined && !existsSync(cwd)) return `cannot be started: its working directory ${cwd} does not exist`;
  if (code === "ENOENT") {
    const hint = /\s/.test(command) ? ". Give the program alone as `command`, what follows it as `args`" : "";
    return `cannot be started: there is no program "${command}" here or on the PATH${hint}`;
  }
  if (code === "EACCES") return `cannot be started: "${command}" may not be executed`;
  return `cannot be started: ${code ?? error.message}`;
}

/** Gives `onLine` each line; it says whether the line was more than news or noise. Memory and attention for it are bounded. */
function readLines(stream: Readable, onLine: (line: Buffer) => boolean, fail: (problem: string) => void): void {
  let parts: Buffer[] = [];
  let size = 0;
  let idle = 0;
  let since = performance.now();
  let failed = false;
  const giveUp = (problem: string) => {
    failed = true;
    parts = [];
    fail(problem);
  };
  stream.on("data", (chunk: Buffer) => {
    if (failed) return;
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const piece = chunk.subarray(from, end);
      const line = parts.length === 0 ? piece : Buffer.concat([...parts, piece]);
      from = end + 1;
      parts = [];
      size = 0;
      if (onLine(line)) idle = 0;
      else idle += line.length + 1;
    }
    if (from < chunk.length) {
      parts.push(chunk.subarray(from));
      size += chunk.length - from;
    }
    if (size > MAX_MESSAGE_BYTES) return giveUp(`sent a message longer than ${MAX_MESSAGE_BYTES / 2 ** 20} MB`);
    if (performance.now() - since > FLOOD_MS) {
      since = performance.now();
      idle = 0;
    }
    if (idle > FLOOD_BYTES) giveUp("flooded its output with what nobody asked for");
  });
}

/** Whether the promise settles in time. */
async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
