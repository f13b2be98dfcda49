import { type AncestorMode, simulateAncestor } from "./ancestor.js";
import { type Behaviour, USUAL } from "./behaviour.js";
import { DEFAULTS, type Options, simulateMassgen } from "./massgen.js";
import type { Outcome } from "./meter.js";

export const TEAMS = [3, 5, 9] as const;
export const POLICIES = ["auto", "interrupt", "inject", "round"] as const;
export const ANCESTORS: readonly AncestorMode[] = ["finish", "leak", "stop"];

/** What the sweep of behaviours changes, one thing at a time, and three bad days. */
export const BEHAVIOURS: readonly (readonly [string, Partial<Behaviour>])[] = [
  ["usual", {}],
  ["improve 0.1", { improve: 0.1 }],
  ["improve 0.6", { improve: 0.6 }],
  ["restlessness 0.9", { restlessness: 0.9 }],
  ["agree 0.5", { agree: 0.5 }],
  ["agree 1", { agree: 1 }],
  ["stall 0", { stall: 0 }],
  ["stall 0.05", { stall: 0.05 }],
  ["tools 0", { tools: 0 }],
  ["tools 1", { tools: 1 }],
  ["slowness 4", { slowness: 4 }],
  ["calm: improve 0.1, agree 1, stall 0", { improve: 0.1, agree: 1, stall: 0 }],
  ["stormy: improve 0.6, agree 0.5, stall 0.05", { improve: 0.6, agree: 0.5, stall: 0.05 }],
  ["one voter always hangs", { hangingVoter: true }],
];

const OFF = Number.POSITIVE_INFINITY;

/** The values each option is tried with; the default is among them. */
export const OPTION_VALUES = {
  maxEpochs: [2, 3, 4, 5, 6],
  maxAnswersPerAgent: [1, 2, 3, 4, 5],
  voteGraceMs: [0, 15_000, 30_000, 60_000, 120_000, OFF],
  draftGraceMs: [0, 15_000, 30_000, 60_000, 120_000, OFF],
  coalesceMs: [0, 5_000, 20_000, 60_000],
} as const;

export interface Summary {
  calls: number;
  tokens: number;
  /** Share of the tokens. */
  wasted: number;
  medianMs: number;
  p95Ms: number;
  answers: number;
  drafts: number;
  level: number;
  /** Shares of the runs. */
  deadline: number;
  voteOnly: number;
  /** Per run. */
  cutOff: number;
  late: number;
  /** Standard error of `calls`, as a share of it. */
  callsError: number;
}

export function summarize(outcomes: readonly Outcome[]): Summary {
  const count = outcomes.length;
  const mean = (of: (outcome: Outcome) => number) => outcomes.reduce((sum, outcome) => sum + of(outcome), 0) / count;
  const times = outcomes.map(({ ms }) => ms).sort((a, b) => a - b);
  const calls = mean((o) => o.calls);
  const tokens = mean((o) => o.tokens);
  const variance = mean((o) => (o.calls - calls) ** 2);
  return {
    calls,
    tokens,
    wasted: mean((o) => o.wasted) / tokens,
    medianMs: times[Math.floor(count / 2)]!,
    p95Ms: times[Math.floor(count * 0.95)]!,
    answers: mean((o) => o.answers),
    drafts: mean((o) => o.drafts),
    level: mean((o) => o.level),
    deadline: mean((o) => Number(o.deadline)),
    voteOnly: mean((o) => Number(o.voteOnly)),
    cutOff: mean((o) => o.cutOff),
    late: mean((o) => o.late),
    callsError: Math.sqrt(variance / count) / calls,
  };
}

/** Runs each cell once per seed, 1 to `runs`, and remembers what it has run. */
export class Sweep {
  readonly runs: number;
  worstError = 0;
  readonly #done = new Map<string, Summary>();

  constructor(runs: number) {
    this.runs = runs;
  }

  massgen(count: number, options: Partial<Options> = {}, behaviour: Partial<Behaviour> = {}): Summary {
    const [full, manners] = [
      { ...DEFAULTS, ...options },
      { ...USUAL, ...behaviour },
    ];
    const key = [count, ...Object.values(full), ...Object.values(manners)].join(" ");
    return this.#cell(key, (seed) => simulateMassgen(count, full, manners, seed));
  }

  ancestor(count: number, mode: AncestorMode, behaviour: Partial<Behaviour> = {}): Summary {
    const manners = { ...USUAL, ...behaviour };
    return this.#cell([count, mode, ...Object.values(manners)].join(" "), (seed) => simulateAncestor(count, mode, manners, seed));
  }

  #cell(key: string, run: (seed: number) => Outcome): Summary {
    const known = this.#done.get(key);
    if (known !== undefined) return known;
    const summary = summarize(Array.from({ length: this.runs }, (_, i) => run(i + 1)));
    this.worstError = Math.max(this.worstError, summary.callsError);
    this.#done.set(key, summary);
    return summary;
  }
}
