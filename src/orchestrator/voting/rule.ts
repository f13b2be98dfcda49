import { ConfigError } from "../../errors.js";

/** However undecided a rule is, so many ballots on one set of answers must do. */
export const MAX_BALLOTS = 5;

/** One voter's choices: indices of agents, best first. */
export interface Ballot {
  voter: number;
  choices: number[];
}

export interface Candidate {
  agent: number;
  /** Order of submission of its current answer: the smaller came first. */
  order: number;
}

/** How votes become a winner. */
export interface DecisionRule {
  /** Named in the `consensus` event. */
  readonly name: string;
  /** What a voter is asked for: one answer, every acceptable one, or an order. */
  readonly ballot: "single" | "approval" | "ranking";
  /** The score of each candidate, in the order given. The highest wins; ties go to the answer submitted first. */
  score(ballots: Ballot[], candidates: Candidate[]): number[];
  /** Whether to vote once more on the same answers, five times at most. `ballot` counts from 1. Default: never. */
  again?(ballots: Ballot[], ballot: number): boolean;
}

/** One point for each voter's first choice. */
export const plurality: DecisionRule = {
  name: "plurality",
  ballot: "single",
  score: (ballots, candidates) => candidates.map((candidate) => countWhere(ballots, (b) => b.choices[0] === candidate.agent)),
};

/** One point for each voter that finds the answer acceptable. */
export const approval: DecisionRule = {
  name: "approval",
  ballot: "approval",
  score: (ballots, candidates) => candidates.map((candidate) => countWhere(ballots, (b) => b.choices.includes(candidate.agent))),
};

/** With n candidates a first place is worth n-1 points, a second n-2, and so on; unranked ones get none. */
export const borda: DecisionRule = {
  name: "borda",
  ballot: "ranking",
  score: (ballots, candidates) =>
    candidates.map((candidate) => {
      let points = 0;
      for (const { choices } of ballots) {
        const place = choices.indexOf(candidate.agent);
        if (place >= 0) points += candidates.length - 1 - place;
      }
      return points;
    }),
};

/** Everybody must name the same answer; after `maxBallots` ballots (default 2, at most 5) on one set, plurality decides. */
export function unanimity({ maxBallots = 2 }: { maxBallots?: number } = {}): DecisionRule {
  if (!Number.isInteger(maxBallots) || maxBallots < 1 || maxBallots > MAX_BALLOTS) {
    throw new ConfigError("bad_option", `unanimity: maxBallots must be an integer from 1 to ${MAX_BALLOTS}, not ${String(maxBallots)}`, {
      path: "maxBallots",
    });
  }
  return {
    name: "unanimity",
    ballot: "single",
    score: plurality.score,
    again: (ballots, ballot) => ballot < maxBallots && new Set(ballots.map((b) => b.choices[0])).size > 1,
  };
}

function countWhere<T>(items: T[], test: (item: T) => boolean): number {
  let count = 0;
  for (const item of items) if (test(item)) count++;
  return count;
}
