/**
 * Chunks kept apart before they are joined into one block. Few, so that most of them die young: carrying them along costs the garbage
 * collector more than joining them.
 */
const CHUNKS_PER_BLOCK = 64;

/** Text that grows by small pieces: cheap to add to, and its memory is that of the text, not of the pieces. */
export class TextBuffer {
  #blocks: string[] = [];
  #chunks: string[] = [];

  add(chunk: string): void {
    if (this.#chunks.push(chunk) < CHUNKS_PER_BLOCK) return;
    this.#blocks.push(this.#chunks.join(""));
    this.#chunks = [];
  }

  toString(): string {
    const text = this.#blocks.join("") + this.#chunks.join("");
    this.#blocks = text === "" ? [] : [text];
    this.#chunks = [];
    return text;
  }

  /** Returns the text and forgets it. */
  drain(): string {
    const text = this.toString();
    this.#blocks = [];
    return text;
  }
}
