import type { ErrorInfo } from "../../errors.js";
import type { Usage } from "../../token-manager/usage.js";
import type { TurnScope } from "./scope.js";

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
