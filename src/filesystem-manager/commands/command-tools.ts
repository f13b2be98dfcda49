import { stat } from "node:fs/promises";
import { MassGenError } from "../../errors.js";
import type { Runtime } from "../../runtime.js";
import type { Tool, ToolContext, ToolLogger } from "../../tools/tool.js";
import type { FileAccess } from "../access.js";
import { resolvePath } from "../check-path.js";
import { dockerExecutor } from "./docker.js";
import type { CommandSpec, Executor } from "./executor.js";
import { createJobs, type JobInfo } from "./jobs.js";
import { localExecutor } from "./local.js";
import { type CommandOptions, type CommandSettings, commandSettings } from "./options.js";
import { shownOutput } from "./output.js";
import { commandPolicy } from "./policy/policy.js";
import { type CommandResult, runToEnd } from "./run-command.js";

export interface CommandEnvironment {
  runtime: Runtime;
  /** Tells the caller of the run. */
  warn(warning: { code: string; message: string }): void;
  logger?: ToolLogger;
  /** What commands may inherit from, and where `bwrap` and `docker` are looked for. Default: `process.env`. */
  host?: NodeJS.ProcessEnv;
  /** A directory in which directories for the commands' temporary files are made, and removed by `close`. Default: the system's. */
  temporary?: string;
}

export interface CommandTools {
  tools: Tool[];
  /** Ends the background jobs; more can be started. */
  stopJobs(): Promise<void>;
  /** Ends everything that runs and removes what was made for it. */
  close(): Promise<void>;
}

/** A command that writes more than this is stopped; all that was written until then is kept. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_WAIT_MS = 120_000;

interface CommandInput {
  command: string | string[];
  cwd?: string;
  timeout_ms?: number;
  stdin?: string;
}

/**
 * The command tools of one agent in one run: `execute_command`, `start_job`, `job_output`, `list_jobs`, `stop_job`.
 * @param access what may be touched now, asked at every call
 * @throws ConfigError for wrong options
 * @throws MassGenError `no_sandbox`, `docker_unavailable`
 */
export async function commandTools(
  access: () => FileAccess,
  options: CommandOptions,
  environment: CommandEnvironment,
): Promise<CommandTools> {
  const settings = commandSettings(options);
  const policy = commandPolicy(settings);
  const { runtime } = environment;
  const executor = await executorFor(settings, environment);
  const jobs = createJobs(settings.maxBackgroundJobs, runtime);

  async function specOf(input: CommandInput): Promise<CommandSpec> {
    const { command, stdin } = input;
    policy(command);
    const now = access();
    const argv = typeof command === "string" ? ["sh", "-c", command] : command;
    return { argv, cwd: await workingDirectory(input.cwd, now, executor), access: now, ...(stdin !== undefined && { stdin }) };
  }

  async function execute(value: unknown, context: ToolContext): Promise<unknown> {
    const input = commandInput(value);
    const timeoutMs = Math.min(input.timeout_ms ?? settings.timeoutMs, settings.maxTimeoutMs);
    const child = await executor.start(await specOf(input));
    const result = await runToEnd(child, { timeoutMs, maxBytes: MAX_BYTES }, runtime, context.signal);
    return shownResult(result, timeoutMs, context);
  }

  async function shownResult(result: CommandResult, timeoutMs: number, context: ToolContext): Promise<unknown> {
    const stream = (name: "stdout" | "stderr") => shownOutput(result[name], settings.maxOutputBytes, saver(context, name));
    const notes: string[] = [];
    if (result.stopped === "timeout") notes.push(`It was stopped after ${timeoutMs} ms.`);
    if (result.stopped === "output") notes.push(`It was stopped because it wrote more than ${MAX_BYTES} bytes.`);
    if (result.leftBehind) notes.push("Something it started is still running and could not be ended.");
    return {
      exit_code: result.code,
      ...(result.signal !== null && { signal: result.signal }),
      ...(result.stopped === "timeout" && { timed_out: true }),
      duration_ms: Math.round(result.durationMs),
      stdout: await stream("stdout"),
      stderr: await stream("stderr"),
      ...(notes.length > 0 && { note: notes.join(" ") }),
    };
  }

  async function readJob(value: unknown, context: ToolContext): Promise<unknown> {
    const { job_id, wait_ms } = object(value);
    const waitMs = Math.min(milliseconds(wait_ms, "wait_ms") ?? 0, MAX_WAIT_MS);
    const { info, stdout, stderr } = await jobs.read(String(job_id), waitMs, context.signal);
    const stream = async (name: "stdout" | "stderr", unread: typeof stdout) => {
      const text = await shownOutput(Buffer.concat(unread.chunks), settings.maxOutputBytes, saver(context, name));
      return unread.lost === 0 ? text : `[… ${unread.lost} bytes before this were not kept …]\n${text}`;
    };
    return { ...info, stdout: await stream("stdout", stdout), stderr: await stream("stderr", stderr) };
  }

  const startJob = async (value: unknown): Promise<JobInfo> => {
    const input = commandInput(value);
    const shown = typeof input.command === "string" ? input.command : input.command.join(" ");
    return jobs.start(shown, async () => executor.start(await specOf(input)));
  };

  return {
    tools: commandToolList(settings, executor, {
      execute_command: execute,
      start_job: startJob,
      job_output: readJob,
      list_jobs: () => ({ jobs: jobs.list() }),
      stop_job: (value) => jobs.stop(String(object(value).job_id)),
    }),
    stopJobs: jobs.stopAll,
    async close() {
      await jobs.stopAll();
      await executor.close();
    },
  };
}

