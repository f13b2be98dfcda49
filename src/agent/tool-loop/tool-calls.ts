import type { TraceContext } from "../../backends/backend.js";
import { MassGenError } from "../../errors.js";
import type { ToolResultPart } from "../../formatter/messages.js";
import type { Tool, ToolContext, ToolLogger } from "../../tools/tool.js";
import type { TurnClock } from "../clocks.js";
import type { ReplyCall } from "../steps/reply.js";
import type { StepEvent, ToolOutcome, TurnHooks, TurnRequest } from "../types.js";
import { isAsyncIterable, lastValue } from "./last-value.js";
import { type Granted, permit } from "./tool-permission.js";
import { type CallResult, failure, jsonSafe, messageOf, toolResult } from "./tool-result.js";

export interface ToolRun {
  request: TurnRequest;
  hooks: TurnHooks;
  clock: TurnClock;
  /** The turn's. */
  signal: AbortSignal;
  /** Called when the turn is stopped. A listener on its signal for each of many calls would make Node warn of a leak. */
  stops: Set<() => void>;
  /** The step that made the calls. */
  stepId: string;
  emit(event: StepEvent): void;
  /** Everything the model may call now, for the answer to a name that does not exist. */
  offered: string[];
}

/** Runs the calls of a step, all at once. Tells each result, in order, and returns what the model reads of them. */
export async function runCalls(calls: ReplyCall[], run: ToolRun): Promise<ToolResultPart[]> {
  const parts: ToolResultPart[] = [];
  for (const [index, pending] of runToolCalls(calls, run).entries()) {
    const { text, value, isError, ...more } = await pending;
    const { toolCallId, toolName } = calls[index]!;
    run.emit({ type: "tool-result", stepId: run.stepId, toolCallId, toolName, output: value, isError, ...more });
    parts.push({ type: "tool-result", toolCallId, toolName, output: text, ...(isError && { isError }) });
  }
  return parts;
}

/** Starts all calls at once; one promise for each, in order, none of which rejects. */
function runToolCalls(calls: ReplyCall[], run: ToolRun): Promise<CallResult>[] {
  const tools = new Map(run.request.tools.map((tool) => [tool.name, tool]));
  const external: ReplyCall[] = [];
  const results: Promise<CallResult>[] = [];
  const externalAt: number[] = [];
  for (const [index, call] of calls.entries()) {
    const tool = tools.get(call.toolName);
    if (tool === undefined) results[index] = Promise.resolve(failure(unknownTool(call.toolName, run.offered)));
    else if (call.invalid !== undefined) results[index] = Promise.resolve(failure(invalidInput(call.toolName, call.invalid)));
    else if (run.request.planned?.has(call.toolName)) results[index] = Promise.resolve(onlyNoted(call.toolName));
    else if (tool.execute !== undefined) results[index] = execute(tool, call, run);
    else if (run.hooks.check !== undefined) results[index] = checkAndAsk(tool, call, run);
    else {
      external.push(call);
      externalAt.push(index);
    }
  }
  if (external.length > 0) {
    const outcomes = askCaller(external, run);
    for (const [n, index] of externalAt.entries()) results[index] = outcomes.then((all) => answerTo(external[n]!, all, n));
  }
  return results;
}

async function checkAndAsk(tool: Tool, call: ReplyCall, run: ToolRun): Promise<CallResult> {
  let { input } = call;
  try {
    if (run.hooks.check !== undefined) input = await run.hooks.check({ tool, input });
  } catch (error) {
    return failure(messageOf(error), error);
  }
  return answerTo(call, await askCaller([{ ...call, input }], run), 0);
}

