import { seededRandom } from "../../../../src/testing/random.js";
import type { Commands } from "../support.js";

const NOISE = [
  ..."; & | ( ) { } ! $ ` ' \" \\ # < > = * ~ [ ] fi done esac ;; then do in if << && || $( ${ $(( )) x".split(" "),
  "\n",
  " ",
  "\\\n",
];

const PROGRAMS = 30;

/** Shell scripts made by the grammar, two thirds of them with something put in or taken out anywhere. */
export function randomScripts(count: number): string[] {
  const random = seededRandom(7);
  const upTo = (n: number) => Math.floor(random() * n);
  const pick = (choices: readonly string[]) => choices[upTo(choices.length)]!;

  const program = () => pick(["p", "\\p", "'p'", "p\\\n", '"p"']) + (1 + upTo(PROGRAMS));
  const word = (depth: number): string => {
    if (depth > 3) return pick(["a", "-x", "1"]);
    const inner = () => list(depth + 1);
    return [
      () => pick(["a", "-x", "$x", '"$x"', "'a b'", '"a;b"', "a\\;b", "*", "{}", "~", "if", "a#b", "$((1+2))", "[", "=", "!", "}"]),
      () => `$(${inner()})`,
      () => `"$(${inner()})"`,
      () => `\`${inner().replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``,
      () => `\${y:-$(${inner()})}`,
      () => `$(($(${inner()}) + 1))`,
    ][Math.max(0, upTo(14) - 8)]!();
  };
  const simple = (depth: number): string => {
    const words = Array.from({ length: upTo(3) }, () => word(depth));
    const around = pick(["", "", "", "A=1 ", ">/dev/null ", "B=$(p5) ", "2>&1 "]);
    return `${around}${[program(), ...words].join(" ")}${pick(["", "", "", " >/dev/null", " 2>&1", " </dev/null", " <<E\n$(p5)\nE\n", " <<'E'\n$(p5)\nE\n"])}`;
  };
  const command = (depth: number): string => {
    if (depth > 3) return simple(depth);
    const inner = () => list(depth + 1);
    return [
      () => simple(depth),
      () => `( ${inner()})`,
      () => `{ ${inner()}\n}`,
      () => `if ${inner()}\nthen ${inner()}\nelse ${inner()}\nfi`,
      () => `for i in 1 ${word(depth)}; do ${inner()}\ndone`,
      () => `while ${inner()}\ndo ${inner()}\nbreak; done`,
      () => `case ${word(depth)} in a|x) ${inner()}\n;; *) ${inner()}\nesac`,
      () => `! ${simple(depth)}`,
    ][Math.max(0, upTo(16) - 8)]!();
  };
  const list = (depth: number): string => {
    const commands = Array.from({ length: 1 + upTo(2) }, () => command(depth));
    return commands.join(pick([" ; ", "\n", " && ", " || ", " | ", ";", "|", " # p1 a comment\n"]));
  };
  const changed = () => {
    let script = list(0);
    for (let n = upTo(3); n > 0; n--) {
      const at = upTo(script.length + 1);
      script = script.slice(0, at) + (random() < 0.6 ? pick(NOISE) : "") + script.slice(at + (random() < 0.5 ? upTo(3) : 0));
    }
    return script;
  };
  const scripts: string[] = [];
  while (scripts.length < count) {
    const script = changed();
    if (!/\([\s\\]*\)/.test(script)) scripts.push(script); // no functions: one that calls itself is a fork bomb
  }
  return scripts;
}

/**
 * Which of the programs p1 to p30, which do nothing, each of the scripts starts. In a sandbox: loops and whatever else comes about
 * end with it.
 */
export async function startedBy(commands: Commands, scripts: readonly string[]): Promise<string[][]> {
  // Each says whose it is, as what one script leaves in the background may still be running during the next ones.
  const functions = Array.from({ length: PROGRAMS }, (_, n) => `p${n + 1}() { echo "$OF p${n + 1}" >&9; }`).join("\n");
  const prelude = `exec 9>&1 >/dev/null 2>&1 </dev/null\nx=\n${functions}\neval "$1"`;
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const each = scripts.map((script, n) => `OF=${n} timeout -s KILL 0.3 sh -c "$PRELUDE" sh ${quoted(script)} 2>/dev/null`);
  const { stdout } = await commands.run({ command: `PRELUDE=${quoted(prelude)}\n${each.join("\n")}` });
  const started = scripts.map(() => new Set<string>());
  for (const [, of, program] of stdout.matchAll(/^(\d+) (p\d+)$/gm)) started[Number(of)]?.add(program ?? "");
  return started.map((programs) => [...programs]);
}
