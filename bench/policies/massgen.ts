import { initialState, step } from "../../src/orchestrator/core/step.js";
import type { CoreConfig, CoreInput, CoreState, Effect, TurnOrder, WorkflowCall } from "../../src/orchestrator/core/types.js";
import { aliasOf } from "../../src/orchestrator/core/types.js";
import type { CoordinationEventBody } from "../../src/orchestrator/events.js";
import { plurality } from "../../src/orchestrator/voting/rule.js";
import { type Behaviour, MODEL, Player, type SimAnswer, type StepPlan } from "./behaviour.js";
import { SimClock } from "./clock.js";
import { Meter, type Outcome } from "./meter.js";

/** The options the sweep varies. */
export type Options = Pick<CoreConfig, "peerAnswers" | "maxEpochs" | "maxAnswersPerAgent" | "voteGraceMs" | "draftGraceMs" | "coalesceMs">;

/** The library's defaults. */
export const DEFAULTS: Options = {
  peerAnswers: "auto",
  maxEpochs: 4,
  maxAnswersPerAgent: 3,
  voteGraceMs: 60_000,
  draftGraceMs: 60_000,
  coalesceMs: 20_000,
};

type Unstamped<T> = T extends unknown ? Omit<T, "time"> : never;
type Fact = Unstamped<CoreInput>;

interface SimTurn {
  order: TurnOrder;
  startedAt: number;
  /** Tool steps still to come. */
  toolSteps: number;
  worked: boolean;
  /** Tokens that its own earlier steps added to the conversation. */
  conversation: number;
  /** Tokens it has been charged. */
  spent: number;
  update: TurnOrder | undefined;
  live: { plan: StepPlan; startedAt: number; cancel: (() => void)[] } | undefined;
}

/** Plays one run on the real coordination core under simulated time. The same arguments give the same outcome. */
export function simulateMassgen(count: number, options: Options, behaviour: Behaviour, seed: number): Outcome {
  return new World(count, options, behaviour, seed).run();
}

function coreConfig(count: number, options: Options): CoreConfig {
  return {
    ...options,
    // `no_work` is left out of the model: its agents always do the work.
    agents: Array.from({ length: count }, (_, i) => ({ agentId: aliasOf(i), hasTools: false, stepBoundaries: true })),
    draftQuorum: count === 2 ? 1 : Math.floor(count / 2) + 1,
    selfVote: "discount",
    answerNovelty: "lenient",
    maxDecisionRetries: 2,
    maxAgentFailures: 3,
    maxAnswerTokens: 100_000,
    maxRestarts: 0,
    timeoutMs: MODEL.deadlineMs,
    retryBackoffMs: 1_000,
    // Presenting is one more call under every policy; the table ends at consensus.
    presentation: "reuse",
    rule: plurality,
    rejectionText: () => "",
  };
}

class World {
  readonly #clock = new SimClock();
  readonly #meter = new Meter();
  readonly #players: Player[];
  readonly #turns = new Map<string, SimTurn>();
  readonly #timers = new Map<string, () => void>();
  readonly #answers: SimAnswer[] = [];
  readonly #inbox: Fact[] = [];
  #busy = false;
  #state: CoreState;
  #outcome: Pick<Outcome, "ms" | "level" | "deadline" | "voteOnly"> = { ms: 0, level: 0, deadline: false, voteOnly: false };
  #accepted = 0;
  #drafts = 0;
  #cutOff = 0;
  #late = 0;

  constructor(count: number, options: Options, behaviour: Behaviour, seed: number) {
    this.#players = Array.from({ length: count }, (_, agent) => new Player(behaviour, seed, agent, count));
    this.#state = initialState(coreConfig(count, options));
  }

