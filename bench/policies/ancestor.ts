import { type Behaviour, MODEL, Player, type SimAnswer, type StepPlan } from "./behaviour.js";
import { SimClock } from "./clock.js";
import { Meter, type Outcome } from "./meter.js";

/**
 * What a new answer does to a call that runs. `finish`: it ends; a vote in it is void, a new answer counts, and the agent
 * runs again. `stop`: it is stopped at once and the agent runs again (the ancestor until 0.1.6). `leak`: as 0.1.12
 * really does it: a vote is asked for once more where an agent has answered for the first time meanwhile, without the
 * model being shown that answer, and otherwise counts although it is for an older set.
 */
export type AncestorMode = "finish" | "stop" | "leak";

interface Run {
  agent: number;
  startedAt: number;
  toolSteps: number;
  conversation: number;
  spent: number;
  /** The answers it was started with; it reads no others. */
  seen: (SimAnswer | null)[];
  /** An answer has come since it started. */
  pending: boolean;
  attempts: number;
  live: { plan: StepPlan; startedAt: number; cancel: () => void } | undefined;
}

const ATTEMPTS = 3;

/**
 * One run by the ancestor's rules: no draft barrier, so whoever starts late reads what is there; every answer voids all
 * votes and makes everybody run again, its author too; no bound on answers and epochs, no grace; it ends when all have
 * voted, or at the deadline.
 */
export function simulateAncestor(count: number, mode: AncestorMode, behaviour: Behaviour, seed: number): Outcome {
  const clock = new SimClock();
  const meter = new Meter();
  const players = Array.from({ length: count }, (_, agent) => new Player(behaviour, seed, agent, count));
  const answers: (SimAnswer | null)[] = players.map(() => null);
  const votes: (number | null)[] = players.map(() => null);
  const runs: (Run | null)[] = players.map(() => null);
  let accepted = 0;
  let drafts = 0;
  let ended: "votes" | "deadline" | undefined;

  function startRun(agent: number): void {
    const run: Run = {
      agent,
      startedAt: clock.now,
      toolSteps: players[agent]!.toolSteps(),
      conversation: 0,
      spent: 0,
      seen: [...answers],
      pending: false,
      attempts: 0,
      live: undefined,
    };
    runs[agent] = run;
    startStep(run);
  }

  function startStep(run: Run): void {
    const seen = run.seen.filter((answer) => answer !== null);
    const plan = players[run.agent]!.plan(seen, true, run.toolSteps > 0, run.conversation);
    const cancel = clock.after(plan.ms, () => {
      run.spent += meter.end(plan, plan.ms);
      run.live = undefined;
      endStep(run, plan);
    });
    run.live = { plan, startedAt: clock.now, cancel };
    meter.begin();
  }

  function endStep(run: Run, plan: StepPlan): void {
    if (plan.stalls) {
      if (clock.now - run.startedAt < MODEL.turnMs) return startStep(run);
      return again(run);
    }
    run.conversation += plan.outputTokens;
    if (plan.decision === undefined) {
      run.toolSteps--;
      run.conversation += MODEL.toolResultTokens;
      return startStep(run);
    }
    if (plan.decision.type === "answer") return accept(run, { ...plan.decision.answer, id: accepted });
    if (mode === "leak" && run.pending) {
      const newPeers = answers.some((answer, i) => answer !== null && run.seen[i] === null);
      run.pending = false;
      if (newPeers) return ++run.attempts < ATTEMPTS ? startStep(run) : again(run);
    }
    if (run.pending) return again(run);
    votes[run.agent] = plan.decision.target;
    runs[run.agent] = null;
    if (votes.every((vote) => vote !== null)) ended = "votes";
  }

  /** The run gave nothing; its agent starts over. */
  function again(run: Run): void {
    meter.wasted += run.spent;
    startRun(run.agent);
  }

  function accept(author: Run, answer: SimAnswer): void {
    accepted++;
    if (author.seen.every((seen) => seen === null)) drafts++;
    answers[author.agent] = answer;
    runs[author.agent] = null;
    votes.fill(null);
    for (const run of runs) if (run !== null) run.pending = true;
    for (const player of players) {
      const run = runs[player.agent];
      if (run == null) startRun(player.agent);
      else if (mode === "stop") {
        stop(run);
        startRun(player.agent);
      }
    }
  }

  function stop(run: Run): void {
    meter.wasted += run.spent;
    if (run.live === undefined) return;
    run.live.cancel();
    meter.wasted += meter.end(run.live.plan, clock.now - run.live.startedAt);
  }

  clock.after(MODEL.deadlineMs, () => {
    ended = "deadline";
  });
  for (const player of players) startRun(player.agent);
  clock.runUntil(() => ended !== undefined);
  for (const run of runs) if (run !== null) stop(run);

  const { calls, tokens, wasted } = meter;
  const level = winnerOf(answers, votes)?.level ?? 0;
  const deadline = ended === "deadline";
  return { calls, tokens, wasted, ms: clock.now, answers: accepted, drafts, level, deadline, voteOnly: false, cutOff: 0, late: 0 };
}

/** Most votes, self-votes included; ties and no votes: the first in registration order. */
function winnerOf(answers: (SimAnswer | null)[], votes: (number | null)[]): SimAnswer | undefined {
  const given = answers.filter((answer) => answer !== null);
  const score = (answer: SimAnswer) => votes.filter((vote) => vote === answer.agent).length;
  return given.length === 0 ? undefined : given.reduce((best, answer) => (score(answer) > score(best) ? answer : best));
}
