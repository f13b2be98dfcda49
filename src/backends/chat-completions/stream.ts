import { BackendError } from "../../errors.js";
import type { ToolCallPart } from "../../formatter/messages.js";
import { TextBuffer } from "../../text-buffer.js";
import { audioOf } from "../audio.js";
import type { BackendChunk } from "../backend.js";
import type { ReplyReader } from "../read-reply.js";
import { finishReason, isFailure } from "./finish.js";
import { addDetails, replyMessage } from "./provider-state.js";
import { type ThinkSplitter, thinkSplitter } from "./think-tags.js";
import { type ToolCallDelta, ToolCalls } from "./tool-calls.js";
import { type RawUsage, toUsage } from "./usage.js";
import { WholeMessages } from "./whole-message.js";

type Json = Record<string, unknown>;

/** A part of `delta.content` where that is a list. */
interface ContentPart {
  type?: string;
  text?: string;
  thinking?: string | { text?: string }[];
}

interface Delta {
  content?: string | ContentPart[] | null;
  refusal?: string | null;
  reasoning_content?: string | null;
  reasoning?: string | null;
  reasoning_details?: Json[] | null;
  tool_calls?: ToolCallDelta[] | null;
  function_call?: { name?: string | null; arguments?: string | null } | null;
  annotations?: Json[] | null;
  images?: { image_url?: { url?: string } }[] | null;
  extra_content?: unknown;
  audio?: { id?: string; data?: string; transcript?: string } | null;
}

/** One event of a chat-completions stream, as any of the servers may send it. */
export interface ChatChunk {
  id?: string;
  model?: string;
  object?: string;
  choices?: { index?: number; delta?: Delta | null; message?: Delta | null; finish_reason?: string | null; error?: unknown }[] | null;
  usage?: RawUsage | null;
  x_groq?: { usage?: RawUsage | null; error?: unknown } | null;
  citations?: (string | Json)[] | null;
  /** Perplexity: its citations, with their titles. */
  search_results?: Json[] | null;
  error?: unknown;
}

/** What is needed to read a reply. */
export interface ChatReply {
  provider: string;
  endpoint: string;
  model: string;
  toolNames: ReadonlySet<string>;
  /** Number of the first generated tool-call id. */
  firstCallId: number;
  inlineThinking: boolean | "already-open";
  /** Makes the error for an error object that came inside the stream. */
  errorFrom(body: unknown): BackendError;
}

