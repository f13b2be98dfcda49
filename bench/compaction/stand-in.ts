import { SUMMARY_HEADINGS } from "../../src/agent/context-window/prompts.js";
import { estimateTokens } from "../../src/token-manager/estimate.js";

type Heading = (typeof SUMMARY_HEADINGS)[number];

/** Words that say what a line is about; the first that matches decides. */
const CUES: [Heading, RegExp][] = [
  ["Goal and constraints", /\b(must|never|do not|don't|only|has to|wanted|budget)\b/i],
  ["Decisions", /\b(decided|agreed|I take|we take|chose|should be)\b/i],
  ["Failed attempts", /\b(error|failed|does not help|deadlock|misprint|cannot)\b/i],
  ["Open questions", /\?$|\b(remains|unclear|missing)\b/i],
  ["Files and resources", /\b[\w-]+\/[\w./-]+|\w+\.(py|sqlite|csv)\b/],
  ["Next steps", /\b(next|then|later|again)\b/i],
  ["Work done", /\bI (read|run|checked|raised|wrote)\b/i],
];

/**
 * What a stand-in goes by. `rarity`: lines with words that are rare in the conversation, which the planted facts are, as the text around
 * them repeats itself: it finds nearly all. `figures`: lines full of figures, names and codes, which tables and logs are: it finds
 * nearly none. Neither says what a model would find.
 */
export type Goes = "rarity" | "figures";

/** The words of a line, a figure being as good as any other. */
const wordsOf = (line: string): string[] => [...new Set(line.toLowerCase().match(/[\p{L}_]{3,}/gu) ?? [])];
const EXACT = /\d[\d.,:]*|\b[A-Z]{2,}\w*|\b\w+[_/]\w+|(?<=\w )[A-ZÀ-Ž][\wà-ž]+/g;

/**
 * Stands in for the model that writes a summary: keeps whole lines and sentences of what it is given, lines with a cue before others, and
 * sorts them under the headings. It understands nothing.
 */
export function extract(prompt: string, tokens: number, by: Goes): string {
  const earlier = /<earlier_summary>\n([\s\S]*?)\n<\/earlier_summary>/.exec(prompt)?.[1] ?? "";
  const part = /<conversation>\n([\s\S]*)\n<\/conversation>/.exec(prompt)?.[1] ?? "";
  const carried = earlier.split("\n").flatMap((line) => (line.startsWith("- ") ? [line.slice(2)] : []));
  const said = part.split("\n").flatMap((line) => line.split(/(?<=[.!?]) (?=\p{Lu})/u));
  const lines = [...new Set([...carried, ...said.map((line) => line.trim())])].filter((line) => line.length > 15 && line.length < 400);
  const seen = new Map<string, number>();
  // How many lines have each word.
  for (const line of lines) for (const word of wordsOf(line)) seen.set(word, (seen.get(word) ?? 0) + 1);
  const scored = lines.map((line, at) => ({
    line,
    at,
    heading: headingOf(line),
    score: by === "figures" ? exactness(line) : rarity(line, seen, lines.length),
  }));
  scored.sort((a, b) => b.score - a.score || a.at - b.at);
  let left = tokens - estimateTokens(SUMMARY_HEADINGS.join("\n## "));
  const kept = scored.filter(({ line }) => {
    const size = estimateTokens(`- ${line}\n`);
    if (size > left) return false;
    left -= size;
    return true;
  });
  kept.sort((a, b) => a.at - b.at);
  return SUMMARY_HEADINGS.map((heading) => {
    const own = kept.filter((each) => each.heading === heading).map(({ line }) => `- ${line}`);
    return `## ${heading}\n${own.length === 0 ? "none" : own.join("\n")}`;
  }).join("\n");
}

const headingOf = (line: string): Heading => CUES.find(([, cue]) => cue.test(line))?.[0] ?? "Facts";

const cue = (line: string): number => (headingOf(line) === "Facts" ? 0 : 0.1);

/** The mean rarity of its words, 0 to 1; a few words say less than many. */
function rarity(line: string, seen: ReadonlyMap<string, number>, lines: number): number {
  const words = wordsOf(line);
  const sum = words.reduce((all, word) => all + Math.log(lines / seen.get(word)!), 0) / Math.log(lines + 1);
  return sum / (words.length + 2) + cue(line);
}

const exactness = (line: string): number => (line.match(EXACT)?.length ?? 0) / Math.sqrt(line.length) + cue(line);
