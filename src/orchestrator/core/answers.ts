import type { TurnOutcome } from "../events.js";
import type { Context } from "./context.js";
import { clearTimers } from "./context.js";
import { normalizeText } from "./novelty.js";
import { endTurn, scopeOf } from "./turns.js";
import type { Turn } from "./types.js";
import { aliasOf } from "./types.js";

/** A new answer voids every vote at once; in evaluation it opens, or joins, the window. */
export function acceptAnswer(
  ctx: Context,
  agent: number,
  turn: Turn,
  content: string,
  lacking?: string,
  outcome: TurnOutcome = "answer",
): void {
  const { state } = ctx;
  const self = state.agents[agent]!;
  const label = `${aliasOf(agent)}.${++self.versions}`;
  self.answer = { agent, label, content, order: ++state.order };
  self.answersGiven++;
  self.ownTexts = [...self.ownTexts, normalizeText(content)];
  state.setVersion++;
  ctx.events.push({ type: "answer", ...scopeOf(state, agent, turn), label, content, ...(lacking !== undefined && { lacking }) });
  if (state.stage === "evaluating") {
    voidVotes(ctx, "new-answer");
    // The grace was for votes on a set that is gone. Rounds wait for every evaluation, so there it bounds the window.
    if (state.config.peerAnswers !== "round") clearTimers(ctx, "vote-grace");
    self.decided = "answer";
    state.window ??= { id: ++state.windows, openers: [], expired: false };
    state.window.openers = [...state.window.openers, agent];
  }
  endTurn(ctx, agent, turn, outcome);
}

/** Voids the votes cast; the best so far remembers them. */
export function voidVotes(ctx: Context, reason: "new-answer" | "no-majority"): void {
  const { state } = ctx;
  const cast = state.agents.flatMap((each) => each.vote ?? []);
  if (cast.length > 0) state.lastVotes = cast;
  for (const vote of cast) {
    // On the same answers, an agent that is out cannot vote again and keeps the vote it gave.
    if (reason === "no-majority" && state.agents[vote.agent]!.out !== null) continue;
    const { agentId } = state.config.agents[vote.agent]!;
    ctx.events.push({ type: "vote-void", agentId, attempt: state.attempt, epoch: state.epoch, label: vote.label, reason });
    state.agents[vote.agent]!.vote = null;
  }
}
