import type { ErrorInfo } from "../../errors.js";
import { abort, decide, fail, finishRun, presentationOver, startClock } from "./conclude.js";
import type { Context } from "./context.js";
import { agentOfTurn, copyState, indices, outstanding } from "./context.js";
import { countAbstention, outIfTooMany, turnDecided } from "./decisions.js";
import { turnFailed } from "./failures.js";
import { settle } from "./settle.js";
import { interruptTurn, putOut, takeUpdate } from "./turns.js";
import type { CoreConfig, CoreInput, CoreState, Spent, Transition } from "./types.js";

const EMPTY = { name: "MassGenError", code: "empty_presentation", message: "The model presented nothing.", retryable: true };

export function initialState(config: CoreConfig): CoreState {
  return {
    config,
    stage: "idle",
    attempt: 1,
    epoch: 0,
    ballot: 1,
    lastTally: null,
    agents: config.agents.map(() => ({
      out: null,
      answer: null,
      versions: 0,
      answersGiven: 0,
      ownTexts: [],
      failures: 0,
      abstentions: 0,
      decided: null,
      vote: null,
      turn: null,
      waiting: null,
      lastError: null,
    })),
    budgetSpent: false,
    graceOver: false,
    setVersion: 0,
    order: 0,
    openers: [],
    window: null,
    windows: 0,
    lastVotes: [],
    turns: 0,
    timers: [],
    timeLeft: config.timeoutMs,
    armedAt: null,
    presenting: null,
    rejected: null,
  };
}

/** The whole protocol: a fact comes in, the new state, what happened and what is wished for come out. Pure. */
export function step(previous: CoreState, input: CoreInput): Transition {
  if (previous.stage === "ended") return { state: previous, events: [], effects: [] };
  const ctx: Context = { state: copyState(previous), time: input.time, events: [], effects: [] };
  apply(ctx, input);
  settle(ctx);
  return { state: ctx.state, events: ctx.events, effects: ctx.effects };
}

function apply(ctx: Context, input: CoreInput): void {
  const { state } = ctx;
  switch (input.type) {
    case "start":
      state.stage = "drafting";
      return startClock(ctx);
    case "timer":
      return onTimer(ctx, input.timer);
    case "budget-spent":
      return onBudget(ctx, input.agentId, input.error);
    case "finish":
      return onFinish(ctx);
    case "abort":
      return abort(ctx, input.reason);
    case "broken":
      return fail(ctx, input.error);
    default:
      onTurn(ctx, input);
      // What spent the last of a budget still counts, so the budget comes after the decision.
      if (input.type === "decided" && input.spent !== undefined) onSpent(ctx, input.spent);
  }
}

function onTurn(ctx: Context, input: Extract<CoreInput, { turnId: string }>): void {
  const agent = agentOfTurn(ctx.state, input.turnId);
  if (agent === undefined) return;
  const self = ctx.state.agents[agent]!;
  const turn = self.turn!;
  if (turn.stopping && input.type !== "turn-stopped") return;
  switch (input.type) {
    case "turn-stopped":
      if (turn.stopping) self.turn = null;
      return;
    case "writing":
      turn.writing = input.on;
      return;
    case "worked":
      turn.worked = true;
      return;
    case "updated":
      if (turn.updating?.setVersion === input.setVersion) takeUpdate(turn);
      return;
    case "turn-failed":
      return turnFailed(ctx, agent, turn, input.error);
    case "presented":
      if (input.text.trim() !== "") return presentationOver(ctx, agent, turn, input.text);
      ctx.effects.push({ type: "end-turn", turnId: turn.turnId });
      return turnFailed(ctx, agent, turn, EMPTY);
    case "decided":
      return turnDecided(ctx, agent, turn, input);
  }
}

// ---- timers and the caller

function onTimer(ctx: Context, timer: string): void {
  const { state } = ctx;
  if (!state.timers.includes(timer)) return;
  state.timers = state.timers.filter((each) => each !== timer);
  const kind = timer.slice(0, timer.indexOf(":"));
  if (timer === "deadline") decide(ctx, "deadline");
  else if (kind === "draft-grace") state.graceOver = true;
  else if (kind === "vote-grace") onVoteGrace(ctx);
  else if (kind === "window" && state.window !== null) state.window.expired = true;
  else if (kind === "retry") for (const agent of state.agents) if (agent.waiting === timer) agent.waiting = null;
}

function onVoteGrace(ctx: Context): void {
  for (const agent of outstanding(ctx.state)) {
    const self = ctx.state.agents[agent]!;
    if (self.turn === null || self.turn.stopping) {
      const { agentId } = ctx.state.config.agents[agent]!;
      ctx.events.push({ type: "abstain", agentId, attempt: ctx.state.attempt, epoch: ctx.state.epoch });
    } else {
      interruptTurn(ctx, agent, "vote-grace");
    }
    countAbstention(ctx, agent);
    outIfTooMany(ctx, agent);
  }
}

function onBudget(ctx: Context, agentId: string | undefined, error?: ErrorInfo): void {
  const { state } = ctx;
  if (state.stage === "ended") return;
  if (agentId === undefined) return error === undefined ? onRunBudget(ctx) : fail(ctx, error, "budget");
  for (const agent of indices(state, (_, index) => state.config.agents[index]!.agentId === agentId)) {
    putOut(ctx, agent, "budget");
    if (state.presenting?.agent === agent && !state.presenting.single) state.presenting = { ...state.presenting, reuse: true };
  }
}

function onRunBudget(ctx: Context): void {
  const { state } = ctx;
  const { stage, presenting } = state;
  state.budgetSpent = true;
  if (stage === "presenting" && presenting?.single === false) {
    interruptTurn(ctx, presenting.agent, "budget");
    state.presenting = { ...presenting, reuse: true };
  } else if (stage === "reviewing") {
    acceptAsItIs(ctx, "budget");
  } else if (stage !== "idle") {
    state.agents.forEach((_, agent) => {
      interruptTurn(ctx, agent, "budget");
    });
    decide(ctx, "budget");
  }
}

function onSpent(ctx: Context, { run, agentId, error }: Spent): void {
  if (agentId !== undefined) onBudget(ctx, agentId);
  if (run) onBudget(ctx, undefined, error);
}

function onFinish(ctx: Context): void {
  const { stage } = ctx.state;
  if (stage === "drafting" || stage === "evaluating") decide(ctx, "finished-early");
  if (stage === "reviewing") acceptAsItIs(ctx, "finished-early");
}

/** Stops the review. */
function acceptAsItIs(ctx: Context, reason: "finished-early" | "budget"): void {
  ctx.state.agents.forEach((_, agent) => {
    interruptTurn(ctx, agent, reason);
  });
  finishRun(ctx);
}
