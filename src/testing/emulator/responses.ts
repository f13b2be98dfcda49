import { estimateTokens } from "../../token-manager/estimate.js";
import { splitText } from "../split.js";
import { summaryTokens } from "./compaction.js";
import type { Dialect, EncodeContext } from "./dialect.js";
import { badRequest, type EmulatedPrompt, type Refusal, type Reply, type ReplyToolCall } from "./reply.js";
import { checkCompactRequest, checkResponsesRequest, readResponsesRequest } from "./responses-request.js";
import { encrypt } from "./sealed.js";
import { tokensOf } from "./window.js";

type Json = Record<string, unknown>;

/**
 * OpenAI's Responses API, with `/input_tokens` and `/compact`. Every event between the first two and the last counts as a delta.
 * A reply's `finishReason` may be `max_output_tokens` or `content_filter` (the response is `incomplete`) or `failed`. With
 * `context_management`, a request of as many input tokens as its threshold gets a compaction item after its reply.
 */
export const responses: Dialect = {
  name: "responses",
  takes: (path) => /^\/v1\/responses(\/input_tokens|\/compact)?$/.test(path),
  check: (body, strict, path) => (path.endsWith("/compact") ? checkCompactRequest(body) : undefined) ?? checkResponsesRequest(body, strict),
  read: (body, headers) => readResponsesRequest(body, headers),

  inputTokens: ({ body }) => tokensOf([body.instructions, body.input, body.tools]),

  overflow(prompt, window, path) {
    const tokens = responses.inputTokens(prompt) + (path.endsWith("/compact") ? COMPACT_OVERHEAD : 0);
    if (tokens <= window) return undefined;
    const message = "Your input exceeds the context window of this model. Please adjust your input and try again.";
    return badRequest(message, "input", "context_length_exceeded");
  },

  compacts(prompt, path) {
    if (path.endsWith("/compact")) return "alone";
    const threshold = thresholdOf(prompt);
    return threshold !== undefined && responses.inputTokens(prompt) >= threshold ? "within" : undefined;
  },

  withoutCompaction(prompt, path) {
    if (path.endsWith("/compact")) {
      return { status: 404, message: `Invalid URL (POST ${path})`, errorType: "invalid_request_error", param: null, code: null };
    }
    const key = "context_management";
    return prompt.body[key] == null ? undefined : badRequest(`Unknown parameter: '${key}'.`, key, "unknown_parameter");
  },

  answer(prompt, path) {
    if (!path.endsWith("/input_tokens")) return undefined;
    return { object: "response.input_tokens", input_tokens: responses.inputTokens(prompt) };
  },

  stream(reply, context) {
    let sequence = 0;
    const event = (type: string, fields: Json) => JSON.stringify({ type, sequence_number: sequence++, ...fields });
    const response = responseOf(reply, context);
    const begun = { ...response, status: "in_progress", output: [], usage: null, incomplete_details: null, error: null };
    const open = [event("response.created", { response: begun }), event("response.in_progress", { response: begun })];
    const deltas: string[] = [];
    const size = reply.chunkSize ?? 16;
    for (const [index, item] of (response.output as Json[]).entries()) {
      const at = { output_index: index, item_id: item.id };
      const write = (type: string, text: string, fields: Json) => {
        for (const delta of splitText(text, size)) deltas.push(event(type, { ...at, ...fields, delta }));
      };
      const added = item.type === "compaction" ? item : { ...item, status: "in_progress", ...emptied(item) };
      deltas.push(event("response.output_item.added", { output_index: index, item: added }));
      if (item.type === "compaction") deltas.push(event("response.compaction.compacting", at));
      if (item.type === "reasoning") {
        for (const [i, part] of (item.summary as { text: string }[]).entries()) {
          const where = { ...at, summary_index: i };
          deltas.push(event("response.reasoning_summary_part.added", { ...where, part: { type: "summary_text", text: "" } }));
          write("response.reasoning_summary_text.delta", part.text, { summary_index: i });
          deltas.push(event("response.reasoning_summary_text.done", { ...where, text: part.text }));
          deltas.push(event("response.reasoning_summary_part.done", { ...where, part }));
        }
      } else if (item.type === "message") {
        for (const [i, part] of (item.content as Json[]).entries()) {
          const field = part.type === "refusal" ? "refusal" : "text";
          const name = field === "refusal" ? "response.refusal" : "response.output_text";
          deltas.push(event("response.content_part.added", { ...at, content_index: i, part: { ...part, [field]: "" } }));
          write(`${name}.delta`, part[field] as string, { content_index: i, ...(field === "text" && { logprobs: [] }) });
          deltas.push(event(`${name}.done`, { ...at, content_index: i, [field]: part[field] }));
          deltas.push(event("response.content_part.done", { ...at, content_index: i, part }));
        }
      } else if (item.type === "function_call") {
        write("response.function_call_arguments.delta", item.arguments as string, {});
        deltas.push(event("response.function_call_arguments.done", { ...at, arguments: item.arguments }));
      }
      deltas.push(event("response.output_item.done", { output_index: index, item }));
    }
    return { open, deltas, finish: [event(`response.${response.status}`, { response })], trailer: [], done: [] };
  },

  whole: (reply, context) => (context.compaction?.alone ? compactedOf(context) : responseOf(reply, context)),
  error: ({ message, errorType, param, code }) => ({ error: { message, type: errorType, param, code } }),
  errorEvent: ({ message, errorType, param, code }) => ({ type: "error", error: { type: errorType, code, message, param } }),
  eventOf: (frame) => /^\{"type":"([^"]+)"/.exec(frame)?.[1],
};

