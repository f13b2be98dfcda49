import { overflowLimit } from "../../backends/overflow-limit.js";
import type { Message } from "../../formatter/messages.js";
import { countTokens, ESTIMATE_MARGIN, type TokenCount } from "../../token-manager/count.js";
import { ownUsage, type Usage } from "../../token-manager/usage.js";
import { type Conversation, stepRequest } from "../conversation.js";
import type { TurnRequest } from "../types.js";
import { inTime } from "./in-time.js";
import { learnWindow } from "./learned.js";
import type { CompactionPlan } from "./options.js";
import { fixedTokens, messagesTokens, type Room, roomOf, windowOf } from "./size.js";

/** Of the high-water mark: from here on the provider is asked to count. */
const NEAR = 0.9;
/** Of the limit: from here on it need not count. */
const FAR = 1.5;
const COUNT_TIMEOUT_MS = 10_000;
/** What the provider's own figure of one step may be off for the next. */
const CALIBRATED_MARGIN = 0.05;
const NOT_COUNTED: TokenCount = { tokens: 0, method: "estimate", margin: 0 };

interface Turn {
  readonly over: boolean;
  readonly signal: AbortSignal;
}

/** Measures what is sent: by an estimate, and by what the provider has said an estimate is worth. */
export class Gauge {
  readonly #request: TurnRequest;
  readonly #plan: CompactionPlan;
  readonly #conversation: Conversation;
  readonly #turn: Turn;
  /** Whether the provider, if it counts, is asked to: not again once it could not. */
  #asked = true;
  /** By what an estimate is multiplied. */
  #factor = 1 + ESTIMATE_MARGIN;
  /** The provider's own figures say so. */
  #calibrated = false;
  /** What was estimated of the step that was sent. */
  #estimate = 0;
  /** The window, where nobody has told it: half of what was too much. */
  #guess: number | undefined;

  constructor(request: TurnRequest, plan: CompactionPlan, conversation: Conversation, turn: Turn) {
    this.#request = request;
    this.#plan = plan;
    this.#conversation = conversation;
    this.#turn = turn;
  }

  get factor(): number {
    return this.#factor;
  }

  /** What there is room for; nothing where the window is not known. */
  async room(): Promise<Room | undefined> {
    const window = (await windowOf(this.#request, this.#turn.signal)) ?? this.#guess;
    return window === undefined ? undefined : roomOf(window, this.#request, this.#plan);
  }

  /** Tokens of these messages, with all that goes with them. */
  tokensOf(messages: readonly Message[]): number {
    return Math.ceil(this.#estimated(messages) * this.#factor);
  }

  /** The same, near the limit as the provider counts them. */
  async count(messages: Message[], room: Room): Promise<number> {
    const size = this.tokensOf(messages);
    if (size < room.high * NEAR || size > room.limit * FAR) return size;
    const { tokens, method, margin } = await this.#counted(messages);
    if (method !== "endpoint") this.#asked = false;
    if (method === "estimate" || (method === "tokenizer" && this.#calibrated)) return size;
    this.#calibrated ||= method === "endpoint";
    this.#factor = (tokens * (1 + margin)) / this.#estimated(messages);
    return this.tokensOf(messages);
  }

  /** A step is sent with these. */
  sent(messages: readonly Message[]): void {
    this.#estimate = this.#estimated(messages);
  }

  /** What that step used. */
  used(usage: Usage): void {
    if (usage.estimated === true || this.#estimate === 0) return;
    const { inputTokens } = ownUsage(usage);
    if (inputTokens <= 0) return;
    this.#factor = Math.min(4, Math.max(0.25, (inputTokens / this.#estimate) * (1 + CALIBRATED_MARGIN)));
    this.#calibrated = true;
  }

  /** A step with these was too long, for the n-th time in a row. Gives what there is room for; nothing where it is not to be tried again. */
  async overflowed(
    messages: readonly Message[],
    why: string,
    nth: number,
    tries: { known: number; unknown: number },
  ): Promise<Room | undefined> {
    if (this.#estimate === 0) this.sent(messages); // the first that was measured
    const told = overflowLimit(why);
    if (told !== undefined) learnWindow(this.#request.backend, told);
    const known = await windowOf(this.#request, this.#turn.signal);
    if (this.#turn.over || nth > (known === undefined ? tries.unknown : tries.known)) return undefined;
    const size = this.#estimate * this.#factor;
    if (known === undefined) this.#guess = Math.floor(size / 2);
    const room = await this.room();
    if (room === undefined) return undefined;
    // It was longer than we thought; more so, if it has just been made to fit.
    const least = room.limit * (nth === 1 ? 1.1 : 1.5);
    if (size < least) this.#factor *= least / size;
    return room;
  }

  #estimated(messages: readonly Message[]): number {
    const fixed = stepRequest(this.#conversation, this.#request, []);
    return messagesTokens(messages) + fixedTokens(fixed, this.#request.backend.type);
  }

  async #counted(messages: Message[]): Promise<TokenCount> {
    const { backend, runtime, trace } = this.#request;
    if (this.#turn.over || (!this.#asked && this.#calibrated)) return NOT_COUNTED;
    const sent = stepRequest(this.#conversation, this.#request, messages);
    const count = (signal: AbortSignal) => countTokens(backend, sent, { signal, endpoint: this.#asked, ...(trace && { trace }) });
    return (await inTime(runtime, COUNT_TIMEOUT_MS, count, this.#turn.signal).catch(() => undefined)) ?? NOT_COUNTED;
  }
}
