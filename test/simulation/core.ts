import type { ErrorInfo } from "../../src/errors.js";
import { initialState, step } from "../../src/orchestrator/core/step.js";
import type { CoreConfig, CoreInput, CoreState, Effect, Offer, Spent, Turn, TurnOrder } from "../../src/orchestrator/core/types.js";
import type { CoordinationEventBody, RejectionCode } from "../../src/orchestrator/events.js";
import { check, InvariantError } from "./check.js";
import { Watcher } from "./invariants.js";
import { type Manners, Models, randomManners } from "./models.js";
import { Random } from "./random.js";
import { ballotsOf, randomConfig } from "./random-config.js";

type TurnFact = Extract<CoreInput, { turnId: string }>;
type Unstamped<T> = T extends unknown ? Omit<T, "time"> : never;
type Fact = Unstamped<CoreInput>;

/** What a turn can do to the core, as the simulated world plays it. */
interface SimTurn {
  turnId: string;
  phase: TurnOrder["phase"];
  agent: number;
  offer: Offer;
  /** Labels the model has really read. */
  shown: string[];
  pendingUpdate: TurnOrder | undefined;
  worked: boolean;
  over: boolean;
  /** A decision is out and has no reply yet. */
  waiting: boolean;
  /** Its last decision was one it had been offered. */
  honest: boolean;
  steps: number;
}

export interface SimulationResult {
  events: CoordinationEventBody[];
  steps: number;
  turns: number;
  time: number;
  outcome: string;
}

const HANG_MS = 600_000;
const EXCEEDED: ErrorInfo = { name: "MassGenError", code: "budget_exceeded", message: "The budget is spent." };
const NEVER_OFFERED: RejectionCode[] = ["unknown-alias", "self-vote", "not-offered", "two-decisions", "invalid-input"];

/** Runs the bare core once against a random world. Throws an `InvariantError` when something cannot be. */
export function simulateCore(seed: number): SimulationResult {
  return new World(seed).run();
}

