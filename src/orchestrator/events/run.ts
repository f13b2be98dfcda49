import type { ErrorInfo } from "../../errors.js";
import type { Cost } from "../../token-manager/prices.js";
import type { Usage } from "../../token-manager/usage.js";
import type { TurnScope } from "./scope.js";

/** Why a run ended well. */
export type FinishedReason = "consensus" | "single" | "exhausted" | "deadline" | "budget" | "finished-early";

/** What was asked. Of files there is what they are, not what they hold. */
export interface RunInput {
  /** The message that the run works on: the last one of the user. */
  text: string;
  /** Its files. `bytes` is absent where it has an address instead of content. */
  files?: { mediaType: string; bytes?: number }[];
  /** Messages of the whole conversation, this one included. */
  messages: number;
}

export interface RunStartEvent {
  type: "run-start";
  input: RunInput;
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

/**
 * What has been spent so far, steps that failed or were cut short included. Comes after each `step-finish`, at most once per step;
 * the scope is that of the step.
 */
export interface UsageEvent extends TurnScope {
  type: "usage";
  /** Of the whole run. */
  usage: Usage;
  cost: Cost;
  /** Of the agent whose step it was. */
  agentUsage: Usage;
  agentCost: Cost;
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
