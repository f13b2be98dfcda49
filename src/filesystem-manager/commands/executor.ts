import type { Readable } from "node:stream";
import type { FileAccess } from "../access.js";

/** One command, ready to be run. */
export interface CommandSpec {
  /** Program and arguments; a shell string has become `sh -c …`. */
  argv: readonly string[];
  /** Where it starts, as the command sees it: see `Executor.insidePath`. */
  cwd: string;
  /** What it may touch. */
  access: FileAccess;
  /** Given to it on its standard input, which is closed then. Default: no input. */
  stdin?: string;
}

/** How a process ended. Under a sandbox and in Docker, a command that died of signal 9 has exit code 137, as in a shell. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** It was not the command that ended but what should have run it; what it said is on its standard error. */
  notSetUp?: boolean;
}

export interface RunningProcess {
  stdout: Readable;
  stderr: Readable;
  /** Rejects with `command_not_started` where there was nothing to run. Never left unhandled. */
  exited: Promise<Exit>;
  /** Asks the command and all it started to end. */
  terminate(): void;
  /** Ends the command and all it started. */
  kill(): void;
}

/** Where commands run. Foreground commands and background jobs take the same way. */
export interface Executor {
  /** Nothing a command does has an effect outside of what the agent may write to. */
  isolated: boolean;
  /** Told to the model: where its commands run, and what they can reach. */
  description: string;
  /** Where the command finds a real path, an absolute one; `undefined`: nowhere. */
  insidePath(real: string, access: FileAccess): string | undefined;
  start(command: CommandSpec): Promise<RunningProcess>;
  /** Ends everything that runs and removes what was made. */
  close(): Promise<void>;
}
