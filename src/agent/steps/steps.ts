import type { Backend, BackendRequest } from "../../backends/backend.js";
import { BackendError, errorInfo } from "../../errors.js";
import { addUsage, noUsage, type Usage } from "../../token-manager/usage.js";
import type { StepHost } from "../agent-host.js";
import type { TurnClock } from "../clocks.js";
import type { TurnHooks, TurnRequest } from "../types.js";
import { newReply, partialText, type Reply, type ReplySink, replyText } from "./reply.js";
import type { SideStep, SideStepEnd } from "./side-step.js";
import { Step, type StepEnd } from "./step.js";
import type { StepEvent } from "./step-events.js";
import { stepEstimate, stepUsage } from "./step-usage.js";

export type StepStatus = Extract<StepEvent, { type: "step-finish" }>["status"];

/** An event that belongs to the step which comes next. */
export type NextStepEvent = Unstepped<Extract<StepEvent, { type: "compaction" | "warning" }>>;
type Unstepped<T> = T extends unknown ? Omit<T, "stepId"> : never;

/** What steps need of their turn. */
export interface StepsTurn extends ReplySink {
  readonly over: boolean;
  /** A step has come to nothing. */
  voided(reply: Reply): void;
}

const OVER = { end: { type: "over" }, usage: noUsage } as const;

/** The model steps of a turn, one after the other: each from its `step-start` to its `step-finish`, and what they have spent. */
export class Steps {
  readonly #request: TurnRequest;
  readonly #hooks: TurnHooks;
  readonly #clock: TurnClock;
  readonly #turn: StepsTurn;
  /** Makes what a backend that is a whole agent is given for a step. */
  hostOf: ((reply: Reply) => StepHost) | undefined;
  /** Of the step in flight. */
  #host: StepHost | undefined;
  #count = 0;
  #live: Step | undefined;
  #lastReply: Reply | undefined;
  #spent: Usage = noUsage;
  /** What is told with the next step. */
  #news: NextStepEvent[] | undefined;

  constructor(request: TurnRequest, hooks: TurnHooks, clock: TurnClock, turn: StepsTurn) {
    this.#request = request;
    this.#hooks = hooks;
    this.#clock = clock;
    this.#turn = turn;
  }

  get count(): number {
    return this.#count;
  }

  /** What those that are over have spent. */
  get spent(): Usage {
    return this.#spent;
  }

  get live(): Step | undefined {
    return this.#live;
  }

  text(): string {
    return this.#lastReply === undefined ? "" : replyText(this.#lastReply);
  }

  partialText(): string {
    return this.#lastReply === undefined ? "" : partialText(this.#lastReply);
  }

  liveUsage(): Usage {
    const live = this.#live;
    return live === undefined ? noUsage : stepUsage(live.reply, live.request, this.#request.backend.type);
  }

  tellWithNext(event: NextStepEvent): void {
    this.#news ??= [];
    this.#news.push(event);
  }

  /** Whether a step may be sent. A promise: ask again when it is resolved. */
  mayStart(sent: BackendRequest): boolean | Promise<void> {
    if (this.#turn.over) return false; // what is reserved for a turn that is over stays reserved
    const may = this.#hooks.mayStart?.(stepEstimate(sent, this.#request.backend.type)) ?? true;
    return !this.#turn.over && may;
  }

  /** Waits, while the turn's clock stands still. */
  async wait(until: Promise<void>): Promise<void> {
    this.#clock.pause();
    await until;
    this.#clock.resume();
  }

  begin(sent: BackendRequest): Step {
    const reply = newReply(this.#nextId());
    this.#host = this.hostOf?.(reply);
    const step = new Step(this.#request.backend, sent, reply, this.#clock, this.#turn, this.#host?.host);
    this.#lastReply = reply;
    this.#live = step;
    this.#turn.emit({ type: "step-start", stepId: reply.stepId });
    const news = this.#news ?? [];
    this.#news = undefined;
    for (const event of news) this.#turn.emit({ ...event, stepId: reply.stepId });
    return step;
  }

  /** Not an `async` function: there may be thousands at once, and each would hold 300 bytes. */
  run(step: Step): Promise<StepEnd> {
    const host = this.#host;
    return host === undefined ? this.#send(step) : this.#send(step).then((end) => host.end().then(() => end));
  }

  /** Emits `step-finish` for the step in flight, if there is one. */
  finish(status: StepStatus, error?: unknown): void {
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
    // Void; of an interrupted one the driver wants the text.
    if (status !== "interrupted" && reply === this.#lastReply) this.#lastReply = undefined;
    this.#turn.voided(reply);
  }

  /** A request to the model that is about the conversation: a step like the others, of which nothing is told but its start and its end. */
  async aside({ purpose, backend, request: sent, limitMs, take }: SideStep): Promise<{ end: SideStepEnd; usage: Usage }> {
    for (let may = this.mayStart(sent); may !== true; may = this.mayStart(sent)) {
      if (may === false) return OVER;
      await this.wait(may);
    }
    const reply = newReply(this.#nextId());
    const step = new Step(backend, sent, reply, this.#clock, { emit() {}, writing() {}, streamed: undefined, usedIds: [] }, undefined);
    this.#live = step;
    this.#turn.emit({ type: "step-start", stepId: reply.stepId, purpose });
    if (this.#turn.over) return OVER;
    const cancel = this.#clock.limitCall(limitMs, () => {
      step.stop({ type: "failed", error: tooLong(purpose, limitMs, backend) }, undefined);
    });
    const sentEnd = await this.#send(step);
    cancel();
    if (this.#turn.over || sentEnd.type === "stopped") return OVER;
    const end = sentEnd.type === "ok" ? tried(() => take(reply)) : sentEnd;
    const usage = stepUsage(reply, sent, backend.type, end.type === "failed" ? end.error : undefined);
    if (end.type === "failed") this.finish("retry", end.error);
    else this.finish("ok");
    return this.#turn.over ? OVER : { end, usage };
  }

  #nextId(): string {
    return `${this.#request.turnId}.${++this.#count}`;
  }

  #send(step: Step): Promise<StepEnd> {
    const { inStep } = this.#hooks;
    const { trace } = this.#request;
    return inStep === undefined ? step.run(trace) : inStep(step.reply.stepId, trace, (own) => step.run(own));
  }
}

function tried(act: () => void): Exclude<SideStepEnd, { type: "over" }> {
  try {
    act();
    return { type: "ok" };
  } catch (error) {
    return { type: "failed", error };
  }
}

function tooLong(purpose: string, ms: number, { type }: Backend): BackendError {
  const message = `The request for a ${purpose} was not answered within ${ms} ms.`;
  return new BackendError("timeout", message, { retryable: true, provider: type });
}
