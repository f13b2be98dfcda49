import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "vitest";
import type { AccessRoot, FileAccess } from "../../../src/filesystem-manager/access.js";
import { findBubblewrap } from "../../../src/filesystem-manager/commands/bubblewrap.js";
import { type CommandEnvironment, type CommandTools, commandTools } from "../../../src/filesystem-manager/commands/command-tools.js";
import type { CommandOptions } from "../../../src/filesystem-manager/commands/options.js";
import { systemRuntime } from "../../../src/runtime.js";
import type { ToolContext } from "../../../src/tools/tool.js";

/** A directory with the workspace of an agent and whatever else a test puts beside it. */
export async function scene() {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "commands-test-")));
  const workspace = join(directory, "run", "one", "workspace");
  await mkdir(workspace, { recursive: true });
  const access: FileAccess & { roots: AccessRoot[] } = {
    workspace,
    roots: [{ path: workspace, permission: "write", kind: "workspace" }],
  };
  return {
    directory,
    workspace,
    access,
    async write(path: string, text: string) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), text);
      return join(directory, path);
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

export type Scene = Awaited<ReturnType<typeof scene>>;

export interface Result {
  exit_code: number | null;
  signal?: string;
  timed_out?: boolean;
  duration_ms: number;
  stdout: string;
  stderr: string;
  note?: string;
}

export interface JobResult {
  job_id: string;
  status: string;
  exit_code?: number | null;
  stdout: string;
  stderr: string;
}

export interface Commands extends CommandTools {
  warnings: { code: string; message: string }[];
  call(name: string, input: unknown, context?: Partial<ToolContext>): Promise<unknown>;
  run(input: unknown, context?: Partial<ToolContext>): Promise<Result>;
  /** What a job wrote until `done` likes it. */
  jobUntil(job_id: string, done: (all: JobResult) => boolean): Promise<JobResult>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function commandsIn(
  { access }: Pick<Scene, "access">,
  options: CommandOptions = {},
  host?: CommandEnvironment["host"],
): Promise<Commands> {
  const warnings: Commands["warnings"] = [];
  const environment = { runtime: systemRuntime, warn: (warning: Commands["warnings"][number]) => void warnings.push(warning) };
  const made = await commandTools(() => access, options, { ...environment, ...(host !== undefined && { host }) });
  const call: Commands["call"] = async (name, input, context = {}) => {
    const tool = made.tools.find((each) => each.name === name);
    if (tool?.execute === undefined) throw new Error(`no tool ${name}`);
    return tool.execute(input, contextOf(context));
  };
  return {
    ...made,
    warnings,
    call,
    run: (input, context) => call("execute_command", input, context) as Promise<Result>,
    async jobUntil(job_id, done) {
      let stdout = "";
      let stderr = "";
      for (;;) {
        const news = (await call("job_output", { job_id, wait_ms: 10_000 })) as JobResult;
        stdout += news.stdout;
        stderr += news.stderr;
        const all = { ...news, stdout, stderr };
        if (done(all)) return all;
        if (news.status !== "running") throw new Error(`the job ended: ${JSON.stringify(all)}`);
      }
    },
    [Symbol.asyncDispose]: () => made.close(),
  };
}

function contextOf(context: Partial<ToolContext>): ToolContext {
  const silent = () => {};
  return {
    ...{ runId: "run_1", agentId: "ada", turnId: "turn_1", toolCallId: "call_1", context: undefined },
    signal: new AbortController().signal,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    ...context,
  };
}

/** Skips a test, with the reason printed, where commands cannot be put into a sandbox. */
export async function needsSandbox({ skip }: Pick<TestContext, "skip">): Promise<void> {
  const found = await findBubblewrap();
  if (!("reason" in found)) return;
  console.log(`Skipped: ${found.reason}. On Debian and Ubuntu: apt-get install bubblewrap`);
  skip(found.reason);
}
