import type { Backend, FinishReason, ModelSettings, TraceContext } from "../backends/backend.js";
import type { Message, ToolChoice, ToolDefinition, UserMessage } from "../formatter/messages.js";
import type { Runtime } from "../runtime.js";
import type { Usage } from "../token-manager/usage.js";
import type { Tool, ToolContext } from "../tools/tool.js";
import type { CompactionPlan } from "./context-window/options.js";
import type { StepEvent } from "./steps/step-events.js";

export type { StepEvent };

/** Milliseconds; `Infinity` switches one off. */
export interface TurnTimeouts {
  /** A whole turn. */
  turn: number;
  /** One model step. */
  step: number;
  /** From the request to the first chunk of a step. */
  firstChunk: number;
  /** Between two chunks. */
  chunk: number;
  /** One tool call, of a tool that says nothing else. */
  tool: number;
}

/** One turn: from a prompt to a decision. Knows nothing of other agents, votes or answers. */
export interface TurnRequest {
  runId: string;
  agentId: string;
  turnId: string;
  backend: Backend;
  system?: string;
  messages: Message[];
  /** Tools the agent may really use. Those without `execute` are put to `hooks.external`. */
  tools: Tool[];
  /** Tools whose call is a decision: never executed, put to `hooks.decide`. */
  decisions: ToolDefinition[];
  /**
   * Names of decisions that are not offered now but whose calls are put to `hooks.decide` all the same, so that it can
   * say why not. Whatever has been offered earlier in the turn counts among them anyway.
   */
  knownDecisions?: readonly string[];
  toolChoice?: ToolChoice;
  settings?: ModelSettings;
  params?: Record<string, unknown>;
  /** The argument of a decision that is streamed as `answer-delta`, e.g. `content` of `new_answer`. */
  streamedArgument?: { toolName: string; field: string };
  timeouts: TurnTimeouts;
  /** Model steps in one turn before it fails with `too_many_steps`. Default of the orchestrator: 50. */
  maxSteps: number;
  /** How often one step that died is started again. Default of the orchestrator: 2. */
  maxStepRetries: number;
  /** Whether a step that has already streamed text may be started again. Default true. */
  retryAfterOutput?: boolean;
  /** Passed to tools. */
  context?: unknown;
  /** Passed to tools besides. */
  toolContext?: Pick<ToolContext, "workspace" | "saveFile">;
  /** Tools whose calls are only noted: their result says so. */
  planned?: ReadonlySet<string>;
  /** How the conversation is kept within the model's context window. Default: not at all. */
  compaction?: CompactionPlan;
  /** Whether calls of a tool that is none of the turn's would be, too. Nothing: none are. */
  holdsBack?: (tool: Tool) => boolean;
  /** What goes at the end of the last message, found out before the first step. */
  note?: (signal: AbortSignal) => Promise<string | undefined>;
  trace?: TraceContext;
  runtime: Runtime;
  /** Aborts the turn, as `abort` of what `startTurn` returns does. */
  signal?: AbortSignal;
}

/** A call of a decision tool, as the model made it. */
export interface DecisionCall {
  toolCallId: string;
  toolName: string;
  input: unknown;
  invalid?: string;
}

/** What a step that may have ended the turn brought. */
export interface DecisionPoint {
  /** Empty: the model stopped without calling anything. */
  calls: DecisionCall[];
  /** Text of this step. */
  text: string;
  /** Whether any ordinary or built-in tool has been called in this turn. */
  worked: boolean;
  finishReason: FinishReason;
}

/** What becomes of a decision: the turn ends, or the model hears why not and goes on. */
export type Verdict =
  | { type: "end" }
  | {
      type: "continue";
      /** One result for each call, in any order. */
      results: { toolCallId: string; text: string }[];
      /** A user message for a step that called nothing, or an update that follows the results. */
      note?: string;
      /** The decisions offered from now on. */
      decisions: ToolDefinition[];
      toolChoice?: ToolChoice;
    };

/** News for a turn that is under way, delivered before its next step. */
export interface TurnUpdate {
  /** A user message. */
  note: string;
  decisions: ToolDefinition[];
  toolChoice?: ToolChoice;
}

/** A call of a tool that belongs to the caller. */
export interface ExternalCall {
  toolCallId: string;
  toolName: string;
  input: unknown;
}

export interface ToolOutcome {
  output: unknown;
  isError: boolean;
}

/** What the caller says to a call that needs to be allowed; `input` replaces the arguments. */
export type Approval = { approved: true; input?: unknown } | { approved: false; reason?: string };

export interface TurnHooks {
  /** Called synchronously, in order. Never called after the turn's signal aborted, but for the last `step-finish`. */
  emit(event: StepEvent): void;
  /**
   * Asked before every step, with what it may spend. `false`: it must not start, and the turn waits to be aborted. A promise: ask
   * again when it is resolved; the turn's clock stands still meanwhile.
   */
  mayStart?: ((estimate: Usage) => boolean | Promise<void>) | undefined;
  /** Runs a model step inside its trace span, where there is tracing; `work` is given what the provider is to be sent. */
  inStep?: (<T>(stepId: string, trace: TraceContext | undefined, work: (trace: TraceContext | undefined) => T) => T) | undefined;
  /** Runs a tool inside the trace span of its call, where there is tracing; `work` is given that span's context. */
  inTool?: (<T>(toolCallId: string, work: (trace: TraceContext | undefined) => T) => T) | undefined;
  /** The model has begun (true) writing the streamed decision, or that step is over without it counting (false). */
  writing(on: boolean): void;
  /** A step with ordinary tool calls is over and its results are in. */
  worked(): void;
  decide(point: DecisionPoint): Promise<Verdict>;
  /** Asked before every step but the first. */
  takeUpdate(): TurnUpdate | undefined;
  /** The task with the answers as they stand now; nothing where they are those the turn began with. */
  restate?(signal: AbortSignal): Promise<UserMessage | undefined>;
  /** Carries out calls that belong to the caller; the turn's and step's clocks stand still meanwhile. */
  external(calls: ExternalCall[], signal: AbortSignal): Promise<ToolOutcome[]>;
  /** Asked before every call of a tool; gives the arguments to make it with. Throws what the model is told if the call is refused. */
  check?: ((call: { tool: Tool; input: unknown }) => Promise<unknown>) | undefined;
  /** Asks the caller to allow a call; the turn's clock stands still meanwhile. */
  approve?(call: ExternalCall, signal: AbortSignal): Promise<Approval>;
}

/** How a turn came to its end. A turn that fails throws instead. */
export interface TurnResult {
  status: "ended" | "aborted";
  /** What all of its steps spent, failed and interrupted ones included. */
  usage: Usage;
}

/** A turn under way. Its figures are read while it runs; an aborted turn's are final at once. */
export interface TurnRun {
  /**
   * Resolves when the turn has been ended by a verdict or aborted. Rejects with the error of a step that died and may not be started
   * again, a `BackendError` `timeout`, a `MassGenError` `too_many_steps`, or whatever a hook threw.
   */
  readonly done: Promise<TurnResult>;
  /** Ends the turn. All is over when it returns, even if the backend ignores its signal. */
  abort(reason: unknown): void;
  /** Plain text of the step in flight, else of the last one. */
  text(): string;
  /** That text and what has been written of a decision. */
  partialText(): string;
  /** Tokens spent so far; the step in flight is estimated. */
  usage(): Usage;
  /** The step in flight's part of it: exact once the model's reply is whole, while its tools run. */
  stepUsage(): Usage;
  /** Its clocks stand still, until the returned function is called. */
  hold(): () => void;
}
