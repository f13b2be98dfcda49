import { BackendError } from "../../errors.js";
import type { ClaudeBlock, ClaudeMessage, ClaudeProviderData } from "../../formatter/claude.js";
import type { AssistantMessage } from "../../formatter/messages.js";

type Json = Record<string, unknown>;

/** Wanted by a request for a summary, and by every request that carries a signed one. */
const ON_DEMAND = "compact-2026-09-04";
const AT_THRESHOLD = "compact-2026-01-12";
/** The limit is for the model's thinking as well, and what it cuts off is no summary. */
const ROOM_FOR_SUMMARY = 16_000;

interface Sent {
  body: Json;
  headers: Record<string, string>;
}

/** A request with what a compaction among its messages asks for: its beta, and no threshold beside a signed one. */
export function carryingCompaction({ body, headers }: Sent, warnings: string[]): Sent {
  const blocks = (body.messages as { content: ClaudeBlock[] }[]).flatMap(({ content }) => content);
  const compactions = blocks.filter((block) => block.type === "compaction");
  if (compactions.length === 0) return { body, headers };
  const signed = compactions.some((block) => block.signature != null);
  if (!signed) return { body, headers: withBeta(headers, AT_THRESHOLD) };
  const { context_management, ...rest } = body;
  const { edits = [], ...others } = (context_management ?? {}) as { edits?: { type?: string }[] };
  const kept = edits.filter((edit) => edit?.type !== "compact_20260112");
  if (kept.length < edits.length) {
    warnings.push("The conversation was compacted on demand, which excludes compaction at a threshold; `compact_20260112` was left out.");
  }
  const left = kept.length > 0 || Object.keys(others).length > 0;
  return { body: left ? { ...rest, context_management: { ...others, edits: kept } } : rest, headers: withBeta(headers, ON_DEMAND) };
}

/** The user begins, unless a compaction stands for what came before; a summary as text, of another model's, does not. */
export function userFirst(messages: ClaudeMessage[]): ClaudeMessage[] {
  const [first] = messages;
  if (first?.role !== "assistant" || first.content[0]?.type === "compaction") return messages;
  return [{ role: "user", content: [{ type: "text", text: "(The conversation began earlier.)" }] }, ...messages];
}

/** The request that has a conversation summarized. Left out is what the API refuses beside `compaction`. */
export function summaryRequest({ body, headers }: Sent, maxOutput: number): Sent {
  const { context_management, stop_sequences, tool_choice, output_config, ...rest } = body;
  const { format, task_budget, ...output } = (output_config ?? {}) as Json;
  const least = Math.min(ROOM_FOR_SUMMARY, maxOutput);
  return {
    body: {
      ...rest,
      max_tokens: Math.max(body.max_tokens as number, least),
      ...(Object.keys(output).length > 0 && { output_config: output }),
      compaction: { type: "summarize" },
    },
    headers: withBeta(headers, ON_DEMAND),
  };
}

function withBeta(headers: Record<string, string>, beta: string): Record<string, string> {
  const given = headers["anthropic-beta"]?.split(",") ?? [];
  return given.includes(beta) ? headers : { ...headers, "anthropic-beta": [...given, beta].join(",") };
}

/** The compaction of a reply as a message, or `undefined`. The summary goes with it as text: all that another model can be sent. */
export function summaryMessage(message: AssistantMessage | undefined): AssistantMessage | undefined {
  if (!message || typeof message.content === "string") return undefined;
  const blocks = message.content.flatMap((part) => (part.type === "provider" ? (part.data as ClaudeProviderData).content : []));
  const texts = blocks.flatMap((block) => (block.type === "compaction" && block.content != null ? [block.content as string] : []));
  if (texts.length === 0) return undefined;
  return { ...message, content: [...texts.map((text) => ({ type: "text" as const, text })), ...message.content] };
}

/** Why the API wrote no summary, from the reason for which the reply stopped. */
export function noSummary(raw: string | undefined, label: string, provider: string): BackendError {
  const options = { provider };
  switch (raw) {
    case "model_context_window_exceeded":
      return new BackendError("context_overflow", `${label} had no room left to summarize the conversation. Compact earlier.`, options);
    case "refusal":
      return new BackendError("content_filter", `${label} declined to summarize the conversation.`, options);
    default: {
      const why = raw === "max_tokens" ? "it was cut off at `max_tokens`" : `the reply stopped for "${raw ?? "nothing"}"`;
      return new BackendError("stream_error", `${label} wrote no summary of the conversation: ${why}.`, options);
    }
  }
}
