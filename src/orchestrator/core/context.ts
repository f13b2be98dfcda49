import type { CoordinationEventBody } from "../events.js";
import type { AgentState, Answer, CoreState, Effect } from "./types.js";

/** A transition in the making: a private copy of the state, and what came of it. */
export interface Context {
  state: CoreState;
  time: number;
  events: CoordinationEventBody[];
  effects: Effect[];
}

export function copyState(state: CoreState): CoreState {
  return {
    ...state,
    agents: state.agents.map((agent) => ({ ...agent, turn: agent.turn && { ...agent.turn } })),
    window: state.window && { ...state.window },
  };
}

// ---- reading the state

/** Agents that are not out. */
export const standing = (state: CoreState): number[] => indices(state, (agent) => agent.out === null);

/** Standing agents that have drafted. */
export const voters = (state: CoreState): number[] => indices(state, (agent) => agent.out === null && agent.answer !== null);

export const outstanding = (state: CoreState): number[] => voters(state).filter((index) => state.agents[index]!.decided === null);

export const currentAnswers = (state: CoreState): Answer[] => state.agents.flatMap((agent) => agent.answer ?? []);

export function indices(state: CoreState, test: (agent: AgentState, index: number) => boolean): number[] {
  const found: number[] = [];
  state.agents.forEach((agent, index) => {
    if (test(agent, index)) found.push(index);
  });
  return found;
}

/** More than half of `count`; one of two. */
export const moreThanHalf = (count: number): number => (count === 2 ? 1 : Math.floor(count / 2) + 1);

/** The agent whose turn it is; undefined for a turn that is over. */
export function agentOfTurn(state: CoreState, turnId: string): number | undefined {
  const index = state.agents.findIndex((agent) => agent.turn?.turnId === turnId);
  return index < 0 ? undefined : index;
}

/** The answers in reading order: rotated per reader, the reader's own last. */
export function readingOrder(state: CoreState, reader: number): Answer[] {
  const count = state.agents.length;
  const answers: Answer[] = [];
  for (let i = 1; i <= count; i++) {
    const answer = state.agents[(reader + i) % count]!.answer;
    if (answer !== null) answers.push(answer);
  }
  return answers;
}

// ---- timers

export function setTimer(ctx: Context, timer: string, ms: number): void {
  if (ctx.state.timers.includes(timer)) return;
  ctx.state.timers = [...ctx.state.timers, timer];
  ctx.effects.push({ type: "set-timer", timer, ms });
}

export function clearTimer(ctx: Context, timer: string): void {
  if (!ctx.state.timers.includes(timer)) return;
  ctx.state.timers = ctx.state.timers.filter((each) => each !== timer);
  ctx.effects.push({ type: "clear-timer", timer });
}

export function clearTimers(ctx: Context, prefix: string): void {
  for (const timer of ctx.state.timers) if (timer.startsWith(prefix)) clearTimer(ctx, timer);
}
