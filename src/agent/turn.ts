import type { BackendRequest } from "../backends/backend.js";
import { BackendError, MassGenError } from "../errors.js";
import type { UserMessage } from "../formatter/messages.js";
import { loaded } from "../runtime.js";
import { addUsage, type Usage } from "../token-manager/usage.js";
import { wait } from "./abort.js";
import { type Limit, TurnClock, timeoutError } from "./clocks.js";
import type { ContextWindow, WindowHost } from "./context-window/context-window.js";
import { mayBeLong } from "./context-window/may-be-long.js";
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
import { isRetryable, retryDelay } from "./retry.js";
import { type Reply, type ReplySink, replyText } from "./steps/reply.js";
import type { SideStep } from "./steps/side-step.js";
import { type NextStepEvent, type StepStatus, Steps, type StepsTurn } from "./steps/steps.js";
import { refusals, tellCalls, tellNotRun } from "./tool-loop/called-tools.js";
import type { StepEvent, TurnHooks, TurnRequest, TurnResult, TurnRun } from "./types.js";

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
class Turn implements TurnRun, StepsTurn, WindowHost {
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
  readonly #steps: Steps;
  #worked = false;
  #writing = false;
  /** Made with the first step that may not fit the model's window. */
  #window: ContextWindow | undefined;

  constructor(request: TurnRequest, hooks: TurnHooks) {
    this.#request = request;
    this.#hooks = hooks;
    this.#conversation = openConversation(request);
    this.done = new Promise<TurnResult>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#clock = new TurnClock(request.runtime, request.timeouts, (limit) => this.#expire(limit));
    this.#steps = new Steps(request, hooks, this.#clock, this);
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
    return this.#steps.text();
  }

  partialText(): string {
    return this.#steps.partialText();
  }

  usage(): Usage {
    const { live, spent } = this.#steps;
    return live === undefined ? spent : addUsage(spent, this.stepUsage());
  }

