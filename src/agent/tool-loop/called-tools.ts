import type { ToolResultPart } from "../../formatter/messages.js";
import type { ReplyCall } from "../steps/reply.js";
import type { StepEvent } from "../types.js";

/** Who is told what becomes of calls. */
interface Teller {
  emit(event: StepEvent): void;
}

const NOT_RUN =
  "Not run: it was sent together with a decision. If it is still needed, call it again first and decide after reading its result.";

export function tellCalls(calls: readonly ReplyCall[], stepId: string, teller: Teller): void {
  for (const { toolCallId, toolName, input, invalid } of calls) {
    teller.emit({ type: "tool-call", stepId, toolCallId, toolName, input, ...(invalid !== undefined && { invalid }) });
  }
}

/** Tells of calls that came together with a decision, none of which is run. */
export function tellNotRun(calls: readonly ReplyCall[], stepId: string, teller: Teller): void {
  for (const call of calls) {
    const { toolCallId, toolName } = call;
    tellCalls([call], stepId, teller);
    teller.emit({ type: "tool-result", stepId, toolCallId, toolName, output: NOT_RUN, isError: true });
  }
}

/** What the model reads where its decision was not accepted; `told`: of which calls there is more to say. */
export function refusals(
  calls: readonly ReplyCall[],
  decisionNames: readonly string[],
  told: readonly { toolCallId: string; text: string }[],
): ToolResultPart[] {
  return calls.map(({ toolCallId, toolName }) => {
    const said = told.find((result) => result.toolCallId === toolCallId)?.text;
    const output = said ?? (decisionNames.includes(toolName) ? "Not accepted." : NOT_RUN);
    return { type: "tool-result", toolCallId, toolName, output, isError: true };
  });
}
