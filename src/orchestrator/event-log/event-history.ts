import { type CoordinationEvent, type DeltaEvent, isDelta, isTerminal } from "../events.js";
import { MergedDelta } from "./merged-delta.js";

/**
 * All events of a run, each step's deltas merged into one per kind, sorted by `seq`. Its size is that of the texts and
 * the other events; how many deltas there were does not matter.
 */
export class EventHistory {
  /** Events that will not change any more. */
  readonly #settled: CoordinationEvent[] = [];
  /** Deltas of unfinished steps. */
  #open: MergedDelta[] = [];

  add(event: CoordinationEvent): void {
    if (isDelta(event)) {
      this.#addDelta(event);
      return;
    }
    if (event.type === "step-finish") this.#settle((delta) => delta.stepId === event.stepId && delta.turnId === event.turnId);
    else if (isTerminal(event)) this.#settle(() => true);
    this.#settled.push(event);
  }

  /** A copy of the history up to now. */
  snapshot(): CoordinationEvent[] {
    if (this.#open.length === 0) return this.#settled.slice();
    const open = this.#open.map((delta) => delta.event());
    return [...this.#settled, ...open].sort((a, b) => a.seq - b.seq);
  }

  #addDelta(event: DeltaEvent): void {
    const known = this.#open.find((delta) => delta.accepts(event));
    if (known === undefined) this.#open = this.#open.concat(new MergedDelta(event));
    else known.add(event);
  }

  /** Moves deltas to where their last `seq` belongs. */
  #settle(isOver: (delta: MergedDelta) => boolean): void {
    for (const delta of this.#open) {
      if (!isOver(delta)) continue;
      let at = this.#settled.length;
      while (at > 0 && (this.#settled[at - 1]?.seq ?? -1) > delta.seq) at--;
      this.#settled.splice(at, 0, delta.event());
    }
    this.#open = this.#open.filter((delta) => !isOver(delta));
  }
}
