import type { RunView } from "../../src/orchestrator/core/fold.js";
import type { CoreConfig } from "../../src/orchestrator/core/types.js";
import type { CoordinationEventBody } from "../../src/orchestrator/events.js";
import { check, type Seen } from "./check.js";

/** Numbers are agents, in registration order. */
interface Cast {
  voter: number;
  choices: number[];
}

interface Verdict {
  winner: number;
  scores: Map<number, number>;
  tied: boolean;
}

/** Up to so many possible endings of a vote are tried. */
const MAX_ENDINGS = 4096;

/** Counts answers, decisions and votes by itself, from the events alone, and holds the run to what comes out. */
export class Recount {
  readonly #config: CoreConfig;
  readonly #ids: Map<string, number>;
  readonly #answers = new Map<number, { label: string; order: number }>();
  readonly #votes = new Map<number, Cast>();
  readonly #decided = new Set<number>();
  #lastVotes: Cast[] = [];
  /** Authors of the answers that wait for the next epoch. */
  #authors: number[] = [];
  /** Agents that must be out before anything else happens. */
  #late = new Set<number>();
  #order = 0;
  #ballot = 1;
  #evaluating = false;
  #voteOnly = false;
  /** The event before was a void vote. */
  #voiding = false;
  consensus: Seen<"consensus"> | undefined;

  constructor(config: CoreConfig) {
    this.#config = config;
    this.#ids = new Map(config.agents.map(({ agentId }, index) => [agentId, index]));
  }

  get ballot(): number {
    return this.#ballot;
  }

  /** Answers have been accepted that have not taken effect. */
  get windowOpen(): boolean {
    return this.#authors.length > 0;
  }

