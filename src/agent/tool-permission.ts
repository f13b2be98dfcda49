import { MassGenError } from "../errors.js";
import type { Tool, ToolContext } from "../tools/tool.js";
import type { ReplyCall } from "./reply.js";
import type { ToolRun } from "./tool-calls.js";
import { type CallResult, failure, messageOf } from "./tool-result.js";

type Permission = { input: unknown; changed: boolean } | { refusal: CallResult };

/** Whether the call may be made, and with what; never rejects. Nothing where nobody has to be asked. */
export function permit(tool: Tool, call: ReplyCall, context: ToolContext, run: ToolRun): Promise<Permission> | undefined {
  if (run.hooks.check === undefined && (tool.needsApproval ?? false) === false) return undefined;
  return ask(tool, call, context, run).catch((error: unknown) => {
    const told =
      error instanceof MassGenError
        ? error.message
        : `"${tool.name}" was not run: whether it may be could not be decided. ${messageOf(error)}`;
    return { refusal: failure(told, error) };
  });
}

async function ask(tool: Tool, { toolCallId, toolName, input }: ReplyCall, context: ToolContext, run: ToolRun): Promise<Permission> {
  const { hooks, clock } = run;
  const { signal } = context;
  await hooks.check?.({ tool, input });
  const { needsApproval = false } = tool;
  const needed = typeof needsApproval === "function" ? await needsApproval(input, context) : needsApproval;
  if (!needed || signal.aborted) return { input, changed: false };
  if (hooks.approve === undefined) throw denied(toolName, "nobody can be asked");
  clock.pause();
  const approval = await hooks.approve({ toolCallId, toolName, input }, signal).finally(() => clock.resume());
  if (!approval.approved) throw denied(toolName, approval.reason);
  if (!("input" in approval)) return { input, changed: false };
  await hooks.check?.({ tool, input: approval.input });
  return { input: approval.input, changed: true };
}

function denied(name: string, reason: string | undefined): MassGenError {
  const why = reason === undefined || reason.trim() === "" ? "." : `: ${reason.trim().replace(/\.$/, "")}.`;
  const message = `The user did not allow this call of "${name}"${why} Do not make it again as it is; find another way, or say in your answer what is missing.`;
  return new MassGenError("not_approved", message);
}
