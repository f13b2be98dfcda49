import { startTurn } from "../agent/turn.js";
import type { DecisionPoint, StepEvent } from "../agent/types.js";
import { type ErrorInfo, errorInfo } from "../errors.js";
import type { UserMessage } from "../formatter/messages.js";
import { loaded } from "../runtime.js";
import type { RunWatcher } from "../telemetry/telemetry.js";
import { limitsSteps } from "../token-manager/budget.js";
import { addUsage, type Usage } from "../token-manager/usage.js";
import { Briefing, type RunSpec } from "./briefing.js";
import { initialState, step } from "./core/step.js";
import type { CoreInput, CoreState, Effect, Transition, TurnOrder } from "./core/types.js";
import type { EventLog } from "./event-log/event-log.js";
import type { CoordinationEvent, CoordinationEventBody } from "./events.js";
import { Ledger, type LedgerTurn } from "./ledger.js";
import { LiveTurn, type TurnHost } from "./live-turn.js";
import type { ResolvedOptions } from "./options.js";
import type { Outfit } from "./outfit.js";
import { needsTools } from "./planning-mode.js";
import { Questions } from "./questions.js";
import { RunClock } from "./run-clock.js";
import { inputOf } from "./run-input.js";

type Unstamped<T> = T extends unknown ? Omit<T, "time"> : never;
export type Fact = Unstamped<CoreInput>;

/**
 * Carries out the wishes of the core and feeds the facts back, one at a time. All I/O of a run hangs below this:
 * its turns, its timers and the questions to its caller.
 */
export class Driver implements TurnHost {
  readonly ledger: Ledger;
  /** What code of the caller's threw and ended the run. */
  brokenBy: unknown;
  /** Logging and tracing, where they are on. Set before the start. */
  watcher: RunWatcher | undefined;
  readonly #options: ResolvedOptions;
  readonly #spec: RunSpec;
  readonly #log: EventLog;
  readonly #brief: Briefing;
  /** Stands still while the caller is asked something. */
  readonly #clock: RunClock;
  /** Loaded by the runs that need one. */
  #outfit: Outfit | undefined;
  /** What has been asked for while the run is being prepared. */
  #waiting: Fact[] | undefined;
  #turns: LiveTurn[] = [];
  /** Made for the first of them. */
  #questions: Questions | undefined;
  readonly #inbox: Fact[] = [];
  #busy = false;
  #state: CoreState;

  constructor(options: ResolvedOptions, spec: RunSpec, log: EventLog) {
    this.#options = options;
    this.#spec = spec;
    this.#log = log;
    this.#brief = new Briefing(options, spec);
    this.ledger = new Ledger(options);
    this.#clock = new RunClock(options.runtime);
    const agents = options.agents.map((agent, index) => ({
      agentId: agent.id,
      hasTools: this.#brief.tools(index, "draft").length > 0 || options.toolkits?.has(index) === true,
      stepBoundaries: agent.backend.capabilities.wholeAgent !== true,
    }));
    this.#state = initialState({ agents, ...options.core });
  }

  get state(): CoreState {
    return this.#state;
  }