/** Reads the events of one reply. */
export function chatReader(context: ChatReply): ReplyReader {
  const calls = new ToolCalls(context.toolNames, context.firstCallId);
  const think: ThinkSplitter | undefined = context.inlineThinking ? thinkSplitter(context.inlineThinking === "already-open") : undefined;
  const sources = new Set<string>();
  const details: Json[] = [];
  let extra: unknown;
  let usage: RawUsage | undefined;
  let finish: string | undefined;
  let refused = false;
  const audio: string[] = [];
  let pictures = false;
  /** Whether any delta came. */
  let deltas = false;
  const whole = new WholeMessages();
  let announced = false;
  // Kept only for the `message` chunk.
  const text = new TextBuffer();
  const reasoning = new TextBuffer();

  function take(event: unknown, name: string, out: BackendChunk[]): void {
    if (typeof event !== "object" || event === null || name === "error") throw context.errorFrom(event);
    const chunk = event as ChatChunk;
    if (!announced) {
      announced = true;
      out.push({ type: "response-metadata", ...(chunk.id && { id: chunk.id }), ...(chunk.model && { model: chunk.model }) });
    }
    const used = chunk.usage ?? chunk.x_groq?.usage;
    if (used) usage = used;
    if (chunk.error) throw context.errorFrom(chunk);
    if (chunk.search_results) out.push(...newCitations(chunk.search_results, sources));
    if (chunk.citations) out.push(...newCitations(chunk.citations, sources));
    const choices = chunk.choices;
    if (!choices) {
      if (isErrorBody(chunk)) throw context.errorFrom(chunk);
      return;
    }
    for (const choice of choices) {
      if (choice.index) continue;
      if (choice.error) throw context.errorFrom({ error: choice.error });
      if (choice.delta) deltas = true;
      const delta = choice.delta ?? (choice.message && rest(choice.message, out));
      if (delta) {
        const thought = delta.reasoning_content || delta.reasoning;
        if (thought && typeof thought === "string") {
          reasoning.add(thought);
          out.push({ type: "reasoning-delta", delta: thought });
        }
        if (delta.reasoning_details?.length) {
          addDetails(details, delta.reasoning_details);
          if (!thought) {
            for (const detail of delta.reasoning_details) {
              const piece = detailText(detail);
              if (!piece) continue;
              reasoning.add(piece.delta);
              out.push(piece);
            }
          }
        }
        const content = delta.content;
        if (content) {
          if (typeof content === "string" && !think) {
            text.add(content);
            out.push({ type: "text-delta", delta: content });
          } else {
            for (const piece of contentPieces(content, think)) {
              if (piece.type === "text-delta") text.add(piece.delta);
              else if (piece.type === "reasoning-delta") reasoning.add(piece.delta);
              out.push(piece);
            }
          }
        }
        if (delta.refusal) {
          refused = true;
          text.add(delta.refusal);
          out.push({ type: "text-delta", delta: delta.refusal });
        }
        if (delta.tool_calls || delta.function_call) {
          for (const call of delta.tool_calls ?? [{ index: 0, function: delta.function_call ?? null }]) calls.add(call, out);
        }
        if (delta.annotations) out.push(...newCitations(delta.annotations, sources));
        if (delta.images) {
          pictures = true;
          out.push(...files(delta.images));
        }
        if (delta.extra_content != null) extra = delta.extra_content;
        if (delta.audio) {
          // Its id could be sent back for an hour; its words, which are text here, can be for ever.
          const { data, transcript } = delta.audio;
          if (data) audio.push(data);
          if (transcript) {
            text.add(transcript);
            out.push({ type: "text-delta", delta: transcript });
          }
        }
      }
      if (choice.finish_reason) finish = choice.finish_reason;
    }
  }

  /** What of a message was not told yet. */
  function rest(message: Delta, out: BackendChunk[]): Delta {
    const { content } = message;
    const plain = deltas && think && typeof content === "string" ? { ...message, ...unwrapped(content) } : message;
    const told = deltas ? { text: text.toString(), reasoning: reasoning.toString() } : undefined;
    const fresh: Delta = whole.rest(plain, told, out);
    // What does not grow comes once.
    if (calls.size > 0) fresh.tool_calls = fresh.function_call = null;
    if (pictures) fresh.images = null;
    if (audio.length > 0) fresh.audio = null;
    if (refused) fresh.refusal = null;
    if (details.length > 0) fresh.reasoning_details = null;
    return fresh;
  }

  /** A whole text without its `<think>` block, which `reasoning` has. */
  function unwrapped(content: string): { content: string; reasoning?: string } {
    const splitter = thinkSplitter(context.inlineThinking === "already-open");
    const [first, last] = [splitter.push(content), splitter.flush()];
    const thought = first.reasoning + last.reasoning;
    return { content: first.text + last.text, ...(thought && { reasoning: thought }) };
  }

  function breakOff(out: BackendChunk[]): void {
    if (think) out.push(...pieces(think.flush()));
    if (usage) out.push({ type: "usage", usage: toUsage(usage) });
  }

  function end(out: BackendChunk[], done: boolean): void {
    if (think) {
      for (const piece of pieces(think.flush())) {
        if (piece.type === "text-delta") text.add(piece.delta);
        else reasoning.add(piece.delta);
        out.push(piece);
      }
    }
    if (usage) out.push({ type: "usage", usage: toUsage(usage) });
    if (finish !== undefined && isFailure(finish)) {
      throw new BackendError("stream_error", `${context.provider}: the server gave up on the reply (finish_reason "${finish}").`, {
        retryable: true,
        provider: context.provider,
      });
    }
    // Some gateways lose the finish_reason of tool calls. A closing marker, the final usage and arguments that parse vouch for such
    // a reply; text has nothing that could.
    if (finish === undefined && !(done && usage && calls.complete)) {
      throw truncated(context.provider);
    }

    const reason = finishReason(finish, { calls: calls.size > 0, refused });
    const callParts: ToolCallPart[] = [];
    const told: BackendChunk[] = [];
    calls.finish(reason === "length", told);
    for (const chunk of told) {
      if (chunk.type === "tool-call") callParts.push(chunk);
      out.push(chunk);
    }
    if (finish?.startsWith("tool") && calls.size === 0) {
      out.push({ type: "warning", code: "no_tool_calls", message: "The server announced tool calls (finish_reason) but sent none." });
    }
    const sound = audioOf(audio);
    if (sound) out.push(sound);
    const extras = calls.extras;
    if (details.length > 0 || extra !== undefined || extras) {
      const fields = { ...(details.length > 0 && { reasoning_details: details }), ...(extra !== undefined && { extra_content: extra }) };
      const data = { ...(Object.keys(fields).length > 0 && { message: fields }), ...(extras && { toolCalls: extras }) };
      const { provider, endpoint, model } = context;
      out.push({
        type: "message",
        message: replyMessage({ text: text.toString(), reasoning: reasoning.toString(), calls: callParts }, data, {
          provider,
          endpoint,
          model,
        }),
      });
    }
    out.push({ type: "finish", reason, ...(finish !== undefined && { raw: finish }) });
  }

  return {
    take,
    takeWhole: (body, out) => take(streamed(body), "", out),
    whole: () => false,
    end,
    breakOff,
  };
}

