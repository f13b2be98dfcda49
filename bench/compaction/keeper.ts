import { ContextWindow } from "../../src/agent/context-window/context-window.js";
import { addResults, openConversation } from "../../src/agent/conversation.js";
import type { TurnRequest } from "../../src/agent/types.js";
import { resolveCompaction } from "../../src/orchestrator/compaction-options.js";
import { systemRuntime } from "../../src/runtime.js";
import { scriptedBackend } from "../../src/testing/index.js";
import { noUsage } from "../../src/token-manager/usage.js";
import { tool } from "../../src/tools/tool.js";
import { median } from "../stats.js";
import { writer } from "./text.js";

/** Of each call and its result. */
const EXCHANGE = 1_000;

/** Microseconds of CPU that keeping a window takes of one step, after each of which a call and a result of 1,000 tokens follow. */
export async function keeperCpu(tokens: number, steps: number): Promise<{ us: number; firstUs: number }> {
  const to = writer(1);
  const tools = Array.from({ length: 10 }, (_, i) =>
    tool({
      name: `tool_${i}`,
      description: to.paragraph(4),
      input: { type: "object", properties: { path: { type: "string", description: to.paragraph(1) }, limit: { type: "integer" } } },
      execute: () => "",
    }),
  );
  const request: TurnRequest = {
    runId: "r",
    agentId: "a",
    turnId: "t",
    backend: { ...scriptedBackend([]), capabilities: { contextWindow: 1e9 } },
    system: to.prose(4),
    messages: [{ role: "user", content: "Go on." }],
    tools,
    decisions: [],
    timeouts: { turn: 1e6, step: 1e6, firstChunk: 1e6, chunk: 1e6, tool: 1e6 },
    maxSteps: 1e6,
    maxStepRetries: 0,
    runtime: systemRuntime,
  };
  const conversation = openConversation(request);
  const more = (i: number) => {
    const toolCallId = `call_${i}`;
    conversation.messages = [
      ...conversation.messages,
      { role: "assistant", content: [{ type: "tool-call", toolCallId, toolName: "tool_1", input: { path: to.path() } }] },
    ];
    addResults(conversation, [
      { type: "tool-result", toolCallId, toolName: "tool_1", output: result.slice(i % 50, (i % 50) + 4 * EXCHANGE) },
    ]);
  };
  const result = to.prose(60);
  for (let i = 0; i < tokens / EXCHANGE; i++) more(i);
  const host = {
    over: false,
    signal: new AbortController().signal,
    restate: async () => undefined,
    sideStep: async () => ({ end: { type: "over" as const }, usage: noUsage }),
    tell() {},
  };
  const window = new ContextWindow(request, resolveCompaction(true)!, conversation, host);
  const timed = async () => {
    const before = process.cpuUsage();
    await window.beforeStep();
    window.messages();
    window.stepWorked(undefined);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  const firstUs = await timed();
  const taken: number[] = [];
  for (let i = 0; i < steps; i++) {
    more(i);
    taken.push(await timed());
  }
  return { us: median(taken), firstUs };
}
