import type { RejectionCode } from "../events.js";
import { acceptAnswer } from "./answers.js";
import { finishRun, sendBack } from "./conclude.js";
import type { Context } from "./context.js";
import { turnFailed } from "./failures.js";
import type { Judgement } from "./judge.js";
import { judge, rejectionOf } from "./judge.js";
import { announceUpdate, endTurn, onNewAnswers, putOut, scopeOf, sendUpdate } from "./turns.js";
import type { CoreInput, Turn, WorkflowCall } from "./types.js";

type Decided = Extract<CoreInput, { type: "decided" }>;
type Rejected = Extract<Judgement, { verdict: "reject" }>;

const SPEAKS_ONCE: RejectionCode[] = ["promise", "no_work", "no-rationale", "near-copy"];

/** A turn's step has ended with a decision, or without one. */
export function turnDecided(ctx: Context, agent: number, turn: Turn, decided: Decided): void {
  const { calls, text, cut, worked, rejected } = decided;
  turn.writing = false;
  // Text that an output limit cut is nobody's draft.
  if (text.trim() !== "" && !cut) turn.lastText = text;
  const judged = judge(ctx.state, agent, turn, calls, worked);
  const kept = rejected === undefined || judged.verdict !== "answer";
  const judgement: Judgement = kept ? judged : { verdict: "reject", code: "not-kept", detail: rejected };
  switch (judgement.verdict) {
    case "vote":
      return acceptVote(ctx, agent, turn, judgement.targets, judgement.reason);
    case "answer":
      return acceptAnswer(ctx, agent, turn, judgement.content, judgement.lacking);
    case "unseen-repeat":
      return endOvertaken(ctx, agent, turn, "stale");
    case "review":
      endTurn(ctx, agent, turn, judgement.accepted ? "accepted" : "sent-back");
      return judgement.accepted ? finishRun(ctx) : sendBack(ctx, agent, judgement.feedback);
    case "reject":
      return judgement.free ? overtaken(ctx, agent, turn, judgement, calls) : reject(ctx, agent, turn, judgement, decided);
  }
}

function acceptVote(ctx: Context, agent: number, turn: Turn, targets: number[], reason: string): void {
  const { state } = ctx;
  const self = state.agents[agent]!;
  const labels = targets.map((target) => state.agents[target]!.answer!.label);
  const label = labels[0]!;
  self.vote = { agent, targets, label, reason };
  self.decided = "vote";
  ctx.events.push({
    type: "vote",
    ...scopeOf(state, agent, turn),
    targetAgentId: state.config.agents[targets[0]!]!.agentId,
    label,
    reason,
    ...(labels.length > 1 && { more: labels.slice(1) }),
  });
  endTurn(ctx, agent, turn, "vote");
}

function reject(ctx: Context, agent: number, turn: Turn, judgement: Rejected, { calls, rejected }: Decided): void {
  const { code } = judgement;
  if (SPEAKS_ONCE.includes(code)) turn.gates = [...turn.gates, code];
  turn.rejections++;
  if (turn.rejections > ctx.state.config.maxDecisionRetries) {
    // Its text would have counted as the draft, but for this.
    return exhausted(ctx, agent, turn, code === "no-decision" && rejected !== undefined ? "not-kept" : code);
  }
  const message = ctx.state.config.rejectionText(rejectionOf(turn, judgement));
  ctx.events.push({ type: "decision-rejected", ...scopeOf(ctx.state, agent, turn), code, message });
  ctx.effects.push({
    type: "continue-turn",
    turnId: turn.turnId,
    results: calls.map(({ toolCallId }) => ({ toolCallId, text: message })),
    ...(calls.length === 0 && { note: message }),
    offer: turn.offer,
  });
}

/** The set changed under the decision; that costs no retry. Under injection the turn goes on with the new answers. */
function overtaken(ctx: Context, agent: number, turn: Turn, { code }: Rejected, calls: WorkflowCall[]): void {
  const { state } = ctx;
  const goesOn = state.config.peerAnswers !== "round" && onNewAnswers(state, agent, turn) === "inject";
  if (!goesOn) return endOvertaken(ctx, agent, turn, code === "stale" ? "stale" : "closed");
  const message = state.config.rejectionText({ code: "stale", offer: [], aliases: [] });
  ctx.events.push({ type: "decision-rejected", ...scopeOf(state, agent, turn), code, message });
  turn.parked = { toolCallId: calls[0]!.toolCallId };
  if (state.window !== null) return;
  if (turn.updating === null) announceUpdate(ctx, agent);
  sendUpdate(ctx, agent);
}

function endOvertaken(ctx: Context, agent: number, turn: Turn, outcome: "stale" | "closed"): void {
  ctx.events.push({ type: "decision-rejected", ...scopeOf(ctx.state, agent, turn), code: outcome, message: "" });
  // While a window is open the agent has nothing more to say in this epoch.
  if (ctx.state.window !== null) ctx.state.agents[agent]!.decided = "stale";
  endTurn(ctx, agent, turn, outcome);
}

/** No retry is left: text counts as the draft, any other draft has failed, an evaluation abstains, a review accepts. */
function exhausted(ctx: Context, agent: number, turn: Turn, code: RejectionCode): void {
  const { state } = ctx;
  if (turn.phase === "draft" && code === "no-decision") {
    const asDraft = { toolCallId: "", toolName: "new_answer", input: { content: turn.lastText } };
    const judgement = judge(state, agent, turn, [asDraft], true);
    if (judgement.verdict === "answer") return acceptAnswer(ctx, agent, turn, judgement.content);
  }
  ctx.events.push({ type: "decision-rejected", ...scopeOf(state, agent, turn), code, message: "" });
  switch (turn.phase) {
    case "evaluate":
      countAbstention(ctx, agent);
      endTurn(ctx, agent, turn, "abstain");
      return outIfTooMany(ctx, agent);
    case "review":
      endTurn(ctx, agent, turn, "accepted");
      return finishRun(ctx);
    default: {
      ctx.effects.push({ type: "end-turn", turnId: turn.turnId });
      const message = `The turn ended without an acceptable answer (last problem: ${code}).`;
      return turnFailed(ctx, agent, turn, { name: "MassGenError", code: "no_decision", message, retryable: true });
    }
  }
}

export function countAbstention(ctx: Context, agent: number): void {
  const self = ctx.state.agents[agent]!;
  self.decided = "abstain";
  self.abstentions++;
}

export function outIfTooMany(ctx: Context, agent: number): void {
  if (ctx.state.agents[agent]!.abstentions >= ctx.state.config.maxAgentFailures) putOut(ctx, agent, "abstained");
}
