import type * as step from "../../agent/steps/step-events.js";
import type { BudgetUse } from "../../token-manager/budget.js";
import type { StepScope } from "./scope.js";

/** A delta merged from several carries the `seq` of the last and the `fromSeq` of the first of them. */
export interface DeltaFields {
  delta: string;
  fromSeq?: number;
}

export interface StepStartEvent extends StepScope, step.StepStart {}
export interface TextDeltaEvent extends StepScope, step.TextDelta, DeltaFields {}
export interface ReasoningDeltaEvent extends StepScope, step.ReasoningDelta, DeltaFields {}
/** The content of a `new_answer`, decoded while the model writes it. */
export interface AnswerDeltaEvent extends StepScope, step.AnswerDelta, DeltaFields {}
export interface ToolCallEvent extends StepScope, step.ToolCall {}
/** What a tool tells while it works. */
export interface ToolProgressEvent extends StepScope, step.ToolProgress {}
/** What a tool gave to its `context.logger`. Models never read it. */
export interface ToolLogEvent extends StepScope, step.ToolLog {}
export interface ToolResultEvent extends StepScope, step.ToolResult {}
export interface SourceEvent extends StepScope, step.Source {}
export interface FileEvent extends StepScope, step.GeneratedFile {}
export interface CompactionEvent extends StepScope, step.Compaction {
  /** US dollars of `usage`; `null`: no price is known. */
  usd?: number | null;
}
/** Of a step, or, from a toolkit or about a budget, of an agent or the whole run. */
export interface WarningEvent extends Partial<StepScope>, step.Warning {
  /** Of a `budget_warning`: the cap, what is spent of it, and the part of it, from `budget.warnAt`, that has been reached. */
  budget?: BudgetUse & { at: number };
}
export interface StepFinishEvent extends StepScope, step.StepFinish {}
