import type { ErrorInfo } from "../../errors.js";
import type { FinishedReason } from "../events.js";
import { countVotes } from "../voting/count.js";
import { acceptAnswer } from "./answers.js";
import type { Context } from "./context.js";
import { clearTimers, currentAnswers, setTimer, standing } from "./context.js";
import { endTurn, interruptTurn, putOut, scopeOf } from "./turns.js";
import type { Candidate, CoreState, Turn, Vote } from "./types.js";

/** Picks the winner: by the current votes, else the best so far. */
export function decide(ctx: Context, cause: "votes" | "deadline" | "budget" | "finished-early"): void {
  const { state } = ctx;
  const answers = currentAnswers(state);
  if (answers.length === 0 && state.rejected === null) return fail(ctx, noAnswer(state, cause));

  const cast = state.agents.flatMap((agent) => agent.vote ?? []);
  const reason = cause !== "votes" ? cause : cast.length > 0 ? "consensus" : "exhausted";
  pauseClock(ctx);
  const carried = cast.length === 0 && state.lastVotes.length > 0;
  const votes = carried ? state.lastVotes : cast;
  const verdict = { ...best(state, votes), reason, votes, carried } as const;
  announce(ctx, verdict);
  const { winner } = verdict;
  const causes = { votes: "consensus", deadline: "deadline", budget: "budget", "finished-early": "finished-early" } as const;
  if (cause === "votes") for (const agent of standing(state)) if (state.agents[agent]!.answer === null) putOut(ctx, agent, "late");
  stopAllTurns(ctx, causes[cause]);
  state.window = null;
  state.stage = "presenting";
  const reuse = cause === "deadline" || cause === "budget" || state.config.presentation === "reuse";
  state.presenting = { ...winner, reason, reuse: reuse || state.agents[winner.agent]!.out !== null || answers.length === 0, single: false };
}

/** The current epoch's votes; else those of the latest earlier epoch, carried to those agents' current answers; else the oldest answer. */
function best(state: CoreState, votes: Vote[]): { winner: Candidate; scores: Map<number, number>; rule: string; tieRule?: string } {
  const answers = currentAnswers(state);
  if (answers.length === 0) return { winner: state.rejected!, scores: new Map(), rule: "earlier-attempt" };
  if (votes.length === 0) {
    const oldest = answers.reduce((a, b) => (b.order < a.order ? b : a));
    return { winner: oldest, scores: new Map(), rule: "oldest-answer" };
  }
  const { rule, selfVote } = state.config;
  const ballots = votes.map(({ agent, targets }) => ({ voter: agent, choices: targets }));
  const { winner, scores, tieRule } = countVotes(ballots, answers, rule, selfVote);
  return { winner: state.agents[winner]!.answer!, scores, rule: rule.name, ...(tieRule !== undefined && { tieRule }) };
}

interface Verdict {
  winner: Candidate;
  reason: FinishedReason;
  scores: Map<number, number>;
  rule: string;
  tieRule?: string;
  votes: Vote[];
  carried: boolean;
}

function announce(ctx: Context, { winner, reason, scores, rule, tieRule, votes, carried }: Verdict): void {
  const { state } = ctx;
  const agentId = (agent: number) => state.config.agents[agent]!.agentId;
  ctx.events.push({
    type: "consensus",
    attempt: state.attempt,
    epoch: state.epoch,
    reason,
    winner: agentId(winner.agent),
    label: winner.label,
    tally: Object.fromEntries([...scores].map(([agent, score]) => [state.agents[agent]!.answer!.label, score])),
    votes: votes.map(({ agent, targets, label, reason: why }) => ({
      agentId: agentId(agent),
      targetAgentId: agentId(targets[0]!),
      label,
      reason: why,
    })),
    rule,
    ...(tieRule !== undefined && { tieRule }),
    ...(carried && { carried }),
  });
}

const single = (winner: Candidate): Verdict => ({ winner, reason: "single", scores: new Map(), rule: "single", votes: [], carried: false });

// ---- one agent

/** One agent is left and has nothing to compare with: it answers the caller directly. */
export function presentAlone(ctx: Context, agent: number): void {
  pauseClock(ctx);
  ctx.state.stage = "presenting";
  ctx.state.presenting = { agent, label: "", content: "", reason: "single", reuse: false, single: true };
}

/** The one agent left had drafted already: its draft is the result. */
export function presentOnlyDraft(ctx: Context, agent: number): void {
  const answer = ctx.state.agents[agent]!.answer!;
  pauseClock(ctx);
  announce(ctx, single(answer));
  ctx.state.stage = "presenting";
  ctx.state.presenting = { ...answer, reason: "single", reuse: true, single: false };
}

// ---- presenting and reviewing

export function presentationOver(ctx: Context, agent: number, turn: Turn, text: string): void {
  const { state } = ctx;
  const presenting = state.presenting!;
  if (presenting.single) {
    acceptAnswer(ctx, agent, turn, text, undefined, "presented");
    const answer = state.agents[agent]!.answer!;
    announce(ctx, single(answer));
    state.presenting = { ...presenting, label: answer.label, content: text };
  } else {
    endTurn(ctx, agent, turn, "presented");
    state.presenting = { ...presenting, content: text };
  }
  review(ctx);
}

