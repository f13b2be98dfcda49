import { type BackendError, errorInfo } from "../../errors.js";
import type { Message, UserMessage } from "../../formatter/messages.js";
import { addUsage, noUsage, type Usage } from "../../token-manager/usage.js";
import { wait } from "../abort.js";
import type { Conversation } from "../conversation.js";
import { isRetryable, retryDelay } from "../retry.js";
import type { SideStep, SideStepEnd } from "../steps/side-step.js";
import type { NextStepEvent } from "../steps/steps.js";
import type { TurnRequest } from "../types.js";
import { clear } from "./clear.js";
import { Gauge } from "./gauge.js";
import { type Bench, type Outcome, taskMessage, type View } from "./methods.js";
import { native } from "./native.js";
import type { CompactionMethod, CompactionPlan, CompactionReason } from "./options.js";
import { defaultCompactionPrompts } from "./prompts.js";
import { Recall } from "./recall.js";
import { messagesTokens, type Room } from "./size.js";
import { summary } from "./summary.js";
import { trim } from "./trim.js";
import { addTo, countOf, messagesOf, type Unit } from "./units.js";

/** What the window needs of its turn. */
export interface WindowHost {
  readonly over: boolean;
  readonly signal: AbortSignal;
  /** The task with the answers as they stand now, where it is not what the turn began with. */
  restate(): Promise<UserMessage | undefined>;
  sideStep(step: SideStep): Promise<{ end: SideStepEnd; usage: Usage }>;
  /** Emits it with the next step, as that step's. */
  tell(event: NextStepEvent): void;
}

const METHODS: Record<CompactionMethod, (bench: Bench) => Outcome | Promise<Outcome>> = { native, clear, summary, trim };

/** Overflows in a row, each followed by a try with less: our estimate, or our guess of the window, may be far off. */
const TRIES = { known: 3, unknown: 4 };

/** Whose a provider's compaction is. */
type Identity = Readonly<Record<"type" | "baseUrl" | "model", string>>;

/** A backend that takes whatever model the server has learns its name with the first request; that is no change. */
const isSame = (a: Identity, b: Identity): boolean =>
  a.type === b.type && a.baseUrl === b.baseUrl && (a.model === b.model || a.model === "" || b.model === "");

/**
 * Keeps what is sent of a conversation within its model's window. The conversation itself stays whole: what is sent is a view of it,
 * made anew from it where a provider's own compaction is of no use any more, because the model or its address has changed.
 */
export class ContextWindow {
  readonly #request: TurnRequest;
  readonly #plan: CompactionPlan;
  readonly #conversation: Conversation;
  readonly #host: WindowHost;
  readonly #taskAt: number;
  #view: View = { units: [], left: 0 };
  /** Messages of the conversation that the view has taken in. */
  #taken = 0;
  /** The task as it was last told. */
  #task: UserMessage | undefined;
  readonly #gauge: Gauge;
  #stepsSince = Number.POSITIVE_INFINITY;
  #overflows = 0;
  /** Whose compaction the view holds. */
  #condensedBy: Identity | undefined;
  #failedNative = false;
  #recall: Recall | undefined;
  /** Exchanges before the task that a summary or a provider's compaction stands for. Nothing, once there is more to it than that. */
  #condensed: number | undefined = 0;
  #warned = false;

