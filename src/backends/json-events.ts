import type { OnEvent } from "./sse.js";

/**
 * Cuts a JSON array of objects, or a single object, into its objects as the bytes arrive: what servers send that were asked for a
 * stream and do not know how.
 */
export class JsonDecoder {
  readonly #decoder = new TextDecoder();
  /** What has come of the object being read; before the first one, all that has come. */
  #text = "";
  #any = false;
  #depth = 0;
  #inString = false;
  #escaped = false;

  push(bytes: Uint8Array, onEvent: OnEvent): void {
    const piece = this.#decoder.decode(bytes, { stream: true });
    let start = 0;
    for (let at = 0; at < piece.length; at++) {
      const char = piece.charCodeAt(at);
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (char === 0x5c) this.#escaped = true;
        else if (char === 0x22) this.#inString = false;
      } else if (char === 0x22) this.#inString = true;
      else if (char === 0x7b && this.#depth++ === 0) {
        this.#any = true;
        this.#text = "";
        start = at;
      } else if (char === 0x7d && this.#depth > 0 && --this.#depth === 0) {
        const object = this.#text + piece.slice(start, at + 1);
        this.#text = "";
        onEvent(object, "");
      }
    }
    if (this.#depth > 0 || !this.#any) this.#text += piece.slice(start);
  }

  /** An object that broke off is no event; the words of a body without any object are an error. */
  end(onEvent: OnEvent): void {
    const words = this.#any ? "" : this.#text.trim();
    if (words && words[0] !== "[") onEvent(words, "error");
  }
}