/** The voted answer is the result as it stands; streamed as one delta. */
export function presentVotedAnswer(ctx: Context): void {
  const { state } = ctx;
  const { agent, content } = state.presenting!;
  const turnId = `reuse-${state.attempt}`;
  const scope = scopeOf(state, agent, { turnId, phase: "present" });
  ctx.events.push({ type: "text-delta", ...scope, stepId: turnId, delta: content });
  review(ctx);
}

function review(ctx: Context): void {
  const { state } = ctx;
  const { reason } = state.presenting!;
  const wanted =
    state.attempt <= state.config.maxRestarts &&
    !state.budgetSpent &&
    (reason === "consensus" || reason === "single" || reason === "exhausted");
  if (wanted && reviewerOf(state) !== undefined) state.stage = "reviewing";
  else finishRun(ctx);
}

export function reviewerOf(state: CoreState): number | undefined {
  const standsIn = (agent: number | undefined) => agent !== undefined && state.agents[agent]!.out === null;
  return [state.config.reviewer, state.presenting?.agent].find(standsIn);
}

export function finishRun(ctx: Context): void {
  const { agent, label, content, reason } = ctx.state.presenting!;
  end(ctx, "error");
  const winner = ctx.state.config.agents[agent]!.agentId;
  ctx.events.push({ type: "run-finish", reason, winner, label, text: content, usage: { inputTokens: 0, outputTokens: 0 } });
}

/** The reviewer sent it back: everybody drafts again, knowing what was wrong. */
export function sendBack(ctx: Context, reviewer: number, feedback: string): void {
  const { state } = ctx;
  const { agent, label, content } = state.presenting!;
  state.rejected = { agent, label, content, feedback };
  state.presenting = null;
  state.attempt++;
  state.epoch = 0;
  state.ballot = 1;
  state.graceOver = false;
  state.lastTally = null;
  state.lastVotes = [];
  state.openers = [];
  state.setVersion++;
  for (const each of state.agents) {
    each.out = each.out === "budget" ? "budget" : null;
    each.answer = null;
    each.answersGiven = 0;
    each.ownTexts = [];
    each.failures = 0;
    each.abstentions = 0;
    each.decided = null;
    each.vote = null;
  }
  state.stage = "drafting";
  ctx.events.push({ type: "run-restart", attempt: state.attempt, reviewer: state.config.agents[reviewer]!.agentId, feedback });
  startClock(ctx);
}

// ---- the end

export function fail(ctx: Context, error: ErrorInfo, why: "error" | "budget" = "error"): void {
  end(ctx, why);
  ctx.events.push({ type: "run-error", error, usage: { inputTokens: 0, outputTokens: 0 } });
}

export function abort(ctx: Context, reason: string): void {
  end(ctx, "abort");
  ctx.events.push({ type: "run-abort", reason, usage: { inputTokens: 0, outputTokens: 0 } });
}

function end(ctx: Context, reason: "abort" | "error" | "budget"): void {
  stopAllTurns(ctx, reason);
  clearTimers(ctx, "");
  ctx.state.stage = "ended";
}

function stopAllTurns(ctx: Context, reason: Parameters<typeof interruptTurn>[2]): void {
  ctx.state.agents.forEach((_, agent) => {
    interruptTurn(ctx, agent, reason);
  });
}

function noAnswer(state: CoreState, cause: string): ErrorInfo {
  const why = {
    votes: "Every agent was out before it had answered",
    deadline: "The deadline came before any agent had answered: raise timeout.run, or use faster models",
    budget: "The budget was spent before any agent had answered: raise it",
    "finished-early": "finish() was called before any agent had answered",
  }[cause];
  const errors = state.agents.flatMap(({ lastError, out }, i) => {
    const { agentId } = state.config.agents[i]!;
    if (out === "budget") return [`${agentId}: its budget was spent`];
    return lastError ? [`${agentId}: ${lastError.message}`] : [];
  });
  const sentences = [why, ...errors].map((sentence) => sentence?.replace(/\.$/, ""));
  const common = commonFailure(state);
  return {
    name: "MassGenError",
    code: cause === "deadline" ? "deadline" : cause === "budget" ? "budget_exceeded" : "no_answer",
    message: `${sentences.join(". ")}.`,
    ...(common !== undefined && { cause: common }),
  };
}

/** Where every agent failed for one reason, the failure that asks for the longest wait. */
function commonFailure({ agents }: CoreState): ErrorInfo | undefined {
  const errors = agents.flatMap(({ lastError, out }) => (lastError === null || out === "budget" ? [] : [lastError]));
  const [first] = errors;
  if (first === undefined || errors.length < agents.length || errors.some(({ code }) => code !== first.code)) return undefined;
  return errors.reduce((longest, error) => ((error.retryAfterMs ?? 0) > (longest.retryAfterMs ?? 0) ? error : longest));
}

// ---- the clock of the run stands still while an answer is presented and reviewed

export function startClock(ctx: Context): void {
  ctx.state.armedAt = ctx.time;
  if (Number.isFinite(ctx.state.timeLeft)) setTimer(ctx, "deadline", Math.max(0, ctx.state.timeLeft));
}

function pauseClock(ctx: Context): void {
  if (ctx.state.armedAt !== null) ctx.state.timeLeft -= ctx.time - ctx.state.armedAt;
  ctx.state.armedAt = null;
  clearTimers(ctx, "");
  for (const agent of ctx.state.agents) agent.waiting = null;
}
