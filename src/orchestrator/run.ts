import type { FinishReason } from "../backends/backend.js";
import { errorOf, MassGenError } from "../errors.js";
import type { RunWatcher, Telemetry } from "../telemetry/telemetry.js";
import type { Cost } from "../token-manager/prices.js";
import type { Usage } from "../token-manager/usage.js";
import type { RunSpec } from "./briefing.js";
import { aliasOf } from "./core/types.js";
import { Driver, type Fact } from "./driver.js";
import { type EventListener, EventLog, type ListenerType } from "./event-log/event-log.js";
import type { CoordinationEvent, EventOfType, FinishedReason, VoteRecord } from "./events.js";
import type { LedgerEntry } from "./ledger.js";
import type { ResolvedOptions } from "./options.js";

/** An agent's answer as it stood at the end. */
export interface FinalAnswer {
  agentId: string;
  alias: string;
  label: string;
  content: string;
  /** Its score in the decision. */
  score: number;
  winner: boolean;
}

export interface RunResult {
  runId: string;
  /** What the winner presented. */
  text: string;
  reason: FinishedReason;
  /** Id of the agent whose answer won. */
  winner: string;
  /** The answer that won. */
  label: string;
  /** Every agent's current answer, minority answers included. */
  answers: FinalAnswer[];
  /** The votes that decided. */
  votes: VoteRecord[];
  /** How the presentation ended; `length`: the text was cut by an output limit. */
  finishReason: FinishReason;
  /** What models generated besides text, in the presentation. */
  files: { mediaType: string; data: string }[];
  /** Directory with the files of the final answer, where its author has a workspace. */
  workspace?: string;
  /** Tokens of all steps, interrupted and failed ones included. */
  usage: Usage & {
    byAgent: Record<string, Usage>;
    /** A line per turn: who, in which phase, how much, and what of it came to nothing. */
    ledger: LedgerEntry[];
  };
  /** `usd` is null where no price is known; without `complete` some step has no known price and `usd` is the least the run cost. */
  cost: Cost;
  costByAgent: Record<string, Cost>;
  attempts: number;
  epochs: number;
}

/** What there was when a run ended without a result. */
export type PartialResult = Pick<RunResult, "runId" | "answers" | "votes" | "usage" | "cost" | "costByAgent" | "attempts" | "epochs">;

/**
 * A run that ended without a result: `aborted`; `deadline`, `budget_exceeded` or `no_answer` when nobody had answered; `budget_exceeded`
 * where `budget.onExceed` is `abort`; or the code of what broke.
 * `cause`: what threw; of `no_answer` and `deadline`, the error that every agent failed of, where they all failed for one reason.
 */
export class RunError extends MassGenError {
  /** Answers, votes and usage up to then. */
  readonly partial: PartialResult;

  constructor(code: string, message: string, partial: PartialResult, options?: { cause?: unknown }) {
    super(code, message, options);
    this.partial = partial;
  }
}

/** One task on its way to one result. Iterate it for the events, await `result` for the outcome, or both. */
export class Run implements AsyncIterable<CoordinationEvent> {
  readonly runId: string;
  /** Resolves when the run has a result; rejects with a `RunError`. Not awaiting it is fine. */
  readonly result: Promise<RunResult>;
  readonly #log: EventLog;
  readonly #driver: Driver;
  /** What the caller wants before the run has started. */
  #early: Fact[] | undefined = [];
  #consensus: EventOfType<"consensus"> | undefined;
  /** What the first abort gave as its reason. */
  #aborted: { reason: unknown } | undefined;
  #finishReason: FinishReason = "stop";
  #files: { stepId: string; file: { mediaType: string; data: string } }[] = [];

  #resolve!: (result: RunResult) => void;
  #reject!: (error: RunError) => void;
  readonly #onOver: (run: Run) => void;
  /** Forgets the caller's signal. */
  #unlink: (() => void) | undefined;
  /** Logging and tracing, where they are on. */
  #watcher: RunWatcher | undefined;

