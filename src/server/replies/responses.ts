import type { Usage } from "../../token-manager/usage.js";
import type { HttpError } from "../http-error.js";
import type { ClientCall, Output } from "../output.js";
import { finishReasonOf, metadataOf, type ReplyInfo, textVoided, wholeReply } from "./common.js";

type Item = { type: string; id: string; [field: string]: unknown };

/** A reply as the typed events of the Responses API. Progress is a reasoning item with a summary. */
export class ResponsesStream {
  readonly #info: ReplyInfo;
  readonly #output: Item[] = [];
  #seq = 0;
  /** The item being written, and its text. */
  #open: { kind: "reasoning" | "message"; item: Item; text: string } | undefined;
  #said = false;

  constructor(info: ReplyInfo) {
    this.#info = info;
  }

  start(): string {
    const response = responseOf(this.#info, "in_progress", []);
    return this.#event("response.created", { response }) + this.#event("response.in_progress", { response });
  }

  write(output: Output): string {
    switch (output.type) {
      case "progress":
        return this.#info.progress === "off" ? "" : this.#delta("reasoning", output.delta);
      case "text":
        this.#said = true;
        return this.#delta("message", output.delta);
      case "void":
        if (this.#said) throw textVoided();
        return "";
      case "tool-calls": {
        const calls = this.#close() + output.calls.map((call) => this.#call(call)).join("");
        return calls + this.#event("response.completed", { response: responseOf(this.#info, "completed", this.#output, output) });
      }
      case "finish": {
        const before = this.#close();
        const cut = finishReasonOf(output.result.finishReason);
        const status = cut === "stop" ? "completed" : "incomplete";
        return before + this.#event(`response.${status}`, { response: responseOf(this.#info, status, this.#output, output) });
      }
    }
  }

  fail(error: HttpError): string {
    const failed = {
      ...responseOf(this.#info, "failed", this.#output),
      error: { code: error.code ?? "server_error", message: error.message },
    };
    return this.#event("response.failed", { response: failed });
  }

  #delta(kind: "reasoning" | "message", delta: string): string {
    const opening = this.#open?.kind === kind ? "" : this.#close() + this.#begin(kind);
    const open = this.#open!;
    open.text += delta;
    const at = { item_id: open.item.id, output_index: this.#output.length };
    if (kind === "message") return opening + this.#event("response.output_text.delta", { ...at, content_index: 0, delta, logprobs: [] });
    return opening + this.#event("response.reasoning_summary_text.delta", { ...at, summary_index: 0, delta });
  }

  #begin(kind: "reasoning" | "message"): string {
    const index = this.#output.length;
    const id = `${kind === "message" ? "msg" : "rs"}_${index}_${this.#info.id}`;
    const item: Item =
      kind === "message"
        ? { type: "message", id, status: "in_progress", role: "assistant", content: [] }
        : { type: "reasoning", id, summary: [] };
    this.#open = { kind, item, text: "" };
    const added = this.#event("response.output_item.added", { output_index: index, item });
    const at = { item_id: id, output_index: index };
    if (kind === "message") return added + this.#event("response.content_part.added", { ...at, content_index: 0, part: textPart("") });
    return added + this.#event("response.reasoning_summary_part.added", { ...at, summary_index: 0, part: summaryPart("") });
  }

  #close(): string {
    if (this.#open === undefined) return "";
    const { kind, item, text } = this.#open;
    this.#open = undefined;
    const at = { item_id: item.id, output_index: this.#output.length };
    const done = finished(kind, item.id, text);
    const ends =
      kind === "message"
        ? this.#event("response.output_text.done", { ...at, content_index: 0, text, logprobs: [] }) +
          this.#event("response.content_part.done", { ...at, content_index: 0, part: textPart(text) })
        : this.#event("response.reasoning_summary_text.done", { ...at, summary_index: 0, text }) +
          this.#event("response.reasoning_summary_part.done", { ...at, summary_index: 0, part: summaryPart(text) });
    const whole = this.#event("response.output_item.done", { output_index: this.#output.length, item: done });
    this.#output.push(done);
    return ends + whole;
  }

  #call(call: ClientCall): string {
    const index = this.#output.length;
    const item = callItem(call, this.#info, index);
    const [field, event] = item.type === "function_call" ? ["arguments", "function_call_arguments"] : ["input", "custom_tool_call_input"];
    const at = { item_id: item.id, output_index: index };
    this.#output.push(item);
    return (
      this.#event("response.output_item.added", { output_index: index, item: { ...item, status: "in_progress", [field]: "" } }) +
      this.#event(`response.${event}.delta`, { ...at, delta: call.arguments }) +
      this.#event(`response.${event}.done`, { ...at, name: call.tool.name, [field]: call.arguments }) +
      this.#event("response.output_item.done", { output_index: index, item })
    );
  }

  #event(type: string, fields: object): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.#seq++, ...fields })}\n\n`;
  }
}

/** A whole reply as one `response`. */
export async function responseObject(outputs: AsyncIterable<Output>, info: ReplyInfo): Promise<object> {
  const { text, told, end } = await wholeReply(outputs);
  const items: Item[] = [];
  if (told !== "" && info.progress !== "off") items.push(finished("reasoning", `rs_0_${info.id}`, told));
  if (text !== "") items.push(finished("message", `msg_${items.length}_${info.id}`, text));
  if (end.type === "tool-calls") for (const call of end.calls) items.push(callItem(call, info, items.length));
  const whole = end.type === "tool-calls" || finishReasonOf(end.result.finishReason) === "stop";
  return responseOf(info, whole ? "completed" : "incomplete", items, end);
}

function responseOf(info: ReplyInfo, status: string, output: Item[], end?: Extract<Output, { usage: Usage }>) {
  const { id, created, request } = info;
  const { settings } = request;
  const format = settings.responseFormat;
  const cut = end?.type === "finish" ? finishReasonOf(end.result.finishReason) : "stop";
  return {
    id,
    object: "response",
    created_at: created,
    status,
    error: null,
    incomplete_details: cut === "stop" ? null : { reason: cut === "length" ? "max_output_tokens" : "content_filter" },
    instructions: request.echo?.instructions ?? null,
    max_output_tokens: settings.maxOutputTokens ?? null,
    model: request.model,
    output: [...output],
    parallel_tool_calls: request.parallelToolCalls,
    previous_response_id: null,
    reasoning: { effort: settings.reasoningEffort ?? null, summary: null },
    store: false,
    temperature: settings.temperature ?? null,
    text: {
      format:
        format?.type === "json-schema"
          ? { type: "json_schema", name: format.name ?? "response", schema: format.schema }
          : { type: format?.type === "json" ? "json_object" : "text" },
      verbosity: request.echo?.verbosity ?? "medium",
    },
    tool_choice:
      typeof request.toolChoice === "object" ? { type: "function", name: request.toolChoice.toolName } : (request.toolChoice ?? "auto"),
    tools: request.tools.map(({ name, description, inputSchema, freeText }) =>
      freeText === undefined
        ? { type: "function", name, description, parameters: inputSchema, strict: false }
        : { type: "custom", name, description },
    ),
    top_p: settings.topP ?? null,
    truncation: request.echo?.truncation ?? "disabled",
    usage: end === undefined ? null : usageOf(end.usage),
    ...(request.user !== undefined && { user: request.user }),
    metadata: request.metadata ?? {},
    ...(request.wantsMetadata && end?.type === "finish" && { massgen_metadata: metadataOf(end.result) }),
  };
}

function usageOf({ inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 }: Usage) {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens, cache_write_tokens: cacheWriteTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  };
}

const textPart = (text: string) => ({ type: "output_text", text, annotations: [], logprobs: [] });
const summaryPart = (text: string) => ({ type: "summary_text", text });

function finished(kind: "reasoning" | "message", id: string, text: string): Item {
  return kind === "message"
    ? { type: "message", id, status: "completed", role: "assistant", content: [textPart(text)] }
    : { type: "reasoning", id, summary: [summaryPart(text)] };
}

function callItem({ id, tool, arguments: args }: ClientCall, info: ReplyInfo, index: number): Item {
  const common = { id: `fc_${index}_${info.id}`, call_id: id, name: tool.name, status: "completed" };
  return tool.freeText === undefined
    ? { type: "function_call", ...common, arguments: args }
    : { type: "custom_tool_call", ...common, input: args };
}
