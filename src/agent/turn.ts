import type { BackendRequest } from "../backends/backend.js";
import { BackendError, errorInfo, MassGenError } from "../errors.js";
import type { UserMessage } from "../formatter/messages.js";
import { loaded } from "../runtime.js";
import { addUsage, noUsage, type Usage } from "../token-manager/usage.js";
import { wait } from "./abort.js";
import type { StepHost } from "./agent-host.js";
import { refusals, tellCalls, tellNotRun } from "./called-tools.js";
import { type Limit, TurnClock, timeoutError } from "./clocks.js";
import type { ContextWindow, WindowHost } from "./context-window/context-window.js";
import {
  addNews,
  addReply,
  addResults,
  addToLastMessage,
  type Conversation,
  forgetIds,
  isOffered,
  offeredNames,
  openConversation,
  relaxToolChoice,
  stepRequest,
} from "./conversation.js";
import { newReply, partialText, type Reply, type ReplySink, replyText } from "./reply.js";
import { isRetryable, retryDelay } from "./retry.js";
import type { SideStep } from "./side-step.js";
import { Step, type StepEnd } from "./step.js";
import { stepEstimate, stepUsage } from "./step-usage.js";
import type { StepEvent, TurnHooks, TurnRequest, TurnResult, TurnRun } from "./types.js";

/** Taken for the window, where nothing is known of it; a smaller one is told by an overflow. */
const UNKNOWN_WINDOW = 32_768;

type StepStatus = Extract<StepEvent, { type: "step-finish" }>["status"];

/**
 * Starts one turn: model steps, with tool calls between them, until `hooks.decide` says that it is over. The first step
 * starts on a microtask.
 */
export function startTurn(request: TurnRequest, hooks: TurnHooks): TurnRun {
  const turn = new Turn(request, hooks);
  turn.start();
  return turn;
}

/** A class for the memory's sake: there may be thousands at once, and each closure of each would count. */
class Turn implements TurnRun, ReplySink, WindowHost {
  readonly done: Promise<TurnResult>;
  readonly #request: TurnRequest;
  readonly #hooks: TurnHooks;
  readonly #conversation: Conversation;
  readonly #clock: TurnClock;
  #resolve!: (result: TurnResult) => void;
  #reject!: (error: unknown) => void;
  /** Forgets the signal of the request. */
  #unlink: (() => void) | undefined;
  /** Made for what else than steps must hear of an abort: tools, and the wait before a retry. */
  #controller: AbortController | undefined;
  /** Stops the tool calls under way. */
  #stops: Set<() => void> | undefined;
  #over = false;
  #stepNumber = 0;
  /** The step in flight: from its `step-start` to its `step-finish`. */
  #live: Step | undefined;
  #lastReply: Reply | undefined;
  /** Makes what a backend that is a whole agent is given for a step. */
  #hostOf: ((reply: Reply) => StepHost) | undefined;
  /** Of the step in flight. */
  #host: StepHost | undefined;
  #spent: Usage = noUsage;
  #worked = false;
  #writing = false;
  /** Made with the first step that may not fit the model's window. */
  #window: ContextWindow | undefined;
  /** What is told with the next step. */
  #news: Parameters<WindowHost["tell"]>[0][] = [];

  constructor(request: TurnRequest, hooks: TurnHooks) {
    this.#request = request;
    this.#hooks = hooks;
    this.#conversation = openConversation(request);
    this.done = new Promise<TurnResult>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#clock = new TurnClock(request.runtime, request.timeouts, (limit) => this.#expire(limit));
  }

