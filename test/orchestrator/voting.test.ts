import { describe, expect, it } from "vitest";
import type { SelfVote } from "../../src/orchestrator/core/types.js";
import { countVotes, isSettled } from "../../src/orchestrator/voting/count.js";
import {
  approval,
  type Ballot,
  borda,
  type Candidate,
  type DecisionRule,
  plurality,
  unanimity,
} from "../../src/orchestrator/voting/rule.js";
import { seededRandom } from "../../src/testing/index.js";

/** `votes({ 0: 1, 2: [1, 0] })`: voter 0 chooses 1; voter 2 chooses 1, then 0. */
const votes = (choices: Record<number, number | number[]>): Ballot[] =>
  Object.entries(choices).map(([voter, choice]) => ({ voter: Number(voter), choices: [choice].flat() }));

/** Candidates 0, 1, …, whose answers came in the order given. */
const candidates = (...orders: number[]): Candidate[] => orders.map((order, agent) => ({ agent, order }));

const scoresOf = (rule: DecisionRule, ballots: Ballot[], count: number) =>
  rule.score(ballots, candidates(...Array.from({ length: count }, (_, i) => i)));

describe("the rules", () => {
  it("plurality: a point for each first choice", () => {
    expect(scoresOf(plurality, votes({ 0: 1, 1: [1, 0], 2: [0, 1] }), 3)).toEqual([1, 2, 0]);
  });

  it("approval: a point for each voter that finds it acceptable, named first or not", () => {
    expect(scoresOf(approval, votes({ 0: [1, 2], 1: [2], 2: [0, 2] }), 3)).toEqual([1, 1, 3]);
  });

  it("borda: n-1 points for a first place, n-2 for a second, none where unranked", () => {
    expect(scoresOf(borda, votes({ 0: [0, 1, 2], 1: [1, 2], 2: [2] }), 3)).toEqual([2, 3, 3]);
  });

  it("unanimity: plurality's points; again until all agree, twice at most by default", () => {
    const split = votes({ 0: 0, 1: 1 });
    const agreed = votes({ 0: 1, 1: 1 });
    const rule = unanimity();
    expect(scoresOf(rule, split, 2)).toEqual([1, 1]);
    expect([rule.again?.(split, 1), rule.again?.(split, 2), rule.again?.(agreed, 1)]).toEqual([true, false, false]);
    expect(unanimity({ maxBallots: 3 }).again?.(split, 2)).toBe(true);
    expect(unanimity({ maxBallots: 1 }).again?.(split, 1)).toBe(false);
  });

  it("unanimity: takes from one to five ballots", () => {
    for (const maxBallots of [0, 6, 1.5, Number.POSITIVE_INFINITY, Number.NaN, "2" as never]) {
      expect(() => unanimity({ maxBallots }), String(maxBallots)).toThrow(
        expect.objectContaining({ code: "bad_option", path: "maxBallots" }),
      );
    }
    const split = votes({ 0: 1, 1: 2 });
    expect(unanimity({ maxBallots: 1 }).again?.(split, 1)).toBe(false);
    expect(unanimity({ maxBallots: 5 }).again?.(split, 4)).toBe(true);
    expect(unanimity({ maxBallots: 5 }).again?.(split, 5)).toBe(false);
  });

  it("a rule of one's own decides", () => {
    const fewest: DecisionRule = {
      name: "fewest",
      ballot: "single",
      score: (ballots, all) => plurality.score(ballots, all).map((n) => -n),
    };
    expect(countVotes(votes({ 0: 1, 1: 1, 2: 0 }), candidates(1, 2, 3), fewest, "count").winner).toBe(2);
  });
});

describe("ties", () => {
  it("go to the current version submitted first, whoever wrote it, and are named", () => {
    const count = countVotes(votes({ 0: 1, 1: 2 }), candidates(9, 8, 3), plurality, "count");
    expect(count).toMatchObject({ winner: 2, tieRule: "earliest-answer" });
  });

  it("are not named where the tie is not for the first place", () => {
    expect(countVotes(votes({ 0: 1, 1: 1, 2: 0, 3: 2 }), candidates(1, 2, 3, 4), plurality, "count")).not.toHaveProperty("tieRule");
  });

  it("do not depend on the order of ballots or candidates", () => {
    const ballots = votes({ 0: 1, 1: 2, 2: 1, 3: 2 });
    const all = candidates(4, 3, 2, 1);
    const winners = new Set<number>();
    for (const b of [ballots, [...ballots].reverse()]) {
      for (const c of [all, [...all].reverse()]) winners.add(countVotes(b, c, plurality, "discount").winner);
    }
    expect([...winners]).toEqual([2]);
  });
});

describe("self-votes", () => {
  const selfish = votes({ 0: 0, 1: 1, 2: 1 });

  it("discount: do not count where somebody has a vote from someone else", () => {
    expect(countVotes(votes({ 0: 0, 1: 1, 2: 0, 3: 1, 4: 1 }), candidates(1, 2, 3, 4, 5), plurality, "discount").scores).toEqual(
      new Map([
        [0, 1],
        [1, 2],
        [2, 0],
        [3, 0],
        [4, 0],
      ]),
    );
    expect(countVotes(selfish, candidates(1, 2, 3), plurality, "discount")).toMatchObject({ winner: 1 });
  });

  it("discount: count where nobody has one from someone else", () => {
    const count = countVotes(votes({ 0: 0, 2: 2 }), candidates(5, 2, 3), plurality, "discount");
    expect(count).toMatchObject({ winner: 2, tieRule: "earliest-answer" });
    expect(count.scores.get(2)).toBe(1);
  });

  it("discount: leaves the other choices of a ballot", () => {
    const count = countVotes(votes({ 0: [0, 1], 1: [1, 2], 2: [0] }), candidates(1, 2, 3), approval, "discount");
    expect([...count.scores.values()]).toEqual([1, 1, 1]);
  });

  it("count: count like any other", () => {
    expect(countVotes(votes({ 0: 0, 1: 1, 2: 0 }), candidates(1, 2, 3), plurality, "count").scores.get(0)).toBe(2);
  });
});

