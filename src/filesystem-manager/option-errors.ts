import { ConfigError } from "../errors.js";

/** The error of an option that has a wrong value. */
export function bad(path: string, problem: string, value: unknown): ConfigError {
  return new ConfigError("bad_option", `${path}: ${problem}, not ${JSON.stringify(value) ?? String(value)}.`, { path });
}

export function checkObject(value: unknown, path: string): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(path, "must be an object", value);
}