class World {
  readonly #seed: number;
  readonly #random: Random;
  readonly #config: CoreConfig;
  readonly #manners: Manners;
  readonly #models: Models;
  readonly #watcher: Watcher;
  readonly #turns = new Map<string, SimTurn>();
  /** Timers that are set, each with a number of its own: one that is cleared may be set again. */
  readonly #timers = new Map<string, number>();
  readonly #queue: { at: number; order: number; run: () => Fact | undefined }[] = [];
  readonly #events: CoordinationEventBody[] = [];
  #state: CoreState;
  #budgetSpent = false;
  #time = 1_000_000;
  #order = 0;
  #steps = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#config = randomConfig(this.#random);
    this.#manners = randomManners(this.#random);
    this.#models = new Models(this.#random, this.#manners);
    this.#watcher = new Watcher(this.#config, { ballots: ballotsOf(this.#config.rule), start: this.#time, exact: true });
    this.#state = initialState(this.#config);
  }

  run(): SimulationResult {
    try {
      this.#feed({ type: "start" });
      while (this.#state.stage !== "ended") {
        check(this.#queue.length > 0, "nothing runs, nothing is pending, and the run has not ended");
        this.#next();
        check(this.#steps < 20_000, "the run does not come to an end");
      }
      check(this.#watcher.terminals === 1, "not exactly one terminal event");
      check(this.#state.timers.length === 0, "a timer is left");
      for (const turn of this.#turns.values()) check(turn.over, `turn ${turn.turnId} still runs`);
      // Whatever comes after the end is not heard.
      const after = step(this.#state, { type: "timer", timer: "deadline", time: this.#time });
      check(after.events.length === 0 && after.effects.length === 0, "something happened after the end");
    } catch (error) {
      if (error instanceof InvariantError) error.message = `seed ${this.#seed}: ${error.message}`;
      throw error;
    }
    const outcome = this.#watcher.view.outcome;
    return { events: this.#events, steps: this.#steps, turns: this.#watcher.turns, time: this.#time, outcome };
  }

  #next(): void {
    let first = 0;
    for (let i = 1; i < this.#queue.length; i++) {
      const a = this.#queue[i]!;
      const b = this.#queue[first]!;
      if (a.at < b.at || (a.at === b.at && a.order < b.order)) first = i;
    }
    const [entry] = this.#queue.splice(first, 1);
    this.#time = Math.max(this.#time, entry!.at);
    if (this.#random.chance(this.#manners.caller)) this.#callerActs();
    const fact = entry!.run();
    if (fact !== undefined) this.#feed(fact);
  }

  #callerActs(): void {
    const random = this.#random;
    const agentId = random.pick(this.#config.agents).agentId;
    this.#feed(
      random.pick<Fact>([
        { type: "finish" },
        { type: "abort", reason: "test" },
        { type: "budget-spent" },
        { type: "budget-spent", agentId },
        { type: "budget-spent", error: EXCEEDED },
      ]),
    );
  }

  #feed(fact: Fact): void {
    const facts: Fact[] = [fact];
    for (let next = facts.shift(); next !== undefined; next = facts.shift()) {
      if (this.#state.stage === "ended") return;
      this.#steps++;
      this.#tell(next);
      const { state, events, effects } = step(this.#state, { ...next, time: this.#time } as CoreInput);
      this.#state = state;
      for (const event of events) {
        this.#events.push(event);
        this.#watcher.see(event, this.#time);
        if (event.type === "turn-start") check(!this.#budgetSpent, "a turn starts though the budget is spent");
        if (event.type === "turn-update") check(sends(effects, event.turnId), "news are announced but not sent");
        if (event.type === "decision-rejected" && NEVER_OFFERED.includes(event.code)) {
          check(!this.#turns.get(event.turnId)!.honest, `a decision that was offered is rejected as ${event.code}`);
        }
      }
      this.#watcher.matches(state);
      this.#checkBudget(next);
      this.#watcher.settled(this.#time);
      for (const effect of effects) facts.push(...this.#carryOut(effect));
    }
    this.#watcher.clocks.atRest(this.#watcher.view);
    for (const { turn } of this.#state.agents) if (turn?.phase === "evaluate") this.#checkReading(turn);
  }

  /** A decision is judged against what the model has really read. */
  #checkReading({ turnId, seen }: Turn): void {
    const { shown } = this.#turns.get(turnId)!;
    check(seen.join() === shown.join(), "a turn has read other answers than the core believes");
  }

  /** Whose budget is spent has no turn any more. */
  #checkBudget(fact: Fact): void {
    const { run, agentId, error } = spentBy(fact);
    if (run) this.#budgetSpent = true;
    if (error !== undefined) {
      check(this.#state.stage === "ended", "the run goes on, though a spent budget aborts it");
      const last = this.#events.at(-1)!;
      const done = fact.type === "decided" && last.type === "run-finish"; // by that very decision
      check(done || (last.type === "run-error" && last.error === error), "a spent budget did not abort the run");
    }
    const { agents } = this.#watcher.view;
    if (this.#budgetSpent) for (const id in agents) check(agents[id]!.turn === null, "a turn goes on beyond the budget");
    if (agentId !== undefined) check(agents[agentId]!.turn === null, "a turn goes on beyond its agent's budget");
  }

  #later(ms: number, run: () => Fact | undefined): void {
    this.#queue.push({ at: this.#time + ms, order: this.#order++, run });
  }

  #setTimer(timer: string, ms: number): void {
    const id = this.#order;
    this.#timers.set(timer, id);
    this.#later(ms, () => {
      const current = this.#timers.get(timer);
      if (current === id) this.#timers.delete(timer);
      // A timer that fires although it was cleared must do no harm either.
      else if (current !== undefined || !this.#random.chance(0.1)) return undefined;
      return { type: "timer", timer };
    });
  }

  /** What the watcher cannot know from events. */
  #tell(fact: Fact): void {
    const { rules, clocks } = this.#watcher;
    if (fact.type === "worked") rules.worked.add(fact.turnId);
    if (fact.type === "writing" && fact.on) clocks.writing.add(fact.turnId);
    else if (fact.type === "writing" || fact.type === "decided") clocks.writing.delete(fact.turnId);
  }

  #carryOut(effect: Effect): Fact[] {
    switch (effect.type) {
      case "set-timer":
        check(!this.#timers.has(effect.timer), `timer ${effect.timer} set twice`);
        this.#setTimer(effect.timer, effect.ms);
        return [];
      case "clear-timer":
        check(this.#timers.delete(effect.timer), `timer ${effect.timer} cleared but not set`);
        return [];
      case "start-turn":
        this.#startTurn(effect.turn);
        return [];
      case "interrupt-turn": {
        const turn = this.#live(effect.turnId);
        turn.over = true;
        // A backend that ignores its signal goes on talking, before and after the turn has been stopped.
        const late = this.#random.chance(0.3) ? this.#decision(turn) : undefined;
        if (this.#random.chance(0.3)) this.#later(this.#latency(), () => this.#decision(turn));
        return [...(late === undefined ? [] : [late]), { type: "turn-stopped", turnId: effect.turnId }];
      }
      case "end-turn":
        this.#live(effect.turnId).over = true;
        return [];
      case "update-turn": {
        const turn = this.#live(effect.turnId);
        check(turn.phase === "evaluate", "an update for a draft");
        turn.pendingUpdate = effect.order;
        return [];
      }
      case "continue-turn": {
        const turn = this.#live(effect.turnId);
        check(turn.waiting, "a reply nobody waits for");
        turn.waiting = false;
        turn.offer = effect.offer;
        check(effect.update !== undefined || !this.#watcher.rules.wasStale(turn.turnId), "a stale decision is answered without the news");
        if (effect.update !== undefined) {
          check(turn.phase === "evaluate", "an update for a draft");
          turn.pendingUpdate = undefined;
          this.#show(turn, effect.update);
        }
        this.#scheduleStep(turn);
        return [];
      }
    }
  }

  #live(turnId: string): SimTurn {
    const turn = this.#turns.get(turnId);
    check(turn !== undefined && !turn.over, `a wish for a turn that does not run: ${turnId}`);
    return turn;
  }

  #show(turn: SimTurn, order: TurnOrder): void {
    turn.shown = order.answers.map((answer) => answer.label);
    turn.offer = order.offer;
    this.#watcher.shown.set(turn.turnId, turn.shown);
    if (order.answers.some((answer) => answer.agent === turn.agent)) {
      check(order.answers.at(-1)!.agent === turn.agent, "a reader's own answer is not the last");
    }
  }

  #startTurn(order: TurnOrder): void {
    check(order.phase !== "draft" || order.answers.length === 0, "a draft is given peers' answers");
    const { restart } = this.#watcher;
    check(order.rejected?.feedback === restart?.feedback, "a turn is not given the feedback of the review");
    const { turnId, phase, agent, offer } = order;
    const turn: SimTurn = {
      turnId,
      phase,
      agent,
      offer,
      shown: [],
      pendingUpdate: undefined,
      worked: false,
      over: false,
      waiting: false,
      honest: true,
      steps: 0,
    };
    this.#turns.set(turnId, turn);
    this.#show(turn, order);
    this.#scheduleStep(turn);
  }

  #latency(): number {
    return Math.floor(this.#random.next() ** 2 * this.#manners.slowest);
  }

  #scheduleStep(turn: SimTurn): void {
    const random = this.#random;
    turn.steps++;
    if (random.chance(this.#manners.hangs)) {
      this.#later(HANG_MS, () => (turn.over ? undefined : failed(turn, "timeout")));
      return;
    }
    if (random.chance(this.#manners.works) && turn.steps < 8) {
      this.#later(this.#latency(), () => this.#toolStep(turn));
      return;
    }
    const ms = this.#latency();
    if (turn.offer.newAnswer && random.chance(0.5)) {
      this.#later(Math.floor(ms / 2), () => (turn.over ? undefined : { type: "writing", turnId: turn.turnId, on: true }));
    }
    this.#later(ms, () => this.#decision(turn));
  }

  #toolStep(turn: SimTurn): Fact | undefined {
    if (turn.over) return undefined;
    turn.worked = true;
    this.#later(0, () => {
      if (turn.over) return undefined;
      const update = turn.pendingUpdate;
      turn.pendingUpdate = undefined;
      if (update !== undefined) this.#show(turn, update);
      this.#scheduleStep(turn);
      return update && { type: "updated", turnId: turn.turnId, setVersion: update.setVersion };
    });
    return { type: "worked", turnId: turn.turnId };
  }

  #decision(turn: SimTurn): Fact | undefined {
    const random = this.#random;
    const m = this.#manners;
    if (turn.waiting) return undefined;
    if (random.chance(m.fails)) {
      if (!turn.over) turn.over = true;
      return failed(turn, random.chance(m.fatal) ? "authentication" : "server_error");
    }
    if (turn.phase === "present") {
      const text = random.chance(m.wrong) ? random.pick(["", "  \n"]) : this.#models.text();
      if (!turn.over) turn.waiting = true;
      return { type: "presented", turnId: turn.turnId, text };
    }
    if (!turn.over) turn.waiting = true;
    turn.honest = !random.chance(m.wrong);
    const { calls, text } = turn.honest ? this.#models.right(turn) : this.#models.wrong(turn);
    const agentId = this.#config.agents[turn.agent]!.agentId;
    const spent = random.chance(m.caller)
      ? { spent: random.pick([{ run: true }, { run: false, agentId }, { run: true, error: EXCEEDED }]) }
      : {};
    return { type: "decided", turnId: turn.turnId, calls, text, worked: turn.worked, ...spent };
  }
}

/** Which budgets are spent with the fact. */
function spentBy(fact: Fact): Spent {
  if (fact.type === "decided") return fact.spent ?? { run: false };
  return fact.type === "budget-spent" ? { run: fact.agentId === undefined, ...fact } : { run: false };
}

/** Whether the effects send the current answers to the turn. */
function sends(effects: Effect[], turnId: string): boolean {
  return effects.some(
    (effect) =>
      (effect.type === "update-turn" && effect.turnId === turnId) ||
      (effect.type === "continue-turn" && effect.turnId === turnId && effect.update !== undefined),
  );
}

function failed(turn: SimTurn, code: string): TurnFact & Fact {
  turn.over = true;
  const error = { name: "BackendError", code, message: code, retryable: code !== "authentication" };
  return { type: "turn-failed", turnId: turn.turnId, error } as TurnFact & Fact;
}
