import type { CompactionMethod } from "../../src/agent/context-window/options.js";
import { startTurn } from "../../src/agent/turn.js";
import type { StepEvent, TurnHooks, TurnRequest, TurnUpdate } from "../../src/agent/types.js";
import { createBackend } from "../../src/backends/create-backend.js";
import { resolveCompaction } from "../../src/orchestrator/compaction-options.js";
import { systemRuntime } from "../../src/runtime.js";
import { type EmulatedPrompt, startEmulator } from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";
import { extract, type Goes } from "./stand-in.js";
import type { Transcript } from "./transcripts.js";

const REPLY_TOKENS = 4096;

/** What one compaction of a transcript came to. */
export interface Replayed {
  /** Input tokens of the last step, as the provider counted them. */
  tokens: number;
  /** Of the step before. */
  tokensBefore: number;
  /** Everything that the last step was sent and that can be read. */
  plain: string;
  /** Requests made to compact, and the tokens that they read and wrote. */
  requests: number;
  read: number;
  written: number;
  /** The method that worked; absent: none did. */
  method?: string;
}

export interface ReplayOptions {
  /** Tokens above which room is made, as the provider counts. Absent: never. */
  mark?: number;
  methods?: CompactionMethod[];
  /** Length of a summary, and of what the provider condenses to. */
  summaryTokens?: number;
  /** How the stand-in for a model that summarizes chooses. */
  goesBy?: Goes;
}

/** Plays a transcript to its last step on an emulated OpenAI Responses API, with real requests. */
export async function replay(
  transcript: Transcript,
  { mark, methods, summaryTokens = 0, goesBy = "rarity" }: ReplayOptions = {},
): Promise<Replayed> {
  const { steps, history, task, system, restated } = transcript;
  const compaction = mark === undefined ? undefined : resolveCompaction(methods === undefined ? true : { methods });
  const window = Math.ceil((mark ?? 1e6) / (compaction?.highWater ?? 1)) + REPLY_TOKENS;
  const blob = "x".repeat(4 * summaryTokens);
  let step = 0;
  await using server = await startEmulator({
    contextWindow: window,
    compact: () => blob,
    respond(prompt) {
      if (isSummary(prompt)) return extract(prompt.messages.at(-1)?.text ?? "", summaryTokens, goesBy);
      const next = steps[step++];
      if (next === undefined) return "Done.";
      return { text: next.say, toolCalls: [{ name: next.tool, input: next.input }] };
    },
  });
  const backend = createBackend({ type: "openai", model: "gpt-5.2", baseUrl: server.baseUrl, apiKey: "none", contextWindow: window });
  let asked = 0;
  const tools = [...new Set(steps.map((each) => each.tool))].map((name) =>
    tool({ name, description: `Calls ${name}.`, input: { type: "object" }, execute: () => steps[asked++]?.result ?? "" }),
  );
  const events: StepEvent[] = [];
  let told = 0;
  let updated = false;
  const hooks: TurnHooks = {
    emit: (event) => void events.push(event),
    writing() {},
    worked() {},
    decide: async () => ({ type: "end" }),
    takeUpdate(): TurnUpdate | undefined {
      const note = steps[told++]?.update;
      updated ||= note !== undefined;
      return note === undefined ? undefined : { note, decisions: [] };
    },
    restate: async () => (updated && restated !== undefined ? { role: "user", content: restated } : undefined),
    external: async () => [],
  };
  const request: TurnRequest = {
    runId: "r",
    agentId: "a",
    turnId: "t",
    backend,
    system,
    messages: [...history, { role: "user", content: task }],
    tools,
    decisions: [],
    settings: { maxOutputTokens: REPLY_TOKENS },
    timeouts: { turn: 600_000, step: 60_000, firstChunk: 60_000, chunk: 60_000, tool: 60_000 },
    maxSteps: steps.length + 1,
    maxStepRetries: 0,
    runtime: systemRuntime,
    ...(compaction !== undefined && { compaction }),
  };
  await startTurn(request, hooks).done;
  const sent = server.requests.filter(({ path, body }) => path.endsWith("/responses") && !isSummaryBody(body));
  const [before, last] = [sent.at(-2), sent.at(-1)];
  const own = new Set(events.flatMap((event) => (event.type === "step-start" && event.purpose === "compaction" ? [event.stepId] : [])));
  const usages = events.flatMap((event) => (event.type === "step-finish" ? [event] : []));
  const spent = usages.filter(({ stepId }) => own.has(stepId)).map(({ usage }) => usage);
  const read = usages.filter(({ stepId }) => !own.has(stepId)).map(({ usage }) => usage.inputTokens);
  const compactions = events.flatMap((event) => (event.type === "compaction" ? [event] : []));
  if (compactions.length > 1) throw new Error(`"${transcript.name}" was compacted ${compactions.length} times where once was meant.`);
  if (last === undefined || (before === undefined && steps.length > 0)) throw new Error(`"${transcript.name}" came to no end.`);
  return {
    tokens: read.at(-1) ?? 0,
    tokensBefore: read.at(-2) ?? 0,
    plain: textsIn(last.body).join("\n"),
    requests: spent.length,
    read: spent.reduce((sum, usage) => sum + usage.inputTokens, 0),
    written: spent.reduce((sum, usage) => sum + usage.outputTokens, 0),
    ...(compactions[0] !== undefined && { method: compactions[0].method }),
  };
}

const isSummary = ({ messages }: EmulatedPrompt): boolean =>
  messages.some(({ role, text }) => role === "system" && text.startsWith("You condense"));
const isSummaryBody = (body: unknown): boolean => textsIn(body).some((text) => text.startsWith("You condense a conversation"));

/** Every text of a request, but for what is encrypted. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === "encrypted_content" ? [] : textsIn(inner)));
}
