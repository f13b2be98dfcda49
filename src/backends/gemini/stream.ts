import { BackendError } from "../../errors.js";
import { fromGeminiParts, type GeminiPart } from "../../formatter/gemini.js";
import type { AssistantPart } from "../../formatter/messages.js";
import type { BackendChunk } from "../backend.js";
import { failureOf, filterWarning, finishReason, promptBlocked } from "./finish.js";
import { Output } from "./output.js";
import { Sources } from "./sources.js";
import { ToolCalls } from "./tool-calls.js";
import { toUsage } from "./usage.js";
import type { GeminiCandidate, GeminiChunk, GeminiUsage } from "./wire.js";

/** An opened stream and what is needed to read it. */
export interface GeminiStream {
  events: AsyncIterable<GeminiChunk>;
  /** Told before anything else. */
  warnings: readonly string[];
  provider: string;
  endpoint: string;
  model: string;
  /** Number of the first generated tool-call id. */
  firstCallId: number;
  /** After the source threw: what to throw instead. */
  failed(error: unknown): unknown;
  /** The last event as it came: the SDK leaves some of it out. */
  lastEvent(): unknown;
  /** The error for an error object inside the stream. */
  errorFrom(body: unknown): BackendError;
  /** The error of a step that was aborted; `undefined` otherwise. */
  aborted(): BackendError | undefined;
}

/** Opens a stream, gives its events as chunks up to `finish`, or throws, and closes it whatever happens. */
export async function* readGeminiStream(open: () => Promise<GeminiStream>, close: () => void): AsyncGenerator<BackendChunk> {
  try {
    const context = await open();
    for (const message of context.warnings) yield { type: "warning", code: "unsupported_setting", message };
    const calls = new ToolCalls(context.firstCallId);
    const sources = new Sources();
    const told: BackendChunk[] = [];
    /** As they came, to go back. */
    const parts: GeminiPart[] = [];
    const content: AssistantPart[] = [];
    const output = new Output(content, told);
    const usage: GeminiUsage = {};
    let last: GeminiCandidate | undefined;
    let finish: string | undefined;
    let blocked: GeminiChunk["promptFeedback"];
    let responseId: string | undefined;
    let announced = false;

    try {
      for await (const chunk of context.events) {
        if (typeof chunk !== "object" || chunk === null) throw context.errorFrom(chunk);
        if (!announced) {
          announced = true;
          responseId = chunk.responseId;
          yield {
            type: "response-metadata",
            ...(responseId && { id: responseId }),
            ...(chunk.modelVersion && { model: chunk.modelVersion }),
          };
        }
        if (chunk.usageMetadata) Object.assign(usage, chunk.usageMetadata);
        if (chunk.promptFeedback?.blockReason) blocked = chunk.promptFeedback;
        if (!chunk.candidates) continue;
        for (const candidate of chunk.candidates) {
          if (candidate.index) continue;
          for (const part of candidate.content?.parts ?? []) {
            const { text } = part;
            if (text !== undefined) {
              if (text || part.thoughtSignature) parts.push(part);
              if (text) {
                if (output.pending || calls.size > 0) {
                  calls.closeOpen(told);
                  output.flush();
                  for (const piece of told) yield piece;
                  told.length = 0;
                }
                yield output.text(text, part.thought === true);
              }
              continue;
            }
            if (part.functionCall) {
              output.flush();
              calls.add(part, parts, content, told);
            } else {
              calls.closeOpen(told);
              parts.push(part);
              output.other(part);
            }
            for (const piece of told) yield piece;
            told.length = 0;
          }
          if (candidate.groundingMetadata || candidate.citationMetadata || candidate.urlContextMetadata) yield* sources.take(candidate);
          if (candidate.finishReason) {
            finish = candidate.finishReason;
            last = candidate;
          }
        }
      }
    } catch (thrown) {
      output.flush();
      for (const piece of told) yield piece;
      const spent = toUsage(usage, sources.queries.length);
      if (spent) yield { type: "usage", usage: spent };
      throw context.failed(thrown);
    }

    output.flush();
    for (const piece of told) yield piece;
    told.length = 0;
    const spent = toUsage(usage, sources.queries.length);
    if (spent) yield { type: "usage", usage: spent };
    const aborted = context.aborted();
    if (aborted) throw aborted;
    if (finish === undefined) {
      if (blocked) throw promptBlocked(blocked.blockReason!, blocked.blockReasonMessage, blocked.safetyRatings);
      // The SDK makes an empty response of an error whose code it does not know.
      const event = context.lastEvent() as { error?: unknown } | undefined;
      if (event?.error) throw context.errorFrom(event);
      throw truncated(context.provider);
    }

    const finishMessage = messageOf(context.lastEvent(), last);
    const failure = failureOf(finish, finishMessage, context.provider);
    if (failure) throw failure;
    const reason = finishReason(finish, calls.size > 0);
    if (reason === "content-filter") {
      yield { type: "warning", code: "content_filter", message: filterWarning(finish, finishMessage, last?.safetyRatings) };
    }
    if (sources.queries.length > 0 && !output.searched) {
      const id = `google_search:${responseId ?? "1"}`;
      yield { type: "builtin-tool", id, toolName: "google_search", state: "finished", input: { queries: sources.queries } };
    }
    calls.finish(reason === "length", told);
    for (const piece of told) yield piece;
    if (parts.length > 0) {
      const { provider, endpoint, model } = context;
      const token = reason === "pause" ? last?.continuationToken : undefined;
      yield { type: "message", message: fromGeminiParts(content, parts, { provider, endpoint, model }, token) };
    }
    yield { type: "finish", reason, raw: finish };
  } finally {
    close();
  }
}

/** A reply that stopped before its end. */
export function truncated(provider: string, cause?: unknown): BackendError {
  const message = `${provider}: the stream ended before the reply did (no finishReason came).`;
  return new BackendError("stream_truncated", message, { retryable: true, provider, cause });
}

/** The SDK drops `finishMessage`; the event still has it. */
function messageOf(event: unknown, candidate: GeminiCandidate | undefined): string | undefined {
  return (event as GeminiChunk | undefined)?.candidates?.[0]?.finishMessage ?? candidate?.finishMessage;
}
