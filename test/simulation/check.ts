import type { CoordinationEventBody } from "../../src/orchestrator/events.js";

/** Something happened that cannot be. */
export class InvariantError extends Error {}

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new InvariantError(what);
}

/** An event as the core gives it, before it is stamped. */
export type Seen<T extends CoordinationEventBody["type"]> = Extract<CoordinationEventBody, { type: T }>;