  /** `onOver` is called at the terminal event. */
  constructor(options: ResolvedOptions, spec: RunSpec, signal: AbortSignal | undefined, onOver: (run: Run) => void) {
    this.runId = spec.runId;
    this.#onOver = onOver;
    this.#log = new EventLog(spec.runId, options.runtime, {
      reviewed: options.core.maxRestarts > 0,
      observer: (event) => this.#observe(event),
    });
    this.#driver = new Driver(options, spec, this.#log);
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.result.catch(() => {
      // Whoever awaits it sees the error; whoever does not has the terminal event.
    });
    // On a microtask, so that no listener misses anything.
    if (spec.telemetry === undefined) queueMicrotask(() => this.#start(signal));
    else void this.#startWatched(spec, spec.telemetry, signal);
  }

  #start(signal: AbortSignal | undefined, broken?: unknown): void {
    if (signal !== undefined) this.#link(signal);
    const early = this.#early ?? [];
    this.#early = undefined;
    this.#driver.start(early, broken);
  }

  /** Waits for logging and tracing, so that they miss nothing. What cannot be loaded ends the run. */
  async #startWatched(spec: RunSpec, loading: Promise<Telemetry>, signal: AbortSignal | undefined): Promise<void> {
    try {
      this.#watcher = (await loading).watch(spec);
      this.#driver.watcher = this.#watcher;
    } catch (error) {
      return this.#start(signal, error);
    }
    this.#start(signal);
  }

  #link(signal: AbortSignal): void {
    const onAbort = () => this.abort(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#unlink = () => signal.removeEventListener("abort", onAbort);
  }

  /** Notes what the result will need. */
  #observe(event: CoordinationEvent): void {
    this.#watcher?.onEvent(event);
    switch (event.type) {
      case "consensus":
        this.#consensus = event;
        return;
      case "run-restart":
        this.#consensus = undefined;
        this.#forgetPresentation();
        return;
      case "step-finish":
        if (event.phase !== "present") return;
        if (event.status === "ok") this.#finishReason = event.finishReason ?? "other";
        else this.#files = this.#files.filter((each) => each.stepId !== event.stepId);
        return;
      case "turn-error":
      case "turn-interrupt":
        if (event.phase === "present") this.#forgetPresentation();
        return;
      case "file":
        if (event.phase !== "present" || event.partial) return;
        this.#files.push({ stepId: event.stepId, file: { mediaType: event.mediaType, data: event.data } });
        return;
      case "run-finish":
        this.#close();
        return this.#resolve(this.#resultOf(event));
      case "run-error":
      case "run-abort":
        this.#close();
        return this.#reject(this.#errorOf(event));
    }
  }

  /** What is delivered instead, the voted answer as it is, was whole. */
  #forgetPresentation(): void {
    this.#finishReason = "stop";
    this.#files = [];
  }

  #close(): void {
    this.#unlink?.();
    this.#driver.dispose();
    this.#onOver(this);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<CoordinationEvent, undefined> {
    return this.#log[Symbol.asyncIterator]();
  }

  /**
   * The final text alone, as it is written. With a review to come it is held back until it is accepted. Throws what
   * `result` rejects with, or `text_voided` when the presentation failed after part of it had been given out.
   */
  get textStream(): AsyncIterable<string> {
    const text = this.#log.textStream();
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = text[Symbol.asyncIterator]();
        const next = () => iterator.next().catch((error: unknown) => this.#textError(error));
        return { next, return: () => iterator.return?.() ?? Promise.resolve({ done: true, value: undefined }) };
      },
    };
  }

  /** Tokens spent so far. Steps that are under way count too: exactly, once the model has finished its reply; else as an estimate. */
  get usage(): Usage {
    return this.#driver.usage;
  }

  /** Calls the listener at every event of the type, `"*"` for all of them. An error it throws is the process's, not the run's. */
  on<T extends ListenerType>(type: T, listener: EventListener<T>): this {
    this.#log.on(type, listener);
    return this;
  }

  once<T extends ListenerType>(type: T, listener: EventListener<T>): this {
    this.#log.once(type, listener);
    return this;
  }

  off<T extends ListenerType>(type: T, listener: EventListener<T>): this {
    this.#log.off(type, listener);
    return this;
  }

  /** Present the best answer so far, now. Does nothing once it is being presented. */
  finish(): void {
    this.#tell({ type: "finish" });
  }

  /** Stop everything. `result` rejects with `aborted`. */
  abort(reason?: unknown): void {
    this.#aborted ??= { reason };
    this.#tell({ type: "abort", reason: reasonText(reason) });
  }

  #tell(fact: Fact): void {
    if (this.#early === undefined) this.#driver.feed(fact);
    else this.#early.push(fact);
  }

  /**
   * Answer an `input-request`: a tool's result (an `Error` tells the model that it failed), whether a call may be made (true,
   * false or `{ approved, reason, input }`), or what a question asks for. Throws a `MassGenError`: `unknown_request` when it is
   * not open, `bad_response` for an answer it cannot take; it then stays open.
   */
  respond(requestId: string, value: unknown): void {
    this.#driver.questions.respond(requestId, value);
  }

  /** Answers, votes, usage and cost up to now. */
  get soFar(): PartialResult {
    return this.#soFar();
  }

  #resultOf(event: EventOfType<"run-finish">): RunResult {
    const { text, reason, winner, label } = event;
    const files = this.#files.map(({ file }) => file);
    const { workspace } = this.#driver;
    const more = workspace === undefined ? {} : { workspace };
    return { text, reason, winner, label, finishReason: this.#finishReason, files, ...more, ...this.#soFar() };
  }

  #soFar(): PartialResult {
    const { state, ledger } = this.#driver;
    const { tally = {}, votes = [], label } = this.#consensus ?? {};
    const answers = state.agents.flatMap(({ answer }, index) =>
      answer === null
        ? []
        : [
            {
              agentId: state.config.agents[index]!.agentId,
              alias: aliasOf(index),
              label: answer.label,
              content: answer.content,
              score: tally[answer.label] ?? 0,
              winner: answer.label === label,
            },
          ],
    );
    return {
      runId: this.runId,
      answers,
      votes,
      usage: { ...ledger.total, byAgent: Object.fromEntries(ledger.byAgent), ledger: ledger.entries },
      cost: { ...ledger.cost },
      costByAgent: Object.fromEntries(ledger.costByAgent),
      attempts: state.attempt,
      epochs: state.epoch,
    };
  }

  /** A run without a result fails its text as it fails `result`. */
  async #textError(error: unknown): Promise<never> {
    if (!(error instanceof MassGenError) || error.code !== "text_voided") await this.result;
    throw error;
  }

  #errorOf(event: EventOfType<"run-error" | "run-abort">): RunError {
    if (event.type === "run-error") {
      const common = event.error.cause;
      const cause = this.#driver.brokenBy ?? (common === undefined ? undefined : errorOf(common));
      return new RunError(event.error.code, event.error.message, this.#soFar(), cause === undefined ? undefined : { cause });
    }
    return new RunError("aborted", `The run was aborted: ${event.reason}`, this.#soFar(), { cause: this.#aborted?.reason });
  }
}

function reasonText(reason: unknown): string {
  if (reason === undefined) return "no reason given";
  return reason instanceof Error ? reason.message : String(reason);
}
