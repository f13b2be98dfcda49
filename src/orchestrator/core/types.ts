import type { ErrorInfo } from "../../errors.js";
import type { CoordinationEventBody, FinishedReason, InterruptReason, Phase, RejectionCode } from "../events.js";
import type { DecisionRule } from "../voting/rule.js";

export type PeerAnswers = "auto" | "interrupt" | "inject" | "round";
export type SelfVote = "discount" | "count" | "forbid";
export type AnswerNovelty = "lenient" | "balanced" | "strict";
export type Presentation = "present" | "reuse" | "synthesize";

/** Everything the core decides by. Plain data but for the rule and the texts, which are pure functions. */
export interface CoreConfig {
  agents: CoreAgentConfig[];
  peerAnswers: PeerAnswers;
  /** How many drafts start the draft grace. */
  draftQuorum: number;
  draftGraceMs: number;
  voteGraceMs: number;
  coalesceMs: number;
  selfVote: SelfVote;
  answerNovelty: AnswerNovelty;
  maxAnswersPerAgent: number;
  maxEpochs: number;
  maxDecisionRetries: number;
  maxAgentFailures: number;
  maxAnswerTokens: number;
  maxRestarts: number;
  /** Coordination time of the whole run, presenting and reviewing excluded. */
  timeoutMs: number;
  /** First wait before a failed turn is tried again; doubles each time. */
  retryBackoffMs: number;
  presentation: Presentation;
  /** Index of the agent that reviews; absent: the winner. */
  reviewer?: number;
  rule: DecisionRule;
  rejectionText(rejection: Rejection): string;
}

export interface CoreAgentConfig {
  agentId: string;
  /** It has tools of its own, so an answer without any work is asked about once. */
  hasTools: boolean;
  /** Something can be delivered to it between its steps. */
  stepBoundaries: boolean;
}

export interface Answer {
  /** Index of its author. */
  agent: number;
  label: string;
  content: string;
  /** Order of submission over the whole run. */
  order: number;
}

export interface Vote {
  agent: number;
  /** Chosen agents, the first is the vote itself. */
  targets: number[];
  label: string;
  reason: string;
}

/** Which decisions a turn may take now. */
export interface Offer {
  newAnswer: boolean;
  /** A new answer must say what the best current one lacks. */
  rationale: boolean;
  /** Agents it may vote for, in the order it reads them. */
  voteFor: number[];
  review: boolean;
}

export interface Turn {
  turnId: string;
  phase: Phase;
  /** `setVersion` the turn has been shown; its decision is judged against it. */
  setVersion: number;
  /** Labels shown. */
  seen: string[];
  offer: Offer;
  /** What an update says that is on its way to the turn. */
  updating: Pick<Turn, "setVersion" | "seen" | "offer"> | null;
  /** The model is in the middle of a `new_answer`. */
  writing: boolean;
  /** It has finished a tool step. */
  worked: boolean;
  /** Decisions rejected at a cost. */
  rejections: number;
  /** Gates that speak only once per turn and have spoken. */
  gates: RejectionCode[];
  /** Last plain text that was no decision. */
  lastText: string;
  /** An interrupt wish is out: only `stopped` is heard. */
  stopping: boolean;
  /** A stale decision under injection that waits for the window to close. */
  parked: { toolCallId: string } | null;
}

export interface AgentState {
  out: null | "failed" | "abstained" | "late" | "budget";
  answer: Answer | null;
  /** Versions ever given, over all attempts: the number in the next label. */
  versions: number;
  /** Answers accepted in this attempt. */
  answersGiven: number;
  /** Normalized texts of its answers in this attempt. */
  ownTexts: string[];
  failures: number;
  abstentions: number;
  /** What it has done with the current ballot. */
  decided: null | "vote" | "abstain" | "answer" | "stale" | "failed";
  vote: Vote | null;
  turn: Turn | null;
  /** Timer that must fire before its next turn. */
  waiting: string | null;
  lastError: ErrorInfo | null;
}

export interface Candidate {
  agent: number;
  label: string;
  content: string;
}

