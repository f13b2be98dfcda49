import { Unreadable, type Word } from "./words.js";

/** A place in a script. */
export interface Cursor {
  readonly script: string;
  at: number;
  /** The character there, or some characters on; empty after the end. */
  peek(ahead?: number): string;
  starts(text: string): boolean;
  atEnd(): boolean;
}

export function cursorOn(script: string): Cursor {
  const cursor: Cursor = {
    script,
    at: 0,
    peek: (ahead = 0) => script[cursor.at + ahead] ?? "",
    starts: (text) => script.startsWith(text, cursor.at),
    atEnd: () => cursor.at >= script.length,
  };
  return cursor;
}

export interface ReadWord {
  word: Word;
  /** As written, where nothing in it is quoted or expanded; for keywords, descriptors and names. */
  bare: string | undefined;
  /** `NAME` of `NAME=value`. */
  assigns?: string;
}

/** What reads the commands that are found in words. */
export interface Within {
  /** Commands up to the `)` that closes them. */
  substitution(): void;
  /** Commands in a text of their own. */
  nested(text: string): void;
  deeper(read: () => void): void;
}

export const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const META = /[ \t\n;&|<>()]/;

/** Reads words as shells do: quotes, expansions and what is in them. Throws `Unreadable`. */
export function wordReader(cursor: Cursor, { substitution, nested, deeper }: Within) {
  const { script, peek, starts } = cursor;

  function readWord(): ReadWord {
    const from = cursor.at;
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
        cursor.at += 2;
      } else if (char === "'") {
        plain = false;
        const end = script.indexOf("'", cursor.at + 1);
        if (end === -1) throw new Unreadable("a quote is not closed");
        text += script.slice(cursor.at + 1, end);
        cursor.at = end + 1;
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
          else if (char === "~" && cursor.at === from) one = true;
          else if (char === "{") brace = true;
          else if (char === "}" && brace && /,|\.\./.test(text)) many = true;
        }
        text += char;
        cursor.at++;
      }
    }
    if (cursor.at === from) throw new Unreadable(`"${peek()}" stands where a word is expected`);
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
    cursor.at++;
    for (;;) {
      const char = peek();
      if (char === "") throw new Unreadable("a quote is not closed");
      if (char === '"') {
        cursor.at++;
        return { text, one, many };
      }
      if (char === "\\" && '$`"\\\n'.includes(peek(1)) && peek(1) !== "") {
        if (peek(1) !== "\n") text += peek(1);
        cursor.at += 2;
      } else if (char === "$" || char === "`") {
        const list = starts("$@") || (starts("${") && script.slice(cursor.at, script.indexOf("}", cursor.at) + 1).includes("@"));
        const expanded = expansion(true);
        if (expanded === "literal") text += "$";
        else if (list) many = true;
        else one = true;
      } else {
        text += char;
        cursor.at++;
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
      cursor.at++; // bash: a translated string; other shells: a dollar sign before a string
      return "expanded";
    }
    if (starts("$((")) {
      cursor.at += 3;
      arithmetic();
      return "expanded";
    }
    if (next === "(") {
      cursor.at += 2;
      substitution();
      return "expanded";
    }
    if (next === "{") {
      cursor.at += 2;
      deeper(() => braces(quoted));
      return "expanded";
    }
    if (next === "[") throw new Unreadable('"$[" is read differently by different shells');
    const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])/.exec(script.slice(cursor.at + 1, cursor.at + 257));
    cursor.at += 1 + (name?.[0].length ?? 0);
    return name === null ? "literal" : "expanded";
  }

  function backticks(quoted: boolean): void {
    let inner = "";
    cursor.at++;
    for (;;) {
      const char = peek();
      if (char === "") throw new Unreadable("a backtick is not closed");
      cursor.at++;
      if (char === "`") break;
      if (char !== "\\") inner += char;
      else {
        const next = peek();
        inner += "`\\$".includes(next) || (quoted && next === '"') ? next : `\\${next}`;
        cursor.at++;
      }
    }
    nested(inner);
  }

  /** After `${`, to its `}`. */
  function braces(quoted: boolean): void {
    for (;;) {
      const char = peek();
      if (char === "") throw new Unreadable('"${" is not closed');
      if (char === "}") {
        cursor.at++;
        return;
      }
      if (char === "\\") cursor.at += 2;
      else if (char === "'") {
        if (quoted) throw new Unreadable("a ' in a quoted parameter expansion is read differently by different shells");
        const end = script.indexOf("'", cursor.at + 1);
        if (end === -1) throw new Unreadable("a quote is not closed");
        cursor.at = end + 1;
      } else if (char === '"') doubleQuoted();
      else if (char === "$" || char === "`") expansion(quoted);
      else cursor.at++;
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
      cursor.at++;
      if (char === "(") depth++;
      else if (char === ")" && depth > 0) depth--;
      else if (char === ")") {
        if (peek() !== ")") throw new Unreadable('"$((" may be arithmetic or a subshell, write "$( (" for the latter');
        cursor.at++;
        return;
      }
    }
  }

  return { readWord, expansion };
}
