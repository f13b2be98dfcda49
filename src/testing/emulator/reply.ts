import type { Usage } from "../../token-manager/usage.js";

/** What the emulated model says, in no provider's words; each dialect puts it on its own wire. */
export interface Reply {
  text?: string;
  reasoning?: string;
  /** The model declines, in these words. */
  refusal?: string;
  toolCalls?: ReplyToolCall[];
  /** In the dialect's own spelling. Default: what follows from the reply, e.g. `tool_calls` or `stop`. */
  finishReason?: string;
  /** `null`: none is reported, even if asked for. Default: an estimate from the lengths of request and reply. */
  usage?: Usage | null;
  /** Which field carries reasoning where the dialect has no official one. Default `reasoning_content`. */
  reasoningField?: "reasoning_content" | "reasoning";
  /** The model name in the reply. Default: the one asked for. */
  model?: string;
  /** More response headers. */
  headers?: Record<string, string>;
  /** Characters per delta, of text, reasoning and tool arguments alike. Default 16. */
  chunkSize?: number;
  /** Pause before each write after the first, in real ms. Default 0: none. */
  delayMs?: number;
  /** Pause before the response begins, in real ms. Default 0. */
  firstByteDelayMs?: number;
  /** Stops after this many deltas until the promise settles (the opening chunk is sent at once and not counted). */
  hold?: { afterChunks: number; until: PromiseLike<unknown> };
  /** How the stream is cut and dressed; overrides the emulator's own `framing`, key by key. */
  framing?: Framing;
  /** What goes wrong. */
  fault?: Fault;
  /**
   * Encode this object once for each model and send the same bytes every time, ids included. For benchmarks, where the
   * emulator must not be what is measured. The object must not change afterwards.
   */
  reuse?: boolean;
}

export interface ReplyToolCall {
  name: string;
  /** Sent as JSON. Default `{}`. */
  input?: unknown;
  /** Sent exactly as it stands instead of `input`, valid JSON or not. */
  arguments?: string;
  /** Default: a fresh one. */
  id?: string;
}

/** Differences that are legal on the wire and must make none to a client. */
export interface Framing {
  /** Lines end in `\r\n`. */
  crlf?: boolean;
  /** A `: keep-alive` comment before every frame. */
  comments?: boolean;
  /** Bytes per write: 1 sends every byte on its own, 16384 gathers many frames. Default: one write for each frame. */
  bytesPerWrite?: number;
}

/**
 * What a provider can do wrong. `afterChunks` counts deltas (the opening chunk is sent first and does not count; default
 * 1; beyond the last delta it means: after all of them, before the finish reason). `before: "headers"` acts before any
 * response, `before: "body"` when only status and headers are sent. In a reply that is not streamed, what happens in the
 * middle happens in the middle of the body.
 */
export type Fault =
  /** An HTTP error. `body` replaces the dialect's error envelope: a string is sent as it stands, anything else as JSON. */
  | { type: "status"; status: number; retryAfter?: string | number; message?: string; code?: string; errorType?: string; body?: unknown }
  /** The connection is cut. */
  | { type: "reset"; before?: "headers" | "body"; afterChunks?: number }
  /** Silence until the client leaves. */
  | { type: "stall"; before?: "headers" | "body"; afterChunks?: number }
  /** A frame whose JSON stops in the middle, then a clean end. */
  | { type: "truncated-json"; afterChunks?: number }
  /** A frame that is not JSON (default: bytes that are not UTF-8 either), then the rest as if nothing had happened. */
  | { type: "garbage"; afterChunks?: number; bytes?: string | Uint8Array }
  /** A clean end in the middle: no finish reason, no terminator. */
  | { type: "end"; afterChunks?: number }
  /** Everything but the finish reason; the terminator comes. */
  | { type: "no-finish" }
  /** Everything but the terminator (`[DONE]`). */
  | { type: "no-done" }
  /** Of a compaction: it comes to no summary, in the way its API says so. */
  | { type: "no-summary" }
  /** Of a compaction: the summary is twice as long as what it stands for. */
  | { type: "grown-summary" }
  /** An error object inside the stream that began with 200, then the end. */
  | { type: "error-event"; afterChunks?: number; message?: string; code?: string; errorType?: string };

/** A request as a reply rule sees it, whatever the dialect. */
export interface EmulatedPrompt {
  model: string;
  stream: boolean;
  /** System and developer messages are `system`. */
  messages: EmulatedMessage[];
  tools: { name: string; description: string; inputSchema: Record<string, unknown> }[];
  /** The name of the tool that must be called, or the mode. */
  toolChoice: "auto" | "required" | "none" | { toolName: string };
  /** The parsed body, in the dialect's own shape. */
  body: Record<string, unknown>;
  headers: Readonly<Record<string, string>>;
}

export interface EmulatedMessage {
  role: "system" | "user" | "assistant" | "tool";
  text: string;
  toolCalls: { id: string; name: string; arguments: string }[];
  /** Of a tool's result: the call it answers. */
  toolCallId?: string;
}

export interface RuleInfo {
  /** Which accepted request this is, from 0. */
  index: number;
  /** Which accepted request for this model it is, from 0. */
  modelIndex: number;
  /** Aborts when the client leaves or the emulator closes. */
  signal: AbortSignal;
}

/** Decides what to reply. A string is a reply of that text. */
export type ReplyRule = (prompt: EmulatedPrompt, info: RuleInfo) => Reply | string | Promise<Reply | string>;

/** Something that yields one reply. */
export type ReplySource = Reply | string | ReplyRule;

/** A request the emulator will not serve, as every dialect can say it. */
export interface Refusal {
  status: number;
  message: string;
  errorType: string;
  code: string | null;
  param: string | null;
  /** Sent instead of the dialect's envelope. */
  body?: unknown;
}

/** `what` is wrong with the request: HTTP 400. */
export function badRequest(message: string, param: string | null = null, code: string | null = null): Refusal {
  return { status: 400, message, errorType: "invalid_request_error", code, param };
}
