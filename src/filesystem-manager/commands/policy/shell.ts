import { cursorOn, NAME, wordReader } from "./word-reader.js";
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
const MAX_DEPTH = 100;
/** A backslash-newline between characters that may belong together: shells put them back together cursor.at different times. */
const SPLIT = /\$\\\n|[&|<>](?:\\\n)+[&<>({|-]/;

interface HereDocument {
  delimiter: string;
  quoted: boolean;
  tabs: boolean;
}

function shellReader(script: string, depth = 0) {
  const found: SimpleCommand[] = [];
  const cursor = cursorOn(script);
  const { peek, starts, atEnd } = cursor;
  const { readWord, expansion } = wordReader(cursor, { substitution, deeper, nested: (text) => nested(text, (reader) => reader.list()) });
  let pending: HereDocument[] = [];
  let level = depth;

  const isBlank = (char: string) => char === " " || char === "\t";

  function skipBlanks(): void {
    for (;;) {
      if (isBlank(peek())) cursor.at++;
      else if (starts("\\\n")) cursor.at += 2;
      else if (peek() === "#") while (!atEnd() && peek() !== "\n") cursor.at++;
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
    cursor.at++;
    for (const { delimiter, quoted, tabs } of pending) {
      let body = "";
      while (!atEnd()) {
        const end = script.indexOf("\n", cursor.at);
        const line = script.slice(cursor.at, end === -1 ? script.length : end);
        cursor.at = end === -1 ? script.length : end + 1;
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
        cursor.at++;
        list();
        closing();
      } else if (peek() === ")") return false;
      else if (";&|".includes(peek())) cursor.at++;
      else if (command(inCase)) return true;
    }
  }

  function closing(): void {
    if (peek() !== ")") throw new Unreadable('a ")" is missing');
    cursor.at++;
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
        cursor.at++;
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
    if (!/^in[\s;]/.test(script.slice(cursor.at, cursor.at + 3))) return false;
    cursor.at += 2;
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
      if (/^esac(?=[\s;&|<>()]|$)/.test(script.slice(cursor.at, cursor.at + 5))) {
        cursor.at += 4;
        return false;
      }
      if (peek() === "(") cursor.at++;
      for (;;) {
        skipBlanks();
        readWord();
        skipBlanks();
        if (peek() !== "|") break;
        cursor.at++;
      }
      closing();
      if (list(true)) return false;
      if (starts(";;&")) cursor.at += 3;
      else if (starts(";;") || starts(";&")) cursor.at += 2;
      else throw new Unreadable('"case" is not closed');
    }
  }

  /** True for `<(…)` and `>(…)`, which stand for a word. */
  function redirection(): boolean {
    const operator = /^(<<<|<<-|<<|<&|<>|>>|>&|>\||<|>)/.exec(script.slice(cursor.at, cursor.at + 3))?.[0] ?? "";
    if (operator === "<<<") throw new Unreadable('"<<<" is not read, use a pipe or the stdin argument');
    cursor.at += operator.length;
    if (operator.length === 1 && peek() === "(") {
      cursor.at++;
      substitution();
      return true;
    }
    skipBlanks();
    if (!operator.startsWith("<<")) {
      readWord();
      return false;
    }
    const from = cursor.at;
    const { word } = readWord();
    const written = script.slice(from, cursor.at);
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

  /** The rest as the body of a here-document: text in which only `$` and backticks mean something. */
  function expansionsOnly(): void {
    while (!atEnd()) {
      const char = peek();
      if (char === "\\") cursor.at += 2;
      else if (char === "$" || char === "`") expansion(true);
      else cursor.at++;
    }
  }

  return { list, atEnd, expansionsOnly, found };
}
