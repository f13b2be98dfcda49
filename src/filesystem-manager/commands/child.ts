import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { MassGenError } from "../../errors.js";
import type { Exit, RunningProcess } from "./executor.js";

export interface ChildOptions {
  cwd?: string;
  env: NodeJS.ProcessEnv;
  stdin?: string | undefined;
  /** Its input stays open as long as this program lives. */
  keepInputOpen?: boolean;
  /** Pipes besides the three standard ones; the command's descriptors from 3 on. */
  morePipes?: number;
}

export interface Child extends RunningProcess {
  pid: number | undefined;
  pipes: Readable[];
}

/**
 * Starts a process as the leader of a new process group, so that it can be ended together with what it starts. What is left
 * of the group when it ends is killed.
 */
export function startChild(argv: readonly string[], options: ChildOptions): Child {
  const [program = "", ...args] = argv;
  const more = Array.from({ length: options.morePipes ?? 0 }, () => "pipe" as const);
  const hasInput = options.stdin !== undefined || options.keepInputOpen === true;
  const spawnOptions: SpawnOptions = {
    env: options.env,
    stdio: [hasInput ? "pipe" : "ignore", "pipe", "pipe", ...more],
    detached: true,
    windowsHide: true,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  };
  let child: ChildProcess;
  try {
    child = spawn(program, args, spawnOptions);
  } catch (cause) {
    throw notStarted(program, cause); // arguments that are too long, or hold a NUL
  }
  let ended = false;
  const signalGroup = (signal: NodeJS.Signals) => {
    if (child.pid !== undefined) signalProcess(-child.pid, signal);
  };
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once("error", (cause) => {
      if (child.pid === undefined) reject(notStarted(program, cause));
    });
    child.once("exit", (code, signal) => {
      ended = true;
      signalGroup("SIGKILL");
      resolve({ code, signal });
    });
  });
  exited.catch(() => {});
  child.stdin?.on("error", () => {}); // a command that does not read its input to the end
  if (options.stdin !== undefined) child.stdin?.end(options.stdin);
  const [stdout, stderr, ...pipes] = child.stdio.slice(1) as Readable[];
  return {
    pid: child.pid,
    stdout: stdout!,
    stderr: stderr!,
    pipes,
    exited,
    terminate: () => void (ended || signalGroup("SIGTERM")),
    kill: () => void (ended || signalGroup("SIGKILL")),
  };
}

/** Sends a signal to a process, or to a group by its negative number. False when there is none that could get it. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ESRCH" || code === "EPERM") return false;
    throw error;
  }
}

function notStarted(program: string, cause: unknown): MassGenError {
  const { code } = cause as NodeJS.ErrnoException;
  const why =
    code === "ENOENT"
      ? `there is no program "${program}"`
      : code === "EACCES"
        ? `"${program}" may not be run`
        : code === "E2BIG"
          ? "its arguments are too long; put what is long into a file or stdin"
          : (cause as Error).message;
  return new MassGenError("command_not_started", `The command could not be started: ${why}.`, { cause });
}
