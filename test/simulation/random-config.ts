import type { CoreConfig } from "../../src/orchestrator/core/types.js";
import { approval, borda, type DecisionRule, plurality, unanimity } from "../../src/orchestrator/voting/rule.js";
import type { Random } from "./random.js";

/** Never content with a ballot. */
const restless: DecisionRule = { ...plurality, name: "restless", again: () => true };

/** How many ballots the rule may hold on one set. */
export const ballotsOf = ({ again }: DecisionRule): number => (again === undefined ? 1 : 5);

/** Every option at random, small caps as well as the defaults. */
export function randomConfig(random: Random): CoreConfig {
  const count = random.pick([1, 2, 2, 3, 3, 3, 4, 5, 7, 9]);
  return {
    agents: Array.from({ length: count }, (_, i) => ({
      agentId: `a${i}`,
      hasTools: random.chance(0.3),
      stepBoundaries: !random.chance(0.15),
    })),
    peerAnswers: random.pick(["auto", "auto", "interrupt", "inject", "round"]),
    draftQuorum: 1 + random.int(count),
    draftGraceMs: random.pick([0, 1_000, 60_000]),
    voteGraceMs: random.pick([0, 1_000, 60_000]),
    coalesceMs: random.pick([0, 500, 20_000]),
    selfVote: random.pick(["discount", "count", "forbid"]),
    answerNovelty: random.pick(["lenient", "balanced", "strict"]),
    maxAnswersPerAgent: random.pick([1, 2, 3]),
    maxEpochs: random.pick([1, 2, 3, 4, 4, 6]),
    maxDecisionRetries: random.pick([0, 1, 2, 2]),
    maxAgentFailures: random.pick([1, 2, 3, 3]),
    maxAnswerTokens: 1000,
    maxRestarts: random.pick([0, 0, 0, 1, 2]),
    timeoutMs: random.pick([Number.POSITIVE_INFINITY, 1_800_000, 1_800_000, 30_000, 0]),
    retryBackoffMs: 500,
    presentation: random.pick(["present", "present", "reuse", "synthesize"]),
    ...(random.chance(0.3) && { reviewer: random.int(count) }),
    rule: random.pick([
      plurality,
      plurality,
      plurality,
      approval,
      borda,
      unanimity(),
      unanimity({ maxBallots: 3 }),
      random.pick([plurality, restless]),
    ]),
    rejectionText: (rejection) => `rejected: ${rejection.code}`,
  };
}
