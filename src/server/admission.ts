import { HttpError } from "./http-error.js";
import { after } from "./timer.js";

export interface AdmissionOptions {
  /** Runs at the same time. */
  maxRuns: number;
  /** Requests that wait for one of them to end. */
  maxQueued: number;
  /** How long one waits at most, in ms. */
  queueTimeoutMs: number;
}

interface Waiting {
  enter(): void;
}

/** Lets so many runs in at a time; the others wait in the order they came, so many of them. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #queue = new Set<Waiting>();
  #running = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /**
   * Resolves with the function that gives the place back; more than one call does nothing.
   * @throws HttpError 503 when too many wait or it took too long, or the signal's reason.
   */
  enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#running < this.#options.maxRuns && this.#queue.size === 0) return Promise.resolve(this.#take());
    if (this.#queue.size >= this.#options.maxQueued) {
      const message = `The server is busy: ${this.#running} runs at work and ${this.#queue.size} requests waiting. Try again in a while.`;
      return Promise.reject(new HttpError(503, message, { code: "server_busy", retryAfter: 5 }));
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#queue.delete(waiting);
        cancel();
        signal.removeEventListener("abort", onAbort);
      };
      const waiting: Waiting = {
        enter: () => {
          leave();
          resolve(this.#take());
        },
      };
      const onAbort = () => {
        leave();
        reject(signal.reason);
      };
      const cancel = after(this.#options.queueTimeoutMs, () => {
        leave();
        const message = `The server is busy: the request waited ${this.#options.queueTimeoutMs} ms for a place.`;
        reject(new HttpError(503, message, { code: "server_busy", retryAfter: 5 }));
      });
      signal.addEventListener("abort", onAbort, { once: true });
      this.#queue.add(waiting);
    });
  }

  #take(): () => void {
    this.#running++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#running--;
      const [next] = this.#queue;
      next?.enter();
    };
  }
}
