import { MassGenError } from "../../errors.js";
import type { Tool, ToolContext } from "../../tools/tool.js";
import type { ReplyCall } from "../steps/reply.js";
import type { ToolRun } from "./tool-calls.js";
import { type CallResult, failure, messageOf } from "./tool-result.js";

export interface Granted {
  /** What the call is made with. */
  input: unknown;
  /** Set where the caller changed the arguments: as it gave them. */
  approved?: { input: unknown };
}

type Permission = Granted | { refusal: CallResult };

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
  const look = async (given: unknown) => (hooks.check === undefined ? given : hooks.check({ tool, input: given }));
  const looked = await look(input);
  const { needsApproval = false } = tool;
  const needed = typeof needsApproval === "function" ? await needsApproval(looked, context) : needsApproval;
  if (!needed || signal.aborted) return { input: looked };
  if (hooks.approve === undefined) throw denied(toolName, "nobody can be asked");
  clock.pause();
  const approval = await hooks.approve({ toolCallId, toolName, input: looked }, signal).finally(() => clock.resume());
  if (!approval.approved) throw denied(toolName, approval.reason);
  if ("input" in approval) return { input: await look(approval.input), approved: { input: approval.input } };
  // What was fine when the question was put need not be so when it is answered, and what was allowed must be what is done.
  const now = await look(input);
  if (JSON.stringify(now) !== JSON.stringify(looked))
    throw denied(toolName, "what its arguments name has changed since the question was put");
  return { input: now };
}

function denied(name: string, reason: string | undefined): MassGenError {
  const why = reason === undefined || reason.trim() === "" ? "." : `: ${reason.trim().replace(/\.$/, "")}.`;
  const message = `The user did not allow this call of "${name}"${why} Do not make it again as it is; find another way, or say in your answer what is missing.`;
  return new MassGenError("not_approved", message);
}
