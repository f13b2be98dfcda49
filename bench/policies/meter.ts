import type { StepPlan } from "./behaviour.js";

/** What one simulated run took. */
export interface Outcome {
  /** Steps started, finished or not: requests to a model. */
  calls: number;
  tokens: number;
  /** Tokens of turns that gave neither an answer nor a counted vote. */
  wasted: number;
  /** Simulated time to consensus. */
  ms: number;
  answers: number;
  /** Answers written without having read another. */
  drafts: number;
  /** Improvements that led to the winning answer. */
  level: number;
  deadline: boolean;
  /** Decided in the epoch in which nobody may answer any more. */
  voteOnly: boolean;
  /** Evaluations cut off by the vote grace. */
  cutOff: number;
  /** Agents that never drafted in time. */
  late: number;
}

/** Counts the calls and tokens of a run. */
export class Meter {
  calls = 0;
  tokens = 0;
  wasted = 0;

  /** The request is sent. */
  begin(): void {
    this.calls++;
  }

  /** The step is over after `elapsed` ms: its input is spent, its output as far as it had come. Returns its tokens. */
  end(plan: StepPlan, elapsed: number): number {
    const written = Math.min(1, Math.max(0, (elapsed - plan.firstTokenMs) / (plan.replyMs - plan.firstTokenMs)));
    const tokens = plan.inputTokens + Math.round(plan.outputTokens * written);
    this.tokens += tokens;
    return tokens;
  }
}
