/** The data of one server-sent event, and its name where it has one. */
export type OnEvent = (data: string, name: string) => void;

/**
 * Reads server-sent events as they arrive (WHATWG HTML, "Parsing an event stream"): any line end, bytes cut anywhere,
 * comments, a byte order mark, data over several lines. `id` and `retry` mean nothing here and are passed over.
 */
export class SseDecoder {
  readonly #text = new TextDecoder();
  /** The line that is not over yet. */
  #line = "";
  #data: string | undefined;
  #name = "";

  push(bytes: Uint8Array, onEvent: OnEvent): void {
    this.#read(this.#line + this.#text.decode(bytes, { stream: true }), onEvent);
  }

  /** The bytes are over. An event whose blank line is missing is given all the same. */
  end(onEvent: OnEvent): void {
    const rest = this.#line + this.#text.decode();
    this.#line = "";
    this.#read(`${rest}\n\n`, onEvent);
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

/** What follows the name of a field; nothing, if the name goes on. */
function fieldValue(text: string, at: number, end: number): string | undefined {
  if (at === end) return "";
  if (text.charCodeAt(at) !== 58) return undefined;
  return text.slice(text.charCodeAt(at + 1) === 32 && at + 1 < end ? at + 2 : at + 1, end);
}
