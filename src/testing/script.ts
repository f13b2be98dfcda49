import type { BackendChunk, BackendRequest, FinishReason } from "../backends/backend.js";
import { BackendError, type BackendErrorCode, type BackendErrorOptions } from "../errors.js";
import type { Usage } from "../token-manager/usage.js";

/** One thing that happens in a scripted step. The helpers below make them; a string is `say(string)`. */
export type ScriptedPart =
  | string
  | { text: string }
  | { reasoning: string; kind?: "raw" | "summary" }
  | { toolCall: { name: string; input: unknown; id?: string; invalid?: string } }
  | { wait: number | PromiseLike<unknown> }
  | { chunk: BackendChunk }
  | { usage: Usage | null }
  | { finish: FinishReason }
  | { fail: unknown }
  | { hang: { ignoreSignal: boolean } }
  | { cut: true };

/** What one `stream()` call says: one part, or several in order. */
export type ScriptedStep = ScriptedPart | readonly ScriptedPart[];

export interface ScriptedCallInfo {
  /** Which `stream()` call of this backend this is, from 0. */
  call: number;
  /** The caller's signal, if it gave one. */
  signal: AbortSignal | undefined;
}

/** Decides from the request what a step says. Must not keep or change the request. */
export type ScriptedRule = (request: BackendRequest, info: ScriptedCallInfo) => ScriptedStep | Promise<ScriptedStep>;

/** Text, streamed in deltas. */
export function say(text: string): ScriptedPart {
  return { text };
}

/** Reasoning, streamed in deltas. */
export function think(reasoning: string, kind?: "raw" | "summary"): ScriptedPart {
  return kind === undefined ? { reasoning } : { reasoning, kind };
}

/** A tool call, its arguments streamed in deltas. The step finishes with `tool-calls`. */
export function callTool(name: string, input: unknown = {}): ScriptedPart {
  return { toolCall: { name, input } };
}

/** The decision to submit an answer; `lacking` says what the best current answer lacks, as evaluation asks for. */
export function newAnswer(content: string, lacking?: string): ScriptedPart {
  return callTool("new_answer", lacking === undefined ? { content } : { content, lacking });
}

/** The decision to vote for an alias, e.g. `vote("agent2")`. */
export function vote(agentId: string, reason = "It answers the task best."): ScriptedPart {
  return callTool("vote", { agent_id: agentId, reason });
}

/** Codes after which the same request may succeed later. */
const RETRYABLE: readonly BackendErrorCode[] = [
  "rate_limit",
  "overloaded",
  "server_error",
  "connection",
  "timeout",
  "stream_truncated",
  "stream_error",
];

/**
 * Fails the step at this point: with the error given, or with a `BackendError` of that code, `retryable` as real
 * providers' errors of that code are unless `options` says otherwise.
 */
export function fail(error: BackendErrorCode | Error, options: BackendErrorOptions = {}): ScriptedPart {
  if (typeof error !== "string") return { fail: error };
  return {
    fail: new BackendError(error, `The script fails this step with ${error}.`, { retryable: RETRYABLE.includes(error), ...options }),
  };
}

/** Says nothing more until the caller aborts; with `ignoreSignal` not even then. */
export function hang(options: { ignoreSignal?: boolean } = {}): ScriptedPart {
  return { hang: { ignoreSignal: options.ignoreSignal ?? false } };
}

/** Pauses: for milliseconds on the backend's runtime, or until a promise settles (its rejection fails the step). */
export function wait(until: number | PromiseLike<unknown>): ScriptedPart {
  return { wait: until };
}

/** Ends the step with this finish reason instead of the one that follows from its parts. */
export function finish(reason: FinishReason): ScriptedPart {
  return { finish: reason };
}

/** Ends the stream here, without `finish`: a connection that closed too early. */
export function cut(): ScriptedPart {
  return { cut: true };
}

/** Emits a chunk exactly as given: sources, files, built-in tools, half a tool call. */
export function chunk(value: BackendChunk): ScriptedPart {
  return { chunk: value };
}