  stepUsage(): Usage {
    return this.#steps.liveUsage();
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

  voided(reply: Reply): void {
    forgetIds(this.#conversation, reply);
    this.#setWriting(false);
  }

  // ---- the end

  /** Ends the turn early, here and now. Without an error it counts as aborted. */
  #stop(status: StepStatus, failure: { error: unknown } | undefined, reason: unknown): void {
    if (this.#over) return;
    this.#close();
    const { live } = this.#steps;
    try {
      this.#steps.finish(status, failure?.error);
      if (failure === undefined) this.#resolve({ status: "aborted", usage: this.#steps.spent });
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
    else this.#steps.live?.stop({ type: "failed", error }, error);
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
        if (this.#needsRoom() && !(await (await this.#openWindow()).beforeStep())) return;
      }
      // What lets a step start reserves its budget: nothing may come between that and its start.
      let sent = this.#allowed(paused);
      while (sent instanceof Promise) {
        await this.#steps.wait(sent);
        sent = this.#allowed(paused);
      }
      if (sent === undefined) return;
      const step = this.#steps.begin(sent);
      if (this.#over) return;
      const end = await this.#steps.run(step);
      if (this.#over || end.type === "stopped") return;
      if (end.type === "failed") {
        if (await this.#madeRoom(step.reply, end.error)) continue;
        if (this.#over) return;
        await this.#beforeRetry(step.reply, end.error, retry++);
        continue;
      }
      retry = 0;
      const { reply } = step;
      this.#window?.stepWorked(reply.compacted || reply.builtins.length > 0 ? undefined : reply.usage);
      if (reply.builtins.length > 0) {
        this.#worked = true;
        this.#hooks.worked();
      }
      if (this.#over) return;
      paused = reply.finish === "pause" && reply.calls.length === 0;
      if (paused) {
        this.#steps.finish("ok");
        this.#setWriting(false);
        addReply(this.#conversation, reply);
      } else if (reply.calls.length > 0 && !reply.calls.some((call) => this.#isDecision(call.toolName))) {
        if (!(await this.#work(reply))) return;
      } else if (await this.#decide(reply)) {
        this.#close();
        this.#resolve({ status: "ended", usage: this.#steps.spent });
        return;
      }
    }
  }

  async #openHosts(): Promise<void> {
    const { stepHosts } = await loaded(this.#request.runtime, import("./agent-host.js"));
    if (this.#over) return;
    this.#steps.hostOf = stepHosts(this.#request, this.#hooks, this.#clock, this.#conversation, this, this.#signal);
  }

  #takeNews(): void {
    const news = this.#steps.count > 0 ? this.#hooks.takeUpdate() : undefined;
    if (news !== undefined) addNews(this.#conversation, news);
  }

  /** The request of the next step. Nothing, if the turn is over or may not go on; a promise, if it has to wait. */
  #allowed(paused: boolean): BackendRequest | Promise<void> | undefined {
    if (this.#over) return undefined;
    if (!paused) this.#takeNews();
    if (this.#over) return undefined;
    const sent = stepRequest(this.#conversation, this.#request, this.#window?.messages());
    const may = this.#steps.mayStart(sent);
    if (may === false) return undefined;
    return may === true ? sent : may;
  }

  /** Waits until a step that died may be started again. Throws its error if it may not. */
  async #beforeRetry(reply: Reply, error: unknown, retry: number): Promise<void> {
    const { maxStepRetries, retryAfterOutput, runtime } = this.#request;
    const again = isRetryable(error) && retry < maxStepRetries && (retryAfterOutput !== false || !reply.spoke);
    this.#steps.finish(again ? "retry" : "error", error);
    if (!again) throw error;
    if (!this.#over) await wait(runtime, retryDelay(error, retry, runtime), this.#signal);
  }

  // ---- the model's window

  #needsRoom(): boolean {
    if (this.#request.compaction === undefined || this.#request.backend.capabilities.wholeAgent === true) return false;
    return this.#window !== undefined || mayBeLong(this.#request, this.#conversation);
  }

  async #openWindow(): Promise<ContextWindow> {
    const { ContextWindow } = await loaded(this.#request.runtime, import("./context-window/context-window.js"));
    this.#window ??= new ContextWindow(this.#request, this.#request.compaction!, this.#conversation, this);
    return this.#window;
  }

  /** Whether a step that died of its length, or of what its provider once condensed, may be started again with less, or without. */
  async #madeRoom(reply: Reply, error: unknown): Promise<boolean> {
    const { compaction, retryAfterOutput, backend } = this.#request;
    if (!(error instanceof BackendError) || (reply.spoke && retryAfterOutput === false)) return false;
    if (error.code === "bad_request" && this.#window?.leaveRefused()) {
      this.#steps.finish("retry", error);
      return !this.#over;
    }
    if (error.code !== "context_overflow" || compaction === undefined || backend.capabilities.wholeAgent === true) return false;
    const window = await this.#openWindow();
    if (this.#over || !window.mayRecover()) return false;
    this.#steps.finish("retry", error);
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

  tell(event: NextStepEvent): void {
    this.#steps.tellWithNext(event);
  }

  sideStep(step: SideStep): ReturnType<WindowHost["sideStep"]> {
    return this.#steps.aside(step);
  }

  // ---- what follows a step

  /** Runs the step's tools and ends it. False, if the turn is over. */
  async #work(reply: Reply): Promise<boolean> {
    const { stepId, calls } = reply;
    tellCalls(calls, stepId, this);
    if (this.#over) return false;
    const { runCalls } = await loaded(this.#request.runtime, import("./tool-loop/tool-calls.js"));
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
    this.#steps.finish("ok");
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
    this.#steps.finish("ok");
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

function tooManySteps(request: TurnRequest): MassGenError {
  const message = `Agent "${request.agentId}" took ${request.maxSteps} model steps without coming to a decision. Raise \`maxSteps\` if its work needs more.`;
  return new MassGenError("too_many_steps", message);
}
