import { MassGenError } from "../../errors.js";
import { TextBuffer } from "../../text-buffer.js";
import { type CoordinationEvent, isTerminal } from "../events.js";
import { PullIterator, type PullSource } from "./pull-iterator.js";

/** What one presenting step has written. */
interface Part {
  turnId: string;
  stepId: string;
  unread: TextBuffer;
  /** Whether any of it has been given out. */
  said: boolean;
}

/**
 * The final text of a run for one consumer, as it is written. What is void before it was given out is left out; what is
 * void after that makes the stream fail, for it cannot be unsaid: with `text_voided` as soon as other text takes its
 * place, with the run's own code when the run fails instead. With `reviewed`, all text waits for `run-finish`.
 */
export class TextReader implements PullSource<string> {
  readonly iterator: PullIterator<string> = new PullIterator(this);
  readonly #reviewed: boolean;
  readonly #onCancel: (reader: TextReader) => void;
  #parts: Part[] = [];
  /** All that has been given out. */
  readonly #said = new TextBuffer();
  /** Something that has been given out is void. */
  #tainted = false;
  /** The rest of the final text. */
  #rest: string | undefined;

  constructor(history: CoordinationEvent[], reviewed: boolean, onCancel: (reader: TextReader) => void) {
    this.#reviewed = reviewed;
    this.#onCancel = onCancel;
    for (const event of history) this.push(event);
  }

  push(event: CoordinationEvent): void {
    if (isTerminal(event)) {
      this.#finish(event);
    } else if (this.#reviewed) {
      // All of it comes with `run-finish`.
    } else if (event.type === "run-restart") {
      this.#void(() => true);
      if (this.#tainted) this.#fail(voided());
    } else if (event.type === "text-delta") {
      if (event.phase === "present" && event.delta !== "") this.#write(event.turnId, event.stepId, event.delta);
    } else if (event.type === "step-finish") {
      if (event.status !== "ok") this.#void((part) => part.stepId === event.stepId && part.turnId === event.turnId);
    } else if (event.type === "turn-error" || event.type === "turn-interrupt") {
      this.#void((part) => part.turnId === event.turnId);
    }
  }

  take(): string | undefined {
    let text = "";
    for (const part of this.#parts) {
      const unread = part.unread.drain();
      if (unread === "") continue;
      part.said = true;
      text += unread;
    }
    if (text !== "") this.#said.add(text);
    if (this.#rest !== undefined) {
      text = this.#rest;
      this.#rest = undefined;
    }
    return text === "" ? undefined : text;
  }

  cancel(): void {
    this.#parts = [];
    this.#rest = undefined;
    this.#onCancel(this);
  }

  #write(turnId: string, stepId: string, delta: string): void {
    if (this.#tainted) {
      this.#fail(voided());
      return;
    }
    let part = this.#parts.at(-1);
    if (part?.stepId !== stepId || part.turnId !== turnId) {
      part = { turnId, stepId, unread: new TextBuffer(), said: false };
      this.#parts.push(part);
    }
    if (!this.iterator.waiting) {
      part.unread.add(delta);
      return;
    }
    part.said = true;
    this.#said.add(delta);
    this.iterator.offer(delta);
  }

  #void(matches: (part: Part) => boolean): void {
    this.#tainted ||= this.#parts.some((part) => part.said && matches(part));
    this.#parts = this.#parts.filter((part) => !matches(part));
  }

  #finish(event: CoordinationEvent & { type: "run-finish" | "run-error" | "run-abort" }): void {
    const said = this.#said.toString();
    if (event.type === "run-error") this.#fail(new MassGenError(event.error.code, event.error.message));
    else if (event.type === "run-abort") this.#fail(new MassGenError("aborted", `The run was aborted: ${event.reason}`));
    else if (!event.text.startsWith(said)) this.#fail(voided());
    else {
      this.#parts = [];
      const rest = event.text.slice(said.length);
      if (rest !== "" && this.iterator.waiting) this.iterator.offer(rest);
      else this.#rest = rest;
      this.iterator.end();
    }
  }

  #fail(error: MassGenError): void {
    this.cancel();
    this.iterator.fail(error);
  }
}

function voided(): MassGenError {
  return new MassGenError(
    "text_voided",
    "Text that had been streamed is void: the presentation failed, or a review sent it back, after the text had been streamed; `await run.result` has the valid text.",
  );
}
