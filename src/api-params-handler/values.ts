import { ConfigError } from "../errors.js";

/** What a parameter's value must be; `any` is left to the server. */
export type ParamKind = "number" | "boolean" | "string" | "object" | "array" | "any";

export interface KindValue {
  number: number;
  boolean: boolean;
  string: string;
  object: Record<string, unknown>;
  array: unknown[];
  any: unknown;
}

/** Throws a `ConfigError` where the value of `key` is of another kind. */
export function checkKind(key: string, value: unknown, kind: ParamKind, path: string): void {
  if (isKind(value, kind)) return;
  throw new ConfigError("invalid_value", `"${key}" must be ${article(kind)}, not ${describe(value)}.`, { path });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isKind(value: unknown, kind: ParamKind): boolean {
  if (kind === "any") return true;
  if (kind === "array") return Array.isArray(value);
  if (kind === "object") return isObject(value);
  return kind === "number" ? Number.isFinite(value) : typeof value === kind;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return typeof value === "string" ? `the text "${value}"` : String(value);
}

function article(kind: ParamKind): string {
  if (kind === "array") return "a list";
  return kind === "object" ? "an object" : `a ${kind}`;
}

/** `topP` as `top_p`. */
export const snakeCase = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `top_p` as `topP`. */
export const camelCase = (key: string): string => key.replace(/_+([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * A value with all keys inside it spelled as the API does. What stands under a key of `own` is the user's, e.g. the properties of a
 * JSON schema, and stays. Throws a `ConfigError` for a key that is given in two spellings.
 */
export function respelled(value: unknown, spell: (key: string) => string, own: ReadonlySet<string>, path: string): unknown {
  if (Array.isArray(value)) return value.map((item, i) => respelled(item, spell, own, `${path}[${i}]`));
  if (!isObject(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const spelled: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    const name = spell(key);
    const at = `${path}.${key}`;
    if (Object.hasOwn(spelled, name)) {
      throw new ConfigError("duplicate_key", `"${name}" is given twice, in two spellings. Keep one.`, { path: at });
    }
    spelled[name] = own.has(name) ? inner : respelled(inner, spell, own, at);
  }
  return spelled;
}

/** `top_p` as `topP`. */
export type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
