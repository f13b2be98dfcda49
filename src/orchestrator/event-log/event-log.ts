import { MassGenError } from "../../errors.js";
import type { Runtime } from "../../runtime.js";
import { type CoordinationEvent, type CoordinationEventBody, isTerminal } from "../events.js";
import { EventHistory } from "./event-history.js";
import { EventReader } from "./event-reader.js";
import { type EventListener, Listeners, type ListenerType } from "./listeners.js";
import { TextReader } from "./text-stream.js";

export type { EventListener, ListenerType };

export interface EventLogOptions {
  /** A review may send the final text back: text streams give it out only once `run-finish` has come. Default false. */
  reviewed?: boolean;
  /** Sees each event before any listener does. */
  observer?: (event: CoordinationEvent) => void;
}

/**
 * The events of one run: written once, read by any number of iterators, text streams and listeners.
 *
 * An iterator sees the whole run, whenever it is made and however slowly it reads, in the order of `seq`. Deltas it has not
 * read are merged per step, type, reasoning kind and tool call; a merged delta stands for those of its own kind from
 * `fromSeq` to `seq`, so every delta is in exactly one event, while the ranges of different steps may overlap. Deltas
 * are not merged across another event, except those that came before the iterator was made: there a step's text is one
 * delta, in the place of its last piece. Events are shared by all readers: treat them as read-only.
 */
export class EventLog {
  readonly #runId: string;
  readonly #runtime: Runtime;
  readonly #reviewed: boolean;
  readonly #history = new EventHistory();
  /** Replaced, never changed. */
  #readers: readonly (EventReader | TextReader)[] = [];
  #nextSeq = 0;
  #closed = false;
  readonly #observer: ((event: CoordinationEvent) => void) | undefined;
  /** Made with the first of them. */
  #listeners: Listeners | undefined;

  constructor(runId: string, runtime: Runtime, options: EventLogOptions = {}) {
    this.#runId = runId;
    this.#runtime = runtime;
    this.#reviewed = options.reviewed ?? false;
    this.#observer = options.observer;
  }

  /** The `seq` of the next event, which is the number of events so far. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Whether the terminal event has come. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Stamps the given object, which becomes the event, and gives it to everybody. A terminal event closes the log.
   * Throws a `MassGenError` `log_closed` after that.
   */
  append(body: CoordinationEventBody): CoordinationEvent {
    if (this.#closed) {
      throw new MassGenError("log_closed", `Run ${this.#runId} is over: no "${body.type}" event can follow its terminal event.`);
    }
    const event = body as CoordinationEvent;
    event.runId = this.#runId;
    event.seq = this.#nextSeq++;
    event.time = this.#runtime.now();
    this.#closed = isTerminal(event);
    this.#history.add(event);
    for (const reader of this.#readers) reader.push(event);
    if (this.#closed) this.#readers = [];
    this.#observer?.(event);
    this.#listeners?.tell(event);
    return event;
  }

  /** All events so far, the deltas of a step merged into one per kind. */
  snapshot(): CoordinationEvent[] {
    return this.#history.snapshot();
  }

  /** A reader of the whole run: first what has happened, then what happens. Ends after the terminal event. */
  [Symbol.asyncIterator](): AsyncIterableIterator<CoordinationEvent, undefined> {
    const reader = new EventReader(this.#history.snapshot(), this.#leave);
    this.#join(reader);
    return reader.iterator;
  }

  /**
   * The final text as it is written; each iteration gives the whole of it, in pieces that are never empty. Throws a
   * `MassGenError`: `text_voided` when text that was given out turns out not to be the final one, `aborted` or the code of the
   * run's error when there is none.
   */
  textStream(): AsyncIterable<string> {
    return {
      [Symbol.asyncIterator]: () => {
        const reader = new TextReader(this.#history.snapshot(), this.#reviewed, this.#leave);
        this.#join(reader);
        return reader.iterator;
      },
    };
  }

  /**
   * Calls `listener` with every event of the type from now on, `"*"` after the named ones. What it throws becomes an uncaught
   * exception and disturbs neither the run nor other listeners.
   */
  on<T extends ListenerType>(type: T, listener: EventListener<T>): this {
    this.#listeners ??= new Listeners();
    this.#listeners.add(type, listener);
    return this;
  }

  /** As `on`, for the next event of the type alone. */
  once<T extends ListenerType>(type: T, listener: EventListener<T>): this {
    this.#listeners ??= new Listeners();
    this.#listeners.add(type, listener, true);
    return this;
  }

  /** Takes back `on` and `once`. */
  off<T extends ListenerType>(type: T, listener: EventListener<T>): this {
    this.#listeners?.remove(type, listener);
    return this;
  }

  #join(reader: EventReader | TextReader): void {
    if (!this.#closed) this.#readers = this.#readers.concat(reader);
  }

  readonly #leave = (reader: EventReader | TextReader): void => {
    this.#readers = this.#readers.filter((other) => other !== reader);
  };
}
