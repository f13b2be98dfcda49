import { BackendError } from "../../errors.js";
import type { FinishReason } from "../backend.js";
import type { SafetyRating } from "./chunk.js";

const reasons: Record<string, FinishReason> = {
  STOP: "stop",
  MAX_TOKENS: "length",
  CONTINUATION: "pause",
  SAFETY: "content-filter",
  RECITATION: "content-filter",
  LANGUAGE: "content-filter",
  BLOCKLIST: "content-filter",
  PROHIBITED_CONTENT: "content-filter",
  SPII: "content-filter",
  MODEL_ARMOR: "content-filter",
  IMAGE_SAFETY: "content-filter",
  IMAGE_PROHIBITED_CONTENT: "content-filter",
  IMAGE_RECITATION: "content-filter",
};

/** Finish reasons by which Gemini says that the reply is no reply, and whether another try may bring one. */
const failures: Record<string, { retryable: boolean; what: string }> = {
  MALFORMED_FUNCTION_CALL: { retryable: true, what: "the model wrote a function call that could not be read" },
  MALFORMED_RESPONSE: { retryable: true, what: "the model wrote a reply that could not be read" },
  UNEXPECTED_TOOL_CALL: { retryable: true, what: "the model called a tool that was not offered" },
  TOO_MANY_TOOL_CALLS: { retryable: true, what: "the model called too many tools" },
  MISSING_THOUGHT_SIGNATURE: { retryable: false, what: "the request lacks a thought signature" },
};

/** `raw` in our words; Gemini says STOP for calls as well. */
export function finishReason(raw: string, calls: boolean): FinishReason {
  const reason = reasons[raw] ?? "other";
  return calls && (reason === "stop" || reason === "other") ? "tool-calls" : reason;
}

/** The error that a finish reason stands for, if it does. */
export function failureOf(raw: string, message: string | undefined, provider: string): BackendError | undefined {
  const failure = Object.hasOwn(failures, raw) ? failures[raw] : undefined;
  if (!failure) return undefined;
  const code = failure.retryable ? "stream_error" : "bad_request";
  const more = message ? `: ${message}` : "";
  return new BackendError(code, `Gemini: ${failure.what} (${raw})${more}`, { retryable: failure.retryable, provider });
}

/** The prompt was not let through. */
export function promptBlocked(reason: string, message: string | undefined, ratings: SafetyRating[] | undefined): BackendError {
  const why = [message, blockedCategories(ratings)].filter(Boolean).join(" ");
  const advice = "Reword the input, or set `params.safetySettings` where the filter can be set.";
  return new BackendError("content_filter", `Gemini blocked the prompt (${reason}). ${why ? `${why} ` : ""}${advice}`, {
    provider: "gemini",
  });
}

/** What a filter stopped, for a warning. */
export function filterWarning(raw: string, message: string | undefined, ratings: SafetyRating[] | null | undefined): string {
  const why = [message, blockedCategories(ratings)].filter(Boolean).join(" ");
  return `Gemini stopped the reply (${raw}).${why ? ` ${why}` : ""}`;
}

function blockedCategories(ratings: SafetyRating[] | null | undefined): string {
  const blocked = (ratings ?? []).filter((rating) => rating.blocked).map((rating) => rating.category);
  return blocked.length > 0 ? `Blocked for ${blocked.join(", ")}.` : "";
}
