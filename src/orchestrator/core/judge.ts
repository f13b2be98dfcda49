import { estimateTokens } from "../../token-manager/estimate.js";
import type { RejectionCode } from "../events.js";
import { isPromise, normalizeText, similarity } from "./novelty.js";
import type { CoreState, Rejection, Turn, WorkflowCall } from "./types.js";
import { aliasOf } from "./types.js";

/** What a decision is worth. */
export type Judgement =
  | { verdict: "vote"; targets: number[]; reason: string }
  | { verdict: "answer"; content: string; lacking?: string }
  | { verdict: "reject"; code: RejectionCode; detail?: string; limit?: number; free?: boolean }
  /** A repeat, or near copy, of something its author has not seen: the turn ends without quoting it. */
  | { verdict: "unseen-repeat" }
  | { verdict: "review"; accepted: boolean; feedback: string };

/** Above these a new answer counts as a near copy: of another's answer, and of the author's own last one. */
const NEAR_COPY = { balanced: { other: 0.7, own: 0.9 }, strict: { other: 0.5, own: 0.8 } };

/** The one place that says what a decision is worth. Pure: reads the state, changes nothing. */
export function judge(state: CoreState, agent: number, turn: Turn, calls: WorkflowCall[], worked: boolean): Judgement {
  if (calls.length === 0) return { verdict: "reject", code: "no-decision" };
  if (calls.length > 1) return { verdict: "reject", code: "two-decisions" };
  const call = calls[0]!;
  if (call.invalid !== undefined) return { verdict: "reject", code: "invalid-input", detail: call.invalid };
  const input = typeof call.input === "object" && call.input !== null ? (call.input as Record<string, unknown>) : {};
  switch (call.toolName) {
    case "vote":
      return judgeVote(state, agent, turn, input);
    case "new_answer":
      return turn.phase === "review" || turn.phase === "present"
        ? { verdict: "reject", code: "not-offered", detail: call.toolName }
        : judgeAnswer(state, agent, turn, input, worked);
    case "submit":
    case "restart_orchestration":
      if (!turn.offer.review) return { verdict: "reject", code: "not-offered", detail: call.toolName };
      if (call.toolName === "submit") return { verdict: "review", accepted: true, feedback: "" };
      return judgeSendBack(input);
    default:
      return { verdict: "reject", code: "not-offered", detail: call.toolName };
  }
}

function judgeSendBack(input: Record<string, unknown>): Judgement {
  const parts = [input.reason, input.instructions].filter((part): part is string => typeof part === "string" && part.trim() !== "");
  if (parts.length === 0) return { verdict: "reject", code: "invalid-input", detail: "reason and instructions must say what to do better" };
  return { verdict: "review", accepted: false, feedback: parts.join("\n\n") };
}

function judgeVote(state: CoreState, agent: number, turn: Turn, input: Record<string, unknown>): Judgement {
  if (turn.phase !== "evaluate") return { verdict: "reject", code: "not-offered", detail: "vote" };
  const chosen = input.agent_id;
  if (typeof chosen !== "string") return { verdict: "reject", code: "invalid-input", detail: "agent_id must be one of the offered ids" };
  const targets: number[] = [];
  for (const alias of [chosen, ...furtherChoices(state, input)]) {
    const target = turn.offer.voteFor.find((index) => aliasOf(index) === alias.trim());
    if (target === undefined) {
      const code = alias.trim() === aliasOf(agent) && state.config.selfVote === "forbid" ? "self-vote" : "unknown-alias";
      return { verdict: "reject", code, detail: alias };
    }
    if (!targets.includes(target)) targets.push(target);
  }
  if (turn.setVersion !== state.setVersion) return { verdict: "reject", code: "stale", free: true };
  return { verdict: "vote", targets, reason: typeof input.reason === "string" ? input.reason : "" };
}

function furtherChoices(state: CoreState, input: Record<string, unknown>): string[] {
  const key = { single: undefined, approval: "also_acceptable", ranking: "next_best" }[state.config.rule.ballot];
  const more = key === undefined ? undefined : input[key];
  return Array.isArray(more) ? more.filter((alias): alias is string => typeof alias === "string") : [];
}

