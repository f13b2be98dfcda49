import type { ServedRun } from "./served-run.js";
import { after } from "./timer.js";

export interface ParkedRunsOptions {
  /** How long a run waits for the client's results, in ms. */
  ttlMs: number;
  /** Runs that wait at the same time; the one that waits longest makes room. */
  max: number;
}

interface Parked {
  served: ServedRun;
  /** Whose it is: nobody else can resume it. */
  owner: string;
  unwatch: () => void;
}

/** Runs that wait for a client to carry out its tools, by the token in the ids of the calls. */
export class ParkedRuns {
  readonly #options: ParkedRunsOptions;
  readonly #parked = new Map<string, Parked>();

  constructor(options: ParkedRunsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#parked.size;
  }

  park(token: string, served: ServedRun, owner: string): void {
    const late = () => this.#drop(token, "the client gave no results in time");
    const cancel = after(this.#options.ttlMs, late);
    // The orchestrator's own limit came first: the run would go on with nobody there.
    served.run.once("step-start", late);
    const unwatch = () => {
      cancel();
      served.run.off("step-start", late);
    };
    this.#parked.set(token, { served, owner, unwatch });
    if (this.#parked.size <= this.#options.max) return;
    const [oldest] = this.#parked.keys();
    this.#drop(oldest!, "too many runs wait for their clients");
  }

  /** The run, if it waits for this owner. It stays parked. */
  peek(token: string, owner: string): ServedRun | undefined {
    const parked = this.#parked.get(token);
    return parked?.owner === owner ? parked.served : undefined;
  }

  take(token: string): void {
    this.#parked.get(token)?.unwatch();
    this.#parked.delete(token);
  }

  close(): void {
    for (const token of [...this.#parked.keys()]) this.#drop(token, "the server was shut down");
  }

  #drop(token: string, reason: string): void {
    const served = this.#parked.get(token)?.served;
    this.take(token);
    served?.abort(reason);
  }
}
