import type { BackendChunk } from "../backend.js";

/** What a choice says, in a `delta` or a `message`. */
interface Said {
  content?: unknown;
  reasoning_content?: string | null;
  reasoning?: string | null;
}

/** What the deltas of a reply have told so far. */
interface Told {
  text: string;
  reasoning: string;
}

/**
 * Reads choices that have a `message` in place of a `delta`. Some servers close a stream with the whole message, some send it whole
 * from the start, or growing, or in pieces.
 */
export class WholeMessages {
  #content = "";
  #reasoning = "";

  /** What of the message is new. `told`: what deltas have told, where there were any. */
  rest<T extends Said>(message: T, told: Told | undefined, out: BackendChunk[]): T {
    const thought = message.reasoning_content || message.reasoning || "";
    const content = typeof message.content === "string" ? message.content : undefined;
    const rest: T = { ...message, reasoning: null, reasoning_content: null };
    if (told) {
      // A list is not compared: the deltas told what it holds, or there was no text.
      rest.content = content === undefined ? (told.text ? null : message.content) : added(content, told.text, out);
      rest.reasoning_content = added(thought, told.reasoning, out);
      return rest;
    }
    if (content !== undefined) {
      rest.content = content.startsWith(this.#content) ? content.slice(this.#content.length) : content;
      this.#content += rest.content;
    }
    rest.reasoning_content = thought.startsWith(this.#reasoning) ? thought.slice(this.#reasoning.length) : thought;
    this.#reasoning += rest.reasoning_content;
    return rest;
  }
}

/** What of `whole` was not told yet. */
function added(whole: string, told: string, out: BackendChunk[]): string {
  if (whole.startsWith(told)) return whole.slice(told.length);
  // White space at the ends is what servers trim.
  if (whole !== "" && whole.trim() !== told.trim()) {
    const message = "The deltas of the reply do not add up to the message that ended it; the deltas were kept.";
    out.push({ type: "warning", code: "text_mismatch", message });
  }
  return "";
}
