import { describe, expect, it } from "vitest";
import { commandsOf } from "../../../../src/filesystem-manager/commands/policy/shell.js";
import { type SimpleCommand, textOf, Unreadable } from "../../../../src/filesystem-manager/commands/policy/words.js";
import { commandsIn, needsSandbox, scene } from "../support.js";
import { randomScripts, startedBy } from "./random-scripts.js";

const read = (script: string) =>
  commandsOf(script)
    .filter(hasWords)
    .map(({ words }) => textOf(words));
const hasWords = ({ words }: SimpleCommand) => words.length > 0;

describe("simple commands in a script", () => {
  it.each<[string, string[]]>([
    ["ls -l", ["ls -l"]],
    ["", []],
    ["  # only a comment", []],
    ["a; b & c\nd", ["a", "b", "c", "d"]],
    ["a && b || c | d", ["a", "b", "c", "d"]],
    ["! a", ["a"]],
    ["(a; b) > f", ["a", "b"]],
    ["( (a) )", ["a"]],
    ["{ a; b; } 2>/dev/null", ["a", "b"]],
    ["if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]],
    ["while a; do b; done < f; c", ["a", "b", "c"]],
    ["for x in 1 2 `a`; do b $x; done", ["a", "b …"]],
    ["for x\ndo a; done", ["a"]],
    ["case $x in a|b) one;; (c) two;; *) three; esac; four", ["one", "two", "three", "four"]],
    ["case x in a) case y in b) one; esac;; c) two;; esac", ["one", "two"]],
    ["f() { a; }; f", ["a", "f"]],
    ["A=1 B=$(b) a", ["b", "a"]],
    ["a > out 2>&1 < in >> more b", ["a b"]],
    ["> out a", ["a"]],
    ["echo 2>f 3", ["echo 3"]],
  ])("%s", (script, expected) => expect(read(script)).toEqual(expected));

  it.each<[string, string[]]>([
    ['"a b"\\ c', ["a b c"]],
    ["'a'\"b\"c", ["abc"]],
    ["r\\m -rf x", ["rm -rf x"]],
    ['r""m x', ["rm x"]],
    ["echo a#b # c", ["echo a#b"]],
    ["ec\\\nho a \\\n b", ["echo a b"]],
    ['echo "a \\" $ b"', ['echo a " $ b']],
    ["echo 'a; b'", ["echo a; b"]],
    ["echo a\\;b", ["echo a;b"]],
    ["echo $x ~/y *.ts {a,b} {} {x}", ["echo … … … … {} {x}"]],
    ["[ -f x ]", ["[ -f x ]"]],
    ["echo $", ["echo $"]],
  ])("quoting: %s", (script, expected) => expect(read(script)).toEqual(expected));

  it.each<[string, string[]]>([
    ["a $(b $(c))", ["c", "b …", "a …"]],
    ['a "$(b "$(c)")"', ["c", "b …", "a …"]],
    ["a `b \\`c\\``", ["c", "b …", "a …"]],
    ['a "`b "x"`"', ["b x", "a …"]],
    [`a \${x:-$(b)} "\${y:-\`c\`}"`, ["b", "c", "a … …"]],
    ["a $((1 + $(b)))", ["b", "a …"]],
    ["a <(b) >(c)", ["b", "c", "a … …"]],
    ["a > $(b)", ["b", "a"]],
    ["a <<END\n$(b) `c`\nEND\nd", ["b", "c", "a", "d"]],
    ["a <<'END'\n$(b)\nEND\nd", ["a", "d"]],
    ["a <<-END | b\n\tx\n\tEND\nd", ["a", "b", "d"]],
    ["a <<E\\\n\n$(b)\nE\nc", ["b", "a", "c"]],
    ["a <<A <<B\n$(1)\nA\n$(2)\nB\nc", ["1", "2", "a", "c"]],
    ["a $(case x in y) b;; esac)", ["b", "a …"]],
  ])("expansions: %s", (script, expected) => expect(read(script).sort()).toEqual([...expected].sort()));

  it.each([
    ["a &> f", "&>"],
    ["a |& b", "|&"],
    ["a <<< b", "<<<"],
    ["a $'b'", "$'"],
    ["[[ -f x ]]", "[["],
    ["((x))", "(("],
    ["a=(1 2)", "arrays"],
    ["function f { a; }", "function"],
    ["a 'b", "quote"],
    ['a "b', "quote"],
    ["a `b", "backtick"],
    ["a $(b", ")"],
    ["a)", ")"],
    ["a ${b", "${"],
    ["case x in y) z", "case"],
    ["a <<$x\n$x", "here-document"],
    ["a <<E\nb\\\nE\n'$(c)'\nE", "continued"],
    ["a $\\\n(b)", "continued"],
    ["a &\\\n> b", "continued"],
    ["a $((b) )", "$(("],
    ["$(".repeat(10_000), "deeply"],
    ["`echo ".repeat(3), "backtick"],
    ["${x:-".repeat(10_000), "deeply"],
    ["(".repeat(2), "(("],
    ["( ".repeat(10_000), "deeply"],
  ])("is not guessed: %.40s", (script, message) => expect(() => commandsOf(script)).toThrow(message));

  it("names the variables that are set", () => {
    expect(commandsOf("PATH=. A+=b git x=y; Z=1; for V in a; do b; done").map(({ assigns }) => assigns)).toEqual([
      ["PATH", "A"],
      ["Z"],
      ["V"],
      [],
    ]);
  });

  it("finds at least what the shell runs, whatever it is written like", async (context) => {
    await needsSandbox(context);
    await using place = await scene();
    await using commands = await commandsIn(place, { sandbox: "required", maxOutputBytes: 1_000_000 });
    let ran = 0;
    const scripts = randomScripts(400);
    for (let at = 0; at < scripts.length; at += 50) {
      const some = scripts.slice(at, at + 50).flatMap((script) => {
        const found = programsOf(script);
        return found === undefined ? [] : [{ script, found }];
      });
      const started = await startedBy(
        commands,
        some.map(({ script }) => script),
      );
      expect(started).toHaveLength(some.length);
      for (const [n, { script, found }] of some.entries()) {
        ran += started[n]!.length;
        for (const program of started[n]!) expect(found, script).toContain(program);
      }
    }
    expect(ran).toBeGreaterThan(200);
  }, 60_000);
});

/** `undefined` where the script is refused, or would be, as a program's name is not known. */
function programsOf(script: string): string[] | undefined {
  try {
    const names = commandsOf(script)
      .filter(hasWords)
      .map(({ words }) => words[0]!.text);
    return names.every((name) => name !== undefined) ? names : undefined;
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}
