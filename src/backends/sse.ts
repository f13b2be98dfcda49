/** The data of one server-sent event, and its name where it has one. */
export type OnEvent = (data: string, name: string) => void;

/** Shared by all streams: it is given whole lines, so it keeps nothing between calls. One of each stream's own would cost 1 KB. */
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
const BYTE_ORDER_MARK = 0xfeff;
const LF = 10;
const CR = 13;

/**
 * Reads server-sent events as they arrive (WHATWG HTML, "Parsing an event stream"): any line end, bytes cut anywhere,
 * comments, a byte order mark, data over several lines. `id` and `retry` mean nothing here and are passed over.
 */
export class SseDecoder {
  /** Bytes of the line that is not over yet. */
  #rest: Uint8Array[] | undefined;
  /** A line whose carriage return may be half of its end. */
  #line = "";
  #begun = false;
  #data: string | undefined;
  #name = "";

  push(bytes: Uint8Array, onEvent: OnEvent): void {
    const end = endOfLines(bytes);
    if (end > 0) this.#read(this.#line + this.#decode(bytes.subarray(0, end)), onEvent);
    if (end === bytes.length) return;
    this.#rest ??= [];
    this.#rest.push(new Uint8Array(bytes.subarray(end))); // a copy: the piece may be used again
  }

  /** The bytes are over. An event whose blank line is missing is given all the same; true: it broke off within a line. */
  end(onEvent: OnEvent): boolean {
    const rest = this.#line + this.#decode(new Uint8Array(0));
    const inside = rest !== "" && rest !== "\r";
    this.#line = "";
    this.#read(`${rest}\n\n`, onEvent);
    return inside;
  }

  /** The text of what was left and of these bytes. */
  #decode(bytes: Uint8Array): string {
    const text = UTF8.decode(this.#rest === undefined ? bytes : Buffer.concat([...this.#rest, bytes]));
    this.#rest = undefined;
    if (this.#begun || text === "") return text;
    this.#begun = true;
    return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
  }

  #read(text: string, onEvent: OnEvent): void {
    let start = 0;
    let returns = text.indexOf("\r");
    for (;;) {
      const newline = text.indexOf("\n", start);
      let end = newline;
      let next = newline + 1;
      if (returns !== -1 && (newline === -1 || returns < newline)) {
        end = returns;
        // A carriage return at the very end may be half of a line end.
        if (returns === text.length - 1) break;
        next = text.charCodeAt(returns + 1) === 10 ? returns + 2 : returns + 1;
        returns = text.indexOf("\r", next);
      } else if (newline === -1) break;
      this.#take(text, start, end, onEvent);
      start = next;
    }
    this.#line = start === 0 ? text : text.slice(start);
  }

  #take(text: string, start: number, end: number, onEvent: OnEvent): void {
    if (start === end) {
      const data = this.#data;
      const name = this.#name;
      this.#data = undefined;
      this.#name = "";
      if (data !== undefined) onEvent(data, name);
      return;
    }
    if (text.startsWith("data", start)) {
      const value = fieldValue(text, start + 4, end);
      if (value !== undefined) this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    } else if (text.startsWith("event", start)) {
      this.#name = fieldValue(text, start + 5, end) ?? this.#name;
    }
  }
}

/** How many of the bytes are whole lines. No letter of UTF-8 has such a byte in its middle. */
function endOfLines(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] !== LF && bytes[end - 1] !== CR) end--;
  return end;
}

/** What follows the name of a field; nothing, if the name goes on. */
function fieldValue(text: string, at: number, end: number): string | undefined {
  if (at === end) return "";
  if (text.charCodeAt(at) !== 58) return undefined;
  return text.slice(text.charCodeAt(at + 1) === 32 && at + 1 < end ? at + 2 : at + 1, end);
}
