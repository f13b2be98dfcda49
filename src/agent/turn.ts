import type { BackendRequest } from "../backends/backend.js";
import { errorInfo, MassGenError } from "../errors.js";
import type { ToolResultPart } from "../formatter/messages.js";
import { addUsage, noUsage, type Usage } from "../token-manager/usage.js";
import { wait } from "./abort.js";
import { startTurnClock, timeoutError } from "./clocks.js";
import {
  addNote,
  addResults,
  addToLastMessage,
  isOffered,
  offer,
  offeredNames,
  openConversation,
  relaxToolChoice,
  stepRequest,
} from "./conversation.js";
import { newReply, partialText, type Reply, type ReplyCall, type ReplySink, replyMessage, replyText, takeChunk } from "./reply.js";
import { isRetryable, retryDelay } from "./retry.js";
import { type StepRun, startStep } from "./step.js";
import { stepEstimate, stepUsage } from "./step-usage.js";
import { runToolCalls } from "./tool-calls.js";
import type { StepEvent, TurnHooks, TurnProgress, TurnRequest, TurnResult, Verdict } from "./types.js";

/** The step in flight: from its `step-start` to its `step-finish`. */
interface LiveStep {
  reply: Reply;
  request: BackendRequest;
  run: StepRun | undefined;
}

type StepStatus = Extract<StepEvent, { type: "step-finish" }>["status"];

const NOT_RUN =
  "Not run: it was sent together with a decision. If it is still needed, call it again first and decide after reading its result.";

/**
 * Starts one turn: model steps, with tool calls between them, until `hooks.decide` says that it is over. The first step
 * starts on a microtask.
 *
 * `done` resolves when the turn has been ended by a verdict or aborted; an abort is complete when the signal's
 * `abort()` returns, even if the backend ignores it. It rejects with the error of a step that died and may not be
 * started again, a `BackendError` `timeout`, a `MassGenError` `too_many_steps`, or whatever a hook threw.
 */
