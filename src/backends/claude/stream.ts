import { BackendError } from "../../errors.js";
import { type ClaudeBlock, fromClaudeBlocks } from "../../formatter/claude.js";
import type { AssistantMessage } from "../../formatter/messages.js";
import type { BackendChunk, FinishReason } from "../backend.js";
import type { ReplyReader } from "../read-reply.js";
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
  message?: {
    id?: string;
    model?: string;
    content?: ClaudeBlock[] | null;
    stop_reason?: string | null;
    stop_details?: StopDetails | null;
    usage?: RawClaudeUsage | null;
  };
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

/** What is needed to read a reply. */
export interface ClaudeReply {
  provider: string;
  /** As messages name it. */
  label: string;
  endpoint: string;
  model: string;
  /** Makes the error for an error object that came inside the stream. */
  errorFrom(body: unknown): BackendError;
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

/** Reads the events of one reply. */
export function claudeReader(context: ClaudeReply): ReplyReader {
  const blocks = newBlocks();
  let usage: RawClaudeUsage | undefined;
  let stop: string | undefined;
  let details: StopDetails | undefined;
  let began = false;
  let ended = false;
  /** Events that the Messages API does not have. */
  let foreign = false;

  function take(given: unknown, name: string, out: BackendChunk[]): void {
    if (typeof given !== "object" || given === null || name === "error") throw context.errorFrom(given);
    const event = given as ClaudeEvent;
    // What nearly all of a stream consists of goes the shortest way.
    const delta = event.type === "content_block_delta" ? event.delta : undefined;
    if (delta?.type === "text_delta" && delta.text && blocks.appendText(event.index, delta.text)) {
      out.push({ type: "text-delta", delta: delta.text });
      return;
    }
    switch (event.type) {
      case "content_block_delta":
        if (delta) addDelta(blocks, event.index ?? 0, delta, out);
        break;
      case "content_block_start":
        if (event.content_block) blocks.open(event.index ?? 0, event.content_block, out);
        break;
      case "content_block_stop":
        blocks.close(event.index ?? 0, out);
        break;
      case "message_start": {
        const message = event.message ?? {};
        began = true;
        usage = mergeUsage(usage, message.usage);
        if (message.stop_reason) stop = message.stop_reason;
        if (message.stop_details) details = message.stop_details;
        out.push({ type: "response-metadata", ...(message.id && { id: message.id }), ...(message.model && { model: message.model }) });
        // A reply that was there already, e.g. a call that code execution had been waiting to make, comes whole.
        message.content?.forEach((block, index) => {
          blocks.open(index, block, out);
          blocks.close(index, out);
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
        // Tells nothing but that the stream lives: a model that thinks unseen sends nothing else for minutes.
        if (began) out.push({ type: "response-metadata" });
        break;
      default: // events that are younger than this code
        if (event.error) throw context.errorFrom(event);
        foreign = true;
    }
  }

  /** A message as JSON is the events that stand for it. */
  function takeWhole(body: unknown, out: BackendChunk[]): void {
    const { type, error } = (body ?? {}) as ClaudeEvent;
    if (type === "message") {
      take({ type: "message_start", message: body }, "", out);
      take({ type: "message_stop" }, "", out);
    } else if (type === "error" || error) throw context.errorFrom(body);
    else throw context.errorFrom({ error: { message: `a reply that is no message: ${JSON.stringify(body).slice(0, 200)}` } });
  }

  function breakOff(out: BackendChunk[]): void {
    if (usage) out.push({ type: "usage", usage: toUsage(usage) });
  }

  function end(out: BackendChunk[]): void {
    if (!ended) {
      breakOff(out);
      throw foreign && !began ? wrongApi(context) : truncated(context);
    }
    blocks.finish(stop === "max_tokens" || stop === "model_context_window_exceeded", out);
    out.push(...compactions(blocks.all, usage));
    if (usage) out.push({ type: "usage", usage: toUsage(usage) });
    const reason = finishReason(stop, blocks.calls > 0);
    if (reason === "refusal") out.push({ type: "warning", code: "refusal", message: refusalText(context.label, details) });
    const message = reason === "refusal" ? undefined : replyMessage(blocks.all, context);
    if (message) out.push({ type: "message", message });
    out.push({ type: "finish", reason, ...(stop !== undefined && { raw: stop }) });
  }

  return { take, takeWhole, whole: () => ended, end, breakOff };
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
function replyMessage(blocks: readonly ClaudeBlock[], { provider, endpoint, model }: ClaudeReply): AssistantMessage | undefined {
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

function truncated({ label, provider }: ClaudeReply): BackendError {
  const message = `${label}: the stream ended before the reply did (no message_stop came).`;
  return new BackendError("stream_truncated", message, { retryable: true, provider });
}

function wrongApi({ label, provider }: ClaudeReply): BackendError {
  const message = `${label} sent a stream that is not of the Messages API. Check \`baseUrl\`, or take a chat-completions backend for this server.`;
  return new BackendError("stream_error", message, { retryable: false, provider });
}
