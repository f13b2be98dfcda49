import { posix } from "node:path";
import { ConfigError } from "../../../errors.js";
import type { Word } from "./words.js";

/** A pattern's words: text in which `*` stands for any characters, or `*` alone for any number of words. */
export type CommandPattern = readonly (RegExp | "*")[];

/**
 * Reads `git *`, `npm run test`, `rm -rf *`.
 * @throws ConfigError `bad_command_pattern`
 */
export function commandPattern(pattern: string, path: string): CommandPattern {
  const words = typeof pattern === "string" ? pattern.split(/\s+/).filter((word) => word !== "") : [];
  if (words.length === 0) {
    const message = `${path}: must be the words of a command, such as "git *", not ${JSON.stringify(pattern)}.`;
    throw new ConfigError("bad_command_pattern", message, { path });
  }
  return words.map((word) => (word === "*" ? "*" : new RegExp(`^${word.split("*").map(escaped).join("[\\s\\S]*")}$`)));
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/** Where programs of the system are: `/usr/bin/git` is `git`, `./git` is not. */
const SYSTEM = new Set(["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"]);

/** Whether the command is one of the pattern's, whatever its expansions give. */
export function isAllowedBy(pattern: CommandPattern, words: readonly Word[]): boolean {
  const program = words[0]?.text;
  if (program === undefined) return false;
  if (matches(pattern, words, false)) return true;
  return SYSTEM.has(posix.dirname(program)) && matches(pattern, [{ text: posix.basename(program) }, ...words.slice(1)], false);
}

/** Whether the command may be one of the pattern's. Programs go by their last name, wherever they are. */
export function mayBeDeniedBy(pattern: CommandPattern, words: readonly Word[]): boolean {
  const program = words[0]?.text;
  if (matches(pattern, words, true)) return true;
  return program !== undefined && matches(pattern, [{ text: posix.basename(program) }, ...words.slice(1)], true);
}

/** `possible`: whether it might, rather than whether it must. Filled from the end: `rest[w]` is "the pattern from p on matches the words from w on". */
function matches(pattern: CommandPattern, words: readonly Word[], possible: boolean): boolean {
  const count = words.length;
  const isMany = (w: number) => words[w]?.text === undefined && (words[w] as { many: boolean }).many;
  let rest = new Array<boolean>(count + 1).fill(false);
  rest[count] = true;
  for (let w = count - 1; w >= 0; w--) rest[w] = possible && isMany(w) && rest[w + 1]!;
  for (let p = pattern.length - 1; p >= 0; p--) {
    const wanted = pattern[p]!;
    const here = new Array<boolean>(count + 1).fill(false);
    here[count] = wanted === "*" && rest[count]!;
    for (let w = count - 1; w >= 0; w--) {
      const text = words[w]!.text;
      if (wanted === "*") here[w] = rest[w]! || here[w + 1]!;
      else if (text !== undefined) here[w] = wanted.test(text) && rest[w + 1]!;
      else if (possible) here[w] = rest[w + 1]! || (isMany(w) && (rest[w]! || here[w + 1]!));
    }
    rest = here;
  }
  return rest[0]!;
}
