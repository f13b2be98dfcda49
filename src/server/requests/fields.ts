import { z } from "zod";
import { nearest } from "../../nearest-key.js";
import { badRequest, type HttpError } from "../http-error.js";
import { isObject, type Json } from "./body.js";

/** A field that may be left out or null. What may be null and what not is as the published schema has it. */
export const maybe = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** A field that cannot be honoured, with the reason. */
export const onlyNull = (why: string) => maybe(z.never(why));

/** The same of one that may not be null. */
export const never = (why: string) => z.never(why).optional();

export const count = z.int("must be a whole number");

/** Few providers have the setting, so every agent is asked in words. */
export const verbosity = maybe(z.enum(["low", "medium", "high"]));

const IN_WORDS = {
  low: "Write as concisely as a complete answer allows.",
  medium: undefined,
  high: "Write at length: explain in full, leave no step out.",
};

export function withVerbosity(system: string | undefined, wanted: keyof typeof IN_WORDS = "medium"): string | undefined {
  return [system, IN_WORDS[wanted]].filter((text) => text !== undefined).join("\n\n") || undefined;
}

/** Hints: heeding them or not does not change what a reply may be. */
export const hints = {
  safety_identifier: maybe(z.string().max(64)),
  prompt_cache_key: maybe(z.string()),
  prompt_cache_retention: maybe(z.enum(["in_memory", "in-memory", "24h"])),
  prompt_cache_options: z.looseObject({ mode: z.enum(["implicit", "explicit"]).optional(), ttl: z.enum(["30m"]).optional() }).optional(),
};

/** Parses, and names the field at fault; `at` is where the object stands in the body. */
export function parseFields<T extends z.ZodObject>(schema: T, body: unknown, at = ""): z.infer<T> {
  const given = isObject(body) ? givenFields(schema, body) : undefined;
  if (given !== undefined) return given as z.infer<T>;
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  if (issue.code === "unrecognized_keys" && issue.path.length === 0) throw unknownField(issue.keys[0]!, Object.keys(schema.shape));
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0]!] : issue.path;
  const param = path.reduce<string>((said, key) => `${said}${typeof key === "number" ? `[${key}]` : `${said && "."}${String(key)}`}`, at);
  const missing = issue.code === "invalid_type" && valueAt(body, issue.path) === undefined;
  throw badRequest(param, `\`${param}\`: ${issue.message}.`, missing ? "missing_required_parameter" : "invalid_value");
}

const requiredKeys = new WeakMap<z.ZodObject, string[]>();

/**
 * The fields that are there, if all is well: a request has three of forty, and those it has not take most of the time of a whole parse.
 * For schemas that say nothing of absent fields (no defaults) and nothing of the object as a whole.
 */
function givenFields(schema: z.ZodObject, body: Json): Json | undefined {
  let required = requiredKeys.get(schema);
  if (required === undefined) {
    required = Object.keys(schema.shape).filter((key) => !schema.shape[key]!.safeParse(undefined).success);
    requiredKeys.set(schema, required);
  }
  if (!required.every((key) => key in body)) return undefined;
  const fields: Json = {};
  for (const key of Object.keys(body)) {
    const result = Object.hasOwn(schema.shape, key) ? schema.shape[key]!.safeParse(body[key]) : undefined;
    if (!result?.success) return undefined;
    fields[key] = result.data;
  }
  return fields;
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], body);
}

export function unknownField(key: string, known: string[]): HttpError {
  const meant = nearest(key, known);
  return badRequest(key, `Unknown field \`${key}\`.${meant === undefined ? "" : ` Did you mean \`${meant}\`?`}`, "unknown_parameter");
}
