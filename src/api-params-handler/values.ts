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

/** `top_p` as `topP`. */
export type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
