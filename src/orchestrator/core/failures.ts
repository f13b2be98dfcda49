import type { ErrorInfo } from "../../errors.js";
import { finishRun } from "./conclude.js";
import type { Context } from "./context.js";
import { setTimer } from "./context.js";
import { putOut, scopeOf } from "./turns.js";
import type { Turn } from "./types.js";

/** Longest wait a provider may impose before a failed turn is tried again. */
const MAX_RETRY_WAIT_MS = 60_000;

/** A turn failed: it is tried again after a while, until its agent is out. Presenting and reviewing are tried once. */
export function turnFailed(ctx: Context, agent: number, turn: Turn, error: ErrorInfo): void {
  const { state } = ctx;
  const { config, presenting } = state;
  const self = state.agents[agent]!;
  const once = turn.phase === "review" || (turn.phase === "present" && presenting?.single === false);
  self.turn = null;
  self.failures++;
  self.lastError = error;
  const hopeless = error.retryable === false || self.failures >= config.maxAgentFailures;
  // A round goes on without it; it evaluates again in the next one.
  const sitsOut = turn.phase === "evaluate" && config.peerAnswers === "round";
  if (sitsOut) self.decided = "failed";
  const usage = { inputTokens: 0, outputTokens: 0 };
  ctx.events.push({ type: "turn-error", ...scopeOf(state, agent, turn), error, willRetry: !once && !hopeless && !sitsOut, usage });
  if (turn.phase === "review") return finishRun(ctx);
  if (once) {
    state.presenting = { ...presenting!, reuse: true };
    return;
  }
  if (hopeless) return putOut(ctx, agent, "failed");
  if (sitsOut) return;
  const wait = Math.max(config.retryBackoffMs * 2 ** (self.failures - 1), Math.min(error.retryAfterMs ?? 0, MAX_RETRY_WAIT_MS));
  self.waiting = `retry:${state.turns}.${agent}`;
  setTimer(ctx, self.waiting, wait);
}
