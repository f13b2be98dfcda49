import type { Reply } from "./conductor.js";
import { after } from "./timer.js";

/** A request that is being answered. */
export interface OpenRequest {
  /** Stops its run, with the reason as what the client is told. */
  stop: AbortController;
  /** Its reply has been given, or will never be. More than one call does nothing. */
  over(): void;
}

/** What is under way: requests, and runs, of which some outlive the request that began them. */
export class Underway {
  readonly #requests = new Set<AbortController>();
  readonly #working = new Set<Reply>();
  #waiting: (() => void)[] = [];

  /** A request, stopped with `gone()` when its client's signal aborts and with `late()` after `timeoutMs`. */
  request(signal: AbortSignal, timeoutMs: number, reasons: { gone(): Error; late(): Error }): OpenRequest {
    const stop = new AbortController();
    this.#requests.add(stop);
    const onAbort = () => stop.abort(reasons.gone());
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    const cancelDeadline = after(timeoutMs, () => stop.abort(reasons.late()));
    const over = () => {
      cancelDeadline();
      signal.removeEventListener("abort", onAbort);
      this.#requests.delete(stop);
      this.#check();
    };
    return { stop, over };
  }

  /** A reply whose run is at work, be there a client or not; `rested` is called when it is no more. */
  reply(reply: Reply, rested: () => void): void {
    this.#working.add(reply);
    void reply.rests.then(() => {
      this.#working.delete(reply);
      rested();
      this.#check();
    });
  }

  /** Resolves when there is neither request nor run at work. */
  none(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#check();
    });
  }

  /** Stops everything; clients are told `reason`. */
  stop(reason: () => Error, why: string): void {
    for (const stop of this.#requests) stop.abort(reason());
    for (const reply of this.#working) reply.abort(why);
  }

  #check(): void {
    if (this.#requests.size > 0 || this.#working.size > 0) return;
    const told = this.#waiting;
    this.#waiting = [];
    for (const resolve of told) resolve();
  }
}
