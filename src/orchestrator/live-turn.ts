import type {
  Approval,
  DecisionPoint,
  ExternalCall,
  StepEvent,
  ToolOutcome,
  TurnHooks,
  TurnRun,
  TurnUpdate,
  Verdict,
} from "../agent/types.js";
import { MassGenError } from "../errors.js";
import type { UserMessage } from "../formatter/messages.js";
import type { RunWatcher } from "../telemetry/telemetry.js";
import { noUsage, type Usage } from "../token-manager/usage.js";
import type { ToolTurn } from "../tools/toolkit.js";
import type { Spent, TurnOrder } from "./core/types.js";
import type { Fact } from "./driver.js";
import type { TurnScope } from "./events.js";
import type { Questions } from "./questions.js";

/** What a turn under way needs of its driver. */
export interface TurnHost {
  /** Logging and tracing, where they are on. */
  readonly watcher: RunWatcher | undefined;
  readonly questions: Questions;
  feed(fact: Fact): void;
  onStepEvent(turn: LiveTurn, event: StepEvent): void;
  mayStart(turn: LiveTurn, estimate: Usage): boolean | Promise<void>;
  /** Has toolkits keep what belongs to a decision, and gives why they cannot; nothing, where nothing has to be kept. */
  keep(turn: LiveTurn, point: DecisionPoint): Promise<string | undefined> | undefined;
  tellSpent(turn: LiveTurn): void;
  /** The task as a turn with this order would be told it. */
  restate(turn: LiveTurn, order: TurnOrder, signal: AbortSignal): Promise<UserMessage | undefined>;
  /** The message that brings news, with what toolkits add to it. */
  news(turn: LiveTurn, note: string): string;
}

/** What the driver keeps of a turn under way, and what the turn tells it. */
export class LiveTurn implements TurnHooks {
  readonly order: TurnOrder;
  readonly agentId: string;
  /** Set where a budget must be asked before each step. */
  readonly mayStart: TurnHooks["mayStart"];
  /** Set where toolkits look at calls. */
  check: TurnHooks["check"];
  /** Set where there is tracing. */
  readonly inStep: TurnHooks["inStep"];
  readonly inTool: TurnHooks["inTool"];
  /** The turn itself, once it has started. */
  run: TurnRun | undefined;
  /** What it was told last, where that is not what it began with. */
  newest: TurnOrder | undefined;
  /** News that wait for the next step. */
  update: (TurnUpdate & { order: TurnOrder }) | undefined;
  /** The epoch of the answers it reads. */
  epoch: number;
  /** Budgets that its last step has used up, until the core is told. */
  spent: Spent | undefined;
  /** It was given nothing to work with. */
  toolless = false;
  readonly #host: TurnHost;
  #seen: Writable<ToolTurn> | undefined;
  #controller: AbortController | undefined;
  #answer: ((verdict: Verdict) => void) | undefined;
  /** Final text of the steps that ended well. */
  #kept = "";
  /** The step before was only paused by its provider: its text goes on where it stopped. */
  #paused = false;
  /** The step in flight has written some of the final text. */
  #begun = false;

  constructor(host: TurnHost, order: TurnOrder, agentId: string, limited: boolean) {
    this.#host = host;
    this.order = order;
    this.agentId = agentId;
    this.epoch = order.epoch;
    const { watcher } = host;
    this.inStep = watcher?.inStep;
    this.inTool = watcher?.inTool && ((toolCallId, work) => watcher.inTool!(order.turnId, toolCallId, work));
    this.mayStart = limited ? (estimate) => host.mayStart(this, estimate) : undefined;
  }

  /** What toolkits know of it. */
  get seen(): Writable<ToolTurn> {
    const { turnId, phase } = this.order;
    this.#seen ??= { agentId: this.agentId, turnId, phase, labels: labelsOf(this.newest ?? this.order) };
    return this.#seen;
  }

  /** Aborts with the turn. Ask for it while the turn is not over. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  abort(reason: string): void {
    // As `fetch` and everybody else aborts.
    const error = new DOMException(`The turn was stopped: ${reason}.`, "AbortError");
    this.run?.abort(error);
    this.#controller?.abort(error);
    this.#answer = undefined;
  }

  takeSpent(): Spent | undefined {
    const { spent } = this;
    this.spent = undefined;
    return spent;
  }

  reply(verdict: Verdict): void {
    this.#answer?.(verdict);
    this.#answer = undefined;
  }

  partialText(): string {
    return this.run?.partialText() ?? "";
  }

  usage(): Usage {
    return this.run?.usage() ?? noUsage;
  }

  /** What the step in flight has spent. */
  stepUsage(): Usage {
    return this.run?.stepUsage() ?? noUsage;
  }

