import { BackendError } from "../../errors.js";
import type { AssistantPart } from "../../formatter/messages.js";
import type { ResponseItem, ResponsesProviderData } from "../../formatter/openai-responses.js";
import { audioOf } from "../audio.js";
import type { BackendChunk, FinishReason } from "../backend.js";
import type { ReplyReader } from "../read-reply.js";
import { OutputItems } from "./items.js";
import { partialImage } from "./media.js";
import { type RawResponsesUsage, toResponsesUsage } from "./usage.js";

/** The reply as a whole, as it stands in the events that begin and end a stream. */
export interface RawResponse {
  id?: string;
  model?: string;
  status?: string;
  error?: unknown;
  incomplete_details?: { reason?: string } | null;
  output?: ResponseItem[] | null;
  usage?: RawResponsesUsage | null;
  citations?: unknown[] | null;
}

/** One event of a Responses stream. */
export interface ResponsesEvent {
  type?: string;
  response?: RawResponse;
  output_index?: number;
  content_index?: number;
  summary_index?: number;
  item?: ResponseItem;
  delta?: unknown;
  [field: string]: unknown;
}

/** What is needed to read a reply. */
export interface ResponsesReply {
  provider: string;
  endpoint: string;
  model: string;
  /** Number of the first generated tool-call id. */
  firstCallId: number;
  /** Makes the error for an error that came inside the stream. */
  errorFrom(body: unknown): BackendError;
  /** Hears of the response's id as soon as it is known. */
  began(id: string): void;
}

/** Reads the events of one reply. */
export function responsesReader(context: ResponsesReply): ReplyReader {
  const items = new OutputItems(context.firstCallId);
  const audio: string[] = [];
  let announced = false;
  let ended: RawResponse | undefined;
  // The text that is being written: its pieces are nearly all of a stream.
  let current: { text: string } | undefined;
  let currentIndex = -1;
  let currentPart = -1;

  function take(given: unknown, name: string, out: BackendChunk[]): void {
    if (typeof given !== "object" || given === null) throw context.errorFrom(given);
    const event = given as ResponsesEvent;
    const index = event.output_index ?? 0;
    switch (event.type) {
      case "response.output_text.delta":
      case "response.refusal.delta": {
        const { delta } = event;
        if (typeof delta !== "string" || delta === "") break;
        const part = event.content_index ?? 0;
        if (current && index === currentIndex && part === currentPart) current.text += delta;
        else {
          current = items.piece(index, `content${part}`, delta, event.item_id);
          currentIndex = index;
          currentPart = part;
        }
        if (event.type === "response.refusal.delta") items.refused = true;
        out.push({ type: "text-delta", delta });
        break;
      }
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta": {
        const { delta } = event;
        if (typeof delta !== "string" || delta === "") break;
        const summary = event.type === "response.reasoning_summary_text.delta";
        items.piece(index, summary ? `summary${event.summary_index ?? 0}` : `reasoning${event.content_index ?? 0}`, delta, event.item_id);
        out.push({ type: "reasoning-delta", delta, kind: summary ? "summary" : "raw" });
        break;
      }
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
        items.arguments(index, typeof event.delta === "string" ? event.delta : JSON.stringify(event.delta ?? ""), out, event.item_id);
        break;
      case "response.output_text.done":
        items.ended(index, `content${event.content_index ?? 0}`, event.text, out, event.item_id);
        break;
      case "response.refusal.done":
        items.refused = true;
        items.ended(index, `content${event.content_index ?? 0}`, event.refusal, out, event.item_id);
        break;
      case "response.reasoning_summary_text.done":
        items.ended(index, `summary${event.summary_index ?? 0}`, event.text, out, event.item_id);
        break;
      case "response.reasoning_text.done":
        items.ended(index, `reasoning${event.content_index ?? 0}`, event.text, out, event.item_id);
        break;
      case "response.function_call_arguments.done":
        items.ended(index, "arguments", event.arguments, out, event.item_id);
        break;
      case "response.custom_tool_call_input.done":
        items.ended(index, "arguments", event.input, out, event.item_id);
        break;
      case "response.output_item.added":
        current = undefined;
        if (event.item) items.added(index, event.item, out);
        break;
      case "response.output_item.done":
        current = undefined;
        if (event.item) items.finished(index, event.item, out);
        break;
      case "response.output_text.annotation.added":
        items.annotation(event.annotation, out);
        break;
      case "response.image_generation_call.partial_image": {
        const image = partialImage(event);
        if (image) out.push(image);
        break;
      }
      case "response.audio.delta":
        if (typeof event.delta === "string") audio.push(event.delta);
        break;
      case "response.audio.transcript.delta":
        if (typeof event.delta === "string" && event.delta) {
          items.piece(index, "content0", event.delta);
          out.push({ type: "text-delta", delta: event.delta });
        }
        break;
      case "response.created": {
        const { id, model } = event.response ?? {};
        if (!announced) out.push({ type: "response-metadata", ...(id && { id }), ...(model && { model }) });
        announced = true;
        if (id) context.began(id);
        break;
      }
      case "response.completed":
      case "response.incomplete":
        ended = event.response ?? {};
        // Events may have been left out, or the reply may have come whole.
        items.completeFrom(ended.output ?? [], out);
        for (const citation of ended.citations ?? []) items.annotation(citation, out);
        break;
      case "response.failed":
      case "response.cancelled": {
        const { error, usage, status } = event.response ?? {};
        if (usage) out.push({ type: "usage", usage: toResponsesUsage(usage, items.toSendBack()) });
        throw context.errorFrom({ error: error ?? { message: `the reply ended as "${status ?? event.type}"` } });
      }
      case "error":
        throw context.errorFrom({ error: event.error ?? event });
      default:
        if (name === "error" || event.error || (event.type === undefined && isErrorBody(event))) throw context.errorFrom(event);
    }
  }

  function end(out: BackendChunk[]): void {
    if (!ended) throw truncated(context.provider);
    for (const { type } of items.toSendBack()) {
      const tokensBefore = ended.usage?.input_tokens;
      if (type === "compaction") out.push({ type, method: "provider", ...(tokensBefore != null && { tokensBefore }) });
    }
    if (ended.usage)
      out.push({ type: "usage", usage: toResponsesUsage(ended.usage, ended.output?.length ? ended.output : items.toSendBack()) });
    const sound = audioOf(audio);
    if (sound) out.push(sound);

    const sentBack = items.toSendBack();
    if (sentBack.some(({ type }) => type === "computer_call")) throw unanswerable(context.provider);
    const incomplete = ended.incomplete_details?.reason;
    const calls = items.calls(incomplete === "max_output_tokens");
    out.push(...calls);
    if (sentBack.some(carriesState)) {
      const { provider, endpoint, model } = context;
      const data: ResponsesProviderData = { items: sentBack };
      const content: AssistantPart[] = [...items.prose(), ...calls, { type: "provider", provider, endpoint, model, data }];
      out.push({ type: "message", message: { role: "assistant", content } });
    }
    const raw = incomplete ?? ended.status;
    out.push({ type: "finish", reason: finishReason(ended, { calls: calls.length > 0, refused: items.refused }), ...(raw && { raw }) });
  }

  return {
    take,
    takeWhole: (body, out) => take(ending(body), "", out),
    whole: () => ended !== undefined,
    end,
    breakOff() {},
  };
}

