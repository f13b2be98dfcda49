/** Decodes one string field of a JSON object while the object's text is still arriving. */
export interface StringFieldDecoder {
  /** Takes the next piece of JSON text and returns what it adds to the field's value; often `""`. */
  push(json: string): string;
}

type State =
  | "start" // before the object
  | "key-start" // before a key or the object's end
  | "key"
  | "colon"
  | "value" // before a value
  | "skip-string"
  | "skip-nested"
  | "skip-scalar"
  | "after-value"
  | "text" // inside the field's string
  | "escape" // after a backslash in it
  | "unicode" // in its \uXXXX
  | "done"; // the field has ended, or the text is not what we expected

const SIMPLE_ESCAPES: Record<string, string> = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/**
 * A decoder for the top-level field `field`. Keys may come in any order; a field of the same name deeper down is not
 * meant. Text that is not JSON, or a field that is not a string, makes it fall silent: what it returned until then is
 * a prefix of the value. A surrogate pair is never torn apart between two pieces.
 */
export function stringFieldDecoder(field: string): StringFieldDecoder {
  let state: State = "start";
  let key = ""; // raw text of the key being read
  let escaped = false; // the next character of a skipped string or key is escaped
  let depth = 0; // of a skipped value
  let inString = false; // within a skipped nested value
  let hex = "";
  let held = ""; // a high surrogate whose other half may still come

  function keyMatches(): boolean {
    try {
      return JSON.parse(`"${key}"`) === field;
    } catch {
      return false;
    }
  }

  /** A character outside the field's own string. */
  function structural(char: string): void {
    switch (state) {
      case "skip-string":
        if (escaped) escaped = false;
        else if (char === "\\") escaped = true;
        else if (char === '"') state = "after-value";
        return;
      case "skip-nested":
        if (escaped) escaped = false;
        else if (inString) {
          if (char === "\\") escaped = true;
          else if (char === '"') inString = false;
        } else if (char === '"') inString = true;
        else if (char === "{" || char === "[") depth++;
        else if ((char === "}" || char === "]") && --depth === 0) state = "after-value";
        return;
      case "key":
        if (!escaped && char === '"') state = "colon";
        else {
          escaped = !escaped && char === "\\";
          key += char;
        }
        return;
      case "skip-scalar":
        if (char === ",") state = "key-start";
        else if (char === "}") state = "done";
        return;
      default:
    }
    if (char === " " || char === "\n" || char === "\r" || char === "\t") return;
    switch (state) {
      case "start":
        state = char === "{" ? "key-start" : "done";
        return;
      case "key-start":
        key = "";
        state = char === '"' ? "key" : "done";
        return;
      case "colon":
        state = char === ":" ? "value" : "done";
        return;
      case "value":
        if (char === '"') state = keyMatches() ? "text" : "skip-string";
        else if (keyMatches()) state = "done";
        else if (char === "{" || char === "[") {
          state = "skip-nested";
          depth = 1;
        } else state = "skip-scalar";
        return;
      case "after-value":
        state = char === "," ? "key-start" : "done";
        return;
      default:
    }
  }

  return {
    push(json) {
      if (state === "done") return "";
      let out = held;
      held = "";
      let i = 0;
      while (i < json.length) {
        if (state === "text") {
          const from = i;
          let code = 0;
          for (; i < json.length; i++) {
            code = json.charCodeAt(i);
            if (code === 34 || code === 92 || code < 32) break;
          }
          out += json.slice(from, i);
          if (i === json.length) break;
          state = code === 92 ? "escape" : "done"; // a quote ends it; a bare control character is not JSON
          i++;
        } else if (state === "escape") {
          const char = json.charAt(i++);
          const plain = SIMPLE_ESCAPES[char];
          if (plain !== undefined) out += plain;
          hex = "";
          state = plain !== undefined ? "text" : char === "u" ? "unicode" : "done";
        } else if (state === "unicode") {
          hex += json.charAt(i++);
          if (!/^[0-9a-fA-F]+$/.test(hex)) state = "done";
          else if (hex.length === 4) {
            out += String.fromCharCode(Number.parseInt(hex, 16));
            state = "text";
          }
        } else if (state === "done") break;
        else structural(json.charAt(i++));
      }
      const last = out.charCodeAt(out.length - 1);
      if (state !== "done" && last >= 0xd800 && last <= 0xdbff) {
        held = out.slice(-1);
        return out.slice(0, -1);
      }
      return out;
    },
  };
}