/** What a compact request counts beside the conversation; measured on recorded ones. */
const COMPACT_OVERHEAD = 96;

function thresholdOf({ body }: EmulatedPrompt): number | undefined {
  const entries = Array.isArray(body.context_management) ? (body.context_management as Json[]) : [];
  const entry = entries.find(({ type }) => type === "compaction");
  return typeof entry?.compact_threshold === "number" ? entry.compact_threshold : undefined;
}

/** The answer of `/compact`: the user's messages as they are, and one item for everything. */
function compactedOf(context: EncodeContext): Json {
  const { input } = context.prompt.body;
  const items = Array.isArray(input) ? (input as Json[]) : [{ role: "user", content: input }];
  const output = items
    .filter((item) => item.role === "user")
    .map((item) => ({ id: context.newId("msg_"), type: "message", status: "completed", ...item, content: parts(item) }));
  return {
    id: context.newId("resp_"),
    object: "response.compaction",
    created_at: Math.floor(context.time / 1000),
    output: [...output, ...compactionItem(context)],
    usage: context.compaction?.reply.usage === null ? null : usageOf(context.compaction?.reply ?? {}, context),
  };
}

function compactionItem({ compaction, prompt, newId }: EncodeContext): Json[] {
  if (compaction?.summary == null) return [];
  return [{ id: newId("cmp_"), type: "compaction", encrypted_content: encrypt(prompt.model, compaction.summary) }];
}

function responseOf(reply: Reply, context: EncodeContext): Json {
  const { prompt } = context;
  const reason = reply.finishReason;
  const cut = reason === "max_output_tokens" || reason === "content_filter";
  return {
    id: context.newId("resp_"),
    object: "response",
    created_at: Math.floor(context.time / 1000),
    status: cut ? "incomplete" : reason === "failed" ? "failed" : "completed",
    error: reason === "failed" ? { code: "server_error", message: "The model failed to generate a response." } : null,
    incomplete_details: cut ? { reason } : null,
    instructions: prompt.body.instructions ?? null,
    model: reply.model ?? prompt.model,
    output: outputOf(reply, context),
    parallel_tool_calls: prompt.body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: prompt.body.reasoning ?? { effort: null, summary: null },
    store: prompt.body.store ?? true,
    tool_choice: prompt.body.tool_choice ?? "auto",
    tools: prompt.body.tools ?? [],
    usage: reply.usage === null ? null : usageOf(reply, context),
    metadata: {},
  };
}