  /** Standing agents that have drafted, and those of them that have not decided. */
  voters(view: RunView): { all: number; open: number[] } {
    let all = 0;
    const open: number[] = [];
    for (const index of this.#answers.keys()) {
      if (view.agents[this.#config.agents[index]!.agentId]!.out !== null) continue;
      all++;
      if (!this.#decided.has(index)) open.push(index);
    }
    return { all, open };
  }

  see(event: CoordinationEventBody, before: RunView): void {
    if (this.#late.size > 0 && !["agent-out", "step-finish", "turn-interrupt", "usage", "warning"].includes(event.type)) {
      check(false, `an agent that has not drafted is not out as late before ${event.type}`);
    }
    const voiding = this.#voiding;
    this.#voiding = event.type === "vote-void";
    switch (event.type) {
      case "answer": {
        const agent = this.#index(event.agentId);
        if (this.#evaluating) {
          check(!this.#authors.includes(agent), "two answers of one agent in a window");
          this.#authors.push(agent);
          this.#decided.add(agent);
        }
        this.#answers.set(agent, { label: event.label, order: this.#order++ });
        return;
      }
      case "vote": {
        const voter = this.#index(event.agentId);
        check(!this.windowOpen, "a vote was counted while answers wait to take effect");
        check(!this.#decided.has(voter), "an agent decided twice on one ballot");
        const choices = [event.label, ...(event.more ?? [])].map((label) => this.#authorOf(label));
        const forbidden = this.#config.selfVote === "forbid" && choices.includes(voter) && this.#answers.size > 1;
        check(!forbidden, "a vote for oneself that is forbidden");
        this.#votes.set(voter, { voter, choices });
        this.#decided.add(voter);
        return;
      }
      case "vote-void":
        if (event.reason === "no-majority") check(before.agents[event.agentId]!.out === null, "an agent that is out lost its vote");
        if (!voiding) this.#lastVotes = [...this.#votes.values()];
        if (!voiding && event.reason === "no-majority") this.#nextBallot();
        this.#votes.delete(this.#index(event.agentId));
        return;
      case "abstain":
        this.#decided.add(this.#index(event.agentId));
        return;
      case "turn-start":
        // Where all votes are of agents that are out, none is void and the next ballot shows in its turns alone.
        if (event.phase === "evaluate" && this.#decided.has(this.#index(event.agentId))) this.#nextBallot();
        return;
      case "turn-finish":
        if (event.outcome === "abstain") this.#decided.add(this.#index(event.agentId));
        if (this.windowOpen && (event.outcome === "stale" || event.outcome === "closed")) this.#decided.add(this.#index(event.agentId));
        return;
      case "turn-interrupt":
        if (event.reason === "vote-grace") this.#decided.add(this.#index(event.agentId));
        return;
      case "turn-error":
        if (event.phase === "evaluate" && this.#config.peerAnswers === "round") this.#decided.add(this.#index(event.agentId));
        return;
      case "agent-out":
        if (event.reason === "late") check(this.#late.has(this.#index(event.agentId)), "an agent is out as late too early");
        this.#late.delete(this.#index(event.agentId));
        return;
      case "epoch-start":
        return this.#onEpoch(event, before);
      case "consensus":
        return this.#onConsensus(event, before);
      case "run-restart":
        this.#answers.clear();
        this.#votes.clear();
        this.#decided.clear();
        this.#lastVotes = [];
        this.#authors = [];
        this.#evaluating = false;
        this.#voteOnly = false;
        this.consensus = undefined;
        return;
      case "run-finish": {
        const { reason, winner, label } = event;
        const { consensus } = this;
        check(consensus !== undefined, "finished without a consensus event");
        check(reason === consensus.reason && winner === consensus.winner && label === consensus.label, "run-finish differs from consensus");
      }
    }
  }

  #onEpoch(event: Seen<"epoch-start">, before: RunView): void {
    const openers = event.openers.map((id) => this.#index(id));
    check(openers.length === this.#authors.length && openers.every((id) => this.#authors.includes(id)), "openers are not the authors");
    check(event.epoch === 1 || openers.length > 0, "an epoch without an opener");
    check(event.voteOnly === event.epoch >= this.#config.maxEpochs, "voteOnly is wrong");
    this.#authors = [];
    this.#decided.clear();
    this.#ballot = 1;
    this.#evaluating = true;
    this.#voteOnly = event.voteOnly;
    if (event.voteOnly) this.#late = this.#undrafted(before);
  }

  #onConsensus(event: Seen<"consensus">, before: RunView): void {
    check(this.consensus === undefined, "two consensus events in one attempt");
    this.consensus = event;
    const winner = this.#index(event.winner);
    if (event.reason === "single") {
      check(this.#answers.size === 1 && this.#answers.get(winner)?.label === event.label, "single, though there are other answers");
      return;
    }
    const carried = this.#votes.size === 0 && this.#lastVotes.length > 0;
    const used = carried ? this.#lastVotes : [...this.#votes.values()];
    this.#checkReason(event, before, used);
    if (this.#answers.size === 0) {
      check(event.rule === "earlier-attempt", "a winner though there is no answer");
      return;
    }
    check((event.carried === true) === carried, "carried is wrong");
    const told = event.votes.map((vote) => `${this.#index(vote.agentId)}:${this.#index(vote.targetAgentId)}`).sort();
    const cast = used.map(({ voter, choices }) => `${voter}:${choices[0]!}`).sort();
    check(told.join() === cast.join(), `consensus tells of votes ${told.join()}, but ${cast.join()} were cast`);
    if (used.length === 0) {
      const [oldest] = [...this.#answers].sort(([, a], [, b]) => a.order - b.order)[0]!;
      check(winner === oldest, "without a vote the oldest answer must win");
      return;
    }
    const { winner: mine, scores, tied } = this.#count(used);
    check(winner === mine, `agent ${winner} won, but a recount says ${mine}`);
    check(event.label === this.#answers.get(mine)!.label, "the winning label is not the winner's answer");
    for (const [agent, score] of scores) check(event.tally[this.#answers.get(agent)!.label] === score, "the tally is wrong");
    check((event.tieRule !== undefined) === tied, "tieRule is wrong");
  }

  #checkReason(event: Seen<"consensus">, before: RunView, used: Cast[]): void {
    if (event.reason !== "consensus" && event.reason !== "exhausted") return;
    check((event.reason === "consensus") === this.#votes.size > 0, "consensus and exhausted are mixed up");
    check(!this.windowOpen, "decided while answers wait to take effect");
    const { all, open } = this.voters(before);
    if (open.length > 0) check(this.#isSettled(used, open), "decided though a voter that could change the winner has not");
    else if (all > 0 && this.#config.rule.again?.([...this.#votes.values()], this.#ballot))
      check(this.#ballot >= 5, "the rule asked for another ballot");
    this.#late = this.#undrafted(before);
  }

  /** In the last epoch nobody waits for a vote that changes nothing. Called when a step of the core is over; tries small cases only. */
  settled(view: RunView): void {
    if (!this.#voteOnly || this.consensus !== undefined || this.#votes.size === 0) return;
    const { open } = this.voters(view);
    if (open.length > 0 && open.length < 3)
      check(!this.#isSettled([...this.#votes.values()], open), "a vote is awaited that changes nothing");
  }

  #undrafted(view: RunView): Set<number> {
    const undrafted = new Set<number>();
    for (const [id, index] of this.#ids) if (view.agents[id]!.out === null && !this.#answers.has(index)) undrafted.add(index);
    return undrafted;
  }

  #nextBallot(): void {
    check(this.#config.rule.again !== undefined, "another ballot under a rule that holds only one");
    this.#ballot++;
    check(this.#ballot <= 5, "too many ballots on one set");
    this.#decided.clear();
  }

  #isSettled(cast: Cast[], open: number[]): boolean {
    if (!this.#voteOnly || cast.length === 0 || this.#config.rule.ballot !== "single") return false;
    if ((this.#answers.size + 1) ** open.length > MAX_ENDINGS) return false;
    const { winner } = this.#count(cast);
    const endings = (votes: Cast[], next: number): boolean => {
      if (next === open.length) {
        const ballots = votes.map(({ voter, choices }) => ({ voter, choices }));
        return this.#count(votes).winner === winner && this.#config.rule.again?.(ballots, this.#ballot) !== true;
      }
      const voter = open[next]!;
      return (
        endings(votes, next + 1) && [...this.#answers.keys()].every((agent) => endings([...votes, { voter, choices: [agent] }], next + 1))
      );
    };
    return endings(cast, 0);
  }

  /** Self-votes first, then the rule, then the age of the answers. */
  #count(cast: Cast[]): Verdict {
    const { rule, selfVote } = this.#config;
    let counted = cast;
    if (selfVote === "discount") {
      const fromOthers = cast.map(({ voter, choices }) => ({ voter, choices: choices.filter((choice) => choice !== voter) }));
      if (fromOthers.some(({ choices }) => choices.length > 0)) counted = fromOthers.filter(({ choices }) => choices.length > 0);
    }
    const scores = new Map<number, number>();
    for (const agent of this.#answers.keys()) scores.set(agent, 0);
    for (const { choices } of counted) {
      const heard = rule.ballot === "single" ? choices.slice(0, 1) : choices;
      for (const [place, agent] of heard.entries()) {
        const points = rule.name === "borda" ? this.#answers.size - 1 - place : 1;
        if (scores.has(agent)) scores.set(agent, scores.get(agent)! + points);
      }
    }
    const most = Math.max(...scores.values());
    const first = [...scores].filter(([, score]) => score === most).map(([agent]) => agent);
    first.sort((a, b) => this.#answers.get(a)!.order - this.#answers.get(b)!.order);
    return { winner: first[0]!, scores, tied: first.length > 1 };
  }

  #index(agentId: string): number {
    return this.#ids.get(agentId)!;
  }

  #authorOf(label: string): number {
    return Number(label.slice("agent".length, label.indexOf("."))) - 1;
  }
}
