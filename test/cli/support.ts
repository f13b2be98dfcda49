import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { onTestFinished } from "vitest";
import type { Io } from "../../src/cli/io.js";
import { main } from "../../src/cli/program.js";

export interface ProgramOptions {
  env?: Record<string, string>;
  /** What is piped in; absent: a terminal. */
  stdin?: string;
  /** Columns of the terminal that stdout is; absent: a pipe. */
  columns?: number;
}

/** The program in this process, with streams of the test's own. */
export interface Program {
  exit: Promise<number>;
  out(): string;
  err(): string;
  interrupt(signal?: "SIGINT" | "SIGTERM"): void;
  /** Resolves as soon as stdout and stderr together hold the text. */
  saw(text: string): Promise<void>;
  /** stdout fails from now on, as when its reader has gone. */
  breakPipe(): void;
  /** Keys, where stdin is a terminal. */
  press(keys: string): void;
  /** Whether anybody still listens for interrupts. */
  listening(): boolean;
}

export function start(args: string[], options: ProgramOptions = {}): Program {
  let broken = false;
  let waiting: { text: string; resolve(): void }[] = [];
  const texts = { out: "", err: "" };
  const listeners = new Set<(signal: "SIGINT" | "SIGTERM") => void>();
  const sink = (name: "out" | "err") =>
    new Writable({
      write(chunk, _encoding, done) {
        if (broken && name === "out") return done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
        texts[name] += String(chunk);
        waiting = waiting.filter(({ text, resolve }) => {
          const there = (texts.out + texts.err).includes(text);
          if (there) resolve();
          return !there;
        });
        done();
      },
    });
  const stdin = options.stdin === undefined ? Object.assign(new PassThrough(), { isTTY: true }) : Readable.from([options.stdin]);
  const terminal = options.columns === undefined ? {} : { isTTY: true, columns: options.columns, rows: 30 };
  const io: Io = {
    stdin: stdin as Io["stdin"],
    stdout: Object.assign(sink("out"), terminal),
    stderr: sink("err"),
    env: options.env ?? {},
    version: "1.2.3",
    onInterrupt(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    exit: main(args, io),
    out: () => texts.out,
    err: () => texts.err,
    interrupt: (signal = "SIGINT") => {
      for (const listener of listeners) listener(signal);
    },
    saw: (text) =>
      new Promise((resolve) => {
        if ((texts.out + texts.err).includes(text)) resolve();
        else waiting.push({ text, resolve });
      }),
    breakPipe: () => {
      broken = true;
    },
    press: (keys) => {
      (stdin as PassThrough).write(keys);
    },
    listening: () => listeners.size > 0,
  };
}

export async function run(args: string[], options: ProgramOptions = {}): Promise<{ code: number; out: string; err: string }> {
  const program = start(args, options);
  const code = await program.exit;
  return { code, out: program.out(), err: program.err() };
}

/** A config file of one agent per model on a server; it goes with the test. */
export function teamFile(baseUrl: string, models: readonly string[], rest: Record<string, unknown> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "massgen-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const agents = models.map((model) => ({ id: model, backend: { type: "vllm", model, base_url: baseUrl } }));
  const path = join(folder, "team.yaml");
  writeFileSync(path, JSON.stringify({ agents, ...rest }));
  return path;
}

/** A promise and what settles it. */
export function gate(): { open(): void; opened: Promise<void> } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}