function answerTo(call: ReplyCall, outcomes: ToolOutcome[] | string, n: number): CallResult {
  if (typeof outcomes === "string") return failure(outcomes);
  const outcome = outcomes[n];
  return outcome === undefined ? failure(`The caller gave no result for "${call.toolName}".`) : toolResult(outcome.output, outcome.isError);
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
  const { request, signal, stops } = run;
  const controller = new AbortController();
  const limit = tool.timeoutMs ?? request.timeouts.tool;
  return new Promise((resolve) => {
    let over = false;
    let cancel = () => {};
    const settle = (result: CallResult) => {
      if (over) return;
      over = true;
      cancel();
      stops.delete(onStop);
      resolve(result);
    };
    function onStop() {
      controller.abort(signal.reason);
      settle(failure("The turn was stopped before the tool had finished."));
    }
    function onTimeout() {
      const error = new MassGenError("tool_timeout", `Tool "${tool.name}" took longer than ${limit} ms.`);
      settle(failure(`Tool "${tool.name}" took longer than ${limit} ms and was stopped. Ask it for less, or go on without it.`, error));
      controller.abort(error);
    }
    const { toolCallId } = call;
    /** What a call says after it has its result goes nowhere. */
    const emit = (event: ToolEvent) => {
      if (!over) run.emit({ stepId: run.stepId, toolCallId, toolName: tool.name, ...event });
    };
    const context: ToolContext = {
      runId: request.runId,
      agentId: request.agentId,
      turnId: request.turnId,
      toolCallId,
      signal: controller.signal,
      context: request.context,
      ...(request.trace && { trace: request.trace }),
      ...request.toolContext,
      logger: loggerTo(emit),
    };
    const start = () => {
      cancel = run.clock.limitCall(limit, onTimeout);
    };
    let { input } = call;
    let approved: Granted["approved"];
    const done = (output: unknown) => {
      const result = toolResult(output, false, tool.name);
      const told = approved === undefined ? result : withChangedInput(result, approved.input);
      settle(input === call.input ? told : { ...told, input });
    };
    const failed = (error: unknown) =>
      settle(failure(error instanceof MassGenError ? error.message : `Tool "${tool.name}" failed: ${messageOf(error)}`, error));

    stops.add(onStop);
    const permission = permit(tool, call, context, run);
    if (permission === undefined) start();
    // It settles once: what comes after a timeout or an abort is heard by nobody and rejects nowhere.
    Promise.resolve(permission)
      .then((granted) => {
        if (signal.aborted) return undefined;
        if (granted !== undefined) {
          if ("refusal" in granted) return settle(granted.refusal);
          ({ input, approved } = granted);
          start();
        }
        const { inTool } = run.hooks;
        const work = (trace?: TraceContext) => tool.execute?.(input, trace ? { ...context, trace } : context);
        return inTool === undefined ? work() : inTool(toolCallId, work);
      })
      .then((output) => {
        if (!isAsyncIterable(output)) return done(output);
        return lastValue(output, controller.signal, (value) => emit({ type: "tool-progress", output: jsonSafe(value) })).then(done);
      })
      .catch(failed);
  });
}

type ToolEvent =
  | { type: "tool-progress"; output: unknown }
  | { type: "tool-log"; level: "debug" | "info" | "warn" | "error"; message: string; data?: unknown };

function loggerTo(emit: (event: ToolEvent) => void): ToolLogger {
  const at = (level: keyof ToolLogger) => (message: string, data?: unknown) =>
    emit({ type: "tool-log", level, message: String(message), ...(data !== undefined && { data: jsonSafe(data) }) });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The model asked for something else: it has to know what the result is of. */
function withChangedInput(result: CallResult, input: unknown): CallResult {
  const note = `(The user changed the arguments of this call to ${JSON.stringify(input)}.)`;
  const { text } = result;
  return { ...result, text: typeof text === "string" ? `${note}\n${text}` : [{ type: "text", text: note }, ...text] };
}

function onlyNoted(name: string): CallResult {
  const text =
    `Not done: "${name}" acts outside your workspace, and calls of it are only noted while the team is still deciding. ` +
    "Describe in your answer what should be called, with which arguments, and why; whoever presents the final answer can make the call.";
  return { text, value: text, isError: false, planned: true };
}

function unknownTool(name: string, offered: string[]): string {
  const available = offered.length === 0 ? "There are no tools." : `Available tools: ${offered.join(", ")}.`;
  return `There is no tool named "${name}". ${available}`;
}

function invalidInput(name: string, why: string): string {
  return `The arguments of "${name}" could not be read, so it was not run: ${why} Call it again with one complete JSON object.`;
}
