import type { Phase, TurnScope } from "./scope.js";

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
