import { overflowLimit } from "../../backends/overflow-limit.js";
import type { BackendError } from "../../errors.js";
import type { Message, UserMessage } from "../../formatter/messages.js";
import { countTokens, ESTIMATE_MARGIN } from "../../token-manager/count.js";
import { addUsage, noUsage, type Usage } from "../../token-manager/usage.js";
import { type Conversation, stepRequest } from "../conversation.js";
import type { SideStep } from "../side-step.js";
import type { StepEvent, TurnRequest } from "../types.js";
import { clear } from "./clear.js";
import { type Bench, type Outcome, type SideStepEnd, taskMessage, type View } from "./methods.js";
import { native } from "./native.js";
import type { CompactionMethod, CompactionPlan, CompactionReason } from "./options.js";
import { defaultCompactionPrompts } from "./prompts.js";
import { fixedTokens, learnWindow, messagesTokens, type Room, roomOf, windowOf } from "./size.js";
import { summary } from "./summary.js";
import { trim } from "./trim.js";
import { addTo, messagesOf, type Unit } from "./units.js";

/** What the window needs of its turn. */
export interface WindowHost {
  readonly over: boolean;
  readonly signal: AbortSignal;
  /** The task with the answers as they stand now, where it is not what the turn began with. */
  restate(): Promise<UserMessage | undefined>;
  sideStep(step: SideStep): Promise<{ end: SideStepEnd; usage: Usage }>;
  /** Emits it with the next step, as that step's. */
  tell(event: Unstepped): void;
}

type Unstepped =
  Extract<StepEvent, { type: "compaction" | "warning" }> extends infer Event
    ? Event extends unknown
      ? Omit<Event, "stepId">
      : never
    : never;

const METHODS: Record<CompactionMethod, (bench: Bench) => Outcome | Promise<Outcome>> = { native, clear, summary, trim };

