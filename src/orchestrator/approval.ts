import type { Approval } from "../agent/types.js";
import { MassGenError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import { shown } from "../option-checks.js";

const KEYS = ["approved", "reason", "input"];

/** What the caller has answered to a request of kind `approval`. Throws a `MassGenError` `bad_response`. */
export function readApproval(value: unknown): Approval {
  if (typeof value === "boolean") return { approved: value };
  if (typeof value !== "object" || value === null) throw bad(`not ${shown(value)}`);
  for (const key of Object.keys(value)) {
    if (KEYS.includes(key)) continue;
    const near = nearest(key, KEYS);
    throw bad(`and "${key}" is none of its keys${near === undefined ? "" : `: did you mean "${near}"?`}`);
  }
  const { approved, reason, input } = value as { approved?: unknown; reason?: unknown; input?: unknown };
  if (typeof approved !== "boolean") throw bad(`and \`approved\` is ${shown(approved)}`);
  if (reason !== undefined && typeof reason !== "string") throw bad(`and \`reason\` is ${shown(reason)}`);
  if (approved) return { approved, ...(input !== undefined && { input: jsonOf(input) }) };
  return { approved, ...(reason !== undefined && { reason }) };
}

/** A copy, so that what was approved stays what it was. */
function jsonOf(input: unknown): unknown {
  try {
    const json = JSON.stringify(input);
    if (json !== undefined) return JSON.parse(json);
  } catch {
    // the same as what JSON leaves out
  }
  throw bad("and `input` has no JSON form");
}

function bad(problem: string): MassGenError {
  const expected = "an approval takes true, false, or { approved: boolean, reason?: string, input?: changed arguments }";
  return new MassGenError("bad_response", `respond(): ${expected}, ${problem}. The request is still open.`);
}
