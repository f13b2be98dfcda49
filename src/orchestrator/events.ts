import type { FinishReason } from "../backends/backend.js";
import type { ErrorInfo } from "../errors.js";
import type { Usage } from "../token-manager/usage.js";

/** The purpose of a turn. */
export type Phase = "draft" | "evaluate" | "present" | "review";

/** Why a run ended well. */
export type FinishedReason = "consensus" | "single" | "exhausted" | "deadline" | "budget" | "finished-early";

/** What every event carries. `seq` counts from 0 without gaps; `time` is epoch ms. */
export interface EventStamp {
  runId: string;
  seq: number;
  time: number;
}

/** Where in the protocol an event of an agent belongs. */
export interface TurnScope {
  agentId: string;
  turnId: string;
  phase: Phase;
  attempt: number;
  epoch: number;
}

export interface StepScope extends TurnScope {
  stepId: string;
}

/** A delta merged from several carries the `seq` of the last and the `fromSeq` of the first of them. */
export interface DeltaFields {
  delta: string;
  fromSeq?: number;
}

// ---- the run

export interface RunStartEvent {
  type: "run-start";
  /** Registration order; `agents[i]` is what models read as `agent{i+1}`. */
  agents: { agentId: string; alias: string; backend: string; model: string }[];
}

export interface EpochStartEvent {
  type: "epoch-start";
  attempt: number;
  epoch: number;
  /** The current answers. */
  labels: string[];
  /** Authors of the answers that opened it: they may only vote in it. */
  openers: string[];
  /** Nobody may answer any more. */
  voteOnly: boolean;
}

/** One counted vote. */
export interface VoteRecord {
  agentId: string;
  targetAgentId: string;
  label: string;
  reason: string;
}

export interface ConsensusEvent {
  type: "consensus";
  attempt: number;
  epoch: number;
  reason: FinishedReason;
  winner: string;
  label: string;
  /** Score by label under the rule, e.g. votes under plurality. */
  tally: Record<string, number>;
  /** The votes counted. */
  votes: VoteRecord[];
  /** They were given on an earlier set, and counted for the current answers of the same agents. */
  carried?: boolean;
  /** Name of the decision rule; `single` where there was nothing to decide. */
  rule: string;
  /** Set when a tie had to be broken, naming how. */
  tieRule?: string;
}

export interface RunRestartEvent {
  type: "run-restart";
  /** The attempt that begins now. */
  attempt: number;
  reviewer: string;
  feedback: string;
}

/** Waits for `run.respond(requestId, value)`. A question may be of the run, or of an agent, rather than of a turn. */
export interface InputRequestEvent extends Partial<TurnScope> {
  type: "input-request";
  requestId: string;
  /**
   * `tool-result`: carry out the call and give its result, or an `Error`. `approval`: true, false or
   * `{ approved, reason, input }`. `question`: what `message` asks for.
   */
  kind: "tool-result" | "approval" | "question";
  /** For `tool-result` and `approval`. */
  toolCallId?: string;
  toolName?: string;
  input?: unknown;
  message?: string;
  /** JSON Schema of the answer to a `question`. */
  schema?: unknown;
  /** Epoch ms after which it counts as denied; absent: never. */
  expiresAt?: number;
}

/** Planning mode: what a model has judged of the task, before the first turn. */
export interface PlanningEvent {
  type: "planning";
  /** The agent whose backend was asked. */
  agentId: string;
  /** `null`: no usable judgement came, so everything that is not harmless is held back. */
  irreversible: boolean | null;
  /** Tools whose calls are only noted until the answer is presented. */
  blocked: string[];
  error?: ErrorInfo;
  usage: Usage;
}

export interface RunFinishEvent {
  type: "run-finish";
  reason: FinishedReason;
  winner: string;
  label: string;
  text: string;
  usage: Usage;
}

export interface RunErrorEvent {
  type: "run-error";
  error: ErrorInfo;
  usage: Usage;
}

export interface RunAbortEvent {
  type: "run-abort";
  reason: string;
  usage: Usage;
}

// ---- a turn

export interface TurnStartEvent extends TurnScope {
  type: "turn-start";
  /** The answers it reads. */
  labels: string[];
  /** The decisions offered to it. */
  offered: string[];
}

export interface TurnUpdateEvent extends TurnScope {
  type: "turn-update";
  /** The answers it reads from its next step on. */
  labels: string[];
}

export type InterruptReason =
  | "new-answer"
  | "vote-grace"
  | "settled"
  | "consensus"
  | "late"
  | "budget"
  | "deadline"
  | "finished-early"
  | "abort"
  | "error";

export interface TurnInterruptEvent extends TurnScope {
  type: "turn-interrupt";
  reason: InterruptReason;
  /** What the step in flight had written. */
  partialText: string;
  /** What the whole turn spent. */
  usage: Usage;
}

export type TurnOutcome = "answer" | "vote" | "abstain" | "stale" | "closed" | "presented" | "accepted" | "sent-back";

export interface TurnFinishEvent extends TurnScope {
  type: "turn-finish";
  outcome: TurnOutcome;
  usage: Usage;
}

export interface TurnErrorEvent extends TurnScope {
  type: "turn-error";
  error: ErrorInfo;
  willRetry: boolean;
  usage: Usage;
}

// ---- a step

