import { type CoordinationEvent, type DeltaEvent, isDelta, isTerminal } from "../events.js";
import { MergedDelta } from "./merged-delta.js";
import { PullIterator, type PullSource } from "./pull-iterator.js";

/** Consumed entries that may stay at the front of a queue before it is cut. */
const SLACK = 1024;

/**
 * One consumer's queue. A consumer that waits gets each event at once; one that is behind finds the deltas of a step
 * that no other kind of event separates merged into one. Either way its events come in the order of their `seq`.
 */
export class EventReader implements PullSource<CoordinationEvent> {
  readonly iterator: PullIterator<CoordinationEvent> = new PullIterator(this);
  /** What can change no more; the first `#head` of them have been taken. */
  #settled: CoordinationEvent[];
  #head = 0;
  /** Unread deltas since the last event that is none, sorted by `seq`. */
  #open: MergedDelta[] = [];
  readonly #onCancel: (reader: EventReader) => void;

  constructor(history: CoordinationEvent[], onCancel: (reader: EventReader) => void) {
    this.#settled = history;
    this.#onCancel = onCancel;
    const last = history.at(-1);
    if (last !== undefined && isTerminal(last)) this.iterator.end();
  }

  push(event: CoordinationEvent): void {
    if (this.iterator.waiting) this.iterator.offer(event);
    else if (isDelta(event)) this.#pushDelta(event);
    else {
      for (const delta of this.#open) this.#settled.push(delta.event());
      this.#open = [];
      this.#settled.push(event);
    }
    if (isTerminal(event)) this.iterator.end();
  }

  take(): CoordinationEvent | undefined {
    if (this.#head === this.#settled.length) return this.#open.shift()?.event();
    const event = this.#settled[this.#head++];
    if (this.#head === this.#settled.length || (this.#head > SLACK && this.#head * 2 > this.#settled.length)) {
      this.#settled = this.#settled.slice(this.#head);
      this.#head = 0;
    }
    return event;
  }

  cancel(): void {
    this.#settled = [];
    this.#head = 0;
    this.#open = [];
    this.#onCancel(this);
  }

  #pushDelta(event: DeltaEvent): void {
    const open = this.#open;
    for (let i = open.length - 1; i >= 0; i--) {
      const delta = open[i];
      if (!delta?.accepts(event)) continue;
      delta.add(event);
      if (i < open.length - 1) {
        open.splice(i, 1);
        open.push(delta); // its seq is now the highest
      }
      return;
    }
    open.push(new MergedDelta(event));
  }
}
