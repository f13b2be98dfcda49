import type { FinishReason } from "../../backends/backend.js";
import type { ErrorInfo } from "../../errors.js";
import type { Usage } from "../../token-manager/usage.js";
import type { CompactionReason } from "../context-window/options.js";

/** What a step tells while it runs; who runs the turn says besides where in the run it belongs. */
export type StepEvent = { stepId: string } & (
  | StepStart
  | TextDelta
  | ReasoningDelta
  | AnswerDelta
  | ToolCall
  | ToolProgress
  | ToolLog
  | ToolResult
  | Source
  | GeneratedFile
  | Compaction
  | Warning
  | StepFinish
);

export interface StepStart {
  type: "step-start";
  /** It makes the conversation shorter and is no part of it. */
  purpose?: "compaction";
}

export interface TextDelta {
  type: "text-delta";
  delta: string;
}

export interface ReasoningDelta {
  type: "reasoning-delta";
  delta: string;
  kind?: "raw" | "summary";
}

/** The content of a `new_answer`, decoded while the model writes it. */
export interface AnswerDelta {
  type: "answer-delta";
  delta: string;
  toolCallId: string;
}

export interface ToolCall {
  type: "tool-call";
  toolCallId: string;
  toolName: string;
  input: unknown;
  invalid?: string;
  /** The provider runs it itself. */
  builtin?: boolean;
  /** A whole agent makes it in the middle of its step, through its host. */
  hosted?: true;
}

/** What a tool tells while it works. */
export interface ToolProgress {
  type: "tool-progress";
  toolCallId: string;
  toolName: string;
  output: unknown;
}

/** What a tool gave to its `context.logger`. Models never read it. */
export interface ToolLog {
  type: "tool-log";
  toolCallId: string;
  toolName: string;
  level: "debug" | "info" | "warn" | "error";
  message: string;
  data?: unknown;
}

export interface ToolResult {
  type: "tool-result";
  toolCallId: string;
  toolName: string;
  output: unknown;
  isError: boolean;
  /** What the tool threw, or why it was not run: `tool_timeout`, `not_approved`, the code of a refusal. */
  error?: ErrorInfo;
  /** The arguments it was run with, where an approval changed them, or a check made paths absolute. */
  input?: unknown;
  /** Not done, only noted: planning mode. */
  planned?: true;
  builtin?: boolean;
}

export interface Source {
  type: "source";
  url?: string;
  title?: string;
  text?: string;
}

export interface GeneratedFile {
  type: "file";
  mediaType: string;
  data: string;
  /** A picture still being drawn; a later event replaces it. */
  partial?: true;
}

/** The conversation that this step was sent had been made shorter, or was made shorter by the provider within the step. */
export interface Compaction {
  type: "compaction";
  /** `native`, `clear`, `summary` or `trim`; of a provider that did it by itself, what it calls it. */
  method: string;
  reason: CompactionReason;
  /** Of the whole request. */
  tokensBefore?: number;
  tokensAfter?: number;
  durationMs?: number;
  /** What requests for it spent; their steps have booked it. Absent: there were none. */
  usage?: Usage;
  /** An earlier turn had made the summary, or whatever it was, of the same conversation. */
  reused?: true;
  /** Methods that were tried before, and why they came to nothing. */
  failed?: { method: string; why: string }[];
}

export interface Warning {
  type: "warning";
  code: string;
  message: string;
}

export interface StepFinish {
  type: "step-finish";
  status: "ok" | "retry" | "interrupted" | "error";
  usage: Usage;
  finishReason?: FinishReason;
  error?: ErrorInfo;
}