  run(): Outcome {
    this.#feed({ type: "start" });
    this.#clock.runUntil(() => this.#state.stage === "ended");
    const { calls, tokens, wasted } = this.#meter;
    const counts = { answers: this.#accepted, drafts: this.#drafts, cutOff: this.#cutOff, late: this.#late };
    return { ...this.#outcome, calls, tokens, wasted, ...counts };
  }

  #feed(fact: Fact): void {
    this.#inbox.push(fact);
    if (this.#busy) return;
    this.#busy = true;
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
      const { state, events, effects } = step(this.#state, { ...next, time: this.#clock.now } as CoreInput);
      this.#state = state;
      for (const event of events) this.#see(event);
      for (const effect of effects) this.#carryOut(effect);
    }
    this.#busy = false;
  }

  #see(event: CoordinationEventBody): void {
    switch (event.type) {
      case "answer":
        this.#accepted++;
        if (event.phase === "draft") this.#drafts++;
        return;
      case "agent-out":
        if (event.reason === "late") this.#late++;
        return;
      case "turn-interrupt":
        if (event.reason === "vote-grace") this.#cutOff++;
        return this.#finishTurn(event.turnId, true);
      case "turn-error":
        return this.#finishTurn(event.turnId, true);
      case "turn-finish":
        return this.#finishTurn(event.turnId, event.outcome !== "answer" && event.outcome !== "vote");
      case "consensus": {
        const winner = this.#state.agents.find(({ answer }) => answer?.label === event.label)?.answer;
        this.#outcome = {
          ms: this.#clock.now,
          level: winner == null ? 0 : this.#read(winner.content).level,
          deadline: event.reason === "deadline",
          voteOnly: event.epoch >= this.#state.config.maxEpochs,
        };
        return;
      }
      case "run-error":
        // Everybody failed before anything was drafted: no better than a deadline.
        this.#outcome = { ms: this.#clock.now, level: 0, deadline: true, voteOnly: false };
    }
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case "set-timer":
        this.#timers.set(
          effect.timer,
          this.#clock.after(effect.ms, () => this.#feed({ type: "timer", timer: effect.timer })),
        );
        return;
      case "clear-timer":
        this.#timers.get(effect.timer)?.();
        return;
      case "start-turn": {
        const turn: SimTurn = {
          order: effect.turn,
          startedAt: this.#clock.now,
          toolSteps: this.#players[effect.turn.agent]!.toolSteps(),
          worked: false,
          conversation: 0,
          spent: 0,
          update: undefined,
          live: undefined,
        };
        this.#turns.set(effect.turn.turnId, turn);
        return this.#startStep(turn);
      }
      case "interrupt-turn":
        return this.#feed({ type: "turn-stopped", turnId: effect.turnId });
      case "update-turn":
        this.#turns.get(effect.turnId)!.update = effect.order;
        return;
      case "continue-turn": {
        const turn = this.#turns.get(effect.turnId)!;
        turn.order = effect.update ?? { ...turn.order, offer: effect.offer };
        turn.update = undefined;
        return this.#startStep(turn);
      }
      case "end-turn":
    }
  }

  // ---- the turns

  #startStep(turn: SimTurn): void {
    const { order } = turn;
    const seen = order.answers.map(({ content }) => this.#read(content));
    const usesTool = turn.toolSteps > 0;
    const plan = this.#players[order.agent]!.plan(seen, order.offer.newAnswer, usesTool, turn.conversation);
    const cancel = [this.#clock.after(plan.ms, () => this.#endStep(turn, plan))];
    if (plan.writingAtMs !== undefined) {
      cancel.push(this.#clock.after(plan.writingAtMs, () => this.#feed({ type: "writing", turnId: order.turnId, on: true })));
    }
    turn.live = { plan, startedAt: this.#clock.now, cancel };
    this.#meter.begin();
  }

  #endStep(turn: SimTurn, plan: StepPlan): void {
    const { turnId } = turn.order;
    this.#charge(turn);
    if (plan.stalls) {
      if (this.#clock.now - turn.startedAt < MODEL.turnMs) return this.#startStep(turn);
      const error = { name: "BackendError", code: "timeout", message: "silent", retryable: true };
      return this.#feed({ type: "turn-failed", turnId, error });
    }
    turn.conversation += plan.outputTokens;
    if (plan.decision !== undefined) {
      const calls = [this.#call(plan)];
      return this.#feed(
        turn.order.phase === "present"
          ? { type: "presented", turnId, text: String((calls[0]!.input as { content: string }).content) }
          : { type: "decided", turnId, calls, text: "", worked: turn.worked },
      );
    }
    turn.toolSteps--;
    turn.worked = true;
    turn.conversation += MODEL.toolResultTokens;
    this.#feed({ type: "worked", turnId });
    const { update } = turn;
    if (update !== undefined) {
      turn.update = undefined;
      turn.order = update;
      this.#feed({ type: "updated", turnId, setVersion: update.setVersion });
    }
    if (this.#turns.has(turnId)) this.#startStep(turn);
  }

  #call({ decision }: StepPlan): WorkflowCall {
    if (decision!.type === "vote") {
      return { toolCallId: "c", toolName: "vote", input: { agent_id: aliasOf(decision!.target), reason: "" } };
    }
    const id = this.#answers.length;
    this.#answers.push({ ...decision!.answer, id });
    return { toolCallId: "c", toolName: "new_answer", input: { content: String(id), lacking: "depth" } };
  }

  #read(content: string): SimAnswer {
    return this.#answers[Number(content)]!;
  }

  #charge(turn: SimTurn): void {
    if (turn.live === undefined) return;
    const { plan, startedAt, cancel } = turn.live;
    turn.live = undefined;
    for (const stop of cancel) stop();
    turn.spent += this.#meter.end(plan, this.#clock.now - startedAt);
  }

  #finishTurn(turnId: string, wasted: boolean): void {
    const turn = this.#turns.get(turnId);
    if (turn === undefined) return;
    this.#turns.delete(turnId);
    this.#charge(turn);
    if (wasted) this.#meter.wasted += turn.spent;
  }
}
