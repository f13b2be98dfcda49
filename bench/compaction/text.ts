import { seededRandom } from "../../src/testing/random.js";

/** Makes text of one seed: prose, code, logs, tables. The same seed gives the same text on every machine. */
export function writer(seed: number) {
  const random = seededRandom(seed);
  const int = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  const pick = <T>(from: readonly T[]): T => from[int(0, from.length - 1)]!;
  const name = () => `${pick(PARTS)}_${pick(PARTS)}`;
  const path = () => `src/${pick(AREAS)}/${name()}.py`;

  /** A sentence as reports have them; about every second one tells something exact. */
  function sentence(): string {
    const [who, does, what] = [pick(SUBJECTS), pick(VERBS), pick(OBJECTS)];
    const tail = [
      "",
      `, ${pick(ADJUNCTS)}`,
      ` by ${int(2, 97)} per cent`,
      ` in ${int(1890, 2024)}`,
      `, as ${pick(SUBJECTS).toLowerCase()} had done before`,
      ` (${int(12, 9800)} of ${int(9_900, 60_000)})`,
    ];
    return `${who} ${does} ${what}${pick(tail)}.`;
  }

  const many = (count: number, one: (index: number) => string, joint: string) =>
    Array.from({ length: count }, (_, i) => one(i)).join(joint);

  return {
    int,
    name,
    path,
    paragraph: (sentences: number) => many(sentences, sentence, " "),
    prose: (paragraphs: number) => many(paragraphs, () => many(int(4, 8), sentence, " "), "\n\n"),
    code: (functions: number) =>
      many(
        functions,
        () => {
          const [field, other] = [name(), name()];
          return [
            `def ${name()}(${field}, ${other}=${int(0, 512)}):`,
            `    """${sentence()}"""`,
            `    if ${field} is None or ${field}.${pick(PARTS)} > ${int(2, 9000)}:`,
            `        raise ${pick(ERRORS)}("${pick(OBJECTS)}: %s" % ${field})`,
            `    ${name()} = ${pick(PARTS)}.${name()}(${other}, timeout=${int(1, 60)})`,
            `    return [row for row in ${name()} if row.${pick(PARTS)} != ${other}]`,
          ].join("\n");
        },
        "\n\n\n",
      ),
    tests: (count: number) =>
      many(
        count,
        (i) =>
          `tests/${pick(AREAS)}/test_${name()}.py::test_${name()}_${int(1, 40)} ${random() < 0.94 ? "PASSED" : "FAILED"} [${String(Math.floor((100 * i) / count)).padStart(3)}%]`,
        "\n",
      ),
    figures: (rows: number) =>
      many(
        rows,
        () =>
          `| ${int(1890, 2024)} | ${pick(PLACES)} | ${(random() * 900).toFixed(1)} | ${int(3, 4_000)} | ${(random() * 12).toFixed(2)} |`,
        "\n",
      ),
    /** Puts a sentence into a text, as a line or between two sentences, somewhere in its middle. */
    plant(text: string, fact: string): string {
      const joint = text.includes("\n") ? "\n" : " ";
      const pieces = joint === "\n" ? text.split("\n") : text.split(/(?<=[.!?]) /);
      const at = Math.max(1, Math.floor(pieces.length * (0.2 + 0.6 * random())));
      return [...pieces.slice(0, at), fact, ...pieces.slice(at)].join(joint);
    },
  };
}

export type Writer = ReturnType<typeof writer>;

const AREAS = ["billing", "ledger", "export", "auth", "queue", "search", "mail", "audit"];
const PARTS = [
  "batch",
  "row",
  "cursor",
  "limit",
  "token",
  "account",
  "period",
  "buffer",
  "retry",
  "index",
  "total",
  "page",
  "lock",
  "event",
];
const ERRORS = ["ValueError", "LookupError", "TimeoutError", "LedgerError"];
const PLACES = ["Bergen", "Lübeck", "Riga", "Antwerp", "Bristol", "Porto", "Gdańsk", "Marseille"];
const SUBJECTS = [
  "The harbour board",
  "A second survey",
  "The older ledger",
  "Every later edition",
  "The committee",
  "Most of the captains",
  "The insurers",
  "A smaller sample",
  "The port authority",
  "The northern routes",
  "This estimate",
  "The published index",
];
const VERBS = [
  "reported",
  "understated",
  "confirmed",
  "revised",
  "left out",
  "raised",
  "lowered",
  "repeated",
  "questioned",
  "relied on",
  "matched",
];
const OBJECTS = [
  "the tonnage of the winter months",
  "the price of grain",
  "the losses of the previous decade",
  "the share of steam vessels",
  "the dues on timber",
  "the number of crews",
  "the average length of a voyage",
  "the wages of pilots",
  "the figures for herring",
  "the time spent in quarantine",
];
const ADJUNCTS = [
  "with few exceptions",
  "as far as the records go",
  "though not in every port",
  "before the reform",
  "on the whole",
  "by its own account",
];