// ---- is it settled?

/** Every way in which the outstanding voters can still vote or abstain, written out. */
function endings(ballots: Ballot[], outstanding: number[], count: number, maySelf: boolean): Ballot[][] {
  let all = [ballots];
  for (const voter of outstanding) {
    const choices = Array.from({ length: count }, (_, i) => i).filter((choice) => maySelf || choice !== voter);
    all = all.flatMap((cast) => [cast, ...choices.map((choice) => [...cast, { voter, choices: [choice] }])]);
  }
  return all;
}

/** Plurality by the book: counted apart from the code under test. */
function winnerByHand(ballots: Ballot[], all: Candidate[], selfVote: SelfVote): number {
  const fromOthers = ballots.filter(({ voter, choices }) => choices[0] !== voter);
  const counted = selfVote === "discount" && fromOthers.length > 0 ? fromOthers : ballots;
  const points = (agent: number) => counted.filter(({ choices }) => choices[0] === agent).length;
  return [...all].sort((a, b) => points(b.agent) - points(a.agent) || a.order - b.order)[0]!.agent;
}

describe("isSettled", () => {
  it("agrees with every ending written out, for 3,000 random ballots", () => {
    const random = seededRandom(7);
    const int = (n: number) => Math.floor(random() * n);
    let settled = 0;
    for (let round = 0; round < 3_000; round++) {
      const count = 2 + int(4);
      const all = candidates(...Array.from({ length: count }, (_, i) => i).sort(() => random() - 0.5));
      const selfVote = (["discount", "count"] as const)[int(2)]!;
      const ballots: Ballot[] = [];
      const outstanding: number[] = [];
      for (let voter = 0; voter < count; voter++) {
        if (random() < 0.4) outstanding.push(voter);
        else if (random() < 0.9) ballots.push({ voter, choices: [int(count)] });
      }
      if (ballots.length === 0) continue;
      const winners = new Set(endings(ballots, outstanding, count, true).map((cast) => winnerByHand(cast, all, selfVote)));
      const expected = winners.size === 1;
      expect(isSettled(ballots, outstanding, all, plurality, selfVote), JSON.stringify({ ballots, outstanding, all, selfVote })).toBe(
        expected,
      );
      expect(countVotes(ballots, all, plurality, selfVote).winner).toBe(winnerByHand(ballots, all, selfVote));
      if (expected && outstanding.length > 0) settled++;
    }
    expect(settled).toBeGreaterThan(100);
  });

  it("is never sure too early where self-votes are forbidden", () => {
    const all = candidates(1, 2, 3);
    const sure: number[][] = [];
    for (const first of [1, 2]) {
      for (const second of [0, 2]) {
        const ballots = votes({ 0: first, 1: second });
        if (!isSettled(ballots, [2], all, plurality, "forbid")) continue;
        const winners = new Set(endings(ballots, [2], 3, false).map((cast) => winnerByHand(cast, all, "forbid")));
        expect(winners.size).toBe(1);
        sure.push([first, second]);
      }
    }
    expect(sure).toEqual([[2, 2]]);
  });

  it("is settled when nobody is outstanding, and not before anybody has voted", () => {
    expect(isSettled(votes({ 0: 1 }), [], candidates(1, 2), plurality, "count")).toBe(true);
    expect(isSettled([], [0, 1], candidates(1, 2), plurality, "count")).toBe(false);
  });

  it("waits for everybody under rules that ask for more than one choice, or may vote again", () => {
    const ballots = votes({ 0: 1, 1: 1, 2: 1 });
    for (const rule of [approval, borda, unanimity()]) expect(isSettled(ballots, [3], candidates(1, 2, 3, 4), rule, "count")).toBe(false);
    expect(isSettled(ballots, [3], candidates(1, 2, 3, 4), plurality, "count")).toBe(true);
  });

  it("under a rule that votes again: only when no ending asks for another ballot, as on its last one", () => {
    const ballots = votes({ 0: 1, 1: 1, 2: 1 });
    const all = candidates(1, 2, 3, 4);
    const rule = unanimity({ maxBallots: 2 });
    expect(isSettled(ballots, [3], all, rule, "count", 1)).toBe(false);
    expect(isSettled(ballots, [3], all, rule, "count", 2)).toBe(true);
    expect(isSettled(votes({ 0: 1, 1: 1 }), [2, 3], all, rule, "count", 2)).toBe(false);
  });

  it("waits rather than trying out more endings than is sensible", () => {
    const count = 20;
    const ballots = votes(Object.fromEntries(Array.from({ length: 12 }, (_, i) => [i, 19])));
    const outstanding = [12, 13, 14, 15, 16, 17, 18];
    const all = candidates(...Array.from({ length: count }, (_, i) => i));
    expect(isSettled(ballots, outstanding, all, plurality, "count")).toBe(false);
    expect(isSettled(ballots, outstanding.slice(0, 2), all, plurality, "count")).toBe(true);
  });
});