  constructor(request: TurnRequest, plan: CompactionPlan, conversation: Conversation, host: WindowHost) {
    this.#request = request;
    this.#plan = plan;
    this.#conversation = conversation;
    this.#host = host;
    this.#gauge = new Gauge(request, plan, conversation, host);
    this.#taskAt = conversation.messages.slice(0, request.messages.length).findLastIndex(({ role }) => role === "user");
    const task = conversation.messages[this.#taskAt];
    if (task?.role === "user") this.#task = task;
  }

  /** What is sent. */
  messages(): Message[] {
    this.#take();
    const messages = messagesOf(this.#view.units);
    this.#gauge.sent(messages);
    return messages;
  }

  /** Makes room before a step, where it is wanted. False: the turn is over. */
  async beforeStep(): Promise<boolean> {
    if (this.#host.over) return false;
    this.#take();
    this.#stepsSince++;
    this.#leaveForeign();
    const room = await this.#gauge.room();
    if (this.#host.over) return false;
    if (room !== undefined) {
      const size = await this.#gauge.count(messagesOf(this.#view.units), room);
      if (this.#host.over) return false;
      const rests = this.#stepsSince <= this.#plan.coolDown && size <= room.limit;
      if (size > room.high && !rests) {
        await this.#compact("high-water", size, room);
        if (this.#host.over) return false;
      }
    }
    return true;
  }

  /** A step has gone well: its usage says what an estimate is worth. */
  stepWorked(usage: Usage | undefined): void {
    this.#overflows = 0;
    if (usage !== undefined) this.#gauge.used(usage);
  }

  mayRecover(): boolean {
    return this.#overflows < TRIES.unknown;
  }

  /** Makes room after the provider has said that a step was too long. False: there is none to be made, or the turn is over. */
  async afterOverflow(error: BackendError): Promise<boolean> {
    this.#take();
    const room = await this.#gauge.overflowed(messagesOf(this.#view.units), error.message, ++this.#overflows, TRIES);
    if (room === undefined || this.#host.over) return false;
    const made = await this.#compact("overflow", this.#sizeOf(this.#view), room);
    return made && !this.#host.over;
  }

  // ---- the view

  /** Takes in what has been said since. */
  #take(): void {
    const { messages, compactedAt } = this.#conversation;
    if (compactedAt !== undefined) this.#takeCompacted(compactedAt);
    for (; this.#taken < messages.length; this.#taken++) addTo(this.#view.units, messages[this.#taken]!, this.#taken, this.#taskAt);
  }

  /** The provider has compacted by itself, within a step: what came before its reply is of no more use, but for the task. */
  #takeCompacted(at: number): void {
    const { messages } = this.#conversation;
    let end = at + 1;
    while (messages[end]?.role === "assistant") end++;
    if (end === messages.length) return; // it was only paused: nothing may come between it and what it goes on with
    if (messages[end]?.role === "tool") end++;
    this.#conversation.compactedAt = undefined;
    const of = messages.slice(0, end).filter((_, index) => index !== this.#taskAt);
    const units: Unit[] = [{ kind: "condensed", messages: messages.slice(at, end), before: true, of, count: of.length }];
    this.#view = this.#layOut({ units });
    this.#taken = end;
    this.#condensedBy = this.#identity;
    this.#condensed = undefined;
    this.#stepsSince = 0;
  }

  /** What another model, or the same elsewhere, has condensed is not sent: the view is made anew from the whole conversation. */
  #leaveForeign(): void {
    if (this.#condensedBy === undefined || isSame(this.#condensedBy, this.#identity)) return;
    this.#failedNative = false;
    this.#startAnew();
  }

  /** Lets go of what its provider has condensed, which it does not take any more. False: there is nothing of the kind. */
  leaveRefused(): boolean {
    if (this.#condensedBy === undefined) return false;
    this.#failedNative = true;
    this.#recall?.forget("native");
    this.#startAnew();
    return true;
  }

  /** The view as it is before anything has been compacted. */
  #startAnew(): void {
    this.#condensedBy = undefined;
    this.#recall = undefined;
    this.#condensed = 0;
    this.#view = { units: [], left: 0 };
    this.#taken = 0;
    this.#stepsSince = Number.POSITIVE_INFINITY;
    this.#take();
  }

  get #identity(): Identity {
    const { type, model, baseUrl = "" } = this.#request.backend as TurnRequest["backend"] & { baseUrl?: string };
    return { type, baseUrl, model };
  }

  #layOut({ units, summary, left = 0 }: Parameters<Bench["layOut"]>[0]): View {
    const more = { left, ...(summary !== undefined && { summary }) };
    const others = units.filter(({ kind }) => kind !== "task");
    const known = this.#task !== undefined || summary !== undefined || left > 0;
    const task: Unit[] = known ? [{ kind: "task", messages: [taskMessage(this.#task, more, this.#prompts)], before: false }] : [];
    return { ...more, units: [...others.filter(({ before }) => before), ...task, ...others.filter(({ before }) => !before)] };
  }

  get #prompts() {
    return { ...defaultCompactionPrompts, ...this.#plan.prompts };
  }

  #sizeOf(view: View): number {
    return this.#gauge.tokensOf(messagesOf(view.units));
  }

  // ---- compaction

  /** True: something was made shorter. */
  async #compact(reason: CompactionReason, tokensBefore: number, room: Room): Promise<boolean> {
    const { runtime } = this.#request;
    const started = runtime.now();
    this.#task = (await this.#host.restate()) ?? this.#task;
    if (this.#host.over) return false;
    const recalled = this.#recalled();
    if (recalled !== undefined && this.#sizeOf(this.#view) <= room.high) {
      this.#told({ method: recalled, reason, reused: true, tokensBefore, durationMs: runtime.now() - started });
      return true;
    }
    const failures: { method: string; why: string }[] = [];
    let usage: Usage | undefined;
    for (const method of this.#plan.methods) {
      if (this.#host.over) return false;
      if (method === "native" && this.#failedNative) continue;
      const bench = this.#bench(room, (spent) => {
        usage = addUsage(usage ?? noUsage, spent);
      });
      const outcome = await METHODS[method](bench);
      if (outcome.type === "over" || this.#host.over) return false;
      const why = outcome.type === "failed" ? outcome.why : this.#uselessness(method, outcome.view, tokensBefore, room);
      if (why !== undefined || outcome.type === "failed") {
        failures.push({ method, why: why ?? "" });
        if (method === "native" && outcome.type === "failed" && outcome.error !== undefined) this.#failedNative = true;
        continue;
      }
      this.#view = outcome.view;
      this.#condensedBy = outcome.view.units.some(({ kind }) => kind === "condensed") ? (this.#condensedBy ?? this.#identity) : undefined;
      this.#remember(method, bench.old);
      this.#told({
        method,
        reason,
        tokensBefore,
        durationMs: runtime.now() - started,
        ...(usage !== undefined && { usage }),
        ...(failures.length > 0 && { failed: failures }),
      });
      return true;
    }
    this.#stepsSince = 0; // trying again at once would cost the same for as little
    if (!this.#warned) this.#warn(tokensBefore, room, failures);
    this.#warned = true;
    return false;
  }

  #told(event: Omit<Extract<NextStepEvent, { type: "compaction" }>, "type">): void {
    this.#stepsSince = 0;
    this.#warned = false;
    this.#host.tell({ type: "compaction", ...event, tokensAfter: this.#sizeOf(this.#view) });
  }

  /** Puts what an earlier turn has made of the conversation before the task in its place. Tells by which method. */
  #recalled(): CompactionMethod | undefined {
    if (this.#condensed !== 0 || this.#recall !== undefined) return undefined;
    const history = this.#view.units.filter(({ before }) => before);
    this.#recall = new Recall(this.#request.backend, [this.#identity, this.#request.system, this.#prompts.summary()], history);
    const { count, condensed } = this.#recall.find() ?? {};
    if (count === undefined || condensed === undefined || !this.#plan.methods.includes(condensed.method)) return undefined;
    const { method, summary, messages } = condensed;
    const old = new Set(history.slice(0, count));
    const rest = this.#view.units.filter((unit) => !old.has(unit));
    const made: Unit[] =
      messages === undefined ? [] : [{ kind: "condensed", messages, before: true, of: messagesOf([...old]), count: countOf([...old]) }];
    this.#view = this.#layOut({ units: [...made, ...rest], ...(summary !== undefined && { summary }) });
    if (messages !== undefined) this.#condensedBy = this.#identity;
    this.#condensed = count;
    return method;
  }

  /** Keeps what was made of the conversation before the task for the turns to come. */
  #remember(method: CompactionMethod, old: readonly Unit[]): void {
    const more = old.filter(({ kind }) => kind === "exchange");
    const of = (method === "native" || method === "summary") && more.every(({ before }) => before) ? method : undefined;
    this.#condensed = of === undefined || this.#condensed === undefined ? undefined : this.#condensed + more.length;
    if (of === undefined || this.#condensed === undefined) return;
    const { summary, units } = this.#view;
    const made = units.find(({ kind }) => kind === "condensed")?.messages;
    this.#recall?.remember(this.#condensed, {
      method: of,
      ...(summary !== undefined && { summary }),
      ...(made !== undefined && { messages: made }),
    });
  }

  /** Why a result is thrown away. */
  #uselessness(method: CompactionMethod, view: View, before: number, room: Room): string | undefined {
    const after = this.#sizeOf(view);
    if (after >= before) return `it grew from ${before} to ${after} tokens`;
    if (method === "trim") return undefined; // the last resort: anything helps
    if (after > before * (1 - this.#plan.minSaving)) return `it saved no more than ${before - after} of ${before} tokens`;
    return after > room.high ? `its ${after} tokens are still too many` : undefined;
  }

  #bench(room: Room, spent: (usage: Usage) => void): Bench {
    const { old, kept } = this.#split(room);
    return {
      request: this.#request,
      plan: this.#plan,
      prompts: this.#prompts,
      room,
      factor: this.#gauge.factor,
      view: this.#layOut(this.#view),
      old,
      kept,
      size: (view) => this.#sizeOf(view),
      layOut: (parts) => this.#layOut(parts),
      sideStep: (step, retries = 0) => this.#sideStep(step, retries, spent),
    };
  }

  async #sideStep(step: SideStep, retries: number, spent: (usage: Usage) => void): Promise<SideStepEnd> {
    const { runtime } = this.#request;
    for (let retry = 0; ; retry++) {
      const { end, usage } = await this.#host.sideStep(step);
      spent(usage);
      if (end.type !== "failed" || !isRetryable(end.error) || errorInfo(end.error).code === "timeout" || retry >= retries) return end;
      await wait(runtime, retryDelay(end.error, retry, runtime), this.#host.signal);
      if (this.#host.over) return { type: "over" };
    }
  }

  /** The last exchanges stay, as far as they take no more than a third of the room; the very last stays whatever it takes. */
  #split(room: Room): { old: Unit[]; kept: Unit[] } {
    const exchanges = this.#view.units.filter(({ kind }) => kind !== "task");
    let first = exchanges.length;
    let used = 0;
    while (first > 0 && exchanges.length - first < this.#plan.keepExchanges) {
      const unit = exchanges[first - 1]!;
      used += messagesTokens(unit.messages) * this.#gauge.factor;
      const open = first === exchanges.length && !unit.before;
      if (unit.kind === "condensed" || (!open && used > room.limit / 3)) break;
      first--;
    }
    return { old: exchanges.slice(0, first), kept: exchanges.slice(first) };
  }

  #warn(size: number, { high, limit }: Room, failures: readonly { method: string; why: string }[]): void {
    const tried = failures.map(({ method, why }) => `${method}: ${why}`).join("; ");
    const message =
      `The conversation takes about ${size} tokens, more than ${high} of the ${limit} that its model has room for, and nothing could be ` +
      `made shorter (${tried || "no method is allowed"}). ` +
      (this.#plan.methods.includes("trim") ? "" : 'Let compaction.methods end with "trim", which needs nothing else. ') +
      "Shorten the task, the system message or the tools, or take a model with a larger window.";
    this.#host.tell({ type: "warning", code: "context_window_full", message });
  }
}
