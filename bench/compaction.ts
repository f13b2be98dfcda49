import { keeperCpu } from "./compaction/keeper.js";
import { type Replayed, type ReplayOptions, replay } from "./compaction/replay.js";
import { type Transcript, transcripts } from "./compaction/transcripts.js";
import type { Setting } from "./measurements.js";
import { number, range, table, target } from "./report.js";
import { median } from "./stats.js";

/** What Claude wrote of 60,385 tokens in the longest compaction that was recorded: 592. */
const CONDENSED = 600;

const METHODS: [string, ReplayOptions][] = [
  ["native", { methods: ["native"], summaryTokens: CONDENSED }],
  ["clear", { methods: ["clear"] }],
  ["summary, by rare words", { methods: ["summary"], summaryTokens: CONDENSED, goesBy: "rarity" }],
  ["summary, by figures", { methods: ["summary"], summaryTokens: CONDENSED, goesBy: "figures" }],
  ["trim", { methods: ["trim"] }],
];
const PLACES = ["user", "assistant", "tool", "old answer", "answer"] as const;

/** What compaction saves of four long conversations and what of them can still be read after it; what watching the window costs. */
export async function compaction({ quick }: Setting): Promise<string> {
  const parts: string[] = [];
  for (const transcript of quick ? transcripts().slice(0, 1) : transcripts()) parts.push(await tableOf(transcript));
  parts.push(await cpu(quick));
  return parts.join("\n\n");
}

async function tableOf(transcript: Transcript): Promise<string> {
  const whole = await replay(transcript);
  for (const { fact } of transcript.facts)
    if (!whole.plain.includes(fact)) throw new Error(`"${transcript.name}" lacks the fact "${fact}" before anything is compacted.`);
  // The last step is the one that is too long.
  const mark = Math.floor((whole.tokens + (whole.tokensBefore || whole.tokens * 0.98)) / 2);
  const places = PLACES.filter((place) => transcript.facts.some((each) => each.place === place));
  const rows: string[][] = [];
  for (const [name, options] of METHODS) {
    const made = await replay(transcript, { ...options, mark });
    rows.push(
      made.method === undefined ? [name, count(whole.tokens), "–", "nothing to take out"] : rowOf(transcript, name, whole, made, places),
    );
  }
  const filled = rows.map((row) => [...row, ...Array.from({ length: 8 + places.length - row.length }, () => "")]);
  const head = [
    "before",
    "after",
    "saved",
    "facts",
    "thirds, oldest first",
    ...places.map((place) => NAMES[place]),
    "requests",
    "tokens for it",
  ];
  return table([transcript.name, ...head], filled);
}

const NAMES = { user: "user's", assistant: "its own", tool: "tools'", "old answer": "answers, replaced", answer: "answers" } as const;

function rowOf({ facts }: Transcript, name: string, whole: Replayed, made: Replayed, places: readonly (typeof PLACES)[number][]): string[] {
  const kept = new Set(facts.filter(({ fact }) => made.plain.includes(fact)));
  const part = (of: Transcript["facts"]) => `${of.filter((each) => kept.has(each)).length}/${of.length}`;
  const third = (n: number) =>
    part(facts.filter(({ fact }) => Math.min(2, Math.floor((3 * whole.plain.indexOf(fact)) / whole.plain.length)) === n));
  return [
    name,
    count(whole.tokens),
    count(made.tokens),
    `${Math.round(100 * (1 - made.tokens / whole.tokens))} %`,
    part(facts),
    [0, 1, 2].map(third).join(", "),
    ...places.map((place) => part(facts.filter((each) => each.place === place))),
    String(made.requests),
    made.requests === 0 ? "0" : `${count(made.read)} + ${count(made.written)}`,
  ];
}

const count = (tokens: number): string => tokens.toLocaleString("en-US");

async function cpu(quick: boolean): Promise<string> {
  const rows: string[][] = [];
  await keeperCpu(10_000, 200); // warms up
  for (const tokens of [10_000, 100_000]) {
    const rounds: Awaited<ReturnType<typeof keeperCpu>>[] = [];
    for (let i = 0; i < (quick ? 1 : 7); i++) rounds.push(await keeperCpu(tokens, 40));
    const each = rounds.map(({ us }) => us);
    const first = median(rounds.map(({ firstUs }) => firstUs));
    rows.push([count(tokens), number(median(each)), range(each), number(first), target(median(each), 1000, " µs a step")]);
  }
  return table(["tokens in the conversation", "µs CPU per step", "lowest–highest", "the first step", "target"], rows);
}
