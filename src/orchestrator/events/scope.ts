/** The purpose of a turn. */
export type Phase = "draft" | "evaluate" | "present" | "review";

/** Where in the protocol an event of an agent belongs. */
export interface TurnScope {
  agentId: string;
  turnId: string;
  phase: Phase;
  attempt: number;
  epoch: number;
}

export interface StepScope extends TurnScope {
  stepId: string;
}
