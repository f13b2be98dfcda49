/**
 * Ends a text before the first of some sequences, however the text is cut into deltas. Providers do so themselves, but not
 * all of them, and an answer that is reused was written without.
 */
export class StopSequences {
  readonly #stops: readonly string[];
  /** Perhaps the beginning of a sequence. */
  #held = "";
  #stopped = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "");
  }

  /** What may be said after this delta. */
  push(delta: string): string {
    if (this.#stops.length === 0) return delta;
    if (this.#stopped) return "";
    const text = this.#held + delta;
    const at = Math.min(...this.#stops.map((stop) => text.indexOf(stop)).filter((index) => index !== -1));
    if (at !== Number.POSITIVE_INFINITY) {
      this.#stopped = true;
      this.#held = "";
      return text.slice(0, at);
    }
    const open = Math.max(...this.#stops.map((stop) => overlap(text, stop)));
    this.#held = text.slice(text.length - open);
    return text.slice(0, text.length - open);
  }

  /** What was held back when the text is over. */
  end(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }
}

/** How much of the end of the text is a beginning of the sequence. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) if (text.endsWith(stop.slice(0, length))) return length;
  return 0;
}