/** What a reply may be other than completed; of one that has not ended yet no event says more. */
const STATUSES: ReadonlySet<string> = new Set(["failed", "cancelled", "incomplete", "queued", "in_progress"]);

/** A reply that came whole, as the event that would have ended its stream. */
function ending(body: unknown): unknown {
  const { object, status } = (body ?? {}) as RawResponse & { object?: string };
  if (object !== "response") return body;
  const type = status !== undefined && STATUSES.has(status) ? status : "completed";
  return { type: `response.${type}`, response: body };
}

/** A reply that stopped before its end. */
function truncated(provider: string): BackendError {
  const message = `${provider}: the stream ended before the reply did (no response.completed came).`;
  return new BackendError("stream_truncated", message, { retryable: true, provider });
}

/** Other calls that nobody carries out are told so; this one takes a screenshot for an answer, and the next request would be refused. */
function unanswerable(provider: string): BackendError {
  const message = `${provider}: the model used a computer (computer_call), which nothing here carries out. Leave that tool out.`;
  return new BackendError("unsupported", message, { retryable: false, provider });
}

const INCOMPLETE: Record<string, FinishReason> = {
  max_output_tokens: "length",
  max_tokens: "length",
  content_filter: "content-filter",
};

function finishReason(response: RawResponse, reply: { calls: boolean; refused: boolean }): FinishReason {
  const incomplete = response.incomplete_details?.reason;
  if (incomplete !== undefined || response.status === "incomplete") return INCOMPLETE[incomplete ?? ""] ?? "other";
  if (reply.calls) return "tool-calls";
  return reply.refused ? "refusal" : "stop";
}

/** What plain text and calls would not bring back: reasoning, phases, provider tools, compaction. */
function carriesState(item: ResponseItem): boolean {
  return item.type === "message" ? item.phase != null : item.type !== "function_call" || item.namespace != null;
}

function isErrorBody(event: ResponsesEvent): boolean {
  return "error" in event || "detail" in event || ("message" in event && "code" in event);
}
