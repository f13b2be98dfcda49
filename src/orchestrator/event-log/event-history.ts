import { type CoordinationEvent, type DeltaEvent, isDelta, isTerminal } from "../events.js";
import { MergedDelta } from "./merged-delta.js";

/**
 * All events of a run, each step's deltas merged into one per kind, sorted by `seq`. Its size is that of the texts and
 * the other events; how many deltas there were does not matter.
 */
export class EventHistory {
  /** Events that will not change any more. */
  readonly #settled: CoordinationEvent[] = [];
  /** Deltas of unfinished steps, by step id. */
  readonly #open = new Map<string, MergedDelta[]>();

  add(event: CoordinationEvent): void {
    if (isDelta(event)) {
      this.#addDelta(event);
      return;
    }
    if (event.type === "step-finish") this.#settle(event.stepId, event.turnId);
    if (isTerminal(event)) for (const stepId of [...this.#open.keys()]) this.#settle(stepId);
    this.#settled.push(event);
  }

  /** A copy of the history up to now. */
  snapshot(): CoordinationEvent[] {
    if (this.#open.size === 0) return this.#settled.slice();
    const open = [...this.#open.values()].flat().map((delta) => delta.event());
    return [...this.#settled, ...open].sort((a, b) => a.seq - b.seq);
  }

  #addDelta(event: DeltaEvent): void {
    const ofStep = this.#open.get(event.stepId);
    const known = ofStep?.find((delta) => delta.accepts(event));
    if (known !== undefined) known.add(event);
    else if (ofStep !== undefined) ofStep.push(new MergedDelta(event));
    else this.#open.set(event.stepId, [new MergedDelta(event)]);
  }

  /** Moves a step's deltas to where their last `seq` belongs. */
  #settle(stepId: string, turnId?: string): void {
    const left: MergedDelta[] = [];
    for (const delta of this.#open.get(stepId) ?? []) {
      if (turnId !== undefined && delta.turnId !== turnId) {
        left.push(delta);
        continue;
      }
      let at = this.#settled.length;
      while (at > 0 && (this.#settled[at - 1]?.seq ?? -1) > delta.seq) at--;
      this.#settled.splice(at, 0, delta.event());
    }
    if (left.length > 0) this.#open.set(stepId, left);
    else this.#open.delete(stepId);
  }
}