/** A completion as the only event of a stream would have held it. */
function streamed(body: unknown): unknown {
  const { choices } = (body ?? {}) as { choices?: { message?: unknown; delta?: unknown }[] };
  if (!Array.isArray(choices)) return body;
  return { ...(body as object), choices: choices.map((choice) => ({ ...choice, delta: choice.delta ?? choice.message })) };
}

/** A reply that stopped before its end. */
function truncated(provider: string): BackendError {
  const message = `${provider}: the stream ended before the reply did (no finish_reason came).`;
  return new BackendError("stream_truncated", message, { retryable: true, provider });
}

/** Errors that are not under `error`: older vLLM, FastAPI. */
function isErrorBody(chunk: ChatChunk): boolean {
  return chunk.object === "error" || "detail" in chunk || ("message" in chunk && "code" in chunk);
}

type Piece = { type: "text-delta"; delta: string } | { type: "reasoning-delta"; delta: string };

function* contentPieces(content: string | ContentPart[], think: ThinkSplitter | undefined): Generator<Piece | BackendChunk> {
  if (typeof content === "string") {
    if (think) yield* pieces(think.push(content));
    return;
  }
  for (const part of content) {
    if (part.type === "thinking") {
      const thought = typeof part.thinking === "string" ? part.thinking : (part.thinking ?? []).map((piece) => piece.text ?? "").join("");
      if (thought) yield { type: "reasoning-delta", delta: thought };
    } else if (typeof part.text === "string") {
      if (think) yield* pieces(think.push(part.text));
      else if (part.text) yield { type: "text-delta", delta: part.text };
    } else yield { type: "warning", code: "ignored_output", message: `The server sent content of type "${part.type}", which is not read.` };
  }
}

function* pieces(piece: { reasoning: string; text: string }): Generator<Piece> {
  if (piece.reasoning) yield { type: "reasoning-delta", delta: piece.reasoning };
  if (piece.text) yield { type: "text-delta", delta: piece.text };
}

function detailText(detail: Json): { type: "reasoning-delta"; delta: string; kind?: "summary" } | undefined {
  if (typeof detail.text === "string" && detail.text) return { type: "reasoning-delta", delta: detail.text };
  if (typeof detail.summary === "string" && detail.summary) return { type: "reasoning-delta", delta: detail.summary, kind: "summary" };
  return undefined;
}

/** Citations repeat from event to event; each is told once. */
function* newCitations(citations: readonly (string | Json)[], known: Set<string>): Generator<BackendChunk> {
  for (const citation of citations) {
    const fields = typeof citation === "string" ? { url: citation } : ((citation.url_citation as Json | undefined) ?? citation);
    const url = typeof fields.url === "string" ? fields.url : undefined;
    const title = "title" in fields && typeof fields.title === "string" ? fields.title : undefined;
    const quote = "content" in fields && typeof fields.content === "string" ? fields.content : undefined;
    const key = url ?? title ?? quote;
    if (!key || known.has(key)) continue;
    known.add(key);
    yield { type: "source", ...(url && { url }), ...(title && { title }), ...(quote && { text: quote }) };
  }
}

function* files(images: readonly { image_url?: { url?: string } }[]): Generator<BackendChunk> {
  for (const image of images) {
    const url = image.image_url?.url;
    if (!url) continue;
    const inline = /^data:([^;,]+);base64,/.exec(url.slice(0, 200));
    yield inline
      ? { type: "file", mediaType: inline[1]!, data: url.slice(inline[0].length) }
      : { type: "file", mediaType: "image/*", data: url };
  }
}
