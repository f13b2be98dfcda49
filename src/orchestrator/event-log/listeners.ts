import { EventEmitter } from "eventemitter3";
import type { CoordinationEvent, CoordinationEventType, EventOfType } from "../events.js";

/** What `on` takes: the name of an event, or `"*"` for all of them. */
export type ListenerType = CoordinationEventType | "*";
export type ListenedEvent<T extends ListenerType> = T extends CoordinationEventType ? EventOfType<T> : CoordinationEvent;
export type EventListener<T extends ListenerType> = (event: ListenedEvent<T>) => void;

type AnyListener = (event: never) => void;

/** The listeners of one run. What they throw becomes an uncaught exception and disturbs nobody else. */
export class Listeners {
  readonly #emitter = new EventEmitter();
  /** Everything that has ever been listened to. Most deltas are not. */
  readonly #heard = new Set<ListenerType>();
  /** What is really registered for a listener. */
  readonly #guards = new WeakMap<AnyListener, (event: CoordinationEvent) => void>();
  /** Events that listeners appended while they were being told of another. */
  readonly #unsaid: CoordinationEvent[] = [];
  #telling = false;

  add(type: ListenerType, listener: AnyListener, once = false): void {
    this.#heard.add(type);
    if (once) this.#emitter.once(type, this.#guard(listener));
    else this.#emitter.on(type, this.#guard(listener));
  }

  remove(type: ListenerType, listener: AnyListener): void {
    this.#emitter.off(type, this.#guard(listener));
  }

  /** A listener may append: what it appends is told when everybody has heard the event before it. */
  tell(event: CoordinationEvent): void {
    if (!this.#heard.has(event.type) && !this.#heard.has("*")) return;
    if (this.#telling) {
      this.#unsaid.push(event);
      return;
    }
    this.#telling = true;
    for (let next: CoordinationEvent | undefined = event; next !== undefined; next = this.#unsaid.shift()) {
      if (this.#heard.has(next.type)) this.#emitter.emit(next.type, next);
      if (this.#heard.has("*")) this.#emitter.emit("*", next);
    }
    this.#telling = false;
  }

  #guard(listener: AnyListener): (event: CoordinationEvent) => void {
    let guard = this.#guards.get(listener);
    if (guard === undefined) {
      guard = (event) => {
        try {
          (listener as (event: CoordinationEvent) => void)(event);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      };
      this.#guards.set(listener, guard);
    }
    return guard;
  }
}
