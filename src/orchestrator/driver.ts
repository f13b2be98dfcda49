import { startTurn } from "../agent/turn.js";
import type { StepEvent, TurnHooks } from "../agent/types.js";
import { type ErrorInfo, errorInfo } from "../errors.js";
import { limitsSteps } from "../token-manager/budget.js";
import type { Usage } from "../token-manager/usage.js";
import { Briefing, type RunSpec } from "./briefing.js";
import { initialState, step } from "./core/step.js";
import type { CoreInput, CoreState, Effect, Transition, TurnOrder } from "./core/types.js";
import type { EventLog } from "./event-log/event-log.js";
import type { CoordinationEvent, CoordinationEventBody } from "./events.js";
import { InputDesk } from "./input-desk.js";
import { Ledger, type LedgerTurn } from "./ledger.js";
import { LiveTurn } from "./live-turn.js";
import type { ResolvedOptions } from "./options.js";

type Unstamped<T> = T extends unknown ? Omit<T, "time"> : never;
export type Fact = Unstamped<CoreInput>;

/**
 * Carries out the wishes of the core and feeds the facts back, one at a time. All I/O of a run hangs below this:
 * its turns, its timers and the questions to its caller.
 */
export class Driver {
  readonly ledger: Ledger;
  readonly desk: InputDesk;
  /** What code of the caller's threw and ended the run. */
  brokenBy: unknown;
  readonly #options: ResolvedOptions;
  readonly #spec: RunSpec;
  readonly #log: EventLog;
  readonly #brief: Briefing;
  readonly #turns = new Map<string, LiveTurn>();
  readonly #timers = new Map<string, () => void>();
  readonly #inbox: Fact[] = [];
  #busy = false;
  #state: CoreState;

