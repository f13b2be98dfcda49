import type { InterruptReason, TurnOutcome } from "../events.js";
import type { Context } from "./context.js";
import { clearTimer, readingOrder } from "./context.js";
import { offeredNames, whyBarred } from "./judge.js";
import type { AgentState, CoreState, Offer, Turn, TurnOrder } from "./types.js";

const nothingOffered: Offer = { newAnswer: false, rationale: false, voteFor: [], review: false };

/** What a turn of the agent may decide now. */
export function offerFor(state: CoreState, agent: number, phase: Turn["phase"]): Offer {
  if (phase === "draft") return { ...nothingOffered, newAnswer: true };
  if (phase === "review") return { ...nothingOffered, review: true };
  if (phase === "present") return nothingOffered;
  const readable = readingOrder(state, agent).map((answer) => answer.agent);
  const others = readable.filter((index) => index !== agent);
  const voteFor = state.config.selfVote === "forbid" && others.length > 0 ? others : readable;
  const newAnswer = whyBarred(state, agent) === undefined;
  return { newAnswer, rationale: newAnswer, voteFor, review: false };
}

export function startTurn(ctx: Context, agent: number, phase: Turn["phase"]): void {
  const { state } = ctx;
  const turnId = `turn-${++state.turns}`;
  const order = orderTurn(state, agent, turnId, phase);
  state.agents[agent]!.turn = {
    turnId,
    phase,
    setVersion: state.setVersion,
    seen: order.answers.map((answer) => answer.label),
    offer: order.offer,
    updating: null,
    writing: false,
    worked: false,
    rejections: 0,
    gates: [],
    lastText: "",
    stopping: false,
    parked: null,
  };
  const turn = state.agents[agent]!.turn!;
  ctx.events.push({ type: "turn-start", ...scopeOf(state, agent, turn), labels: turn.seen, offered: offeredNames(order) });
  ctx.effects.push({ type: "start-turn", turn: order });
}

export function orderTurn(state: CoreState, agent: number, turnId: string, phase: Turn["phase"]): TurnOrder {
  const seesAnswers = phase === "evaluate" || (phase === "present" && state.presenting?.single === false);
  const { rejected, presenting, lastTally } = state;
  const concludes = phase === "present" || phase === "review";
  return {
    turnId,
    agent,
    phase,
    attempt: state.attempt,
    epoch: state.epoch,
    setVersion: state.setVersion,
    answers: seesAnswers ? readingOrder(state, agent) : [],
    offer: offerFor(state, agent, phase),
    ...(rejected !== null && { rejected: { text: rejected.content, feedback: rejected.feedback } }),
    ...(concludes && presenting !== null && { candidate: { alone: presenting.single, ...presenting } }),
    ...(concludes && { votes: state.agents.flatMap(({ vote }) => (vote?.label === presenting?.label ? (vote ?? []) : [])) }),
    ...(phase === "evaluate" && lastTally !== null && { lastTally }),
  };
}

export function scopeOf(state: CoreState, agent: number, turn: Pick<Turn, "turnId" | "phase">) {
  return {
    agentId: state.config.agents[agent]!.agentId,
    turnId: turn.turnId,
    phase: turn.phase,
    attempt: state.attempt,
    epoch: state.epoch,
  };
}

/** Wishes a turn stopped. From here on only its `turn-stopped` is heard. */
export function interruptTurn(ctx: Context, agent: number, reason: InterruptReason): void {
  const turn = ctx.state.agents[agent]!.turn;
  if (turn === null || turn.stopping) return;
  turn.stopping = true;
  turn.writing = false;
  // The driver adds what the turn had written and spent.
  ctx.events.push({
    type: "turn-interrupt",
    ...scopeOf(ctx.state, agent, turn),
    reason,
    partialText: "",
    usage: { inputTokens: 0, outputTokens: 0 },
  });
  ctx.effects.push({ type: "interrupt-turn", turnId: turn.turnId, reason });
}

export function putOut(ctx: Context, agent: number, reason: NonNullable<AgentState["out"]>): void {
  const { state } = ctx;
  const self = state.agents[agent]!;
  if (self.out !== null) return;
  self.out = reason;
  ctx.events.push({
    type: "agent-out",
    agentId: state.config.agents[agent]!.agentId,
    attempt: state.attempt,
    epoch: state.epoch,
    reason,
  });
  if (self.waiting !== null) {
    clearTimer(ctx, self.waiting);
    self.waiting = null;
  }
  if (reason === "late" || reason === "budget") interruptTurn(ctx, agent, reason);
}

export function endTurn(ctx: Context, agent: number, turn: Turn, outcome: TurnOutcome): void {
  ctx.events.push({ type: "turn-finish", ...scopeOf(ctx.state, agent, turn), outcome, usage: { inputTokens: 0, outputTokens: 0 } });
  ctx.effects.push({ type: "end-turn", turnId: turn.turnId });
  ctx.state.agents[agent]!.turn = null;
}

// ---- what a running turn learns of new answers

/** What the policy does with a running evaluation when the answers change: `finish` where nothing can be delivered. */
export function onNewAnswers(state: CoreState, agent: number, turn: Turn): "interrupt" | "inject" | "finish" {
  const { peerAnswers } = state.config;
  if (peerAnswers === "interrupt" || (peerAnswers === "auto" && !turn.worked)) return "interrupt";
  return state.config.agents[agent]!.stepBoundaries ? "inject" : "finish";
}

export function announceUpdate(ctx: Context, agent: number): void {
  const { state } = ctx;
  const turn = state.agents[agent]!.turn!;
  const labels = readingOrder(state, agent).map((answer) => answer.label);
  ctx.events.push({ type: "turn-update", ...scopeOf(state, agent, turn), labels });
}

/** Sends the current answers after a running turn; one that waits for them is answered at once. */
export function sendUpdate(ctx: Context, agent: number): void {
  const { state } = ctx;
  const turn = state.agents[agent]!.turn!;
  const order = { ...orderTurn(state, agent, turn.turnId, turn.phase), known: turn.seen };
  turn.updating = { setVersion: order.setVersion, seen: order.answers.map((answer) => answer.label), offer: order.offer };
  if (turn.parked === null) {
    ctx.effects.push({ type: "update-turn", turnId: turn.turnId, order });
    return;
  }
  const results = [{ toolCallId: turn.parked.toolCallId, text: state.config.rejectionText({ code: "stale", offer: [], aliases: [] }) }];
  turn.parked = null;
  takeUpdate(turn);
  ctx.effects.push({ type: "continue-turn", turnId: turn.turnId, results, update: order, offer: order.offer });
}

/** The update has reached the model: its decisions are judged against what it has read. */
export function takeUpdate(turn: Turn): void {
  if (turn.updating === null) return;
  Object.assign(turn, turn.updating);
  turn.updating = null;
}