type ToolName = "execute_command" | "start_job" | "job_output" | "list_jobs" | "stop_job";

function commandToolList(settings: CommandSettings, executor: Executor, execute: Record<ToolName, NonNullable<Tool["execute"]>>): Tool[] {
  const command = {
    anyOf: [
      { type: "string", minLength: 1 },
      { type: "array", items: { type: "string" }, minItems: 1 },
    ],
    description: "A command line for sh, or a program and its arguments as a list, which no shell reads.",
  };
  const cwd = { type: "string", description: "The directory it runs in. Default: your workspace." };
  const stdin = { type: "string", description: "Given to it as its input. Default: none." };
  const job_id = { type: "string", description: "As start_job and list_jobs tell it." };
  const schema = (properties: Record<string, unknown>, required: string[] = []) => ({
    ...{ type: "object", properties, required, additionalProperties: false },
  });
  const runs = {
    effects: executor.isolated ? "workspace" : "outside",
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: !executor.isolated },
  } as const;
  const looks = { effects: "none", annotations: { readOnlyHint: true, openWorldHint: false } } as const;
  const limits = patternHint(settings);
  return [
    {
      name: "execute_command",
      description: [
        "Runs a command to its end and gives its exit code and output.",
        executor.description,
        `It has ${settings.timeoutMs} ms unless you say otherwise. What it leaves running in the background is ended with it: use start_job for servers and the like.${limits}`,
      ].join(" "),
      inputSchema: schema(
        {
          command,
          cwd,
          timeout_ms: { type: "integer", minimum: 1, maximum: settings.maxTimeoutMs, description: "After which it is stopped." },
          stdin,
        },
        ["command"],
      ),
      ...runs,
      timeoutMs: settings.maxTimeoutMs + 30_000, // it keeps its own time; this is for what surrounds the command
      execute: execute.execute_command,
    },
    {
      name: "start_job",
      description: `Starts a command that goes on in the background, as execute_command would run it, and gives its job_id. At most ${settings.maxBackgroundJobs} run at once. Jobs end when your turn does, at the latest.${limits}`,
      inputSchema: schema({ command, cwd, stdin }, ["command"]),
      ...runs,
      execute: execute.start_job,
    },
    {
      name: "job_output",
      description: "What a background job wrote since you last asked, and whether it still runs.",
      inputSchema: schema(
        {
          job_id,
          wait_ms: {
            type: "integer",
            minimum: 0,
            maximum: MAX_WAIT_MS,
            description: "Wait so long for output or its end, if there is nothing new. Default: 0.",
          },
        },
        ["job_id"],
      ),
      ...looks,
      timeoutMs: MAX_WAIT_MS + 30_000,
      execute: execute.job_output,
    },
    {
      name: "list_jobs",
      description: "Your background jobs and whether they still run.",
      inputSchema: schema({}),
      ...looks,
      execute: execute.list_jobs,
    },
    {
      name: "stop_job",
      description: "Ends a background job and all it started.",
      inputSchema: schema({ job_id }, ["job_id"]),
      effects: "none",
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
      execute: execute.stop_job,
    },
  ];
}