  get questions(): Questions {
    const { runtime, inputTimeoutMs: timeoutMs } = this.#options;
    this.#questions ??= new Questions(runtime, () => ({
      timeoutMs,
      publish: (event) => this.#publish(event),
      hold: () => this.#clock.hold(),
    }));
    return this.#questions;
  }

  /** Tokens spent so far, in steps under way too. */
  get usage(): Usage {
    return this.#turns.reduce((sum, turn) => addUsage(sum, turn.stepUsage()), this.ledger.total);
  }

  /** Where the files of the result are, once the run is over. */
  get workspace(): string | undefined {
    return this.#outfit?.workspace;
  }

  async #makeOutfit(): Promise<Outfit> {
    const { Outfit } = await loaded(this.#options.runtime, import("./outfit.js"));
    return new Outfit({
      options: this.#options,
      spec: this.#spec,
      brief: this.#brief,
      ledger: this.ledger,
      clock: this.#clock,
      publish: (event) => this.#tell(event),
      late: (error) => this.feed({ type: "broken", error }),
      turns: () => this.#turns,
      questions: this.questions,
    });
  }

  /** Starts the run; `early` is what its caller has asked for already, and `broken` what keeps it from starting. */
  start(early: Fact[], broken?: unknown): void {
    const failed: Fact[] = broken === undefined ? [] : [{ type: "broken", error: this.#breakage(broken) }];
    const stopped = [...early, ...failed].find((fact) => fact.type === "abort" || fact.type === "broken");
    this.#inbox.push(...(stopped === undefined ? [{ type: "start" } as const, ...early] : [stopped]));
    // What a listener of this first event asks for comes after the start.
    this.#busy = true;
    this.#log.append({
      type: "run-start",
      input: inputOf(this.#spec.task),
      agents: this.#options.agents.map(({ id, backend }, i) => ({
        agentId: id,
        alias: `agent${i + 1}`,
        backend: backend.type,
        model: backend.model,
      })),
    });
    this.#busy = false;
    this.#spec.trace = this.watcher?.trace?.() ?? this.#spec.trace;
    const { toolkits, planning, budget } = this.#options;
    if (toolkits || (planning && needsTools(planning)) || budget?.warnAt || budget?.onExceed === "abort") {
      const stop = this.#inbox.find((fact) => fact.type === "abort");
      const asked = this.#inbox.splice(0);
      if (stop !== undefined) this.#inbox.push(stop);
      else {
        this.#waiting = asked;
        void this.#prepare();
      }
    }
    this.#work();
  }

  /** Opens what the run needs before its first turn; the deadline counts from here on. Never rejects. */
  async #prepare(): Promise<void> {
    const started = this.#clock.now();
    let failure: ErrorInfo | undefined;
    try {
      const outfit = await this.#makeOutfit();
      if (this.#state.stage !== "ended") {
        this.#outfit = outfit;
        await outfit.open();
      }
    } catch (error) {
      if (this.#state.stage !== "ended") failure = this.#breakage(error);
    }
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    if (failure !== undefined) return this.feed({ type: "broken", error: failure });
    if (this.#state.stage === "ended") return;
    this.#state = { ...this.#state, timeLeft: Math.max(0, this.#state.timeLeft - (this.#clock.now() - started)) };
    this.#inbox.push(...waiting);
    this.#work();
  }

  /** Hands a fact to the core. Facts that come up meanwhile wait their turn. */
  feed(fact: Fact): void {
    if (fact.type === "abort") this.#outfit?.abort(new DOMException(`The run was aborted: ${fact.reason}`, "AbortError"));
    if (this.#waiting !== undefined && fact.type !== "abort" && fact.type !== "broken") {
      this.#waiting.push(fact);
      return;
    }
    this.#inbox.push(fact);
    this.#work();
  }

  #work(): void {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) this.#step(next);
    } finally {
      this.#busy = false;
    }
  }

  #step(fact: Fact): void {
    const time = this.#clock.now();
    const transition = this.#transition({ ...fact, time } as CoreInput);
    this.#state = transition.state;
    for (const event of transition.events) this.#publish(event);
    for (const effect of transition.effects) this.#carryOut(effect);
    // What has not become an answer by now will not become one.
    if (fact.type === "decided" || fact.type === "presented") this.#outfit?.settle(fact.turnId, undefined);
  }

  /** A rule or a text of the caller's that throws ends the run. */
  #transition(input: CoreInput): Transition {
    try {
      return step(this.#state, input);
    } catch (error) {
      return step(this.#state, { type: "broken", error: this.#breakage(error), time: input.time });
    }
  }

  /** Adds to the core's events what only the driver knows. */
  #publish(event: CoordinationEventBody): void {
    switch (event.type) {
      case "turn-interrupt": {
        const turn = this.#turn(event.turnId);
        turn?.abort(event.reason);
        event.partialText = turn?.partialText() ?? "";
        event.usage = turn?.usage() ?? event.usage;
        this.ledger.waste(event.turnId);
        break;
      }
      case "turn-error":
        this.ledger.waste(event.turnId);
        event.usage = this.#turn(event.turnId)?.usage() ?? event.usage;
        break;
      case "answer":
        this.#outfit?.settle(event.turnId, event.label);
        break;
      case "turn-finish":
        if (event.outcome === "presented") this.#outfit?.settle(event.turnId, this.#turn(event.turnId)?.order.candidate?.label);
        event.usage = this.#turn(event.turnId)?.usage() ?? event.usage;
        break;
      case "run-finish":
      case "run-error":
      case "run-abort":
        event.usage = this.ledger.total;
        if (this.#outfit !== undefined) {
          void this.#conclude(event, this.#outfit);
          return;
        }
        break;
    }
    this.#log.append(event);
  }

  /** What may come when the run is over: a listener of the event before may have ended it. */
  #tell(event: CoordinationEventBody): void {
    if (!this.#log.closed) this.#publish(event);
  }

  /** The last event says that everything is closed. Never rejects. */
  async #conclude(event: Extract<CoordinationEventBody, { usage: Usage }>, outfit: Outfit): Promise<void> {
    await outfit.close(event.type === "run-finish" ? { agentId: event.winner, label: event.label } : undefined);
    this.#log.append(event);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case "start-turn":
        return this.#startTurn(effect.turn);
      case "interrupt-turn":
        this.#forget(effect.turnId);
        return this.feed({ type: "turn-stopped", turnId: effect.turnId });
      case "end-turn":
        this.#turn(effect.turnId)?.reply({ type: "end" });
        return this.#forget(effect.turnId);
      case "continue-turn":
        return this.#guard(effect.turnId, (turn) => {
          // News that come with the reply are newer than any that still wait.
          if (effect.update !== undefined) {
            turn.update = undefined;
            turn.tell(effect.update);
          }
          turn.reply(this.#brief.verdict(effect, turn));
        });
      case "update-turn":
        return this.#guard(effect.turnId, (turn) => {
          turn.update = this.#brief.update(effect.order);
        });
      case "set-timer":
        return this.#setTimer(effect.timer, effect.ms);
      case "clear-timer":
        return this.#clock.clearTimer(effect.timer);
    }
  }

  #setTimer(timer: string, ms: number): void {
    this.#clock.setTimer(ms, () => this.feed({ type: "timer", timer }), timer);
  }

  #turn(turnId: string): LiveTurn | undefined {
    return this.#turns.find((turn) => turn.order.turnId === turnId);
  }

  #forget(turnId: string): void {
    this.#turns = this.#turns.filter((turn) => turn.order.turnId !== turnId);
  }

  /** A prompt that throws ends the run with that error instead of leaving it hanging. */
  #guard(turnId: string, act: (turn: LiveTurn) => void): void {
    const turn = this.#turn(turnId);
    if (turn === undefined) return;
    try {
      act(turn);
    } catch (error) {
      this.feed({ type: "broken", error: this.#breakage(error) });
    }
  }

  #startTurn(order: TurnOrder): void {
    const { turnId, agent } = order;
    const live = new LiveTurn(this, order, this.#options.agents[agent]!.id, limitsSteps(this.#options.budget));
    this.#turns = this.#turns.concat(live);
    this.#guard(turnId, () => {
      const request = this.#brief.request(order, live);
      live.toolless = request.tools.length === 0;
      live.check = this.#brief.toolkits?.check(agent, live.seen);
      live.run = startTurn(request, live);
      live.run.done.catch((error: unknown) => {
        this.feed({ type: "turn-failed", turnId, error: errorInfo(error) });
        this.#forget(turnId);
      });
    });
  }

  restate(live: LiveTurn, order: TurnOrder, signal: AbortSignal): Promise<UserMessage | undefined> {
    return this.#brief.restate(order, live, signal);
  }

  news(live: LiveTurn, note: string): string {
    return this.#brief.news(note, live);
  }

  keep(live: LiveTurn, point: DecisionPoint): Promise<string | undefined> | undefined {
    return this.#outfit?.keep(live, point, this.#state);
  }

  onStepEvent(live: LiveTurn, event: StepEvent): void {
    const { turnId, phase, attempt } = live.order;
    const { agentId } = live;
    const { runId } = this.#spec;
    const { epoch } = live;
    // Every delta passes here. On Node 20 an object that gains keys after a spread gets a hidden class of its own, thirty times as
    // dear: so the spread comes last, and the log's stamps have their places.
    const body = { runId, seq: 0, time: 0, agentId, turnId, phase, attempt, epoch, ...event } as CoordinationEvent;
    if (body.type === "text-delta" && phase === "present") body.delta = live.presentedDelta(body.delta);
    if (body.type === "compaction" && body.usage !== undefined) body.usd = this.ledger.priceOf(agentId, body.usage).usd;
    // Booked first: a listener may end the run at this very event.
    if (event.type === "step-finish") this.ledger.add(turnOf(live), event.usage, event.status === "ok");
    this.#log.append(body);
    if (event.type !== "step-finish") return;
    this.#tell(this.ledger.news(turnOf(live), epoch));
    for (const warning of this.#outfit?.watch?.warnings(agentId) ?? []) this.#tell(warning);
    if (phase === "present") live.stepEnded(event.status === "ok", event.finishReason === "pause");
    const { runSpent, agentSpent } = this.#spent(agentId);
    if (!runSpent && !agentSpent) return;
    live.spent = { run: runSpent, ...(agentSpent && { agentId }), ...(runSpent && this.#outfit?.watch?.excess(agentId)) };
    // A decision of this step is put at once and takes it along; without one it is told by itself.
    queueMicrotask(() => this.tellSpent(live));
  }

  tellSpent(live: LiveTurn): void {
    const { run, agentId, ...excess } = live.takeSpent() ?? { run: false };
    if (agentId !== undefined) this.feed({ type: "budget-spent", agentId });
    if (run) this.feed({ type: "budget-spent", ...excess });
  }

  /** Code of the caller's (a prompt, a rule, a budget check) threw. */
  #breakage(error: unknown): ErrorInfo {
    this.brokenBy ??= error;
    const info = errorInfo(error);
    return info.code === "unknown"
      ? { ...info, code: "option_threw", message: `A function given as an option threw: ${info.message}` }
      : info;
  }

  /** Asked before a step. `false`: the turn will be stopped, for a budget has no room left. */
  mayStart(live: LiveTurn, estimate: Usage): boolean | Promise<void> {
    const verdict = this.ledger.reserve(turnOf(live), estimate);
    if (verdict === "ok") return true;
    if (verdict === "wait") return this.ledger.settled();
    const { agentId } = live;
    this.feed({ type: "budget-spent", ...(verdict === "agent" ? { agentId } : this.#outfit?.watch?.excess(agentId, estimate)) });
    return false;
  }

  #spent(agentId: string): { runSpent: boolean; agentSpent: boolean } {
    try {
      return this.ledger.spent(agentId);
    } catch (error) {
      this.feed({ type: "broken", error: this.#breakage(error) });
      return { runSpent: false, agentSpent: false };
    }
  }

  /** Frees whatever the run still holds, once it is over. */
  dispose(): void {
    for (const turn of this.#turns) turn.abort("error");
    this.#turns = [];
    this.#clock.stop();
    this.#questions?.close();
  }
}

function turnOf({ agentId, order: { turnId, phase, attempt } }: LiveTurn): LedgerTurn {
  return { agentId, turnId, phase, attempt };
}
