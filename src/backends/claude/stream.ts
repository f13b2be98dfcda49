import { BackendError } from "../../errors.js";
import { type ClaudeBlock, fromClaudeBlocks } from "../../formatter/claude.js";
import type { AssistantMessage } from "../../formatter/messages.js";
import type { BackendChunk, FinishReason } from "../backend.js";
import { type Blocks, isOpaque, newBlocks } from "./blocks.js";
import { compactionTokens, mergeUsage, type RawClaudeUsage, toUsage } from "./usage.js";

type Json = Record<string, unknown>;

interface StopDetails {
  category?: string | null;
  explanation?: string | null;
}

/** One event of a Messages stream, as any of the servers may send it. */
export interface ClaudeEvent {
  type?: string;
  index?: number;
  message?: { id?: string; model?: string; content?: ClaudeBlock[] | null; stop_reason?: string | null; usage?: RawClaudeUsage | null };
  content_block?: ClaudeBlock;
  delta?: {
    type?: string;
    text?: string;
    thinking?: string;
    signature?: string;
    partial_json?: string;
    citation?: Json;
    content?: string | null;
    encrypted_content?: string | null;
    stop_reason?: string | null;
    stop_details?: StopDetails | null;
  };
  usage?: RawClaudeUsage | null;
  error?: unknown;
}

/** An opened stream and what is needed to read it. */
export interface ClaudeStream {
  events: AsyncIterable<ClaudeEvent>;
  /** Told before anything else. */
  warnings: readonly string[];
  provider: string;
  /** As messages name it. */
  label: string;
  endpoint: string;
  model: string;
  /** Makes the error for an error object that came inside the stream. */
  errorFrom(body: unknown): BackendError;
  /** What to throw instead of what the source threw. */
  failed(error: unknown): unknown;
  /** Whether data came that the SDK kept to itself, because no `event:` line named it. */
  unnamedData(): boolean;
  /** The error of a step that was aborted; `undefined` otherwise. */
  aborted(): BackendError | undefined;
}

const REASONS: Record<string, FinishReason> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  pause_turn: "pause",
  compaction: "pause",
  refusal: "refusal",
};

/** Opens a stream, gives its events as chunks up to `finish`, or throws, and closes it whatever happens. */
export async function* readClaudeStream(open: () => Promise<ClaudeStream>, close: () => void): AsyncGenerator<BackendChunk> {
  try {
    const context = await open();
    for (const message of context.warnings) yield { type: "warning", code: "unsupported_setting", message };
    const blocks = newBlocks();
    const told: BackendChunk[] = [];
    let usage: RawClaudeUsage | undefined;
    let stop: string | undefined;
    let details: StopDetails | undefined;
    let began = false;
    let ended = false;

    try {
      for await (const event of context.events) {
        // What nearly all of a stream consists of goes the shortest way.
        const delta = event.type === "content_block_delta" ? event.delta : undefined;
        if (delta?.type === "text_delta" && delta.text && blocks.appendText(event.index, delta.text)) {
          yield { type: "text-delta", delta: delta.text };
          continue;
        }
        switch (event.type) {
          case "content_block_delta":
            if (delta) addDelta(blocks, event.index ?? 0, delta, told);
            break;
          case "content_block_start":
            if (event.content_block) blocks.open(event.index ?? 0, event.content_block, told);
            break;
          case "content_block_stop":
            blocks.close(event.index ?? 0, told);
            break;
          case "message_start": {
            const message = event.message ?? {};
            began = true;
            usage = mergeUsage(usage, message.usage);
            if (message.stop_reason) stop = message.stop_reason;
            yield { type: "response-metadata", ...(message.id && { id: message.id }), ...(message.model && { model: message.model }) };
            // A reply that was there already, e.g. a call that code execution had been waiting to make, comes whole.
            message.content?.forEach((block, index) => {
              blocks.open(index, block, told);
              blocks.close(index, told);
            });
            break;
          }
          case "message_delta":
            usage = mergeUsage(usage, event.usage);
            if (event.delta?.stop_reason) stop = event.delta.stop_reason;
            if (event.delta?.stop_details) details = event.delta.stop_details;
            break;
          case "message_stop":
            ended = true;
            break;
          case "error":
            throw context.errorFrom(event);
          case "ping":
            // Tells nothing but that the stream lives.
            if (began) yield { type: "response-metadata" };
            break;
          default: // events that are younger than this code
        }
        if (told.length > 0) {
          for (const chunk of told) yield chunk;
          told.length = 0;
        }
      }
    } catch (thrown) {
      if (usage) yield { type: "usage", usage: toUsage(usage) };
      throw context.failed(thrown);
    }

    const aborted = context.aborted();
    if (!ended || aborted) {
      if (usage) yield { type: "usage", usage: toUsage(usage) };
      // The SDK ends an aborted stream without a word.
      throw aborted ?? truncated(context, began);
    }

    blocks.finish(stop === "max_tokens" || stop === "model_context_window_exceeded", told);
    for (const chunk of told) yield chunk;
    yield* compactions(blocks.all, usage);
    if (usage) yield { type: "usage", usage: toUsage(usage) };
    const reason = finishReason(stop, blocks.calls > 0);
    if (reason === "refusal") yield { type: "warning", code: "refusal", message: refusalText(context.label, details) };
    const message = reason === "refusal" ? undefined : replyMessage(blocks.all, context);
    if (message) yield { type: "message", message };
    yield { type: "finish", reason, ...(stop !== undefined && { raw: stop }) };
  } finally {
    close();
  }
}