function patternHint({ allow, deny }: CommandSettings): string {
  const list = (patterns: readonly string[]) => patterns.map((pattern) => `\`${pattern}\``).join(", ");
  const parts: string[] = [];
  if (allow !== undefined) parts.push(` Only these commands may run: ${list(allow)}.`);
  if (deny !== undefined && deny.length > 0) parts.push(` These may not: ${list(deny)}.`);
  return parts.join("");
}

function executorFor(settings: CommandSettings, environment: CommandEnvironment): Promise<Executor> {
  const { executor, env, maxProcesses } = settings;
  if (executor === "local") return localExecutor(settings, environment);
  return dockerExecutor({ ...executor.docker, env, maxProcesses }, environment);
}

async function workingDirectory(cwd: string | undefined, access: FileAccess, executor: Executor): Promise<string> {
  if (cwd === undefined) return access.workspace;
  const { path } = await resolvePath(access, cwd, "read");
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new MassGenError("not_found", `There is no directory "${cwd}".`);
  if (!found.isDirectory()) throw new MassGenError("not_a_directory", `"${cwd}" is not a directory.`);
  const inside = executor.insidePath(path, access);
  if (inside === undefined) throw new MassGenError("path_denied", `No command may run in "${cwd}".`);
  return inside;
}

function saver(context: ToolContext, stream: string): ((data: Uint8Array) => Promise<string>) | undefined {
  const { saveFile, toolCallId } = context;
  if (saveFile === undefined) return undefined;
  return (data) => saveFile(`${toolCallId.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64)}-${stream}.txt`, data);
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid("The arguments must be an object");
}

function commandInput(value: unknown): CommandInput {
  const { command, cwd, timeout_ms, stdin } = object(value);
  const isList = Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === "string");
  if (!isList && typeof command !== "string") throw invalid('"command" must be a string or a list of strings');
  const words = isList ? (command as string[]) : [command as string];
  if (words[0]?.trim() === "") throw invalid('"command" is empty');
  if (words.some((word) => word.includes("\0"))) throw invalid('"command" holds a NUL character, which no program can be given');
  if (cwd !== undefined && typeof cwd !== "string") throw invalid('"cwd" must be a string');
  if (stdin !== undefined && typeof stdin !== "string") throw invalid('"stdin" must be a string');
  const timeout = milliseconds(timeout_ms, "timeout_ms");
  if (timeout === 0) throw invalid('"timeout_ms" must be above 0');
  return {
    command: isList ? words : (command as string),
    ...(cwd !== undefined && { cwd }),
    ...(timeout !== undefined && { timeout_ms: timeout }),
    ...(stdin !== undefined && { stdin }),
  };
}

function milliseconds(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw invalid(`"${name}" must be a number of milliseconds`);
}

function invalid(problem: string): MassGenError {
  return new MassGenError("invalid_tool_input", `${problem}. Correct it and call it again.`);
}