function judgeAnswer(state: CoreState, agent: number, turn: Turn, input: Record<string, unknown>, worked: boolean): Judgement {
  const { config } = state;
  const own = state.agents[agent]!;
  const evaluating = turn.phase === "evaluate";
  if (evaluating) {
    const barred = whyBarred(state, agent);
    if (barred !== undefined) return { verdict: "reject", code: barred, free: turn.setVersion !== state.setVersion };
  }
  const content = input.content;
  if (typeof content !== "string") return { verdict: "reject", code: "invalid-input", detail: "content must be a string" };
  if (content.trim() === "") return { verdict: "reject", code: "blank" };
  if (estimateTokens(content) > config.maxAnswerTokens) return { verdict: "reject", code: "too-long", limit: config.maxAnswerTokens };
  const lacking = typeof input.lacking === "string" && input.lacking.trim() !== "" ? input.lacking : undefined;

  if (evaluating) {
    const normal = normalizeText(content);
    if (own.ownTexts.includes(normal)) return { verdict: "reject", code: "repeat" };
    for (const peer of state.agents) {
      if (peer === own || peer.answer === null || normalizeText(peer.answer.content) !== normal) continue;
      return turn.seen.includes(peer.answer.label) ? { verdict: "reject", code: "repeat" } : { verdict: "unseen-repeat" };
    }
    if (nearCopies(state, agent, content).some((label) => !turn.seen.includes(label))) return { verdict: "unseen-repeat" };
  }
  // The gates below speak once per turn each, and not when no further try is left.
  const gate = turn.rejections < config.maxDecisionRetries ? firstGate(state, agent, turn, content, lacking, worked) : undefined;
  if (gate !== undefined) return { verdict: "reject", code: gate };
  return { verdict: "answer", content, ...(evaluating && lacking !== undefined && { lacking }) };
}

/** Why the agent may not answer any more in this epoch. */
export function whyBarred(state: CoreState, agent: number): "closed" | "answer-limit" | undefined {
  if (state.epoch >= state.config.maxEpochs || state.openers.includes(agent)) return "closed";
  return state.agents[agent]!.answersGiven >= state.config.maxAnswersPerAgent ? "answer-limit" : undefined;
}

function firstGate(
  state: CoreState,
  agent: number,
  turn: Turn,
  content: string,
  lacking: string | undefined,
  worked: boolean,
): RejectionCode | undefined {
  const evaluating = turn.phase === "evaluate";
  const gates: [RejectionCode, () => boolean][] = [
    ["promise", () => isPromise(content)],
    ["no_work", () => state.config.agents[agent]!.hasTools && !worked],
    ["no-rationale", () => evaluating && lacking === undefined],
    ["near-copy", () => evaluating && nearCopies(state, agent, content).length > 0],
  ];
  return gates.find(([code, holds]) => !turn.gates.includes(code) && holds())?.[0];
}

/** Labels of the current answers that it nearly repeats. */
function nearCopies(state: CoreState, agent: number, content: string): string[] {
  const { answerNovelty } = state.config;
  if (answerNovelty === "lenient") return [];
  const limit = NEAR_COPY[answerNovelty];
  return state.agents.flatMap(({ answer }, index) =>
    answer !== null && similarity(content, answer.content) > (index === agent ? limit.own : limit.other) ? [answer.label] : [],
  );
}

/** The facts a rejection's text may use. */
export function rejectionOf(turn: Turn, judgement: Extract<Judgement, { verdict: "reject" }>): Rejection {
  const { code, detail, limit } = judgement;
  return {
    code,
    offer: offeredNames(turn),
    aliases: turn.offer.voteFor.map(aliasOf),
    ...(detail !== undefined && { detail }),
    ...(limit !== undefined && { limit }),
  };
}

export function offeredNames({ offer }: Pick<Turn, "offer">): string[] {
  return [
    ...(offer.newAnswer ? ["new_answer"] : []),
    ...(offer.voteFor.length > 0 ? ["vote"] : []),
    ...(offer.review ? ["submit", "restart_orchestration"] : []),
  ];
}