function addDelta(blocks: Blocks, index: number, delta: NonNullable<ClaudeEvent["delta"]>, told: BackendChunk[]): void {
  switch (delta.type) {
    case "text_delta":
      if (!delta.text) break;
      blocks.at(index, "text", told).text += delta.text;
      told.push({ type: "text-delta", delta: delta.text });
      break;
    case "thinking_delta":
      if (!delta.thinking) break;
      blocks.at(index, "thinking", told).thinking += delta.thinking;
      told.push({ type: "reasoning-delta", delta: delta.thinking });
      break;
    case "input_json_delta":
      blocks.addInput(index, delta.partial_json ?? "", told);
      break;
    case "signature_delta":
      blocks.at(index, "thinking", told).signature = delta.signature;
      break;
    case "citations_delta":
      if (delta.citation) blocks.addCitation(index, delta.citation, told);
      break;
    case "compaction_delta": {
      const block = blocks.at(index, "compaction", told);
      if (delta.content != null) block.content = `${block.content ?? ""}${delta.content}`;
      if (delta.encrypted_content != null) block.encrypted_content = delta.encrypted_content;
      break;
    }
    default:
  }
}

function finishReason(stop: string | undefined, calls: boolean): FinishReason {
  const reason = stop === undefined ? "other" : (REASONS[stop] ?? "other");
  // Gateways that get the reason wrong still mean the calls that they sent.
  if (calls && (reason === "stop" || reason === "other")) return "tool-calls";
  return reason === "tool-calls" && !calls ? "stop" : reason;
}

/** Told at the end, when the figures are there. */
function* compactions(blocks: readonly ClaudeBlock[], usage: RawClaudeUsage | undefined): Generator<BackendChunk> {
  for (const block of blocks) {
    if (block.type !== "compaction") continue;
    if (block.content == null && block.encrypted_content == null) {
      yield { type: "warning", code: "compaction_failed", message: "Claude could not compact the conversation; it goes on as it was." };
    } else yield { type: "compaction", method: "claude", ...compactionTokens(usage) };
  }
}

/** The whole reply, where some of it must go back as it came. */
function replyMessage(blocks: readonly ClaudeBlock[], { provider, endpoint, model }: ClaudeStream): AssistantMessage | undefined {
  if (!blocks.some(isOpaque)) return undefined;
  const neutral = fromClaudeBlocks(blocks).content as Exclude<AssistantMessage["content"], string>;
  // The API takes back no empty text.
  const content = blocks.filter((block) => block.type !== "text" || (block.text as string).trim() !== "");
  return { role: "assistant", content: [...neutral, { type: "provider", provider, endpoint, model, data: { content } }] };
}

function refusalText(label: string, details: StopDetails | undefined): string {
  const about = details?.category ? ` (${details.category})` : "";
  return `${label} declined to go on${about}${details?.explanation ? `: ${details.explanation}` : "."}`;
}

function truncated({ label, provider, unnamedData }: ClaudeStream, began: boolean): BackendError {
  if (!began && unnamedData()) {
    const message = `${label} sends a stream without \`event:\` lines, which the Messages API has. Check \`baseUrl\`, or take a chat-completions backend for this server.`;
    return new BackendError("stream_error", message, { retryable: false, provider });
  }
  const message = `${label}: the stream ended before the reply did (no message_stop came).`;
  return new BackendError("stream_truncated", message, { retryable: true, provider });
}
