import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRuntime } from "../../src/runtime.js";
import type { Tool, ToolContext } from "../../src/tools/tool.js";
import type { Toolkit, ToolkitRun, ToolTurn } from "../../src/tools/toolkit.js";

export interface OpenToolkit {
  /** Calls a tool of an agent as the model would. */
  call(name: string, input?: unknown, options?: { agentId?: string; workspace?: string | undefined }): Promise<unknown>;
  note(options?: { agentId?: string; workspace?: string }): Promise<string | undefined>;
  tools(agentId?: string): readonly Tool[];
  instructions: string | undefined;
  warnings: string[];
  close(): Promise<void>;
}

/** Opens a toolkit for a run of three agents: ada, ben and cleo. */
export async function openToolkit(toolkit: Toolkit): Promise<OpenToolkit> {
  const warnings: string[] = [];
  const run: ToolkitRun = {
    runId: "run_1",
    agents: ["ada", "ben", "cleo"].map((agentId, index) => ({ agentId, alias: `agent${index + 1}` })),
    signal: new AbortController().signal,
    runtime: systemRuntime,
    warn: ({ message }) => warnings.push(message),
    ask: async () => undefined,
  };
  const opened = await toolkit.open(run);
  const turnOf = (agentId: string): ToolTurn => ({ agentId, turnId: "t", phase: "draft", labels: [] });
  return {
    warnings,
    instructions: opened.instructions?.("ada"),
    tools: (agentId = "ada") => opened.tools(turnOf(agentId)),
    async note({ agentId = "ada", ...context } = {}) {
      return opened.note?.(turnOf(agentId), context);
    },
    async call(name, input = {}, { agentId = "ada", workspace } = {}) {
      const tool = opened.tools(turnOf(agentId)).find((one) => one.name === name);
      if (tool?.execute === undefined) throw new Error(`no tool ${name}`);
      const silent = () => {};
      const context: ToolContext = {
        runId: run.runId,
        agentId,
        turnId: "t",
        toolCallId: "c",
        signal: run.signal,
        context: undefined,
        logger: { debug: silent, info: silent, warn: silent, error: silent },
        ...(workspace !== undefined && { workspace }),
      };
      return tool.execute(input, context);
    },
    close: () => opened.close(),
  };
}

/** A directory of its own that is gone when the test is over. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { path: string }> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "massgen-toolkit-")));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
