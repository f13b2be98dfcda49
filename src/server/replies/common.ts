import type { FinishReason } from "../../backends/backend.js";
import type { RunResult } from "../../orchestrator/run.js";
import type { Usage } from "../../token-manager/usage.js";
import { HttpError } from "../http-error.js";
import type { Output } from "../output.js";
import type { RunRequest } from "../requests/run-request.js";

/** How drafts, evaluation and votes are told. */
export type Progress = "reasoning_content" | "details" | "off";

export interface ReplyInfo {
  id: string;
  /** Epoch seconds. */
  created: number;
  request: RunRequest;
  progress: Progress;
}

/** The last output of a reply. */
export type Ending = Extract<Output, { usage: Usage }>;

/** `finish_reason` in the words of chat completions. */
export function finishReasonOf(reason: FinishReason): "stop" | "length" | "content_filter" {
  if (reason === "length") return "length";
  return reason === "content-filter" || reason === "refusal" ? "content_filter" : "stop";
}

export function chatUsage(usage: Usage) {
  const { inputTokens, outputTokens, cachedInputTokens = 0, reasoningTokens = 0 } = usage;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedInputTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  };
}

/** How the run came to its result, for clients that ask for it. */
export function metadataOf(result: RunResult) {
  const { runId, reason, winner, label, votes, answers, attempts, epochs, usage, cost, costByAgent } = result;
  return {
    run_id: runId,
    reason,
    selected_agent: winner,
    label,
    vote_results: { winner, votes: votes.map((vote) => ({ agent_id: vote.agentId, for: vote.label, reason: vote.reason })) },
    answers: answers.map((answer) => ({ label: answer.label, agent_id: answer.agentId, score: answer.score, content: answer.content })),
    attempts,
    epochs,
    usage_by_agent: usage.byAgent,
    cost,
    cost_by_agent: costByAgent,
  };
}

export function textVoided(): HttpError {
  const message = "The presentation failed after part of it had been sent. Ask again, or without `stream` to get whole replies only.";
  return new HttpError(502, message, { code: "text_voided" });
}

/** A reply as a whole: its text, what was told of the deliberation, and how it ends. */
export async function wholeReply(outputs: AsyncIterable<Output>): Promise<{ text: string; told: string; end: Ending }> {
  let text = "";
  let told = "";
  for await (const output of outputs) {
    if (output.type === "progress") told += output.delta;
    else if (output.type === "text") text += output.delta;
    else if (output.type === "void") text = "";
    else return { text, told, end: output };
  }
  throw new HttpError(500, "The run ended without a reply.", { code: "internal_error" });
}
