import { DEFAULTS } from "./massgen.js";
import { ANCESTORS, BEHAVIOURS, OPTION_VALUES, POLICIES, type Summary, type Sweep, TEAMS } from "./sweep.js";

const ANCESTOR_NAMES = { finish: "ancestor", leak: "ancestor, as 0.1.12", stop: "ancestor, stopping" } as const;

const seconds = (ms: number) => (ms / 1_000).toFixed(0);
const percent = (share: number) => (share > 0 && share < 0.005 ? "<1" : (share * 100).toFixed(0));
const ratio = (a: number, b: number) => (a / b).toFixed(2);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** Every policy with the usual behaviour and the default options. */
export function policyTable(sweep: Sweep): string {
  const head = [
    "agents, policy",
    "calls",
    "k tokens",
    "wasted %",
    "median s",
    "p95 s",
    "drafts",
    "answers",
    "improvements",
    "vote-only %",
    "deadline %",
    "calls × auto",
    "tokens × auto",
    "median × auto",
  ];
  const rows = TEAMS.flatMap((count) => {
    const auto = sweep.massgen(count);
    const row = (name: string, s: Summary) => [
      `${count}, ${name}`,
      s.calls.toFixed(1),
      (s.tokens / 1_000).toFixed(0),
      percent(s.wasted),
      seconds(s.medianMs),
      seconds(s.p95Ms),
      s.drafts.toFixed(1),
      s.answers.toFixed(1),
      s.level.toFixed(2),
      percent(s.voteOnly),
      percent(s.deadline),
      ratio(s.calls, auto.calls),
      ratio(s.tokens, auto.tokens),
      ratio(s.medianMs, auto.medianMs),
    ];
    return [
      ...POLICIES.map((peerAnswers) => row(peerAnswers, sweep.massgen(count, { peerAnswers }))),
      ...ANCESTORS.map((mode) => row(ANCESTOR_NAMES[mode], sweep.ancestor(count, mode))),
    ];
  });
  return table(head, rows);
}

/** `auto` in figures, the others as calls / tokens / median time relative to it. */
export function behaviourTable(sweep: Sweep, count: number): string {
  const head = ["behaviour", "auto: calls / k tokens / s", "interrupt", "inject", "round", "ancestor", "improvements: auto, ancestor"];
  const rows = BEHAVIOURS.map(([name, change]) => {
    const auto = sweep.massgen(count, {}, change);
    const ancestor = sweep.ancestor(count, "finish", change);
    const relative = (s: Summary) =>
      [ratio(s.calls, auto.calls), ratio(s.tokens, auto.tokens), ratio(s.medianMs, auto.medianMs)].join(" / ");
    return [
      name,
      [auto.calls.toFixed(1), (auto.tokens / 1_000).toFixed(0), seconds(auto.medianMs)].join(" / "),
      ...POLICIES.slice(1).map((peerAnswers) => relative(sweep.massgen(count, { peerAnswers }, change))),
      relative(ancestor),
      `${auto.level.toFixed(2)}, ${ancestor.level.toFixed(2)}`,
    ];
  });
  return table(head, rows);
}

/** How slow it gets when agents are silent: p95 in seconds, and the share of runs that met the deadline. */
export function stallTable(sweep: Sweep): string {
  const cases = BEHAVIOURS.filter(([name]) => /stall|hangs/.test(name) && !/calm/.test(name));
  const head = ["agents, behaviour", ...POLICIES, "auto without vote grace", "ancestor", "ancestor, as 0.1.12", "ancestor, stopping"];
  const cell = (s: Summary) => `${seconds(s.p95Ms)}${s.deadline > 0 ? ` (${percent(s.deadline)} %)` : ""}`;
  const rows = TEAMS.flatMap((count) =>
    cases.map(([name, change]) => [
      `${count}, ${name}`,
      ...POLICIES.map((peerAnswers) => cell(sweep.massgen(count, { peerAnswers }, change))),
      cell(sweep.massgen(count, { voteGraceMs: Number.POSITIVE_INFINITY }, change)),
      ...ANCESTORS.map((mode) => cell(sweep.ancestor(count, mode, change))),
    ]),
  );
  return table(head, rows);
}

type OptionName = keyof typeof OPTION_VALUES;

const WITNESSES: Record<OptionName, [string, (s: Summary) => string]> = {
  maxEpochs: ["improvements; vote-only %", (s) => `${s.level.toFixed(2)}; ${percent(s.voteOnly)}`],
  maxAnswersPerAgent: ["answers; improvements", (s) => `${s.answers.toFixed(1)}; ${s.level.toFixed(2)}`],
  voteGraceMs: ["cut off; improvements", (s) => `${s.cutOff.toFixed(2)}; ${s.level.toFixed(2)}`],
  draftGraceMs: ["drafts; late", (s) => `${s.drafts.toFixed(2)}; ${s.late.toFixed(2)}`],
  coalesceMs: ["answers; improvements; wasted %", (s) => `${s.answers.toFixed(1)}; ${s.level.toFixed(2)}; ${percent(s.wasted)}`],
};

/** One option over its values, all else at its default: calls / k tokens / median s / p95 s, and what the option is there for. */
export function optionTable(sweep: Sweep, option: OptionName, change: (typeof BEHAVIOURS)[number][1] = {}): string {
  const [witness, read] = WITNESSES[option];
  const head = [`\`${option}\``, ...TEAMS.flatMap((count) => [`${count} agents`, witness])];
  const rows = OPTION_VALUES[option].map((value) => [
    `${Number.isFinite(value) ? value.toLocaleString("en-US") : "off"}${value === DEFAULTS[option] ? " (default)" : ""}`,
    ...TEAMS.flatMap((count) => {
      const s = sweep.massgen(count, { [option]: value }, change);
      return [`${s.calls.toFixed(1)} / ${(s.tokens / 1_000).toFixed(0)} / ${seconds(s.medianMs)} / ${seconds(s.p95Ms)}`, read(s)];
    }),
  ]);
  return table(head, rows);
}
