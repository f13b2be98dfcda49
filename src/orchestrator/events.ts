import type { AbstainEvent, AgentOutEvent, AnswerEvent, DecisionRejectedEvent, VoteEvent, VoteVoidEvent } from "./events/decision.js";
import type {
  ConsensusEvent,
  EpochStartEvent,
  InputRequestEvent,
  PlanningEvent,
  RunAbortEvent,
  RunErrorEvent,
  RunFinishEvent,
  RunRestartEvent,
  RunStartEvent,
  UsageEvent,
} from "./events/run.js";
import type {
  AnswerDeltaEvent,
  CompactionEvent,
  FileEvent,
  ReasoningDeltaEvent,
  SourceEvent,
  StepFinishEvent,
  StepStartEvent,
  TextDeltaEvent,
  ToolCallEvent,
  ToolLogEvent,
  ToolProgressEvent,
  ToolResultEvent,
  WarningEvent,
} from "./events/step.js";
import type { TurnErrorEvent, TurnFinishEvent, TurnInterruptEvent, TurnStartEvent, TurnUpdateEvent } from "./events/turn.js";

export type * from "./events/decision.js";
export type * from "./events/run.js";
export type * from "./events/scope.js";
export type * from "./events/step.js";
export type * from "./events/turn.js";

/** What every event carries. `seq` counts from 0 without gaps; `time` is epoch ms. */
export interface EventStamp {
  runId: string;
  seq: number;
  time: number;
}

export type CoordinationEventBody =
  | RunStartEvent
  | EpochStartEvent
  | ConsensusEvent
  | RunRestartEvent
  | InputRequestEvent
  | PlanningEvent
  | UsageEvent
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
