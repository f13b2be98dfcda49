import { estimateTokens } from "../../token-manager/estimate.js";
import type { Usage } from "../../token-manager/usage.js";
import { splitText } from "../split.js";
import { fromCompaction } from "./anthropic-conversation.js";
import { checkMessagesRequest, readMessagesRequest } from "./anthropic-request.js";
import { summaryTokens } from "./compaction.js";
import type { Dialect, EncodeContext } from "./dialect.js";
import { badRequest, type EmulatedPrompt, type Refusal, type Reply, type ReplyToolCall } from "./reply.js";
import { encrypt } from "./sealed.js";
import { thoughtSignature } from "./thought-signature.js";
import { type ContextWindow, tokensOf, windowOf } from "./window.js";

type Json = Record<string, unknown>;

const PATH = "/v1/messages";
const COUNT = "/v1/messages/count_tokens";

/**
 * Anthropic's Messages API. `afterChunks` of a fault counts every frame between `message_start` and `message_delta`: the
 * beginnings and ends of blocks as well as their deltas. A request with `compaction` is answered with a signed summary alone; one
 * with the edit `compact_20260112` that has as many input tokens as its trigger (150,000 by default) with one before its reply, or
 * alone with `pause_after_compaction`.
 */
export const anthropicMessages: Dialect = {
  name: "anthropic-messages",
  takes: (path) => path === PATH || path === COUNT,
  check: (body, _strict, path, headers = {}) => checkMessagesRequest(body, path === COUNT, headers),
  read: readMessagesRequest,
  inputTokens,
  overflow(prompt, window) {
    const tokens = inputTokens(prompt);
    return tokens > window ? badRequest(`prompt is too long: ${tokens} tokens > ${window} maximum`) : undefined;
  },
  compacts(prompt) {
    if (prompt.body.compaction != null) return "alone";
    const edit = editOf(prompt);
    if (!edit || inputTokens(prompt) < (edit.trigger?.value ?? DEFAULT_TRIGGER)) return undefined;
    return edit.pause_after_compaction ? "alone" : "within";
  },
  withoutCompaction(prompt) {
    if (prompt.body.compaction != null) return badRequest("compaction: Extra inputs are not permitted");
    return editOf(prompt) && badRequest("context_management: Extra inputs are not permitted");
  },
  answer: (prompt, path) => (path === COUNT ? { input_tokens: inputTokens(prompt) } : undefined),
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

  error: (refusal) => ({
    type: "error",
    error: {
      type: errorType(refusal),
      message: errorMessage(refusal),
      ...(refusal.code?.startsWith("compaction_") && { details: { error_code: refusal.code } }),
    },
    request_id: "req_emulated",
  }),
};

/** The answer to `GET /v1/models`. */
export function anthropicModels(ids: readonly string[], windows?: ContextWindow): unknown {
  const data = ids.map((id) => {
    const window = windowOf(windows, id);
    const limit = window !== undefined && { max_input_tokens: window };
    return { type: "model", id, display_name: id, created_at: "2025-01-01T00:00:00Z", ...limit };
  });
  return { data, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null };
}

/** A block of the reply; `json`: its arguments, which are streamed. */
type Block = Json & { type: string; json?: string };

const DEFAULT_TRIGGER = 150_000;

interface CompactEdit {
  type: string;
  trigger?: { value: number } | null;
  pause_after_compaction?: boolean;
}

function editOf({ body }: EmulatedPrompt): CompactEdit | undefined {
  const { edits } = (body.context_management ?? {}) as { edits?: CompactEdit[] };
  return edits?.find(({ type }) => type === "compact_20260112");
}

/** On demand the API signs the summary, and says nothing where there is none; at a threshold it says that there is none. */
function compactionBlocks({ compaction, prompt }: EncodeContext): Block[] {
  if (!compaction) return [];
  const { summary } = compaction;
  if (prompt.body.compaction != null) {
    return summary === null ? [] : [{ type: "compaction", content: summary, signature: thoughtSignature(summary) }];
  }
  return [{ type: "compaction", content: summary, encrypted_content: summary === null ? null : encrypt(prompt.model, "") }];
}

function blocksOf(reply: Reply, context: EncodeContext): Block[] {
  const blocks = compactionBlocks(context);
  if (context.compaction?.alone) return blocks;
  const text = `${reply.text ?? ""}${reply.refusal ?? ""}`;
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
      // A signed one comes whole.
      return block.signature === undefined ? { ...block, content: null, encrypted_content: null } : block;
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
      return block.signature === undefined
        ? [{ type: "compaction_delta", content: block.content, encrypted_content: block.encrypted_content }]
        : [];
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

function argumentsOf(call: ReplyToolCall): string {
  return call.arguments ?? JSON.stringify(call.input ?? {});
}

function stopReason(reply: Reply, context: EncodeContext): string {
  if (reply.finishReason) return reply.finishReason;
  const { compaction, prompt } = context;
  if (compaction?.alone) return compaction.summary === null && prompt.body.compaction != null ? "end_turn" : "compaction";
  if (reply.refusal !== undefined) return "refusal";
  return reply.toolCalls?.length ? "tool_use" : "end_turn";
}

function stopDetails(reply: Reply): Json | null {
  return reply.refusal === undefined ? null : { type: "refusal", category: null, explanation: null };
}

function inputTokens({ body }: EmulatedPrompt): number {
  return tokensOf([body.system, fromCompaction(body.messages as Json[]), body.tools]);
}

/** The top level tells the last pass of the model alone; with a compaction, the passes are listed beside it. */
function usageOf(reply: Reply, context: EncodeContext): Json | undefined {
  const { prompt, compaction } = context;
  if (reply.usage === null) return undefined;
  if (!compaction) return figures(reply.usage ?? usageFor(reply, inputTokens(prompt)));
  const spent = { inputTokens: inputTokens(prompt), outputTokens: summaryTokens(compaction) };
  const pass = { type: "compaction", ...figures(compaction.reply.usage ?? spent) };
  if (compaction.alone) return { ...figures({ inputTokens: 0, outputTokens: 0 }), iterations: [pass] };
  const { system, tools } = prompt.body;
  const left = compaction.summary === null ? spent.inputTokens : tokensOf([system, compaction.summary, tools]);
  const last = figures(reply.usage ?? usageFor(reply, left));
  return { ...last, iterations: [pass, { type: "message", ...last }] };
}

function usageFor(reply: Reply, inputTokens: number): Usage {
  const calls = (reply.toolCalls ?? []).map((call) => call.name + argumentsOf(call)).join("");
  return {
    inputTokens,
    outputTokens: estimateTokens((reply.reasoning ?? "") + (reply.text ?? "") + (reply.refusal ?? "") + calls),
    ...(reply.reasoning && { reasoningTokens: estimateTokens(reply.reasoning) }),
  };
}

/** The API counts cached input apart from the rest. */
function figures(usage: Usage): Json {
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
