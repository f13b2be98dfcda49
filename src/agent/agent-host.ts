import type { AgentHost, HostedResult, OwnCall } from "../backends/backend.js";
import type { Tool, ToolContext } from "../tools/tool.js";
import { linkedController } from "./abort.js";
import type { TurnClock } from "./clocks.js";
import { type Conversation, offeredNames } from "./conversation.js";
import { claimId, type Reply, type ReplyCall, type ReplySink, takeChunk } from "./steps/reply.js";
import { runCalls, type ToolRun } from "./tool-loop/tool-calls.js";
import { permit } from "./tool-loop/tool-permission.js";
import { messageOf } from "./tool-loop/tool-result.js";
import type { TurnHooks, TurnRequest } from "./types.js";

/** The surroundings of a backend that is a whole agent, for one of its steps. */
export interface StepHost {
  readonly host: AgentHost;
  /** The step is over: what it has under way is stopped and gets its result. Never rejects. */
  end(): Promise<void>;
}

interface Stoppable {
  signal?: AbortSignal | undefined;
}

const OVER = "Not done: the step that asks for it is over.";
const LOGGER: ToolContext["logger"] = { debug() {}, info() {}, warn() {}, error() {} };

/** Gives the host of each step of a turn. `signal` is the turn's. */
export function stepHosts(
  request: TurnRequest,
  hooks: TurnHooks,
  clock: TurnClock,
  conversation: Conversation,
  sink: ReplySink,
  signal: AbortSignal,
): (reply: Reply) => StepHost {
  const session = new Map<string, unknown>();
  return (reply) => stepHost({ request, hooks, clock, conversation, sink, signal, session }, reply);
}

interface Ground {
  request: TurnRequest;
  hooks: TurnHooks;
  clock: TurnClock;
  conversation: Conversation;
  sink: ReplySink;
  signal: AbortSignal;
  session: Map<string, unknown>;
}

function stepHost({ request, hooks, clock, conversation, sink, signal, session }: Ground, reply: Reply): StepHost {
  const { runId, agentId, turnId, toolContext } = request;
  const { controller: step, unlink } = linkedController(signal);
  const underWay = new Set<Promise<unknown>>();
  const stops = new Set<() => void>();
  step.signal.addEventListener("abort", () => {
    for (const stop of [...stops]) stop();
  });
  let ids = 0;

  const isOver = () => step.signal.aborted || reply.finish !== undefined;

  /** The time that tools and questions take is not the model's: the limits of the step start anew after them. */
  async function held<T>(work: (run: ToolRun) => Promise<T>, { signal: given }: Stoppable): Promise<T> {
    const { controller, unlink: forget } = linkedController(...(given === undefined ? [] : [given]));
    const own = new Set<() => void>();
    const stop = () => {
      controller.abort(step.signal.reason);
      for (const each of [...own]) each();
    };
    stops.add(stop);
    controller.signal.addEventListener("abort", stop, { once: true });
    if (underWay.size === 0) clock.endStep();
    const { stepId } = reply;
    const run: ToolRun = {
      request,
      hooks,
      clock,
      signal: controller.signal,
      stops: own,
      stepId,
      emit: sink.emit.bind(sink),
      offered: offeredNames(conversation),
    };
    const working = work(run);
    underWay.add(working);
    if (controller.signal.aborted) stop();
    try {
      return await working;
    } finally {
      underWay.delete(working);
      stops.delete(stop);
      forget();
      if (underWay.size === 0 && !isOver()) clock.beginStep();
    }
  }

  async function callTool(toolName: string, input: unknown, options: Stoppable = {}): Promise<HostedResult> {
    if (isOver()) return { output: OVER, isError: true };
    if (conversation.decisionNames.includes(toolName)) {
      takeChunk(reply, { type: "tool-call", toolCallId: "", toolName, input }, sink);
      return { output: `"${toolName}" has been taken down. What becomes of it is decided when you have ended: do nothing more now.` };
    }
    const call: ReplyCall = { toolCallId: newId(), sentId: "", toolName, input };
    // So it counts as work, and as no call that the turn has to make.
    reply.builtins.push(call.toolCallId);
    sink.emit({ type: "tool-call", stepId: reply.stepId, toolCallId: call.toolCallId, toolName, input, hosted: true });
    if (isOver()) return { output: OVER, isError: true }; // a listener has ended the turn
    const [part] = await held((run) => runCalls([call], run), options);
    const { output, isError } = part!;
    const failed = isError === true && { isError };
    if (typeof output === "string") return { output, ...failed };
    const text = output.flatMap((each) => (each.type === "text" ? [each.text] : []));
    return { output: text.join("\n"), parts: output, ...failed };
  }

  async function checkPermission(action: OwnCall, options: Stoppable = {}) {
    if (isOver()) return { allow: false, reason: OVER };
    const { tool: name, input, ...hints } = action;
    const offered = request.tools.find((each) => each.name === name);
    const tool: Tool = offered ?? { name, description: "", inputSchema: { type: "object" }, ...hints };
    const planned = offered === undefined ? request.holdsBack?.(tool) === true : request.planned?.has(name) === true;
    if (planned)
      return { allow: false, reason: `"${name}" acts outside the workspace: until the answer is presented, it is only described.` };
    const call: ReplyCall = { toolCallId: newId(), sentId: "", toolName: name, input };
    const granted = await held(async (run) => {
      const { signal: until } = run;
      const context: ToolContext = {
        ...{ runId, agentId, turnId, toolCallId: call.toolCallId, context: request.context },
        ...toolContext,
        signal: until,
        logger: LOGGER,
      };
      return permit(tool, call, context, run);
    }, options);
    if (granted === undefined) return { allow: true };
    if ("refusal" in granted) return { allow: false, reason: messageOf(granted.refusal.value) };
    return { allow: !isOver(), ...(granted.input !== input && { input: granted.input }) };
  }

  const newId = () => claimId(reply, `host_${++ids}`, sink.usedIds);

  const { workspace } = toolContext ?? {};
  return {
    host: { runId, agentId, turnId, ...(workspace !== undefined && { workspace }), callTool, checkPermission, session },
    async end() {
      step.abort(new DOMException("The step is over.", "AbortError"));
      unlink();
      await Promise.allSettled(underWay);
    },
  };
}