export interface StepStartEvent extends StepScope {
  type: "step-start";
}
export interface TextDeltaEvent extends StepScope, DeltaFields {
  type: "text-delta";
}
export interface ReasoningDeltaEvent extends StepScope, DeltaFields {
  type: "reasoning-delta";
  kind?: "raw" | "summary";
}
/** The content of a `new_answer`, decoded while the model writes it. */
export interface AnswerDeltaEvent extends StepScope, DeltaFields {
  type: "answer-delta";
  toolCallId: string;
}
export interface ToolCallEvent extends StepScope {
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
export interface ToolProgressEvent extends StepScope {
  type: "tool-progress";
  toolCallId: string;
  toolName: string;
  output: unknown;
}
/** What a tool gave to its `context.logger`. Models never read it. */
export interface ToolLogEvent extends StepScope {
  type: "tool-log";
  toolCallId: string;
  toolName: string;
  level: "debug" | "info" | "warn" | "error";
  message: string;
  data?: unknown;
}
export interface ToolResultEvent extends StepScope {
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
export interface SourceEvent extends StepScope {
  type: "source";
  url?: string;
  title?: string;
  text?: string;
}
export interface FileEvent extends StepScope {
  type: "file";
  mediaType: string;
  data: string;
  /** A picture still being drawn; a later event replaces it. */
  partial?: true;
}
export interface CompactionEvent extends StepScope {
  type: "compaction";
  method: string;
  tokensBefore?: number;
  tokensAfter?: number;
}
/** Of a step, or, from a toolkit, of an agent or the whole run. */
export interface WarningEvent extends Partial<StepScope> {
  type: "warning";
  code: string;
  message: string;
}
export interface StepFinishEvent extends StepScope {
  type: "step-finish";
  status: "ok" | "retry" | "interrupted" | "error";
  usage: Usage;
  finishReason?: FinishReason;
  error?: ErrorInfo;
}

// ---- decisions and agents

export interface AnswerEvent {
  type: "answer";
  agentId: string;
  turnId: string;
  phase: Phase;
  attempt: number;
  epoch: number;
  label: string;
  content: string;
  /** What its author said the best answer of that time lacked. */
  lacking?: string;
}

export interface VoteEvent {
  type: "vote";
  agentId: string;
  turnId: string;
  phase: Phase;
  attempt: number;
  epoch: number;
  targetAgentId: string;
  label: string;
  reason: string;
  /** Further choices, best first, where the decision rule asks for them. */
  more?: string[];
}

export interface VoteVoidEvent {
  type: "vote-void";
  agentId: string;
  attempt: number;
  epoch: number;
  /** The label it was for. */
  label: string;
  reason: "new-answer" | "no-majority";
}

export type RejectionCode =
  | "no-decision"
  | "two-decisions"
  | "invalid-input"
  | "not-offered"
  | "blank"
  | "too-long"
  | "not-kept"
  | "repeat"
  | "near-copy"
  | "promise"
  | "no_work"
  | "no-rationale"
  | "unknown-alias"
  | "self-vote"
  | "stale"
  | "closed"
  | "answer-limit";

export interface DecisionRejectedEvent extends TurnScope {
  type: "decision-rejected";
  code: RejectionCode;
  /** What the model was told; empty when the turn ended without a word to it. */
  message: string;
}

/** A voter that was waiting to try again when the vote grace was over: it has no turn that could end as `abstain`. */
export interface AbstainEvent {
  type: "abstain";
  agentId: string;
  attempt: number;
  epoch: number;
}

export interface AgentOutEvent {
  type: "agent-out";
  agentId: string;
  attempt: number;
  epoch: number;
  reason: "failed" | "abstained" | "late" | "budget";
}

export type CoordinationEventBody =
  | RunStartEvent
  | EpochStartEvent
  | ConsensusEvent
  | RunRestartEvent
  | InputRequestEvent
  | PlanningEvent
  | RunFinishEvent
  | RunErrorEvent
  | RunAbortEvent
  | TurnStartEvent
  | TurnUpdateEvent
  | TurnInterruptEvent
  | TurnFinishEvent
  | TurnErrorEvent
  | StepStartEvent
  | TextDeltaEvent
  | ReasoningDeltaEvent
  | AnswerDeltaEvent
  | ToolCallEvent
  | ToolProgressEvent
  | ToolLogEvent
  | ToolResultEvent
  | SourceEvent
  | FileEvent
  | CompactionEvent
  | WarningEvent
  | StepFinishEvent
  | AnswerEvent
  | VoteEvent
  | VoteVoidEvent
  | DecisionRejectedEvent
  | AbstainEvent
  | AgentOutEvent;

/** Everything a run tells, as one flat, JSON-safe union: switch on `type`. */
export type CoordinationEvent = EventStamp & CoordinationEventBody;

export type CoordinationEventType = CoordinationEvent["type"];
export type EventOfType<T extends CoordinationEventType> = Extract<CoordinationEvent, { type: T }>;

/** The deltas, which may be merged; no other event ever is. */
export type DeltaEvent = EventOfType<"text-delta" | "reasoning-delta" | "answer-delta">;

export function isDelta(event: CoordinationEvent): event is DeltaEvent {
  return event.type === "text-delta" || event.type === "reasoning-delta" || event.type === "answer-delta";
}

export function isTerminal(event: CoordinationEvent): event is EventOfType<"run-finish" | "run-error" | "run-abort"> {
  return event.type === "run-finish" || event.type === "run-error" || event.type === "run-abort";
}
