import type { BigIntStats } from "node:fs";
import { MassGenError } from "../errors.js";

/** What an agent has read or written itself, by real path, with the state it was in. */
export interface SeenFiles {
  states: Map<string, string>;
  /** Whether a file must have been seen before it is overwritten or deleted. */
  required: boolean;
}

export function createSeenFiles(required = true): SeenFiles {
  return { states: new Map(), required };
}

/** Notes that the agent knows a file as it is. */
export function markSeen(seen: SeenFiles, path: string, stat: BigIntStats): void {
  seen.states.set(path, stateOf(stat));
}

/** The file was moved with all that lies below it. */
export function moveSeen(seen: SeenFiles, from: string, to: string, separator: string): void {
  for (const [path, state] of [...seen.states]) {
    if (path !== from && !path.startsWith(from + separator)) continue;
    seen.states.delete(path);
    seen.states.set(to + path.slice(from.length), state);
  }
}

/** Why a file that exists may not be overwritten, edited or deleted yet: `not_read`, `changed`, or neither. */
export function unseen(seen: SeenFiles, path: string, stat: BigIntStats): "not_read" | "changed" | undefined {
  if (!seen.required || stat.size === 0n) return undefined;
  const state = seen.states.get(path);
  if (state === undefined) return "not_read";
  return state === stateOf(stat) ? undefined : "changed";
}

/** @throws MassGenError `not_read` or `changed` */
export function requireSeen(seen: SeenFiles, path: string, shown: string, stat: BigIntStats): void {
  const why = unseen(seen, path, stat);
  if (why === "not_read") throw new MassGenError("not_read", `"${shown}" exists and you have not read it. Read it first, then decide.`);
  if (why === "changed") throw new MassGenError("changed", `"${shown}" has changed since you last read it. Read it again first.`);
}

/** Not the ctime, which a move changes too. */
function stateOf(stat: BigIntStats): string {
  return `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
}
