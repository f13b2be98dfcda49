import { emptyView, fold, type RunView, viewOf } from "../../src/orchestrator/core/fold.js";
import type { CoreConfig, CoreState } from "../../src/orchestrator/core/types.js";
import type { CoordinationEventBody } from "../../src/orchestrator/events.js";
import { check, InvariantError, type Seen } from "./check.js";
import { Clocks } from "./clocks.js";
import { Recount } from "./recount.js";
import { TurnRules } from "./turn-rules.js";

/**
 * How many turns a run can take at most, from its caps alone. Per attempt and agent: drafts and failures, and in every
 * epoch and ballot one turn, one more after a stale decision; then one presentation and one review.
 */
export function mostTurns(config: CoreConfig, ballots: number): number {
  const perAgent = 1 + config.maxAgentFailures + config.maxEpochs * (ballots + 1) * 2;
  return (1 + config.maxRestarts) * (config.agents.length * perAgent + 2);
}

/** Watches the decision events of one run, by what anybody outside can know, and complains at the first that cannot be. */
export class Watcher {
  view: RunView = emptyView();
  terminals = 0;
  turns = 0;
  /** Labels each turn has really been shown. */
  readonly shown = new Map<string, string[]>();
  /** The last review that sent the run back. */
  restart: Seen<"run-restart"> | undefined;
  readonly recount: Recount;
  readonly rules: TurnRules;
  readonly clocks: Clocks;
  readonly #config: CoreConfig;
  readonly #labels = new Set<string>();
  readonly #answers = new Map<string, number>();
  #openers: string[] = [];
  #voteOnly = false;
  #ballots: number;

  /** `exact`: `settled` is called after every step of the core, not only when time has moved on. */
  constructor(config: CoreConfig, { ballots = 1, start = 0, exact = false } = {}) {
    this.#config = config;
    this.#ballots = ballots;
    this.recount = new Recount(config);
    this.rules = new TurnRules(config, this.recount);
    this.clocks = new Clocks(config, this.recount, start, exact);
    this.view = fold(this.view, {
      type: "run-start",
      input: { text: "", messages: 1 },
      agents: config.agents.map(({ agentId }, i) => ({ agentId, alias: `agent${i + 1}`, backend: "", model: "" })),
    });
  }

  get currentLabels(): string[] {
    return Object.values(this.view.agents).flatMap((agent) => agent.answer ?? []);
  }

  see(event: CoordinationEventBody, time: number): void {
    check(this.terminals === 0, `an event after the end: ${event.type}`);
    const before = this.view;
    this.clocks.see(event, before, time);
    this.rules.see(event, before);
    this.recount.see(event, before);
    this.view = fold(before, event);
    switch (event.type) {
      case "turn-start":
        this.turns++;
        check(this.turns <= mostTurns(this.#config, this.#ballots), "more turns than the caps allow");
        check(before.agents[event.agentId]!.turn === null, "two turns of one agent at once");
        check(before.agents[event.agentId]!.out === null, "a turn of an agent that is out");
        check(event.phase !== "draft" || event.labels.length === 0, "a draft saw a peer's answer");
        check(event.phase !== "evaluate" || before.agents[event.agentId]!.answer !== null, "an evaluation without a draft");
        this.shown.set(event.turnId, event.labels);
        break;
      case "turn-update":
        check(event.phase === "evaluate", "an update for a turn that does not evaluate");
        break;
      case "answer": {
        check(event.content.trim() !== "", "a blank answer");
        check(!this.#labels.has(event.label), "a label given twice");
        check(event.label === `${this.#alias(event.agentId)}.${this.#version(event.agentId)}`, `a wrong label: ${event.label}`);
        check(event.phase !== "evaluate" || !this.#openers.includes(event.agentId), "an opener answered in its epoch");
        check(event.phase !== "evaluate" || !this.#voteOnly, "an answer in a vote-only epoch");
        this.#labels.add(event.label);
        break;
      }
      case "vote":
        check(sameLabels(this.shown.get(event.turnId)!, this.currentLabels), "a counted vote that did not see exactly the current set");
        check(this.currentLabels.includes(event.label), "a vote for an answer that is not current");
        break;
      case "epoch-start":
        check(event.epoch === before.epoch + 1 && event.epoch <= this.#config.maxEpochs, "epochs out of order");
        check(sameLabels(event.labels, this.currentLabels), "an epoch with the wrong answers");
        check(
          Object.values(before.agents).every((agent) => agent.vote === null),
          "a vote survived into the next epoch",
        );
        this.#openers = event.openers;
        this.#voteOnly = event.voteOnly;
        break;
      case "consensus":
        check(event.rule === "earlier-attempt" || this.currentLabels.includes(event.label), "a winner without an answer");
        break;
      case "run-restart":
        this.restart = event;
        this.#answers.clear();
        this.#openers = [];
        this.#voteOnly = false;
        break;
      case "run-finish":
      case "run-error":
      case "run-abort":
        this.terminals++;
        check(
          Object.values(this.view.agents).every((agent) => agent.turn === null),
          "a turn still running at the end",
        );
        check(event.type !== "run-finish" || event.text.trim() !== "", "finished without a text");
    }
    if (event.type === "answer") this.#countAnswer(event.agentId);
  }

  /** The core has come to rest. */
  settled(time: number): void {
    if (this.terminals > 0) return;
    this.clocks.settled(this.view, time);
    this.recount.settled(this.view);
  }

  matches(state: CoreState): void {
    const expected = viewOf(state, this.view.outcome);
    if (!sameView(expected, this.view)) {
      throw new InvariantError(`folding the events does not give the state:\n${JSON.stringify(this.view)}\n${JSON.stringify(expected)}`);
    }
  }

  #alias(agentId: string): string {
    return `agent${this.#config.agents.findIndex((agent) => agent.agentId === agentId) + 1}`;
  }

  #version(agentId: string): number {
    const alias = this.#alias(agentId);
    let count = 1;
    for (const label of this.#labels) if (label.startsWith(`${alias}.`)) count++;
    return count;
  }

  #countAnswer(agentId: string): void {
    const count = (this.#answers.get(agentId) ?? 0) + 1;
    this.#answers.set(agentId, count);
    check(count <= this.#config.maxAnswersPerAgent, "more answers than allowed");
  }
}

function sameLabels(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((label) => b.includes(label));
}

function sameView(a: RunView, b: RunView): boolean {
  if (a.attempt !== b.attempt || a.epoch !== b.epoch || a.winner !== b.winner || a.outcome !== b.outcome) return false;
  for (const id in a.agents) {
    const left = a.agents[id]!;
    const right = b.agents[id];
    if (right === undefined) return false;
    for (const key in left) if (left[key as keyof typeof left] !== right[key as keyof typeof right]) return false;
  }
  return Object.keys(a.agents).length === Object.keys(b.agents).length;
}