  start(): void {
    const { signal } = this.#request;
    if (signal?.aborted) return this.abort(signal.reason);
    if (signal !== undefined) {
      const onAbort = () => this.abort(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#unlink = () => signal.removeEventListener("abort", onAbort);
    }
    this.#loop().catch((error: unknown) => this.#fail(error));
  }

  // ---- for the driver

  abort(reason: unknown): void {
    this.#stop("interrupted", undefined, reason);
  }

  text(): string {
    return this.#lastReply === undefined ? "" : replyText(this.#lastReply);
  }

  partialText(): string {
    return this.#lastReply === undefined ? "" : partialText(this.#lastReply);
  }

  usage(): Usage {
    return this.#live === undefined ? this.#spent : addUsage(this.#spent, this.stepUsage());
  }

  stepUsage(): Usage {
    const live = this.#live;
    return live === undefined ? noUsage : stepUsage(live.reply, live.request, this.#request.backend.type);
  }

  hold(): () => void {
    this.#clock.pause();
    return () => this.#clock.resume();
  }

  // ---- for the reply

  get streamed(): ReplySink["streamed"] {
    const { streamedArgument } = this.#request;
    return streamedArgument !== undefined && isOffered(this.#conversation, streamedArgument.toolName) ? streamedArgument : undefined;
  }

  get usedIds(): string[] {
    return this.#conversation.ids;
  }

  emit(event: StepEvent): void {
    if (!this.#over) this.#hooks.emit(event);
  }

  writing(): void {
    if (!this.#over) this.#setWriting(true);
  }

  // ---- the end

  /** Ends the turn early, here and now. Without an error it counts as aborted. */
  #stop(status: StepStatus, failure: { error: unknown } | undefined, reason: unknown): void {
    if (this.#over) return;
    this.#close();
    const live = this.#live;
    try {
      this.#finishStep(status, failure?.error);
      if (failure === undefined) this.#resolve({ status: "aborted", usage: this.#spent });
      else this.#reject(failure.error);
    } catch (error) {
      this.#reject(error); // a hook threw; an exception that leaves an abort listener would end the process
    } finally {
      this.#controller?.abort(reason);
      if (this.#stops !== undefined) for (const stop of [...this.#stops]) stop();
      live?.stop({ type: "stopped" }, reason);
    }
  }

  #fail(error: unknown): void {
    this.#stop("error", { error }, error);
  }

  #close(): void {
    this.#over = true;
    this.#clock.stop();
    this.#unlink?.();
  }

  #expire(limit: Limit): void {
    const { timeouts, backend } = this.#request;
    const error = timeoutError(limit, timeouts[limit], backend);
    if (limit === "turn") this.#fail(error);
    else this.#live?.stop({ type: "failed", error }, error);
  }

  /** Aborts with the turn. Ask for it while the turn is not over. */
  get #signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  // ---- steps

  async #loop(): Promise<void> {
    await undefined; // so that the caller holds the turn before the first event
    const { note, backend } = this.#request;
    if (backend.capabilities.wholeAgent && !this.#over) await this.#openHosts();
    if (note !== undefined && !this.#over) addToLastMessage(this.#conversation, await note(this.#signal));
    let paused = false; // the provider paused its own work: the reply goes straight back, with nothing after it
    let retry = 0; // how often the step has been started again
    for (let steps = 0; !this.#over; ) {
      if (retry === 0 && ++steps > this.#request.maxSteps) throw tooManySteps(this.#request);
      if (!paused) {
        this.#takeNews();
        if (this.#mayBeLong() && !(await (await this.#openWindow()).beforeStep())) return;
      }
      const may = this.#allowed(paused);
      const sent = may instanceof Promise ? await may : may;
      if (sent === undefined || this.#over) return;
      const step = this.#begin(sent);
      if (this.#over) return;
      const end = await this.#send(step);
      if (this.#host !== undefined) await this.#host.end();
      if (this.#over || end.type === "stopped") return;
      if (end.type === "failed") {
        if (await this.#madeRoom(step.reply, end.error)) continue;
        if (this.#over) return;
        await this.#beforeRetry(step.reply, end.error, retry++);
        continue;
      }
      retry = 0;
      const { reply } = step;
      this.#window?.stepWorked(reply.compacted ? undefined : reply.usage);
      if (reply.builtins.length > 0) {
        this.#worked = true;
        this.#hooks.worked();
      }
      if (this.#over) return;
      paused = reply.finish === "pause" && reply.calls.length === 0;
      if (paused) {
        this.#finishStep("ok");
        this.#setWriting(false);
        addReply(this.#conversation, reply);
      } else if (reply.calls.length > 0 && !reply.calls.some((call) => this.#isDecision(call.toolName))) {
        if (!(await this.#work(reply))) return;
      } else if (await this.#decide(reply)) {
        this.#close();
        this.#resolve({ status: "ended", usage: this.#spent });
        return;
      }
    }
  }

  async #openHosts(): Promise<void> {
    const { stepHosts } = await loaded(this.#request.runtime, import("./agent-host.js"));
    if (this.#over) return;
    this.#hostOf = stepHosts(this.#request, this.#hooks, this.#clock, this.#conversation, this, this.#signal);
  }

  #takeNews(): void {
    const news = this.#stepNumber > 0 ? this.#hooks.takeUpdate() : undefined;
    if (news !== undefined) addNews(this.#conversation, news);
  }

  /** The request of the next step, once it may be sent. Nothing, if the turn is over or may not go on. */
  #allowed(paused: boolean): BackendRequest | Promise<BackendRequest | undefined> | undefined {
    if (!paused) this.#takeNews();
    if (this.#over) return undefined;
    const sent = stepRequest(this.#conversation, this.#request, this.#window?.messages());
    const may = this.#mayStart(sent);
    if (typeof may === "object") return this.#resumed(may).then(() => this.#allowed(paused));
    return may ? sent : undefined;
  }

  #mayStart(sent: BackendRequest): boolean | Promise<void> {
    const may = this.#hooks.mayStart?.(stepEstimate(sent, this.#request.backend.type)) ?? true;
    return !this.#over && may;
  }

  /** Waits, while the turn's clock stands still. */
  async #resumed(wait: Promise<void>): Promise<void> {
    this.#clock.pause();
    await wait;
    this.#clock.resume();
  }

  #begin(sent: BackendRequest): Step {
    const reply = newReply(this.#nextStepId());
    this.#host = this.#hostOf?.(reply);
    const step = new Step(this.#request.backend, sent, reply, this.#clock, this, this.#host?.host);
    this.#lastReply = reply;
    this.#live = step;
    this.emit({ type: "step-start", stepId: reply.stepId });
    for (const event of this.#news.splice(0)) this.emit({ ...event, stepId: reply.stepId });
    return step;
  }

  #nextStepId(): string {
    return `${this.#request.turnId}.${++this.#stepNumber}`;
  }

  #send(step: Step): Promise<StepEnd> {
    const { inStep } = this.#hooks;
    const { trace } = this.#request;
    return inStep === undefined ? step.run(trace) : inStep(step.reply.stepId, trace, (own) => step.run(own));
  }

  /** Waits until a step that died may be started again. Throws its error if it may not. */
  async #beforeRetry(reply: Reply, error: unknown, retry: number): Promise<void> {
    const { maxStepRetries, retryAfterOutput, runtime } = this.#request;
    const again = isRetryable(error) && retry < maxStepRetries && (retryAfterOutput !== false || !reply.spoke);
    this.#finishStep(again ? "retry" : "error", error);
    if (!again) throw error;
    if (!this.#over) await wait(runtime, retryDelay(error, retry, runtime), this.#signal);
  }

  /** Emits `step-finish` for the step in flight, if there is one. */
  #finishStep(status: StepStatus, error?: unknown): void {
    if (this.#live === undefined) return;
    const { reply, request: sent } = this.#live;
    this.#live = undefined;
    const usage = stepUsage(reply, sent, this.#request.backend.type, error);
    this.#spent = addUsage(this.#spent, usage);
    this.#hooks.emit({
      type: "step-finish",
      stepId: reply.stepId,
      status,
      usage,
      ...(reply.finish !== undefined && { finishReason: reply.finish }),
      ...(error !== undefined && { error: errorInfo(error) }),
    });
    if (status === "ok") return;
    forgetIds(this.#conversation, reply);
    // Void; of an interrupted one the driver wants the text.
    if (status !== "interrupted" && reply === this.#lastReply) this.#lastReply = undefined;
    this.#setWriting(false);
  }

  // ---- the model's window

  /** Whether the next step may be near the window. Cheap, and on the safe side: a token is hardly ever shorter than a character. */
  #mayBeLong(): boolean {
    const { compaction, backend, system } = this.#request;
    const { wholeAgent, contextWindow = UNKNOWN_WINDOW } = backend.capabilities;
    if (compaction === undefined || wholeAgent === true) return false;
    const { messages, tools, decisions } = this.#conversation;
    return this.#window !== undefined || JSON.stringify([system, messages, tools, decisions]).length > contextWindow / 2;
  }

  async #openWindow(): Promise<ContextWindow> {
    const { ContextWindow } = await loaded(this.#request.runtime, import("./context-window/context-window.js"));
    this.#window ??= new ContextWindow(this.#request, this.#request.compaction!, this.#conversation, this);
    return this.#window;
  }

  /** Whether a step that died of its length may be started again with less. */
  async #madeRoom(reply: Reply, error: unknown): Promise<boolean> {
    const { compaction, retryAfterOutput, backend } = this.#request;
    if (!(error instanceof BackendError && error.code === "context_overflow")) return false;
    if (compaction === undefined || backend.capabilities.wholeAgent === true || (reply.spoke && retryAfterOutput === false)) return false;
    const window = await this.#openWindow();
    if (this.#over || !window.mayRecover()) return false;
    this.#finishStep("retry", error);
    return !this.#over && window.afterOverflow(error);
  }

  get over(): boolean {
    return this.#over;
  }

  get signal(): AbortSignal {
    return this.#signal;
  }

  restate(): Promise<UserMessage | undefined> {
    return this.#hooks.restate?.(this.#signal) ?? Promise.resolve(undefined);
  }

  tell(event: Parameters<WindowHost["tell"]>[0]): void {
    this.#news.push(event);
  }

  async sideStep({ purpose, backend, request: sent, limitMs, take }: SideStep): ReturnType<WindowHost["sideStep"]> {
    const over = { end: { type: "over" }, usage: noUsage } as const;
    for (let may = this.#mayStart(sent); may !== true; may = this.#mayStart(sent)) {
      if (may === false) return over;
      await this.#resumed(may);
    }
    const reply = newReply(this.#nextStepId());
    const step = new Step(backend, sent, reply, this.#clock, { emit() {}, writing() {}, streamed: undefined, usedIds: [] }, undefined);
    this.#live = step;
    this.emit({ type: "step-start", stepId: reply.stepId, purpose });
    if (this.#over) return over;
    const late = () => step.stop({ type: "failed", error: tooLong(purpose, limitMs) }, undefined);
    const cancel = this.#clock.limitCall(limitMs, late);
    const sentEnd = await this.#send(step);
    cancel();
    if (this.#over || sentEnd.type === "stopped") return over;
    const end = sentEnd.type === "ok" ? tried(() => take(reply)) : sentEnd;
    const usage = stepUsage(reply, sent, backend.type, end.type === "failed" ? end.error : undefined);
    if (end.type === "failed") this.#finishStep("retry", end.error);
    else this.#finishStep("ok");
    return this.#over ? over : { end, usage };
  }

  // ---- what follows a step

  /** Runs the step's tools and ends it. False, if the turn is over. */
  async #work(reply: Reply): Promise<boolean> {
    const { stepId, calls } = reply;
    tellCalls(calls, stepId, this);
    if (this.#over) return false;
    const { runCalls } = await loaded(this.#request.runtime, import("./tool-calls.js"));
    if (this.#over) return false;
    this.#stops ??= new Set();
    const parts = await runCalls(calls, {
      request: this.#request,
      hooks: this.#hooks,
      clock: this.#clock,
      signal: this.#signal,
      stops: this.#stops,
      stepId,
      emit: (event) => this.emit(event),
      offered: offeredNames(this.#conversation),
    });
    if (this.#over) return false;
    this.#finishStep("ok");
    if (this.#over) return false;
    addReply(this.#conversation, reply);
    addResults(this.#conversation, parts);
    relaxToolChoice(this.#conversation);
    this.#worked = true;
    this.#setWriting(false); // a decision that was begun but never called
    this.#hooks.worked();
    return !this.#over;
  }

  /** Puts the step to the caller; true, if it ends the turn. */
  async #decide(reply: Reply): Promise<boolean> {
    const calls = reply.calls.filter((call) => this.#isDecision(call.toolName));
    const others = reply.calls.filter((call) => !calls.includes(call));
    tellNotRun(others, reply.stepId, this);
    if (this.#over) return false;
    this.#finishStep("ok");
    if (this.#over) return false;
    if (!calls.some((call) => call.toolName === this.#request.streamedArgument?.toolName)) this.#setWriting(false);
    if (this.#over) return false;
    this.#clock.pause(); // judging is not the model's time, and a turn must not fail while its decision is being accepted
    const verdict = await this.#hooks.decide({
      calls: calls.map(({ sentId: _, ...call }) => call),
      text: replyText(reply),
      worked: this.#worked,
      finishReason: reply.finish ?? "other",
    });
    this.#clock.resume();
    if (this.#over) return false;
    if (verdict.type === "end") return true;
    this.#setWriting(false);
    addReply(this.#conversation, reply);
    const results = refusals(reply.calls, this.#conversation.decisionNames, verdict.results);
    if (results.length > 0) addResults(this.#conversation, results);
    addNews(this.#conversation, verdict);
    return false;
  }

  #isDecision(toolName: string): boolean {
    return this.#conversation.decisionNames.includes(toolName);
  }

  #setWriting(on: boolean): void {
    if (this.#writing === on) return;
    this.#writing = on;
    this.#hooks.writing(on);
  }
}

function tried(act: () => void): { type: "ok" } | { type: "failed"; error: unknown } {
  try {
    act();
    return { type: "ok" };
  } catch (error) {
    return { type: "failed", error };
  }
}

const tooLong = (purpose: string, ms: number): BackendError =>
  new BackendError("timeout", `The request for a ${purpose} was not answered within ${ms} ms.`, { retryable: true });

function tooManySteps(request: TurnRequest): MassGenError {
  const message = `Agent "${request.agentId}" took ${request.maxSteps} model steps without coming to a decision. Raise \`maxSteps\` if its work needs more.`;
  return new MassGenError("too_many_steps", message);
}
