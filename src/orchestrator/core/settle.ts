import { isSettled } from "../voting/count.js";
import { MAX_BALLOTS } from "../voting/rule.js";
import { voidVotes } from "./answers.js";
import { decide, finishRun, presentAlone, presentOnlyDraft, presentVotedAnswer, reviewerOf } from "./conclude.js";
import type { Context } from "./context.js";
import { clearTimer, clearTimers, currentAnswers, indices, moreThanHalf, outstanding, setTimer, standing, voters } from "./context.js";
import { announceUpdate, interruptTurn, onNewAnswers, putOut, sendUpdate, startTurn } from "./turns.js";
import type { CoreState } from "./types.js";

/**
 * Brings about whatever must follow from the state as it is: starts the turns that should be running, opens the next
 * epoch, decides, presents, reviews. Because it looks at the state alone, no fact can be missed and nothing can hang.
 */
export function settle(ctx: Context): void {
  while (settleStage(ctx)) {
    // Each round moves the run to a later stage or epoch, so this ends.
  }
}

/** Returns whether there may be more to do at once. */
function settleStage(ctx: Context): boolean {
  switch (ctx.state.stage) {
    case "drafting":
      return settleDrafting(ctx);
    case "evaluating":
      return ctx.state.window === null ? settleEvaluating(ctx) : settleWindow(ctx);
    case "presenting":
      return settlePresenting(ctx);
    case "reviewing":
      return settleReviewing(ctx);
    default:
      return false;
  }
}

function settleDrafting(ctx: Context): boolean {
  const { state } = ctx;
  const inRun = standing(state);
  const answers = currentAnswers(state);
  const undrafted = inRun.filter((agent) => state.agents[agent]!.answer === null);
  if (inRun.length === 0) {
    decide(ctx, "votes");
    return true;
  }
  if (inRun.length === 1 && answers.length === 0) {
    const only = state.agents[inRun[0]!]!;
    if (only.turn !== null || only.waiting !== null) return false;
    presentAlone(ctx, inRun[0]!);
    return true;
  }
  if (undrafted.length === 0) {
    if (answers.length === 1) presentOnlyDraft(ctx, answers[0]!.agent);
    else openEvaluation(ctx);
    return true;
  }
  if (answers.length >= Math.min(state.config.draftQuorum, inRun.length)) {
    if (state.graceOver || state.config.draftGraceMs <= 0) {
      openEvaluation(ctx);
      return true;
    }
    setTimer(ctx, `draft-grace:${state.attempt}`, state.config.draftGraceMs);
  }
  for (const agent of undrafted) startWhenFree(ctx, agent, "draft");
  return false;
}

function openEvaluation(ctx: Context): void {
  clearTimer(ctx, `draft-grace:${ctx.state.attempt}`);
  ctx.state.stage = "evaluating";
  openEpoch(ctx, []);
}

function openEpoch(ctx: Context, openers: number[]): void {
  const { state } = ctx;
  clearTimers(ctx, "vote-grace");
  state.epoch++;
  state.ballot = 1;
  state.lastTally = null;
  state.openers = openers;
  for (const agent of state.agents) agent.decided = null;
  const voteOnly = state.epoch >= state.config.maxEpochs;
  ctx.events.push({
    type: "epoch-start",
    attempt: state.attempt,
    epoch: state.epoch,
    labels: currentAnswers(state).map((answer) => answer.label),
    openers: openers.map((agent) => state.config.agents[agent]!.agentId),
    voteOnly,
  });
  if (voteOnly) for (const agent of standing(state)) if (state.agents[agent]!.answer === null) putOut(ctx, agent, "late");
}

function settleEvaluating(ctx: Context): boolean {
  const { state } = ctx;
  const open = outstanding(state);
  if (open.length === 0) {
    if (voteAgain(ctx)) return true;
    decide(ctx, "votes");
    return true;
  }
  if (state.epoch >= state.config.maxEpochs && settledEarly(state, open)) {
    for (const agent of open) interruptTurn(ctx, agent, "settled");
    decide(ctx, "votes");
    return true;
  }
  armVoteGrace(ctx, open);
  for (const agent of open) startWhenFree(ctx, agent, "evaluate");
  keepLateDraftersGoing(ctx);
  return false;
}

