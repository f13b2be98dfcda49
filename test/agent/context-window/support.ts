import type { CompactionPlan } from "../../../src/agent/context-window/options.js";
import type { TurnRequest } from "../../../src/agent/types.js";
import type { Backend, BackendCapabilities, BackendChunk, BackendRequest, CompactionResult } from "../../../src/backends/backend.js";
import { BackendError } from "../../../src/errors.js";
import type { Message } from "../../../src/formatter/messages.js";
import { estimateTokens, requestTokens } from "../../../src/token-manager/estimate.js";
import { tool } from "../../../src/tools/tool.js";
import { requestOf } from "../support.js";

export const plan: CompactionPlan = {
  highWater: 0.8,
  lowWater: 0.5,
  methods: ["native", "clear", "summary", "trim"],
  keepExchanges: 3,
  keepToolResults: 3,
  floor: 500,
  minSaving: 0.2,
  coolDown: 3,
  timeoutMs: 60_000,
};

export interface WindowedBackend extends Backend {
  /** What the model was sent and took; those that were too long are in `refused`. */
  requests: BackendRequest[];
  refused: number[];
  summaries: BackendRequest[];
  compactions: BackendRequest[];
}

export interface WindowedOptions {
  window: number;
  /** Whether it tells of its window. Default true. */
  known?: boolean;
  /** What a too long request is told; a number is its size. */
  overflow?: (tokens: number) => string;
  /** The reply to step number n, from 0. */
  reply(step: number, request: BackendRequest): BackendChunk[];
  summary?: (request: BackendRequest) => string;
  compact?: (request: BackendRequest, signal: AbortSignal | undefined) => Promise<CompactionResult>;
  capabilities?: BackendCapabilities;
}

export const sizeOf = (request: BackendRequest): number => requestTokens(request, estimateTokens);

/** A model with a window, which counts as our own estimate does and reports what it counted. */
export function windowed(options: WindowedOptions): WindowedBackend {
  const { window, known = true, overflow = (n) => `This model's maximum context length is ${window} tokens, you sent ${n}.` } = options;
  let steps = 0;
  const backend: WindowedBackend = {
    type: "windowed",
    model: "m",
    capabilities: { ...(known && { contextWindow: window }), ...options.capabilities },
    requests: [],
    refused: [],
    summaries: [],
    compactions: [],
    async *stream(request) {
      const tokens = sizeOf(request);
      if (tokens > window) {
        backend.refused.push(tokens);
        throw new BackendError("context_overflow", overflow(tokens));
      }
      const isSummary = request.system?.startsWith("You condense") === true;
      if (isSummary) backend.summaries.push(request);
      else backend.requests.push(request);
      const said = isSummary ? (options.summary ?? shortSummary)(request) : undefined;
      const chunks: BackendChunk[] =
        said === undefined
          ? options.reply(steps++, request)
          : [
              { type: "text-delta", delta: said },
              { type: "finish", reason: "stop" },
            ];
      for (const chunk of chunks) {
        if (chunk.type === "finish") yield { type: "usage", usage: { inputTokens: tokens, outputTokens: 20 } };
        yield chunk;
      }
    },
    ...(options.compact !== undefined && {
      compact: async (request: BackendRequest, { signal }: { signal?: AbortSignal } = {}) => {
        backend.compactions.push(request);
        return options.compact!(request, signal);
      },
    }),
  };
  return backend;
}

const shortSummary = () => "## Facts\nThe sky is blue.";

/** What `POST /responses/compact` would give back. */
export function compacted(text = "(compacted)", tokens = 100): CompactionResult {
  const data = { items: [{ type: "compaction", encrypted_content: "x" }] };
  const content = [
    { type: "text" as const, text },
    { type: "provider" as const, provider: "windowed", endpoint: "e", model: "m", data },
  ];
  return { messages: [{ role: "assistant", content }], usage: { inputTokens: 900, outputTokens: tokens } };
}

/** Words that take about so many tokens. */
export const words = (tokens: number, word = "abc"): string => `${word} `.repeat(tokens).slice(0, tokens * 4);

export const dump = (tokens: number) =>
  tool({ name: "dump", description: "A long text.", input: { type: "object" }, execute: () => words(tokens) });

export const dumpCall = (n: number): BackendChunk[] => [
  { type: "text-delta", delta: `step ${n}` },
  { type: "tool-call", toolCallId: `call_${n}`, toolName: "dump", input: { n } },
  { type: "finish", reason: "tool-calls" },
];

export const done: BackendChunk[] = [
  { type: "text-delta", delta: "done" },
  { type: "finish", reason: "stop" },
];

export const turnOf = (backend: Backend, more: Partial<TurnRequest> = {}): TurnRequest =>
  requestOf(backend, { compaction: plan, tools: [dump(150)], messages: [{ role: "user", content: "the task" }], ...more });

/** Every call has its result right after it, and every result its call right before. */
export function wellFormed(messages: readonly Message[]): boolean {
  return messages.every((message, i) => {
    if (message.role === "tool") {
      const calls = callsOf(messages[i - 1]);
      return message.content.every(({ toolCallId }) => calls.includes(toolCallId));
    }
    const calls = callsOf(message);
    if (calls.length === 0) return true;
    const next = messages[i + 1];
    const answered = next?.role === "tool" ? next.content.map(({ toolCallId }) => toolCallId) : [];
    return calls.every((id) => answered.includes(id));
  });
}

function callsOf(message: Message | undefined): string[] {
  if (message?.role !== "assistant" || typeof message.content === "string") return [];
  return message.content.flatMap((part) => (part.type === "tool-call" ? [part.toolCallId] : []));
}

export const textIn = (request: BackendRequest | undefined): string => JSON.stringify(request?.messages);
