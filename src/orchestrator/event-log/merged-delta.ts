import { TextBuffer } from "../../text-buffer.js";
import type { DeltaEvent } from "../events.js";

/** One or more deltas of the same step, type, reasoning kind and tool call, as one. */
export class MergedDelta {
  readonly #first: DeltaEvent;
  #last: DeltaEvent;
  #text: TextBuffer | undefined;

  constructor(first: DeltaEvent) {
    this.#first = first;
    this.#last = first;
  }

  get turnId(): string {
    return this.#first.turnId;
  }

  get stepId(): string {
    return this.#first.stepId;
  }

  get seq(): number {
    return this.#last.seq;
  }

  /** Whether the event continues the same text. */
  accepts(event: DeltaEvent): boolean {
    const first = this.#first;
    if (first.stepId !== event.stepId || first.type !== event.type || first.turnId !== event.turnId) return false;
    if (first.type === "answer-delta") return event.type === "answer-delta" && first.toolCallId === event.toolCallId;
    if (first.type === "reasoning-delta") return event.type === "reasoning-delta" && first.kind === event.kind;
    return true;
  }

  add(event: DeltaEvent): void {
    if (this.#text === undefined) {
      this.#text = new TextBuffer();
      this.#text.add(this.#first.delta);
    }
    this.#text.add(event.delta);
    this.#last = event;
  }

  /** The only event as it came; several as a copy with the last one's `seq` and `time` and the first one's seq as `fromSeq`. */
  event(): DeltaEvent {
    if (this.#text === undefined) return this.#first;
    const { seq, time } = this.#last;
    return { ...this.#first, delta: this.#text.toString(), fromSeq: this.#first.seq, seq, time };
  }
}
