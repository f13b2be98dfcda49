import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach } from "vitest";
import { lastValue } from "../../src/agent/tool-loop/last-value.js";
import type { McpServersConfig, McpStdioServer } from "../../src/mcp/config.js";
import { createMcpServers } from "../../src/mcp/index.js";
import { type Runtime, systemRuntime } from "../../src/runtime.js";
import type { Tool, ToolContext } from "../../src/tools/tool.js";
import type { RunToolkit, ToolkitRun } from "../../src/tools/toolkit.js";

const cleanups: (() => unknown)[] = [];
/** Runs after the test, last registered first. */
export function cleanup(fn: () => unknown): void {
  cleanups.push(fn);
}
afterEach(async () => {
  for (const fn of cleanups.splice(0).reverse()) await fn();
});

export function fixture(name: string): string {
  return fileURLToPath(new URL(`./servers/${name}`, import.meta.url));
}

export function raw(mode: string, options: Partial<McpStdioServer> = {}): McpStdioServer {
  return { command: process.execPath, args: [fixture("raw.mjs"), mode], ...options };
}

export function good(options: Partial<McpStdioServer> = {}): McpStdioServer {
  return { command: process.execPath, args: [fixture("stdio.mjs")], ...options };
}

/** The program of an npm package that is a server. */
export function npmServer(name: string): string {
  return fileURLToPath(new URL(`../../node_modules/@modelcontextprotocol/${name}/dist/index.js`, import.meta.url));
}

export interface FakeRun extends ToolkitRun {
  warnings: { code: string; message: string }[];
  questions: { agentId?: string; message: string; schema?: unknown }[];
  controller: AbortController;
}

export interface FakeRunOptions {
  runtime?: Runtime;
  answer?: (question: FakeRun["questions"][number]) => unknown;
}

/** A real clock that runs so many times as fast. */
export function hurried(times: number): Runtime {
  const start = Date.now();
  return {
    ...systemRuntime,
    now: () => start + (Date.now() - start) * times,
    setTimer: (ms, fn) => systemRuntime.setTimer(ms / times, fn),
  };
}

let runs = 0;
export function fakeRun({ runtime = systemRuntime, answer }: FakeRunOptions = {}): FakeRun {
  const controller = new AbortController();
  const run: FakeRun = {
    runId: `run${++runs}`,
    agents: [
      { agentId: "anna", alias: "agent1" },
      { agentId: "bert", alias: "agent2" },
    ],
    signal: controller.signal,
    controller,
    runtime,
    warnings: [],
    questions: [],
    warn: (warning) => run.warnings.push(warning),
    async ask(question) {
      run.questions.push(question);
      return answer?.(question);
    },
  };
  return run;
}

export interface CallOptions {
  agentId?: string;
  signal?: AbortSignal;
  workspace?: string;
  saveFile?: ToolContext["saveFile"];
}

export interface OpenRun {
  run: FakeRun;
  kit: RunToolkit;
  names(): string[];
  tool(name: string): Tool;
  /** Calls a tool as an agent does; also collects its progress. */
  call(name: string, input?: unknown, options?: CallOptions): Promise<unknown>;
  progress: unknown[];
  logs: string[];
  close(): Promise<void>;
}

/** A toolkit and one run of it, both closed after the test. */
export async function open(
  config: McpServersConfig,
  options: FakeRunOptions = {},
): Promise<OpenRun & { toolkit: ReturnType<typeof createMcpServers> }> {
  const toolkit = createMcpServers(config);
  cleanup(() => toolkit.close());
  return { ...(await openRun(toolkit, options)), toolkit };
}

export async function openRun(toolkit: ReturnType<typeof createMcpServers>, options: FakeRunOptions = {}): Promise<OpenRun> {
  const run = fakeRun(options);
  const kit = await toolkit.open(run);
  const progress: unknown[] = [];
  const logs: string[] = [];
  const turn = { agentId: "anna", turnId: "t", phase: "draft" as const, labels: [] };
  const log = (message: string) => logs.push(message);
  const tool = (name: string) => {
    const found = kit.tools(turn).find((each) => each.name === name);
    if (!found) throw new Error(`no tool ${name}; there are ${kit.tools(turn).map((each) => each.name)}`);
    return found;
  };
  const close = async () => {
    run.controller.abort();
    await kit.close();
  };
  cleanup(close);
  return {
    run,
    kit,
    progress,
    logs,
    names: () => kit.tools(turn).map(({ name }) => name),
    tool,
    call(name, input = {}, { agentId = "anna", signal = AbortSignal.any([run.signal]), workspace, saveFile } = {}) {
      const context: ToolContext = {
        runId: run.runId,
        agentId,
        turnId: "t",
        toolCallId: "c",
        signal,
        context: undefined,
        logger: { debug: log, info: log, warn: log, error: log },
        ...(workspace !== undefined && { workspace }),
        ...(saveFile && { saveFile }),
      };
      const output = tool(name).execute?.(input, context);
      if (output instanceof Promise) return output;
      return lastValue(output as AsyncIterable<unknown>, signal, (value) => progress.push(value));
    },
    close,
  };
}

/** A directory that is gone after the test. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "massgen-mcp-test-"));
  cleanup(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function lines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").trim().split("\n");
  } catch {
    return [];
  }
}

/** Of a child of this process: it is gone, and this process knows it. */
export function reaped(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] !== "Z";
  } catch {
    return false;
  }
}

/** Waits for something that nothing tells of, outside of this process as a rule. */
export async function until(condition: () => boolean, what = "the condition"): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface Started {
  child: ChildProcess;
  url: string;
  stop(): Promise<void>;
}

/** Starts a program that serves HTTP, and waits for `ready` on its output. */
export async function startHttp(args: string[], ready: RegExp, env: Record<string, string> = {}): Promise<Started> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await exited;
  };
  cleanup(stop);
  const url = await new Promise<string>((resolve, reject) => {
    let said = "";
    const read = (chunk: Buffer) => {
      said += chunk;
      const match = ready.exec(said);
      if (match) resolve(match[1] ?? match[0]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("exit", (code) => reject(new Error(`it ended with ${code}: ${said}`)));
  });
  return { child, url, stop };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
