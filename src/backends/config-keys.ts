import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";

/** What the value of a config key must be; `undefined`: checked elsewhere. A list: one of these kinds. */
export type KeyKind = "string" | "boolean" | "number" | "object" | "array" | "function";
export type KeyTable = Readonly<Record<string, KeyKind | readonly KeyKind[] | undefined>>;

/** Keys whose values are shown to nobody. */
const SECRET: ReadonlySet<string> = new Set(["apiKey", "headers"]);

/** Throws a `ConfigError` for a key that the table lacks, with the nearest it has, and for a value of the wrong kind. */
export function checkConfigKeys(config: object, keys: KeyTable, type: string): void {
  for (const [key, value] of Object.entries(config)) {
    if (!Object.hasOwn(keys, key)) {
      const meant = nearest(key, [...Object.keys(keys), "rateLimits", "contextWindow"]);
      const hint = meant ? `Did you mean "${meant}"?` : "Parameters of the API belong under `params`.";
      throw new ConfigError("unknown_key", `"${key}" is not a key of a ${type} backend. ${hint}`, { path: key });
    }
    const kind = keys[key];
    if (value == null || kind === undefined) continue;
    const actual = Array.isArray(value) ? "array" : typeof value;
    const kinds = typeof kind === "string" ? [kind] : kind;
    if (kinds.includes(actual as KeyKind)) continue;
    const wanted = kinds.map((one) => (one === "array" ? "list" : one)).join(" or ");
    const given = SECRET.has(key) ? (actual === "array" ? "a list" : `a ${actual}`) : JSON.stringify(value);
    throw new ConfigError("invalid_value", `"${key}" must be a ${wanted}, not ${given}.`, { path: key });
  }
}
