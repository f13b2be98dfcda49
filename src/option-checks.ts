import { ConfigError } from "./errors.js";
import { nearest } from "./nearest-key.js";

/** The keys that have a value; `undefined` means the default. */
export function given<T extends object>(path: string, value: T | undefined): Partial<T> {
  if (value === undefined) return {};
  required(path, value);
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Partial<T>;
}

export function required(path: string, value: unknown): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(path, `must be an object, not ${shown(value)}`);
}

/** A wrong value, as an error shows it. */
export const shown = (value: unknown): string => (typeof value === "function" ? "a function" : (JSON.stringify(value) ?? String(value)));

export const bad = (path: string, problem: string): ConfigError => new ConfigError("bad_option", `${path}: ${problem}`, { path });

export function knownKeys(given: object, known: readonly string[], path: string): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    const at = path === "" ? key : `${path}.${key}`;
    throw new ConfigError("unknown_option", `${at}: unknown option${near === undefined ? "" : `, did you mean "${near}"?`}`, { path: at });
  }
}

/** The first choice is the default. */
export function oneOf<const T extends string>(path: string, value: T | undefined, choices: readonly [T, ...T[]]): T {
  if (value === undefined) return choices[0];
  if (!choices.includes(value)) throw bad(path, `must be one of ${choices.join(", ")}, not ${shown(value)}`);
  return value;
}

export function atLeast(path: string, value: number, least: number, fractional = false): number {
  const fine = typeof value === "number" && value >= least && (fractional || Number.isInteger(value));
  if (!fine) throw bad(path, `must be ${fractional ? "a number" : "an integer"} of at least ${least}, not ${String(value)}`);
  return value;
}
