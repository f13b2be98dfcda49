import { BackendError } from "../../errors.js";
import { fromGeminiParts, type GeminiPart } from "../../formatter/gemini.js";
import type { AssistantPart } from "../../formatter/messages.js";
import type { BackendChunk } from "../backend.js";
import type { ReplyReader } from "../read-reply.js";
import type { GeminiCandidate, GeminiChunk, GeminiUsage } from "./chunk.js";
import { failureOf, filterWarning, finishReason, promptBlocked } from "./finish.js";
import { Output } from "./output.js";
import { Sources } from "./sources.js";
import { ToolCalls } from "./tool-calls.js";
import { toUsage } from "./usage.js";

/** What is needed to read a reply. */
export interface GeminiReply {
  provider: string;
  endpoint: string;
  model: string;
  /** Number of the first generated tool-call id. */
  firstCallId: number;
  /** The error for an error object inside the stream. */
  errorFrom(body: unknown): BackendError;
}

/** Reads the events of one reply. */
export function geminiReader(context: GeminiReply): ReplyReader {
  const calls = new ToolCalls(context.firstCallId);
  const sources = new Sources();
  /** As they came, to go back. */
  const parts: GeminiPart[] = [];
  const content: AssistantPart[] = [];
  const output = new Output(content);
  const usage: GeminiUsage = {};
  let last: GeminiCandidate | undefined;
  let finish: string | undefined;
  let blocked: GeminiChunk["promptFeedback"];
  let responseId: string | undefined;
  let announced = false;

  function take(event: unknown, name: string, out: BackendChunk[]): void {
    if (typeof event !== "object" || event === null || name === "error") throw context.errorFrom(event);
    const chunk = event as GeminiChunk;
    if (chunk.error) throw context.errorFrom(chunk);
    if (!announced) {
      announced = true;
      responseId = chunk.responseId;
      out.push({
        type: "response-metadata",
        ...(responseId && { id: responseId }),
        ...(chunk.modelVersion && { model: chunk.modelVersion }),
      });
    }
    if (chunk.usageMetadata) Object.assign(usage, chunk.usageMetadata);
    if (chunk.promptFeedback?.blockReason) blocked = chunk.promptFeedback;
    for (const candidate of chunk.candidates ?? []) {
      if (candidate.index) continue;
      for (const part of candidate.content?.parts ?? []) takePart(part, out);
      if (candidate.groundingMetadata || candidate.citationMetadata || candidate.urlContextMetadata) out.push(...sources.take(candidate));
      if (candidate.finishReason) {
        finish = candidate.finishReason;
        last = candidate;
      }
    }
  }

  function takePart(part: GeminiPart, out: BackendChunk[]): void {
    const { text } = part;
    if (text !== undefined) {
      if (text || part.thoughtSignature) parts.push(part);
      if (!text) return;
      if (output.pending || calls.size > 0) {
        calls.closeOpen(out);
        output.flush(out);
      }
      out.push(output.text(text, part.thought === true));
    } else if (part.functionCall) {
      output.flush(out);
      calls.add(part, parts, content, out);
    } else {
      calls.closeOpen(out);
      parts.push(part);
      output.other(part, out);
    }
  }

  function breakOff(out: BackendChunk[]): void {
    output.flush(out);
    const spent = toUsage(usage, sources.queries.length);
    if (spent) out.push({ type: "usage", usage: spent });
  }

  function end(out: BackendChunk[]): void {
    breakOff(out);
    if (finish === undefined) {
      if (blocked) throw promptBlocked(blocked.blockReason!, blocked.blockReasonMessage, blocked.safetyRatings);
      throw truncated(context.provider);
    }
    const failure = failureOf(finish, last?.finishMessage, context.provider);
    if (failure) throw failure;
    const reason = finishReason(finish, calls.size > 0);
    if (reason === "content-filter") {
      out.push({ type: "warning", code: "content_filter", message: filterWarning(finish, last?.finishMessage, last?.safetyRatings) });
    }
    if (sources.queries.length > 0 && !output.searched) {
      const id = `google_search:${responseId ?? "1"}`;
      out.push({ type: "builtin-tool", id, toolName: "google_search", state: "finished", input: { queries: sources.queries } });
    }
    calls.finish(reason === "length", out);
    if (parts.length > 0) {
      const { provider, endpoint, model } = context;
      const token = reason === "pause" ? last?.continuationToken : undefined;
      out.push({ type: "message", message: fromGeminiParts(content, parts, { provider, endpoint, model }, token) });
    }
    out.push({ type: "finish", reason, raw: finish });
  }

  // No event says that nothing follows.
  return { take, takeWhole: (body, out) => take(body, "", out), whole: () => false, end, breakOff };
}

/** A reply that stopped before its end. */
function truncated(provider: string): BackendError {
  const message = `${provider}: the stream ended before the reply did (no finishReason came).`;
  return new BackendError("stream_truncated", message, { retryable: true, provider });
}
