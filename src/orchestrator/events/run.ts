import type { ErrorInfo } from "../../errors.js";
import type { Usage } from "../../token-manager/usage.js";
import type { TurnScope } from "./scope.js";

/** Why a run ended well. */
export type FinishedReason = "consensus" | "single" | "exhausted" | "deadline" | "budget" | "finished-early";

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
