import type { SelfVote } from "../core/types.js";
import type { Ballot, Candidate, DecisionRule } from "./rule.js";

export interface Count {
  /** Index of the agent that wins. */
  winner: number;
  scores: Map<number, number>;
  /** How a tie was broken, where there was one. */
  tieRule?: "earliest-answer";
}

/** Counts the votes: the self-vote policy first, then the rule, then the tie. `candidates` must not be empty. */
export function countVotes(ballots: Ballot[], candidates: Candidate[], rule: DecisionRule, selfVote: SelfVote): Count {
  const counted = selfVote === "discount" ? discountSelfVotes(ballots) : ballots;
  const points = rule.score(counted, candidates);
  let best = 0;
  let tied = false;
  for (let i = 1; i < candidates.length; i++) {
    const difference = points[i]! - points[best]!;
    if (difference === 0) tied = true;
    if (difference > 0) tied = false;
    if (difference > 0 || (difference === 0 && candidates[i]!.order < candidates[best]!.order)) best = i;
  }
  return {
    winner: candidates[best]!.agent,
    scores: new Map(candidates.map((candidate, i) => [candidate.agent, points[i]!])),
    ...(tied && { tieRule: "earliest-answer" as const }),
  };
}

/** A vote for oneself counts only where nobody has a vote from someone else. */
function discountSelfVotes(ballots: Ballot[]): Ballot[] {
  const others = ballots
    .map(({ voter, choices }) => ({ voter, choices: choices.filter((choice) => choice !== voter) }))
    .filter(({ choices }) => choices.length > 0);
  return others.length > 0 ? others : ballots;
}

/** Above this many possible endings it is cheaper to wait than to try them all. */
const MAX_ENDINGS = 4096;

/** Whether no vote or abstention of the `outstanding` voters can change who wins. */
export function isSettled(
  ballots: Ballot[],
  outstanding: number[],
  candidates: Candidate[],
  rule: DecisionRule,
  selfVote: SelfVote,
  ballot = 1,
): boolean {
  // Where a ballot may hold many choices there are too many endings to try.
  if (ballots.length === 0 || rule.ballot !== "single") return false;
  if ((candidates.length + 1) ** outstanding.length > MAX_ENDINGS) return false;
  const { winner } = countVotes(ballots, candidates, rule, selfVote);
  const holds = (cast: Ballot[], next: number): boolean => {
    if (next === outstanding.length) {
      return countVotes(cast, candidates, rule, selfVote).winner === winner && !rule.again?.(cast, ballot);
    }
    const voter = outstanding[next]!;
    return holds(cast, next + 1) && candidates.every(({ agent }) => holds([...cast, { voter, choices: [agent] }], next + 1));
  };
  return holds(ballots, 0);
}