  constructor(options: ResolvedOptions, spec: RunSpec, log: EventLog) {
    this.#options = options;
    this.#spec = spec;
    this.#log = log;
    this.#brief = new Briefing(options, spec);
    this.ledger = new Ledger(options);
    this.desk = new InputDesk(options.runtime, options.inputTimeoutMs, (event) => this.#publish(event));
    const agents = options.agents.map((agent, index) => ({
      agentId: agent.id,
      hasTools: this.#brief.tools(index, "draft").length > 0,
      stepBoundaries: agent.backend.capabilities.wholeAgent !== true,
    }));
    this.#state = initialState({ agents, ...options.core });
  }

  get state(): CoreState {
    return this.#state;
  }

  /** Starts the run; `early` is what its caller has asked for already. */
  start(early: Fact[]): void {
    const stopped = early.find((fact) => fact.type === "abort");
    this.#inbox.push(...(stopped === undefined ? [{ type: "start" } as const, ...early] : [stopped]));
    // What a listener of this first event asks for comes after the start.
    this.#busy = true;
    this.#log.append({
      type: "run-start",
      agents: this.#options.agents.map(({ id, backend }, i) => ({
        agentId: id,
        alias: `agent${i + 1}`,
        backend: backend.type,
        model: backend.model,
      })),
    });
    this.#busy = false;
    this.#work();
  }

  /** Hands a fact to the core. Facts that come up meanwhile wait their turn. */
  feed(fact: Fact): void {
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
    const time = this.#options.runtime.now();
    const transition = this.#transition({ ...fact, time } as CoreInput);
    this.#state = transition.state;
    for (const event of transition.events) this.#publish(event);
    for (const effect of transition.effects) this.#carryOut(effect);
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
        const turn = this.#turns.get(event.turnId);
        turn?.abort(event.reason);
        event.partialText = turn?.progress.partialText() ?? "";
        event.usage = turn?.progress.usage() ?? event.usage;
        this.ledger.waste(event.turnId);
        break;
      }
      case "turn-error":
        this.ledger.waste(event.turnId);
        event.usage = this.#turns.get(event.turnId)?.progress.usage() ?? event.usage;
        break;
      case "turn-finish":
        event.usage = this.#turns.get(event.turnId)?.progress.usage() ?? event.usage;
        break;
      case "run-finish":
      case "run-error":
      case "run-abort":
        event.usage = this.ledger.total;
        break;
    }
    this.#log.append(event);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case "start-turn":
        return this.#startTurn(effect.turn);
      case "interrupt-turn":
        this.#turns.delete(effect.turnId);
        return this.feed({ type: "turn-stopped", turnId: effect.turnId });
      case "end-turn":
        this.#turns.get(effect.turnId)?.reply({ type: "end" });
        this.#turns.delete(effect.turnId);
        return;
      case "continue-turn":
        return this.#guard(effect.turnId, (turn) => {
          // News that come with the reply are newer than any that still wait.
          if (effect.update !== undefined) {
            turn.update = undefined;
            turn.epoch = effect.update.epoch;
          }
          turn.reply(this.#brief.verdict(effect));
        });
      case "update-turn":
        return this.#guard(effect.turnId, (turn) => {
          turn.update = this.#brief.update(effect.order);
        });
      case "set-timer": {
        const cancel = this.#options.runtime.setTimer(effect.ms, () => {
          this.#timers.delete(effect.timer);
          this.feed({ type: "timer", timer: effect.timer });
        });
        this.#timers.set(effect.timer, cancel);
        return;
      }
      case "clear-timer":
        this.#timers.get(effect.timer)?.();
        this.#timers.delete(effect.timer);
    }
  }

  /** A prompt that throws ends the run with that error instead of leaving it hanging. */
  #guard(turnId: string, act: (turn: LiveTurn) => void): void {
    const turn = this.#turns.get(turnId);
    if (turn === undefined) return;
    try {
      act(turn);
    } catch (error) {
      this.feed({ type: "broken", error: this.#breakage(error) });
    }
  }

  #startTurn(order: TurnOrder): void {
    const live = new LiveTurn(order, this.#options.agents[order.agent]!.id);
    this.#turns.set(order.turnId, live);
    this.#guard(order.turnId, () => {
      const { progress, done } = startTurn(this.#brief.request(order, live.signal), this.#hooks(live));
      live.progress = progress;
      done.then(
        () => undefined,
        (error) => {
          this.feed({ type: "turn-failed", turnId: order.turnId, error: errorInfo(error) });
          this.#turns.delete(order.turnId);
        },
      );
    });
  }

  #hooks(live: LiveTurn): TurnHooks {
    const { turnId, phase } = live.order;
    return {
      emit: (event) => this.#onStepEvent(live, event),
      ...(limitsSteps(this.#options.budget) && { mayStart: (estimate) => this.#mayStart(live, estimate) }),
      writing: (on) => this.feed({ type: "writing", turnId, on }),
      worked: () => this.feed({ type: "worked", turnId }),
      decide: ({ calls, text, worked, finishReason }) =>
        live.ask(() => {
          if (phase !== "present" || calls.length > 0) {
            const spent = live.takeSpent();
            const cut = finishReason === "length";
            return this.feed({ type: "decided", turnId, calls, text, cut, worked, ...(spent !== undefined && { spent }) });
          }
          const alone = live.order.candidate?.alone === true;
          const withheld = !alone && (finishReason === "refusal" || finishReason === "content-filter");
          this.feed({ type: "presented", turnId, text: withheld ? "" : live.presented() });
        }),
      takeUpdate: () => {
        const update = live.update;
        if (update === undefined) return undefined;
        live.update = undefined;
        live.epoch = update.epoch;
        this.feed({ type: "updated", turnId, setVersion: update.setVersion });
        return update;
      },
      external: (calls, signal) =>
        this.desk.ask({ agentId: live.agentId, turnId, phase, attempt: live.order.attempt, epoch: live.epoch }, calls, signal),
    };
  }

  #onStepEvent(live: LiveTurn, event: StepEvent): void {
    const { turnId, phase, attempt } = live.order;
    const { agentId } = live;
    const { runId } = this.#spec;
    const { epoch } = live;
    // Every delta passes here. On Node 20 an object that gains keys after a spread gets a hidden class of its own, thirty times as
    // dear: so the spread comes last, and the log's stamps have their places.
    const body = { runId, seq: 0, time: 0, agentId, turnId, phase, attempt, epoch, ...event } as CoordinationEvent;
    if (body.type === "text-delta" && phase === "present") body.delta = live.addPresented(body.delta);
    // Booked first: a listener may end the run at this very event.
    if (event.type === "step-finish") this.ledger.add(turnOf(live), event.usage, event.status === "ok");
    this.#log.append(body);
    if (event.type !== "step-finish") return;
    if (phase === "present") live.stepEnded(event.status === "ok", event.finishReason === "pause");
    const { runSpent, agentSpent } = this.#spent(agentId);
    if (!runSpent && !agentSpent) return;
    live.spent = { run: runSpent, ...(agentSpent && { agentId }) };
    // A decision of this step is put at once and takes it along; without one it is told by itself.
    queueMicrotask(() => {
      const { run, agentId: spender } = live.takeSpent() ?? { run: false };
      if (spender !== undefined) this.feed({ type: "budget-spent", agentId: spender });
      if (run) this.feed({ type: "budget-spent" });
    });
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
  #mayStart(live: LiveTurn, estimate: Usage): boolean | Promise<void> {
    const verdict = this.ledger.reserve(turnOf(live), estimate);
    if (verdict === "ok") return true;
    if (verdict === "wait") return this.ledger.settled();
    this.feed({ type: "budget-spent", ...(verdict === "agent" && { agentId: live.agentId }) });
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
    for (const turn of this.#turns.values()) turn.abort("error");
    this.#turns.clear();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.desk.close();
  }
}

function turnOf({ agentId, order: { turnId, phase, attempt } }: LiveTurn): LedgerTurn {
  return { agentId, turnId, phase, attempt };
}