function outputOf(reply: Reply, context: EncodeContext): Json[] {
  const { prompt } = context;
  const include = Array.isArray(prompt.body.include) ? prompt.body.include : [];
  const output: Json[] = [];
  if (reply.reasoning !== undefined) {
    const encrypted = include.includes("reasoning.encrypted_content") && { encrypted_content: encrypt(prompt.model, reply.reasoning) };
    const summary = reply.reasoning ? [{ type: "summary_text", text: reply.reasoning }] : [];
    output.push({ id: context.newId("rs_"), type: "reasoning", summary, ...encrypted });
  }
  const content: Json[] = [];
  if (reply.text !== undefined) content.push({ type: "output_text", annotations: [], logprobs: [], text: reply.text });
  if (reply.refusal !== undefined) content.push({ type: "refusal", refusal: reply.refusal });
  if (content.length > 0) output.push({ id: context.newId("msg_"), type: "message", status: "completed", role: "assistant", content });
  for (const call of reply.toolCalls ?? []) {
    const call_id = call.id ?? context.newId("call_");
    output.push({
      id: context.newId("fc_"),
      type: "function_call",
      status: "completed",
      arguments: argumentsOf(call),
      call_id,
      name: call.name,
    });
  }
  output.push(...compactionItem(context));
  return output;
}

/** What an item has not got yet when it begins. */
function emptied(item: Json): Json {
  if (item.type === "reasoning") return { summary: [] };
  return item.type === "message" ? { content: [] } : { arguments: "" };
}

function argumentsOf(call: ReplyToolCall): string {
  return call.arguments ?? JSON.stringify(call.input ?? {});
}

function parts(item: Json): unknown {
  return typeof item.content === "string" ? [{ type: "input_text", text: item.content }] : item.content;
}

function usageOf(reply: Reply, context: EncodeContext): Json {
  const { compaction, prompt } = context;
  const calls = (reply.toolCalls ?? []).map((call) => call.name + argumentsOf(call)).join("");
  const said = compaction?.alone ? "" : (reply.text ?? "") + (reply.refusal ?? "") + calls;
  const reasoningTokens = estimateTokens(reply.reasoning ?? "");
  const usage = reply.usage ?? {
    inputTokens: responses.inputTokens(prompt) + (compaction?.alone ? COMPACT_OVERHEAD : 0),
    outputTokens: reasoningTokens + estimateTokens(said) + (compaction ? summaryTokens(compaction) : 0),
    reasoningTokens,
  };
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0, cache_write_tokens: usage.cacheWriteTokens ?? 0 },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

/** Refusals in Azure's words, where it has its own. */
function azureError(refusal: Refusal): unknown {
  if (refusal.code === "invalid_api_key") {
    const message =
      "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.";
    return { error: { code: "401", message } };
  }
  if (refusal.code === "model_not_found") {
    const message =
      "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.";
    return { error: { code: "DeploymentNotFound", message } };
  }
  const { message, errorType, param, code } = refusal;
  return { error: { message, type: errorType, param, code } };
}

const DATED = /[?&]api-version=\d{4}-\d{2}-\d{2}/;

/** The Responses API of Azure OpenAI: `/openai/v1/responses`, and `/openai/responses` with a dated `api-version`. */
export const azureResponses: Dialect = {
  ...responses,
  name: "azure-responses",
  takes: (path, query) =>
    /^\/openai\/v1\/responses(\/input_tokens|\/compact)?$/.test(path) || (path === "/openai/responses" && DATED.test(query)),
  error: azureError,
};

/** Chat completions of Azure OpenAI: `/openai/v1/…`, and `/openai/deployments/<name>/…` with a dated `api-version`. */
export function azureChat(chat: Dialect): Dialect {
  return {
    ...chat,
    name: "azure-chat",
    takes: (path, query) =>
      path === "/openai/v1/chat/completions" || (/^\/openai\/deployments\/[^/]+\/chat\/completions$/.test(path) && DATED.test(query)),
    check: (body, strict, path) => chat.check(deployed(body, path), strict, path),
    read: (body, headers, path) => chat.read(deployed(body, path), headers, path),
    stream(reply, context) {
      const stream = chat.stream(reply, context);
      // What the filter says of the prompt comes first, in an event without a choice.
      const filter = { prompt_index: 0, content_filter_results: { hate: { filtered: false, severity: "safe" } } };
      const first = { choices: [], created: 0, id: "", model: "", object: "", prompt_filter_results: [filter] };
      return { ...stream, open: [JSON.stringify(first), ...stream.open] };
    },
    error: azureError,
  };
}

/** The deployment in the path is the model, whatever the body says. */
function deployed(body: Json, path: string): Json {
  const name = /^\/openai\/deployments\/([^/]+)\//.exec(path)?.[1];
  return name === undefined ? body : { ...body, model: decodeURIComponent(name) };
}
