import { type SimpleCommand, Unreadable, type Word } from "./words.js";

/**
 * Finds every simple command in a shell script: in pipelines and lists, in the bodies of `if`, `for`, `while`, `case`, groups, subshells
 * and functions, in `$(…)`, backticks, `<(…)`, here-documents and parameter expansions.
 *
 * It accepts more than a shell does, as it only has to find all that might be started. What shells read differently (`&>`, `$'…'`, `[[`,
 * arrays) is refused instead of guessed.
 * @throws Unreadable
 */
export function commandsOf(script: string): SimpleCommand[] {
  if (SPLIT.test(script)) throw new Unreadable("a line is continued in the middle of an operator");
  const reader = shellReader(script);
  reader.list();
  if (!reader.atEnd()) throw new Unreadable('there is a ")" or ";;" too many');
  return reader.found;
}

const SKIPPED = new Set(["if", "then", "else", "elif", "fi", "while", "until", "do", "done", "{", "}", "!"]);
const REFUSED = new Set(["function", "select", "coproc", "[["]);
const META = /[ \t\n;&|<>()]/;
const MAX_DEPTH = 100;
/** A backslash-newline between characters that may belong together: shells put them back together at different times. */
const SPLIT = /\$\\\n|[&|<>](?:\\\n)+[&<>({|-]/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

interface ReadWord {
  word: Word;
  /** As written, where nothing in it is quoted or expanded; for keywords, descriptors and names. */
  bare: string | undefined;
  /** `NAME` of `NAME=value`. */
  assigns?: string;
}

interface HereDocument {
  delimiter: string;
  quoted: boolean;
  tabs: boolean;
}

function shellReader(script: string, depth = 0) {
  const found: SimpleCommand[] = [];
  let at = 0;
  let pending: HereDocument[] = [];
  let level = depth;

  const peek = (ahead = 0) => script[at + ahead] ?? "";
  const atEnd = () => at >= script.length;
  const starts = (text: string) => script.startsWith(text, at);
  const isBlank = (char: string) => char === " " || char === "\t";

  function skipBlanks(): void {
    for (;;) {
      if (isBlank(peek())) at++;
      else if (starts("\\\n")) at += 2;
      else if (peek() === "#") while (!atEnd() && peek() !== "\n") at++;
      else return;
    }
  }

  function skipBlanksAndNewlines(): void {
    for (;;) {
      skipBlanks();
      if (peek() !== "\n") return;
      newline();
    }
  }

  /** Past a line's end and the here-documents that were announced on the line. */
  function newline(): void {
    at++;
    for (const { delimiter, quoted, tabs } of pending) {
      let body = "";
      while (!atEnd()) {
        const end = script.indexOf("\n", at);
        const line = script.slice(at, end === -1 ? script.length : end);
        at = end === -1 ? script.length : end + 1;
        if ((tabs ? line.replace(/^\t+/, "") : line) === delimiter) break;
        if (!quoted && /(?<!\\)(?:\\\\)*\\$/.test(line)) throw new Unreadable("a here-document has a line that is continued");
        body += `${line}\n`;
      }
      if (!quoted) nested(body, (reader) => reader.expansionsOnly());
    }
    pending = [];
  }

  function nested(text: string, read: (reader: ReturnType<typeof shellReader>) => void): void {
    const reader = shellReader(text, level);
    deeper(() => read(reader));
    if (!reader.atEnd()) throw new Unreadable('there is a ")" or ";;" too many');
    found.push(...reader.found);
  }

  /** Commands up to the end, or to a `)` or `;;` that belongs to someone further out. True when an `esac` ended them. */
  function list(inCase = false): boolean {
    return deeper(() => commands(inCase));
  }

  function deeper<T>(read: () => T): T {
    if (++level > MAX_DEPTH) throw new Unreadable("it is nested too deeply");
    const result = read();
    level--;
    return result;
  }

  function commands(inCase: boolean): boolean {
    for (;;) {
      skipBlanks();
      if (atEnd()) return false;
      if (peek() === "\n") newline();
      else if (starts(";;") || starts(";&")) return false;
      else if (starts("|&")) throw new Unreadable('"|&" is read differently by different shells, write "2>&1 |"');
      else if (starts("((")) throw new Unreadable('"((" is not read');
      else if (peek() === "(") {
        at++;
        list();
        closing();
      } else if (peek() === ")") return false;
      else if (";&|".includes(peek())) at++;
      else if (command(inCase)) return true;
    }
  }

  function closing(): void {
    if (peek() !== ")") throw new Unreadable('a ")" is missing');
    at++;
  }

  /** One simple command, or the head of a compound one. True when it was the `esac` that ends the list. */
  function command(inCase: boolean): boolean {
    const words: Word[] = [];
    const assigns: string[] = [];
    for (;;) {
      skipBlanks();
      const char = peek();
      if (starts("&>")) throw new Unreadable('"&>" is read differently by different shells, write "> file 2>&1"');
      if (char === "" || "\n;&|)".includes(char)) break;
      if (char === "(") {
        const [name] = words;
        if (words.length !== 1 || assigns.length > 0 || name?.text === undefined) throw new Unreadable('there is a "(" after a word');
        at++;
        skipBlanks();
        closing();
        return false; // a function's name; its body comes next, and is judged like all else
      }
      if (char === "<" || char === ">") {
        const substituted = redirection();
        if (substituted) words.push({ many: false });
        continue;
      }
      const first = words.length === 0 && assigns.length === 0;
      const { word, bare, assigns: name } = readWord();
      if (bare !== undefined && /^\d+$/.test(bare) && "<>".includes(peek()) && !atEnd()) continue; // a descriptor: 2>file
      if (first && bare !== undefined) {
        if (SKIPPED.has(bare)) return false;
        if (REFUSED.has(bare)) throw new Unreadable(`"${bare}" is not read, use what every POSIX shell has`);
        if (bare === "for") return forHead();
        if (bare === "case") return caseBody();
        if (bare === "esac" && inCase) return true;
      }
      if (name !== undefined && words.length === 0) assigns.push(name);
      else words.push(word);
    }
    if (words.length > 0 || assigns.length > 0) found.push({ words, assigns });
    return false;
  }

  function forHead(): false {
    skipBlanks();
    const name = readWord().bare;
    if (name === undefined || !NAME.test(name)) throw new Unreadable('"for" has no variable');
    found.push({ words: [], assigns: [name] });
    skipBlanksAndNewlines();
    if (!/^in[\s;]/.test(script.slice(at, at + 3))) return false;
    at += 2;
    for (;;) {
      skipBlanks();
      if (atEnd() || "\n;".includes(peek())) return false;
      readWord();
    }
  }

  function caseBody(): false {
    skipBlanks();
    readWord();
    skipBlanksAndNewlines();
    if (readWord().bare !== "in") throw new Unreadable('"case" has no "in"');
    for (;;) {
      skipBlanksAndNewlines();
      if (/^esac(?=[\s;&|<>()]|$)/.test(script.slice(at, at + 5))) {
        at += 4;
        return false;
      }
      if (peek() === "(") at++;
      for (;;) {
        skipBlanks();
        readWord();
        skipBlanks();
        if (peek() !== "|") break;
        at++;
      }
      closing();
      if (list(true)) return false;
      if (starts(";;&")) at += 3;
      else if (starts(";;") || starts(";&")) at += 2;
      else throw new Unreadable('"case" is not closed');
    }
  }

  /** True for `<(…)` and `>(…)`, which stand for a word. */
  function redirection(): boolean {
    const operator = /^(<<<|<<-|<<|<&|<>|>>|>&|>\||<|>)/.exec(script.slice(at, at + 3))?.[0] ?? "";
    if (operator === "<<<") throw new Unreadable('"<<<" is not read, use a pipe or the stdin argument');
    at += operator.length;
    if (operator.length === 1 && peek() === "(") {
      at++;
      substitution();
      return true;
    }
    skipBlanks();
    if (!operator.startsWith("<<")) {
      readWord();
      return false;
    }
    const from = at;
    const { word } = readWord();
    const written = script.slice(from, at);
    if (word.text === undefined || written.includes("$") || written.includes("`"))
      throw new Unreadable("a here-document's end is not known");
    pending.push({ delimiter: word.text, quoted: /['"\\]/.test(written.replaceAll("\\\n", "")), tabs: operator === "<<-" });
    return false;
  }

  /** Commands up to the `)` that closes them. */
  function substitution(): void {
    if (pending.length > 0) throw new Unreadable("a here-document and a substitution share a line");
    list();
    closing();
    if (pending.length > 0) throw new Unreadable("a here-document is not closed before its substitution");
  }

  function readWord(): ReadWord {
    const from = at;
    let text = "";
    let plain = true;
    let many = false;
    let one = false;
    let assigns: string | undefined;
    let brace = false;
    let bracket = false;
    for (;;) {
      const char = peek();
      if (char === "" || META.test(char)) break;
      if (char === "\\") {
        if (peek(1) !== "\n") {
          plain = false;
          text += peek(1);
        }
        at += 2;
      } else if (char === "'") {
        plain = false;
        const end = script.indexOf("'", at + 1);
        if (end === -1) throw new Unreadable("a quote is not closed");
        text += script.slice(at + 1, end);
        at = end + 1;
      } else if (char === '"') {
        plain = false;
        const inner = doubleQuoted();
        text += inner.text;
        one ||= inner.one;
        many ||= inner.many;
      } else if (char === "$" || char === "`") {
        const expanded = expansion(false);
        if (expanded === "literal") text += "$";
        else if (assigns === undefined) many = true;
        else one = true;
        plain &&= expanded === "literal";
      } else {
        if (assigns === undefined) {
          if (char === "=" && plain && NAME.test(text.replace(/\+$/, ""))) {
            assigns = text.replace(/\+$/, "");
            if (peek(1) === "(") throw new Unreadable("arrays are not read");
          } else if (char === "*" || char === "?" || (char === "]" && bracket)) many = true;
          else if (char === "[") bracket = true;
          else if (char === "~" && at === from) one = true;
          else if (char === "{") brace = true;
          else if (char === "}" && brace && /,|\.\./.test(text)) many = true;
        }
        text += char;
        at++;
      }
    }
    if (at === from) throw new Unreadable(`"${peek()}" stands where a word is expected`);
    const known = !many && !one;
    return {
      word: known ? { text } : { many },
      bare: known && plain ? text : undefined,
      ...(assigns !== undefined && { assigns }),
    };
  }

  function doubleQuoted(): { text: string; one: boolean; many: boolean } {
    let text = "";
    let one = false;
    let many = false;
    at++;
    for (;;) {
      const char = peek();
      if (char === "") throw new Unreadable("a quote is not closed");
      if (char === '"') {
        at++;
        return { text, one, many };
      }
      if (char === "\\" && '$`"\\\n'.includes(peek(1)) && peek(1) !== "") {
        if (peek(1) !== "\n") text += peek(1);
        at += 2;
      } else if (char === "$" || char === "`") {
        const list = starts("$@") || (starts("${") && script.slice(at, script.indexOf("}", at) + 1).includes("@"));
        const expanded = expansion(true);
        if (expanded === "literal") text += "$";
        else if (list) many = true;
        else one = true;
      } else {
        text += char;
        at++;
      }
    }
  }

  /** At a `$` or a backtick. `literal`: a dollar sign that stands for itself. */
  function expansion(quoted: boolean): "expanded" | "literal" {
    if (peek() === "`") {
      backticks(quoted);
      return "expanded";
    }
    const next = peek(1);
    if (next === "'" && !quoted) throw new Unreadable('"$\'" is read differently by different shells');
    if (next === '"' && !quoted) {
      at++; // bash: a translated string; other shells: a dollar sign before a string
      return "expanded";
    }
    if (starts("$((")) {
      at += 3;
      arithmetic();
      return "expanded";
    }
    if (next === "(") {
      at += 2;
      substitution();
      return "expanded";
    }
    if (next === "{") {
      at += 2;
      deeper(() => braces(quoted));
      return "expanded";
    }
    if (next === "[") throw new Unreadable('"$[" is read differently by different shells');
    const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])/.exec(script.slice(at + 1, at + 257));
    at += 1 + (name?.[0].length ?? 0);
    return name === null ? "literal" : "expanded";
  }

  function backticks(quoted: boolean): void {
    let inner = "";
    at++;
    for (;;) {
      const char = peek();
      if (char === "") throw new Unreadable("a backtick is not closed");
      at++;
      if (char === "`") break;
      if (char !== "\\") inner += char;
      else {
        const next = peek();
        inner += "`\\$".includes(next) || (quoted && next === '"') ? next : `\\${next}`;
        at++;
      }
    }
    nested(inner, (reader) => reader.list());
  }

  /** After `${`, to its `}`. */
  function braces(quoted: boolean): void {
    for (;;) {
      const char = peek();
      if (char === "") throw new Unreadable('"${" is not closed');
      if (char === "}") {
        at++;
        return;
      }
      if (char === "\\") at += 2;
      else if (char === "'") {
        if (quoted) throw new Unreadable("a ' in a quoted parameter expansion is read differently by different shells");
        const end = script.indexOf("'", at + 1);
        if (end === -1) throw new Unreadable("a quote is not closed");
        at = end + 1;
      } else if (char === '"') doubleQuoted();
      else if (char === "$" || char === "`") expansion(quoted);
      else at++;
    }
  }

  /** After `$((`, to its `))`. */
  function arithmetic(): void {
    for (let depth = 0; ; ) {
      const char = peek();
      if (char === "") throw new Unreadable('"$((" is not closed');
      if (char === "$" || char === "`") {
        expansion(true);
        continue;
      }
      if (char === "'" || char === '"' || char === "\\") throw new Unreadable('there is a quote in "$(("');
      at++;
      if (char === "(") depth++;
      else if (char === ")" && depth > 0) depth--;
      else if (char === ")") {
        if (peek() !== ")") throw new Unreadable('"$((" may be arithmetic or a subshell, write "$( (" for the latter');
        at++;
        return;
      }
    }
  }

  /** The rest as the body of a here-document: text in which only `$` and backticks mean something. */
  function expansionsOnly(): void {
    while (!atEnd()) {
      const char = peek();
      if (char === "\\") at += 2;
      else if (char === "$" || char === "`") expansion(true);
      else at++;
    }
  }

  return { list, atEnd, expansionsOnly, found };
}