export interface CoreState {
  readonly config: CoreConfig;
  stage: "idle" | "drafting" | "evaluating" | "presenting" | "reviewing" | "ended";
  attempt: number;
  /** 0 while drafting. */
  epoch: number;
  /** Counts the ballots held on one set; more than one only where the rule asks for it. */
  ballot: number;
  /** Score by agent of the ballot before, for a rule that votes again. */
  lastTally: Record<number, number> | null;
  agents: AgentState[];
  /** Nothing more may be spent: no further attempt begins. */
  budgetSpent: boolean;
  /** The draft grace is over. */
  graceOver: boolean;
  /** Grows with every change of the current answers. */
  setVersion: number;
  /** Grows with every accepted answer. */
  order: number;
  openers: number[];
  /** Answers that arrived and wait to take effect together. */
  window: null | { id: number; openers: number[]; expired: boolean };
  windows: number;
  /** Votes of the latest epoch that had any and was overtaken. */
  lastVotes: Vote[];
  turns: number;
  /** Timers that may still fire. */
  timers: string[];
  /** Coordination time left when the deadline timer is (re)armed, and when that was; null while the clock stands still. */
  timeLeft: number;
  armedAt: number | null;
  presenting: null | (Candidate & { reason: FinishedReason; reuse: boolean; single: boolean });
  /** What the last attempt presented and the reviewer sent back. */
  rejected: null | (Candidate & { feedback: string });
}

/** Facts. From an interrupt wish on, only `turn-stopped` is heard of that turn. */
export type CoreInput = { time: number } & (
  | { type: "start" }
  | { type: "writing"; turnId: string; on: boolean }
  | { type: "worked"; turnId: string }
  | { type: "updated"; turnId: string; setVersion: number }
  | {
      type: "decided";
      turnId: string;
      calls: WorkflowCall[];
      /** Text of the step; `cut`: it ended at an output limit. */
      text: string;
      cut?: boolean;
      worked: boolean;
      spent?: Spent;
      /** Why it cannot be accepted as an answer, for the model: what belongs to it could not be kept. */
      rejected?: string;
    }
  | { type: "presented"; turnId: string; text: string }
  | { type: "turn-failed"; turnId: string; error: ErrorInfo }
  | { type: "turn-stopped"; turnId: string }
  | { type: "timer"; timer: string }
  | { type: "budget-spent"; agentId?: string; error?: ErrorInfo }
  | { type: "finish" }
  | { type: "abort"; reason: string }
  | { type: "broken"; error: ErrorInfo }
);

/** Budgets whose last tokens a step has spent: the run's, that of the agent named. */
export interface Spent {
  run: boolean;
  agentId?: string;
  /** What the run ends with, where its spent budget does not leave it the best answer so far. */
  error?: ErrorInfo;
}

/** A call of a workflow tool as the model made it. */
export interface WorkflowCall {
  toolCallId: string;
  toolName: string;
  input: unknown;
  invalid?: string;
}

export interface Rejection {
  code: RejectionCode;
  /** What else the text may mention. All of it is safe for the model to read. */
  offer: string[];
  aliases: string[];
  detail?: string;
  limit?: number;
}

/** Wishes, carried out by the driver. */
export type Effect =
  | { type: "start-turn"; turn: TurnOrder }
  | { type: "interrupt-turn"; turnId: string; reason: InterruptReason }
  | { type: "update-turn"; turnId: string; order: TurnOrder }
  | {
      type: "continue-turn";
      turnId: string;
      results: { toolCallId: string; text: string }[];
      /** For a step that called nothing. */
      note?: string;
      /** Set when the current answers go with the reply. */
      update?: TurnOrder;
      offer: Offer;
    }
  | { type: "end-turn"; turnId: string }
  | { type: "set-timer"; timer: string; ms: number }
  | { type: "clear-timer"; timer: string };

/** Everything needed to write a turn's prompt. */
export interface TurnOrder {
  turnId: string;
  agent: number;
  phase: Phase;
  attempt: number;
  epoch: number;
  setVersion: number;
  /** In reading order: rotated per reader, its own last. */
  answers: Answer[];
  /** Labels that a turn to be updated has read already. */
  known?: string[];
  offer: Offer;
  /** The text an earlier attempt presented and why it was sent back. */
  rejected?: { text: string; feedback: string };
  /** What is presented or reviewed; `alone`: there was nothing to choose from. */
  candidate?: Candidate & { alone: boolean };
  /** Votes for it. */
  votes?: Vote[];
  /** The ballot before did not settle it: votes by agent. */
  lastTally?: Record<number, number>;
}

export interface Transition {
  state: CoreState;
  events: CoordinationEventBody[];
  effects: Effect[];
}

export const aliasOf = (agent: number): string => `agent${agent + 1}`;
