import { z } from "zod";
import type { ModelSettings } from "../backends/backend.js";
import { badRequest, HttpError } from "./http-error.js";

/** Checks a final text against the `response_format` that was asked for; throws an HttpError that says what is wrong with it. */
export type ConformityCheck = (text: string) => void;

/** `param` is where the client asked for it. @throws HttpError 400 for a schema that cannot be checked. */
export function conformityCheck(format: ModelSettings["responseFormat"], param: string): ConformityCheck | undefined {
  if (format === undefined || format.type === "text") return undefined;
  if (format.type === "json") return (text) => void parse(text, param);
  let schema: z.ZodType;
  try {
    schema = z.fromJSONSchema(strictly(format.schema) as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (error) {
    throw badRequest(param, `\`${param}\` cannot be used: ${(error as Error).message}`);
  }
  return (text) => {
    const result = schema.safeParse(parse(text, param));
    if (!result.success) throw notMet(param, z.prettifyError(result.error).replaceAll("\n", " "));
  };
}

const MAPS = new Set(["properties", "patternProperties", "$defs", "definitions"]);
const VALUES = new Set(["enum", "const", "examples", "required"]);

/** Zod fills in defaults, where a field that is required must be there, and reads `properties` only where it is said that they are an object's. */
function strictly(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strictly);
  if (typeof schema !== "object" || schema === null) return schema;
  const { default: _none, ...rest } = schema as Record<string, unknown>;
  const entries = Object.entries(rest).map(([key, value]) => {
    if (VALUES.has(key)) return [key, value];
    if (MAPS.has(key) && typeof value === "object" && value !== null) {
      return [key, Object.fromEntries(Object.entries(value).map(([name, each]) => [name, strictly(each)]))];
    }
    return [key, strictly(value)];
  });
  const untyped = !("type" in rest) && ("properties" in rest || "required" in rest);
  return { ...Object.fromEntries(entries), ...(untyped && { type: "object" }) };
}

function parse(text: string, param: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notMet(param, (error as Error).message);
  }
}

function notMet(param: string, why: string): HttpError {
  return new HttpError(502, `The final answer does not conform to \`${param}\`: ${why}. Ask again, or for less.`, {
    code: "response_format_not_met",
  });
}
