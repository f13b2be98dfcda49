import { MassGenError } from "../errors.js";
import type { UserPart } from "../formatter/messages.js";
import type { Tool } from "../tools/tool.js";
import { linkedController } from "./abort.js";
import type { TurnClock } from "./clocks.js";
import type { ReplyCall } from "./reply.js";
import type { ToolOutcome, TurnHooks, TurnRequest } from "./types.js";

/** A call's outcome: as the model reads it, and as it appears in events. */
export interface CallResult {
  text: string | UserPart[];
  value: unknown;
  isError: boolean;
}

export interface ToolRun {
  request: TurnRequest;
  hooks: TurnHooks;
  clock: TurnClock;
  /** The turn's. */
  signal: AbortSignal;
  /** Everything the model may call now, for the answer to a name that does not exist. */
  offered: string[];
}

/** Starts all calls at once; one promise for each, in order, none of which rejects. */
export function runToolCalls(calls: ReplyCall[], run: ToolRun): Promise<CallResult>[] {
  const tools = new Map(run.request.tools.map((tool) => [tool.name, tool]));
  const external: ReplyCall[] = [];
  const results: Promise<CallResult>[] = [];
  const externalAt: number[] = [];
  for (const [index, call] of calls.entries()) {
    const tool = tools.get(call.toolName);
    if (tool === undefined) results[index] = Promise.resolve(failure(unknownTool(call.toolName, run.offered)));
    else if (call.invalid !== undefined) results[index] = Promise.resolve(failure(invalidInput(call.toolName, call.invalid)));
    else if (tool.execute !== undefined) results[index] = execute(tool, call, run);
    else {
      external.push(call);
      externalAt.push(index);
    }
  }
  if (external.length > 0) {
    const outcomes = askCaller(external, run);
    for (const [n, index] of externalAt.entries()) {
      results[index] = outcomes.then((all) => {
        if (typeof all === "string") return failure(all);
        const outcome = all[n];
        return outcome === undefined
          ? failure(`The caller gave no result for "${external[n]?.toolName}".`)
          : toolResult(outcome.output, outcome.isError);
      });
    }
  }
  return results;
}

/** The caller's outcomes, or why there are none. The turn's clock stands still meanwhile. */
async function askCaller(calls: ReplyCall[], run: ToolRun): Promise<ToolOutcome[] | string> {
  run.clock.pause();
  try {
    const asked = calls.map(({ toolCallId, toolName, input }) => ({ toolCallId, toolName, input }));
    return await run.hooks.external(asked, run.signal);
  } catch (error) {
    return `The call could not be carried out: ${messageOf(error)}`;
  } finally {
    run.clock.resume();
  }
}

function execute(tool: Tool, call: ReplyCall, run: ToolRun): Promise<CallResult> {
  const { request, signal } = run;
  const { controller, unlink } = linkedController(signal);
  const limit = request.timeouts.tool;
  return new Promise((resolve) => {
    let cancel = () => {};
    const settle = (result: CallResult) => {
      cancel();
      unlink();
      signal.removeEventListener("abort", onAbort);
      resolve(result);
    };
    function onAbort() {
      settle(failure("The turn was stopped before the tool had finished."));
    }
    signal.addEventListener("abort", onAbort, { once: true });
    if (limit !== Number.POSITIVE_INFINITY) {
      cancel = request.runtime.setTimer(limit, () => {
        settle(failure(`Tool "${tool.name}" took longer than ${limit} ms and was stopped. Ask it for less, or go on without it.`));
        controller.abort(new MassGenError("tool_timeout", `Tool "${tool.name}" took longer than ${limit} ms.`));
      });
    }
    const context = {
      runId: request.runId,
      agentId: request.agentId,
      turnId: request.turnId,
      toolCallId: call.toolCallId,
      signal: controller.signal,
      context: request.context,
    };
    // A promise settles once: what comes after a timeout or an abort is heard by nobody and rejects nowhere.
    Promise.resolve()
      .then(() => {
        if (signal.aborted) return undefined;
        const { inTool } = run.hooks;
        return inTool === undefined
          ? tool.execute?.(call.input, context)
          : inTool(call.toolCallId, () => tool.execute?.(call.input, context));
      })
      .then(
        (output) => settle(toolResult(output, false, tool.name)),
        (error: unknown) =>
          settle(failure(error instanceof MassGenError ? error.message : `Tool "${tool.name}" failed: ${messageOf(error)}`)),
      );
  });
}

/**
 * A tool's return value as the model reads it: strings and lists of text or file parts as they are, nothing
 * (`undefined`) as "done", anything else as JSON. What JSON cannot hold is an error.
 */
export function toolResult(output: unknown, isError: boolean, name = "the tool"): CallResult {
  if (typeof output === "string") return { text: output, value: output, isError };
  if (output === undefined) return { text: "done", value: "done", isError };
  if (isUserParts(output)) return { text: output, value: output, isError };
  try {
    const json = JSON.stringify(output);
    if (json !== undefined) return { text: json, value: JSON.parse(json), isError };
    return failure(`The result of ${name} is a ${typeof output}, which has no JSON form.`);
  } catch (error) {
    return failure(`The result of ${name} cannot be written as JSON: ${messageOf(error)}`);
  }
}

export function failure(message: string): CallResult {
  return { text: message, value: message, isError: true };
}

function isUserParts(value: unknown): value is UserPart[] {
  return Array.isArray(value) && value.length > 0 && value.every(isUserPart);
}

function isUserPart(value: unknown): value is UserPart {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  if (value.type === "text") return "text" in value && typeof value.text === "string";
  return (
    value.type === "file" &&
    "mediaType" in value &&
    typeof value.mediaType === "string" &&
    "data" in value &&
    typeof value.data === "string"
  );
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return String(error);
}

function unknownTool(name: string, offered: string[]): string {
  const available = offered.length === 0 ? "There are no tools." : `Available tools: ${offered.join(", ")}.`;
  return `There is no tool named "${name}". ${available}`;
}

function invalidInput(name: string, why: string): string {
  return `The arguments of "${name}" could not be read, so it was not run: ${why} Call it again with one complete JSON object.`;
}