  /** The gap between the final text so far and what the step in flight adds to it. */
  get #gap(): string {
    return this.#paused || this.#kept === "" ? "" : "\n\n";
  }

  /** Takes a delta of the final text; returns it with the gap before it, where there is one. */
  presentedDelta(delta: string): string {
    if (this.#begun) return delta;
    this.#begun = true;
    return this.#gap + delta;
  }

  stepEnded(ok: boolean, paused: boolean): void {
    if (ok && this.#begun) this.#kept += this.#gap + (this.run?.text() ?? "");
    this.#paused = paused;
    this.#begun = false;
  }

  // ---- what the turn tells

  emit(event: StepEvent): void {
    this.#host.onStepEvent(this, event);
  }

  writing(on: boolean): void {
    this.#host.feed({ type: "writing", turnId: this.order.turnId, on });
  }

  worked(): void {
    this.#host.feed({ type: "worked", turnId: this.order.turnId });
  }

  /** Waits for what becomes of the decision, once what belongs to it has been kept. */
  decide(point: DecisionPoint): Promise<Verdict> {
    const kept = this.#host.keep(this, point);
    if (kept === undefined) return this.#ask(point);
    const spent = this.takeSpent(); // what spent the last of a budget still counts
    return kept.then(
      (rejected) => {
        this.spent = spent;
        const verdict = this.#ask(point, rejected);
        this.#host.tellSpent(this);
        return verdict;
      },
      (error: unknown) => {
        this.spent = spent;
        this.#host.tellSpent(this);
        throw error;
      },
    );
  }

  #ask(point: DecisionPoint, rejected?: string): Promise<Verdict> {
    if (rejected !== undefined && this.order.phase === "present" && point.calls.length === 0) {
      return Promise.reject(new MassGenError("presentation_rejected", rejected)); // it is tried once
    }
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#put(point, rejected);
    });
  }

  takeUpdate(): TurnUpdate | undefined {
    const { update } = this;
    if (update === undefined) return undefined;
    this.update = undefined;
    const { order, ...told } = update;
    this.tell(order);
    this.#host.feed({ type: "updated", turnId: this.order.turnId, setVersion: order.setVersion });
    return { ...told, note: this.#host.news(this, told.note) };
  }

  /** It hears of the answers as they stand in `order`. */
  tell(order: TurnOrder): void {
    this.newest = order;
    this.epoch = order.epoch;
    if (this.#seen !== undefined) this.#seen.labels = labelsOf(order);
  }

  async restate(signal: AbortSignal): Promise<UserMessage | undefined> {
    return this.newest && this.#host.restate(this, this.newest, signal);
  }

  external(calls: ExternalCall[], signal: AbortSignal): Promise<ToolOutcome[]> {
    return this.#host.questions.external(this.#scope, calls, signal);
  }

  approve(call: ExternalCall, signal: AbortSignal): Promise<Approval> {
    return this.#host.questions.approve(this.#scope, call, signal);
  }

  get #scope(): TurnScope {
    const { turnId, phase, attempt } = this.order;
    return { agentId: this.agentId, turnId, phase, attempt, epoch: this.epoch };
  }

  #put({ calls, text, worked, finishReason }: DecisionPoint, rejected: string | undefined): void {
    const { turnId, phase, candidate } = this.order;
    if (phase !== "present" || calls.length > 0) {
      const spent = this.takeSpent();
      const cut = finishReason === "length";
      const did = worked || this.toolless;
      const more = { ...(spent !== undefined && { spent }), ...(rejected !== undefined && { rejected }) };
      return this.#host.feed({ type: "decided", turnId, calls, text, cut, worked: did, ...more });
    }
    const withheld = candidate?.alone !== true && (finishReason === "refusal" || finishReason === "content-filter");
    this.#host.feed({ type: "presented", turnId, text: withheld ? "" : this.#kept });
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The answers a turn may look at: a review looks at the one that was presented. */
export function labelsOf({ phase, answers, candidate }: TurnOrder): string[] {
  if (phase === "review") return candidate === undefined ? [] : [candidate.label];
  return answers.map(({ label }) => label);
}