function settledEarly(state: CoreState, open: number[]): boolean {
  const ballots = state.agents.flatMap((agent) => (agent.vote ? [{ voter: agent.vote.agent, choices: agent.vote.targets }] : []));
  return isSettled(ballots, open, currentAnswers(state), state.config.rule, state.config.selfVote, state.ballot);
}

/** A rule that asks for more agreement holds another ballot on the same answers. */
function voteAgain(ctx: Context): boolean {
  const { state } = ctx;
  const ballots = state.agents.flatMap((agent) => (agent.vote ? [{ voter: agent.vote.agent, choices: agent.vote.targets }] : []));
  if (voters(state).length === 0 || state.ballot >= MAX_BALLOTS || !state.config.rule.again?.(ballots, state.ballot)) return false;
  const tally: Record<number, number> = {};
  for (const { choices } of ballots) tally[choices[0]!] = (tally[choices[0]!] ?? 0) + 1;
  voidVotes(ctx, "no-majority");
  clearTimers(ctx, "vote-grace");
  state.lastTally = tally;
  state.ballot++;
  for (const agent of state.agents) agent.decided = null;
  return true;
}

function armVoteGrace(ctx: Context, open: number[]): void {
  const { state } = ctx;
  const all = voters(state).length;
  if (open.length === 0 || all - open.length < moreThanHalf(all)) return;
  setTimer(ctx, `vote-grace:${state.attempt}.${state.epoch}.${state.ballot}`, state.config.voteGraceMs);
}

/** Answers have come: the next epoch opens when nobody is in the middle of writing another. */
function settleWindow(ctx: Context): boolean {
  const { state } = ctx;
  const window = state.window!;
  keepLateDraftersGoing(ctx);
  const timer = `window:${window.id}`;
  if (state.config.peerAnswers === "round") {
    armVoteGrace(ctx, outstanding(state));
    if (indices(state, ({ turn }) => turn?.phase === "evaluate").length > 0) return false;
  } else if (!window.expired && indices(state, ({ turn }) => turn?.writing === true).length > 0) {
    setTimer(ctx, timer, state.config.coalesceMs);
    return false;
  }
  clearTimer(ctx, timer);
  state.window = null;
  const updates: number[] = [];
  for (const agent of indices(state, ({ turn }) => turn?.phase === "evaluate" && !turn.stopping)) {
    const policy = onNewAnswers(state, agent, state.agents[agent]!.turn!);
    if (policy === "interrupt") interruptTurn(ctx, agent, "new-answer");
    if (policy !== "inject") continue;
    announceUpdate(ctx, agent);
    updates.push(agent);
  }
  openEpoch(ctx, window.openers);
  // What a turn may decide depends on the epoch, so the answers are sent once it is open.
  for (const agent of updates) sendUpdate(ctx, agent);
  return true;
}

/** A late drafter drafts on until the run is decided or the last epoch opens. */
function keepLateDraftersGoing(ctx: Context): void {
  const { state } = ctx;
  for (const agent of standing(state)) if (state.agents[agent]!.answer === null) startWhenFree(ctx, agent, "draft");
}

function startWhenFree(ctx: Context, agent: number, phase: "draft" | "evaluate" | "present" | "review"): void {
  const { turn, waiting } = ctx.state.agents[agent]!;
  if (turn === null && waiting === null) startTurn(ctx, agent, phase);
}

function settlePresenting(ctx: Context): boolean {
  const { state } = ctx;
  const { agent, single, reuse } = state.presenting!;
  if (single && state.agents[agent]!.out !== null) {
    decide(ctx, "votes");
    return true;
  }
  if (reuse) {
    presentVotedAnswer(ctx);
    return true;
  }
  startWhenFree(ctx, agent, "present");
  return false;
}

function settleReviewing(ctx: Context): boolean {
  const reviewer = reviewerOf(ctx.state);
  if (reviewer === undefined) finishRun(ctx);
  else startWhenFree(ctx, reviewer, "review");
  return false;
}