/** Where nothing tells the window, an overflow is followed by one to four tries with ever less. */
const MOST_OVERFLOWS = 4;
/** Of the high-water mark: from here on the provider is asked to count. */
const NEAR = 0.9;
/** What the provider's own figure of one step may be off for the next. */
const CALIBRATED_MARGIN = 0.05;

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
  /** By what an estimate is multiplied. */
  #factor = 1 + ESTIMATE_MARGIN;
  /** What was estimated of the step that was sent. */
  #estimate = 0;
  /** The window, where nobody has told it: half of what was too much. */
  #guess: number | undefined;
  #stepsSince = Number.POSITIVE_INFINITY;
  #overflows = 0;
  /** Whose compaction the view holds. */
  #condensedBy: string | undefined;
  #failedNative = false;
  #warned = false;

  constructor(request: TurnRequest, plan: CompactionPlan, conversation: Conversation, host: WindowHost) {
    this.#request = request;
    this.#plan = plan;
    this.#conversation = conversation;
    this.#host = host;
    this.#taskAt = conversation.messages.slice(0, request.messages.length).findLastIndex(({ role }) => role === "user");
    const task = conversation.messages[this.#taskAt];
    if (task?.role === "user") this.#task = task;
  }

  /** What is sent. */
  messages(): Message[] {
    this.#take();
    return messagesOf(this.#view.units);
  }

  /** Makes room before a step, where it is wanted. False: the turn is over. */
  async beforeStep(): Promise<boolean> {
    this.#take();
    this.#stepsSince++;
    this.#leaveForeign();
    const room = await this.#room();
    if (this.#host.over) return false;
    if (room !== undefined) {
      const size = await this.#size(room);
      if (this.#host.over) return false;
      const rests = this.#stepsSince <= this.#plan.coolDown && size <= room.limit;
      if (size > room.high && !rests) {
        await this.#compact("high-water", size, room);
        if (this.#host.over) return false;
      }
    }
    this.#estimate = this.#estimated(this.#view);
    return true;
  }

  /** A step has gone well: its usage says what an estimate is worth. */
  stepWorked(usage: Usage | undefined): void {
    this.#overflows = 0;
    if (usage === undefined || usage.estimated === true || this.#estimate === 0 || usage.inputTokens === 0) return;
    this.#factor = Math.min(4, Math.max(0.25, (usage.inputTokens / this.#estimate) * (1 + CALIBRATED_MARGIN)));
  }

  mayRecover(): boolean {
    return this.#overflows < MOST_OVERFLOWS;
  }

  /** Makes room after the provider has said that a step was too long. False: there is none to be made, or the turn is over. */
  async afterOverflow(error: BackendError): Promise<boolean> {
    this.#take();
    const { backend } = this.#request;
    this.#estimate ||= this.#estimated(this.#view);
    const size = this.#estimate * this.#factor;
    const told = overflowLimit(error.message);
    if (told !== undefined) learnWindow(backend, told);
    const known = told ?? (await windowOf(backend, this.#request.trace));
    if (this.#host.over || ++this.#overflows > (known === undefined ? MOST_OVERFLOWS : 1)) return false;
    if (known === undefined) this.#guess = Math.floor(size / 2);
    const room = await this.#room();
    if (room === undefined || this.#host.over) return false;
    // It was longer than we thought.
    if (size <= room.limit) this.#factor *= (room.limit * 1.1) / size;
    const made = await this.#compact("overflow", this.#sizeOf(this.#view), room);
    if (this.#host.over) return false;
    this.#estimate = this.#estimated(this.#view);
    return made;
  }

  // ---- the view

  /** Takes in what has been said since. */
  #take(): void {
    const { messages, compactedAt } = this.#conversation;
    if (compactedAt !== undefined) {
      this.#conversation.compactedAt = undefined;
      this.#takeCompacted(compactedAt);
    }
    for (; this.#taken < messages.length; this.#taken++) addTo(this.#view.units, messages[this.#taken]!, this.#taken, this.#taskAt);
  }

  /** The provider has compacted by itself, within a step: what came before its reply is of no more use, but for the task. */
  #takeCompacted(at: number): void {
    const { messages } = this.#conversation;
    const end = messages[at + 1]?.role === "tool" ? at + 2 : at + 1;
    const units: Unit[] = [{ kind: "condensed", messages: messages.slice(at, end), before: true, of: messages.slice(0, end) }];
    this.#view = this.#layOut({ units });
    this.#taken = end;
    this.#condensedBy = this.#identity;
    this.#stepsSince = 0;
  }

  /** What another model, or the same elsewhere, has condensed is not sent: the view is made anew from the whole conversation. */
  #leaveForeign(): void {
    if (this.#condensedBy === undefined || this.#condensedBy === this.#identity) return;
    this.#condensedBy = undefined;
    this.#failedNative = false;
    this.#view = { units: [], left: 0 };
    this.#taken = 0;
    this.#stepsSince = Number.POSITIVE_INFINITY;
    this.#take();
  }

  get #identity(): string {
    const { type, model, baseUrl } = this.#request.backend as TurnRequest["backend"] & { baseUrl?: string };
    return JSON.stringify([type, baseUrl, model]);
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

  // ---- sizes

  async #room(): Promise<Room | undefined> {
    const window = (await windowOf(this.#request.backend, this.#request.trace)) ?? this.#guess;
    return window === undefined ? undefined : roomOf(window, this.#request, this.#plan);
  }

  #estimated(view: View): number {
    const sent = stepRequest(this.#conversation, this.#request, []);
    return messagesTokens(messagesOf(view.units)) + fixedTokens(sent, this.#request.backend.type);
  }

  #sizeOf(view: View): number {
    return Math.ceil(this.#estimated(view) * this.#factor);
  }

  /** Tokens of the next step: estimated, and near the limit as the provider counts them. */
  async #size(room: Room): Promise<number> {
    const size = this.#sizeOf(this.#view);
    if (size < room.high * NEAR || size > room.limit) return size;
    const sent = stepRequest(this.#conversation, this.#request, this.messages());
    const { tokens, method, margin } = await this.#counted(sent);
    if (method === "estimate") return size;
    this.#factor = (tokens * (1 + margin)) / this.#estimated(this.#view);
    return this.#sizeOf(this.#view);
  }

  async #counted(sent: ReturnType<typeof stepRequest>): ReturnType<typeof countTokens> {
    try {
      const { backend, trace } = this.#request;
      return await countTokens(backend, sent, { signal: this.#host.signal, ...(trace && { trace }) });
    } catch {
      return { tokens: 0, method: "estimate", margin: 0 }; // aborted: nobody asks any more
    }
  }

  // ---- compaction

  /** True: something was made shorter. */
  async #compact(reason: CompactionReason, tokensBefore: number, room: Room): Promise<boolean> {
    const { runtime } = this.#request;
    const started = runtime.now();
    this.#task = (await this.#host.restate()) ?? this.#task;
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
      this.#stepsSince = 0;
      this.#warned = false;
      this.#host.tell({
        type: "compaction",
        method,
        reason,
        tokensBefore,
        tokensAfter: this.#sizeOf(this.#view),
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

  /** Why a result is thrown away. */
  #uselessness(method: CompactionMethod, view: View, before: number, room: Room): string | undefined {
    if (method === "trim") return undefined; // the last resort: anything helps
    const after = this.#sizeOf(view);
    if (after >= before) return `it grew from ${before} to ${after} tokens`;
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
      view: this.#layOut(this.#view),
      old,
      kept,
      size: (view) => this.#sizeOf(view),
      layOut: (parts) => this.#layOut(parts),
      sideStep: async (step) => {
        const { end, usage } = await this.#host.sideStep(step);
        spent(usage);
        return end;
      },
    };
  }

  /** The last exchanges stay, as far as they take no more than a third of the room; the very last stays whatever it takes. */
  #split(room: Room): { old: Unit[]; kept: Unit[] } {
    const exchanges = this.#view.units.filter(({ kind }) => kind !== "task");
    let first = exchanges.length;
    let used = 0;
    while (first > 0 && exchanges.length - first < this.#plan.keepExchanges) {
      const unit = exchanges[first - 1]!;
      used += messagesTokens(unit.messages) * this.#factor;
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
      `made shorter (${tried || "no method is allowed"}). Shorten the task, the system message or the tools, or take a model with a larger window.`;
    this.#host.tell({ type: "warning", code: "context_window_full", message });
  }
}
