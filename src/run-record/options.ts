import { atLeast, bad, knownKeys, required } from "../option-checks.js";

/** Where and how runs are written down. */
export interface RecordOptions {
  /** Each run gets a directory of its own in it, named by its `runId`. Made when it is missing. */
  dir: string;
  /** The longest that an event waits to be written, in ms. Default 500. Decisions and the begin and end of turns are written at once. */
  flushMs?: number;
  /** The shortest time between two writes of `status.json`, in ms; what is written at once does not wait. Default 1,000. */
  statusMs?: number;
  /** Writes `report.html` at the end. Default true; `massgen report` makes one at any time. */
  report?: boolean;
  /** Hears, once per run, what could not be written. Default: a warning of the process, code `MASSGEN_RECORD`. */
  onError?: (error: Error) => void;
}

const KEYS = ["dir", "flushMs", "statusMs", "report", "onError"];

/** Checks the option `record`. Throws a `ConfigError` that names the key at fault. */
export function resolveRecord(record: string | RecordOptions | undefined): RecordOptions | undefined {
  if (record === undefined) return undefined;
  const options = typeof record === "string" ? { dir: record } : record;
  required("record", options);
  knownKeys(options, KEYS, "record");
  const { dir, flushMs, statusMs, report, onError } = options;
  if (typeof dir !== "string" || dir === "") throw bad(typeof record === "string" ? "record" : "record.dir", "must name a directory");
  if (flushMs !== undefined) atLeast("record.flushMs", flushMs, 0, true);
  if (statusMs !== undefined) atLeast("record.statusMs", statusMs, 0, true);
  if (report !== undefined && typeof report !== "boolean") throw bad("record.report", "must be true or false");
  if (onError !== undefined && typeof onError !== "function") throw bad("record.onError", "must be a function");
  return options;
}
