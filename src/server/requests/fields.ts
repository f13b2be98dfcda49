import { z } from "zod";
import { nearest } from "../../nearest-key.js";
import { badRequest, type HttpError } from "../http-error.js";
import type { Json } from "./body.js";

/** A field that may be left out or null. */
export const maybe = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** A field that cannot be honoured, with the reason. */
export const onlyNull = (why: string) => maybe(z.never(why));

export const count = z.int("must be a whole number");

/** Hints: heeding them or not does not change what a reply may be. */
export const hints = {
  safety_identifier: maybe(z.string().max(64)),
  prompt_cache_key: maybe(z.string()),
  prompt_cache_retention: maybe(z.enum(["in_memory", "in-memory", "24h"])),
  prompt_cache_options: maybe(z.looseObject({})),
  prediction: maybe(z.looseObject({ type: z.literal("content"), content: z.union([z.string(), z.array(z.unknown()).min(1)]) })),
};

/** Parses, and names the field at fault. */
export function parseFields<T extends z.ZodObject>(schema: T, body: Json): z.infer<T> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  if (issue.code === "unrecognized_keys" && issue.path.length === 0) throw unknownField(issue.keys[0]!, Object.keys(schema.shape));
  const param = issue.path.map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? String(key) : `.${String(key)}`)).join("");
  const missing = issue.code === "invalid_type" && valueAt(body, issue.path) === undefined;
  throw badRequest(param, `\`${param}\`: ${issue.message}.`, missing ? "missing_required_parameter" : "invalid_value");
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], body);
}

export function unknownField(key: string, known: string[]): HttpError {
  const meant = nearest(key, known);
  return badRequest(key, `Unknown field \`${key}\`.${meant === undefined ? "" : ` Did you mean \`${meant}\`?`}`, "unknown_parameter");
}