export function startTurn(request: TurnRequest, hooks: TurnHooks): { progress: TurnProgress; done: Promise<TurnResult> } {
  const { backend, runtime, timeouts, turnId } = request;
  const conversation = openConversation(request);
  const controller = new AbortController(); // aborted when the turn ends early, for whatever reason
  const stops = new Set<() => void>();
  let over = false;
  let stepNumber = 0;
  let live: LiveStep | undefined;
  let lastReply: Reply | undefined;
  let spent: Usage = noUsage;
  let worked = false;
  let writing = false;

  let resolve: (result: TurnResult) => void;
  let reject: (error: unknown) => void;
  const done = new Promise<TurnResult>((yes, no) => {
    resolve = yes;
    reject = no;
  });

  const onAbort = () => stop("interrupted", undefined, request.signal.reason);
  const clock = startTurnClock(runtime);
  clock.limit(timeouts.turn, () => fail(timeoutError("turn", timeouts.turn, backend)));

  function close(): void {
    over = true;
    clock.stop();
    request.signal.removeEventListener("abort", onAbort);
  }

  /** Ends the turn early, here and now. Without an error it counts as aborted. */
  function stop(status: StepStatus, failure: { error: unknown } | undefined, reason: unknown): void {
    if (over) return;
    close();
    const run = live?.run;
    try {
      finishStep(status, failure?.error);
      if (failure === undefined) resolve({ status: "aborted", usage: spent });
      else reject(failure.error);
    } catch (error) {
      reject(error); // a hook threw; an exception that leaves an abort listener would end the process
    } finally {
      controller.abort(reason);
      for (const stopCall of [...stops]) stopCall();
      run?.stop();
    }
  }

  function fail(error: unknown): void {
    stop("error", { error }, error);
  }

  function emit(event: StepEvent): void {
    if (!over) hooks.emit(event);
  }

  function setWriting(on: boolean): void {
    if (writing === on) return;
    writing = on;
    hooks.writing(on);
  }

  /** Emits `step-finish` for the step in flight, if there is one. */
  function finishStep(status: StepStatus, error?: unknown): void {
    if (live === undefined) return;
    const { reply, request: sent } = live;
    live = undefined;
    const usage = wasRefused(reply, error) ? noUsage : stepUsage(reply, sent, backend.type);
    spent = addUsage(spent, usage);
    hooks.emit({
      type: "step-finish",
      stepId: reply.stepId,
      status,
      usage,
      ...(reply.finish !== undefined && { finishReason: reply.finish }),
      ...(error !== undefined && { error: errorInfo(error) }),
    });
    if (status === "ok") return;
    for (const id of reply.claimed) conversation.ids.delete(id);
    if (status !== "interrupted") lastReply = undefined; // void; of an interrupted one the driver wants the text
    setWriting(false);
  }

  /** The request of the next step. Nothing, if the turn is over or may not go on; a promise, if it has to wait. */
  function prepare(fresh: () => void): BackendRequest | Promise<void> | undefined {
    if (over) return undefined;
    if (stepNumber > 0) fresh();
    if (over) return undefined;
    const sent = stepRequest(conversation, request);
    const may = hooks.mayStart?.(stepEstimate(sent, backend.type)) ?? true;
    if (over || may === false) return undefined;
    return may === true ? sent : may;
  }

  /** One step, started again as often as allowed. Nothing, if the turn is over. */
  async function step(fresh: () => void): Promise<Reply | undefined> {
    for (let retry = 0; ; retry++) {
      let sent = prepare(fresh);
      while (sent instanceof Promise) {
        clock.pause();
        await sent;
        clock.resume();
        sent = prepare(fresh);
      }
      if (sent === undefined) return undefined;
      const reply = newReply(`${turnId}.${++stepNumber}`);
      const streamed = request.streamedArgument;
      const sink: ReplySink = {
        emit,
        writing: () => {
          if (!over) setWriting(true);
        },
        streamed: streamed !== undefined && isOffered(conversation, streamed.toolName) ? streamed : undefined,
        usedIds: conversation.ids,
      };
      lastReply = reply;
      const current: LiveStep = { reply, request: sent, run: undefined };
      live = current;
      emit({ type: "step-start", stepId: reply.stepId });
      if (over) return undefined;
      current.run = startStep({
        backend,
        request: sent,
        trace: request.trace,
        timeouts,
        runtime,
        signal: controller.signal,
        onChunk: (chunk) => takeChunk(reply, chunk, sink),
      });
      const end = await current.run.ended;
      if (over || end.type === "stopped") return undefined;
      if (end.type === "ok") return reply;

      const { error } = end;
      const again = isRetryable(error) && retry < request.maxStepRetries && (request.retryAfterOutput !== false || !reply.spoke);
      finishStep(again ? "retry" : "error", error);
      if (!again) throw error;
      await wait(runtime, retryDelay(error, retry, runtime), controller.signal);
    }
  }

  function takeUpdate(): void {
    const update = hooks.takeUpdate();
    if (update === undefined) return;
    addNote(conversation, update.note);
    offer(conversation, update.decisions, update.toolChoice);
  }

  function emitCall(reply: Reply, call: ReplyCall): void {
    const { toolCallId, toolName, input, invalid } = call;
    emit({ type: "tool-call", stepId: reply.stepId, toolCallId, toolName, input, ...(invalid !== undefined && { invalid }) });
  }

  /** Runs the step's tools and ends it. False, if the turn is over. */
  async function work(reply: Reply): Promise<boolean> {
    for (const call of reply.calls) emitCall(reply, call);
    if (over) return false;
    const { stepId } = reply;
    const { signal } = controller;
    const run = { request, hooks, clock, signal, stops, stepId, emit, offered: offeredNames(conversation) };
    const parts: ToolResultPart[] = [];
    for (const [index, pending] of runToolCalls(reply.calls, run).entries()) {
      const { text, value, isError, ...more } = await pending;
      const call = reply.calls[index];
      if (over || call === undefined) return false;
      const { toolCallId, toolName } = call;
      emit({ type: "tool-result", stepId, toolCallId, toolName, output: value, isError, ...more });
      parts.push({ type: "tool-result", toolCallId, toolName, output: text, ...(isError && { isError }) });
    }
    finishStep("ok");
    if (over) return false;
    addReply(reply);
    addResults(conversation, parts);
    relaxToolChoice(conversation);
    worked = true;
    setWriting(false); // a decision that was begun but never called
    hooks.worked();
    return !over;
  }

  /** Puts the step to the caller; true, if it ends the turn. */
  async function decide(reply: Reply): Promise<boolean> {
    const calls = reply.calls.filter((call) => conversation.decisionNames.has(call.toolName));
    for (const call of reply.calls) {
      if (calls.includes(call)) continue;
      emitCall(reply, call);
      const { toolCallId, toolName } = call;
      emit({ type: "tool-result", stepId: reply.stepId, toolCallId, toolName, output: NOT_RUN, isError: true });
    }
    if (over) return false;
    finishStep("ok");
    if (over) return false;
    if (!calls.some((call) => call.toolName === request.streamedArgument?.toolName)) setWriting(false);
    if (over) return false;
    clock.pause(); // judging is not the model's time, and a turn must not fail while its decision is being accepted
    const verdict = await hooks.decide({
      calls: calls.map(({ sentId: _, ...call }) => call),
      text: replyText(reply),
      worked,
      finishReason: reply.finish ?? "other",
    });
    clock.resume();
    if (over) return false;
    if (verdict.type === "end") return true;
    setWriting(false);
    goOn(reply, verdict);
    return false;
  }

  function goOn(reply: Reply, verdict: Extract<Verdict, { type: "continue" }>): void {
    addReply(reply);
    const told = new Map(verdict.results.map((result) => [result.toolCallId, result.text]));
    if (reply.calls.length > 0) {
      const parts = reply.calls.map(({ toolCallId, toolName }): ToolResultPart => {
        const refusal = conversation.decisionNames.has(toolName) ? "Not accepted." : NOT_RUN;
        return { type: "tool-result", toolCallId, toolName, output: told.get(toolCallId) ?? refusal, isError: true };
      });
      addResults(conversation, parts);
    }
    if (verdict.note !== undefined) addNote(conversation, verdict.note);
    offer(conversation, verdict.decisions, verdict.toolChoice);
  }

  function addReply(reply: Reply): void {
    const message = replyMessage(reply);
    if (message !== undefined) conversation.messages.push(message);
  }

  async function loop(): Promise<void> {
    await undefined; // so that the caller holds `progress` before the first event
    if (request.note !== undefined) addToLastMessage(conversation, await request.note(controller.signal));
    let paused = false; // the provider paused its own work: the reply goes straight back, with nothing after it
    for (let steps = 0; !over; steps++) {
      if (steps >= request.maxSteps) throw tooManySteps(request);
      const reply = await step(paused ? () => {} : takeUpdate);
      if (reply === undefined) return;
      if (reply.builtins.size > 0) {
        worked = true;
        hooks.worked();
      }
      if (over) return;
      paused = reply.finish === "pause" && reply.calls.length === 0;
      if (paused) {
        finishStep("ok");
        setWriting(false);
        addReply(reply);
      } else if (reply.calls.length > 0 && !reply.calls.some((call) => conversation.decisionNames.has(call.toolName))) {
        if (!(await work(reply))) return;
      } else if (await decide(reply)) {
        close();
        resolve({ status: "ended", usage: spent });
        return;
      }
    }
  }

  if (request.signal.aborted) onAbort();
  else {
    request.signal.addEventListener("abort", onAbort, { once: true });
    loop().catch(fail);
  }

  return {
    done,
    progress: {
      partialText: () => (lastReply === undefined ? "" : partialText(lastReply)),
      usage: () => (live === undefined ? spent : addUsage(spent, stepUsage(live.reply, live.request, backend.type))),
      hold() {
        clock.pause();
        return () => clock.resume();
      },
    },
  };
}

/** Thrown before anything arrived: refused by the provider or never sent, so nothing was spent. */
function wasRefused(reply: Reply, error: unknown): boolean {
  if (error === undefined || reply.touched) return false;
  const { code } = errorInfo(error);
  return code !== "timeout" && code !== "stream_truncated";
}

function tooManySteps(request: TurnRequest): MassGenError {
  const message = `Agent "${request.agentId}" took ${request.maxSteps} model steps without coming to a decision. Raise \`maxSteps\` if its work needs more.`;
  return new MassGenError("too_many_steps", message);
}
