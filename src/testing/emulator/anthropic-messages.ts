import { estimateTokens } from "../../token-manager/estimate.js";
import { splitText } from "../split.js";
import { checkMessagesRequest, readMessagesRequest } from "./anthropic-request.js";
import type { Dialect, EncodeContext } from "./dialect.js";
import type { Refusal, Reply, ReplyToolCall } from "./reply.js";
import { thoughtSignature } from "./thought-signature.js";

type Json = Record<string, unknown>;

const PATH = "/v1/messages";
const COUNT = "/v1/messages/count_tokens";

/**
 * Anthropic's Messages API. `afterChunks` of a fault counts every frame between `message_start` and `message_delta`: the
 * beginnings and ends of blocks as well as their deltas. A request with `compaction` is answered with the reply's text as summary.
 */
export const anthropicMessages: Dialect = {
  name: "anthropic-messages",
  takes: (path) => path === PATH || path === COUNT,
  check: (body, _strict, path, headers = {}) => checkMessagesRequest(body, path === COUNT, headers),
  read: readMessagesRequest,
  answer: (prompt, path) => (path === COUNT ? { input_tokens: inputTokens(prompt.body) } : undefined),
  eventOf: (frame) => /^\{"type":"(\w+)"/.exec(frame)?.[1],

  stream(reply, context) {
    const size = reply.chunkSize ?? 16;
    const deltas: string[] = [];
    for (const [index, block] of blocksOf(reply, context).entries()) {
      deltas.push(JSON.stringify({ type: "content_block_start", index, content_block: emptied(block) }));
      for (const delta of deltasOf(block, size)) deltas.push(JSON.stringify({ type: "content_block_delta", index, delta }));
      deltas.push(JSON.stringify({ type: "content_block_stop", index }));
    }
    const usage = usageOf(reply, context);
    const delta = { stop_reason: stopReason(reply, context), stop_sequence: null, stop_details: stopDetails(reply) };
    return {
      open: [
        JSON.stringify({
          type: "message_start",
          message: { ...envelope(reply, context), content: [], ...(usage && { usage: { ...usage, output_tokens: 1 } }) },
        }),
        JSON.stringify({ type: "ping" }),
      ],
      deltas,
      finish: [JSON.stringify({ type: "message_delta", delta, ...(usage && { usage }) })],
      trailer: [],
      done: [JSON.stringify({ type: "message_stop" })],
    };
  },

  whole(reply, context) {
    const usage = usageOf(reply, context);
    return {
      ...envelope(reply, context),
      content: blocksOf(reply, context).map(({ json, ...block }) => (json === undefined ? block : { ...block, input: JSON.parse(json) })),
      stop_reason: reply.fault?.type === "no-finish" ? null : stopReason(reply, context),
      stop_details: stopDetails(reply),
      ...(usage && { usage }),
    };
  },

  error: (refusal) => ({ type: "error", error: { type: errorType(refusal), message: errorMessage(refusal) }, request_id: "req_emulated" }),
};

/** The answer to `GET /v1/models`. */
export function anthropicModels(ids: readonly string[]): unknown {
  const data = ids.map((id) => ({ type: "model", id, display_name: id, created_at: "2025-01-01T00:00:00Z" }));
  return { data, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null };
}

/** A block of the reply; `json`: its arguments, which are streamed. */
type Block = Json & { type: string; json?: string };

function blocksOf(reply: Reply, context: EncodeContext): Block[] {
  const text = `${reply.text ?? ""}${reply.refusal ?? ""}`;
  if (isCompaction(context)) return [{ type: "compaction", content: text, encrypted_content: null, signature: thoughtSignature(text) }];
  const blocks: Block[] = [];
  if (reply.reasoning) blocks.push({ type: "thinking", thinking: reply.reasoning, signature: thoughtSignature(reply.reasoning) });
  if (text) blocks.push({ type: "text", text });
  for (const call of reply.toolCalls ?? []) {
    const id = call.id ?? context.newId("toolu_");
    blocks.push({ type: "tool_use", id, name: call.name, input: {}, caller: { type: "direct" }, json: argumentsOf(call) });
  }
  return blocks;
}

/** A block as it begins. */
function emptied({ json, ...block }: Block): Json {
  switch (block.type) {
    case "text":
      return { ...block, text: "" };
    case "thinking":
      return { ...block, thinking: "", signature: "" };
    case "compaction":
      return { ...block, content: null };
    default:
      return block;
  }
}

function deltasOf(block: Block, size: number): Json[] {
  const pieces = (type: string, field: string, text: unknown) =>
    [...splitText(text as string, size)].map((piece) => ({ type, [field]: piece }));
  switch (block.type) {
    case "text":
      return pieces("text_delta", "text", block.text);
    case "thinking":
      return [...pieces("thinking_delta", "thinking", block.thinking), { type: "signature_delta", signature: block.signature }];
    case "compaction":
      return [{ type: "compaction_delta", content: block.content, encrypted_content: null }];
    default:
      // The API's first piece of arguments is empty, and arguments that are none at all stay so.
      return [
        { type: "input_json_delta", partial_json: "" },
        ...pieces("input_json_delta", "partial_json", block.json === "{}" ? "" : block.json),
      ];
  }
}

function envelope(reply: Reply, context: EncodeContext): Json {
  return {
    id: context.newId("msg_"),
    type: "message",
    role: "assistant",
    model: reply.model ?? context.prompt.model,
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
  };
}

function isCompaction({ prompt }: EncodeContext): boolean {
  return prompt.body.compaction != null;
}

function argumentsOf(call: ReplyToolCall): string {
  return call.arguments ?? JSON.stringify(call.input ?? {});
}

function stopReason(reply: Reply, context: EncodeContext): string {
  if (reply.finishReason) return reply.finishReason;
  if (isCompaction(context)) return "compaction";
  if (reply.refusal !== undefined) return "refusal";
  return reply.toolCalls?.length ? "tool_use" : "end_turn";
}

function stopDetails(reply: Reply): Json | null {
  return reply.refusal === undefined ? null : { type: "refusal", category: null, explanation: null };
}

function inputTokens(body: Json): number {
  return estimateTokens(JSON.stringify([body.system, body.messages, body.tools]));
}

/** The API counts cached input apart from the rest. */
function usageOf(reply: Reply, { prompt }: EncodeContext): Json | undefined {
  if (reply.usage === null) return undefined;
  const calls = (reply.toolCalls ?? []).map((call) => call.name + argumentsOf(call)).join("");
  const usage = reply.usage ?? {
    inputTokens: inputTokens(prompt.body),
    outputTokens: estimateTokens((reply.reasoning ?? "") + (reply.text ?? "") + (reply.refusal ?? "") + calls),
    ...(reply.reasoning && { reasoningTokens: estimateTokens(reply.reasoning) }),
  };
  const read = usage.cachedInputTokens ?? 0;
  const written = usage.cacheWriteTokens ?? 0;
  return {
    input_tokens: usage.inputTokens - read - written,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: written,
    output_tokens: usage.outputTokens,
    ...(usage.reasoningTokens !== undefined && { output_tokens_details: { thinking_tokens: usage.reasoningTokens } }),
  };
}

const TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  500: "api_error",
  504: "timeout_error",
  529: "overloaded_error",
};
/** What a refusal says where nobody chose a type. */
const UNCHOSEN = new Set(["invalid_request_error", "rate_limit_error", "server_error"]);

function errorType({ status, errorType: chosen }: Refusal): string {
  if (!UNCHOSEN.has(chosen)) return chosen;
  return TYPES[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
}

/** The emulator's general refusals, in Anthropic's words. */
function errorMessage({ code, message }: Refusal): string {
  if (code === "invalid_api_key") return message.startsWith("You didn't") ? "x-api-key header is required" : "invalid x-api-key";
  if (code === "model_not_found") return `model: ${/`(.+)`/.exec(message)?.[1] ?? ""}`;
  return message;
}
