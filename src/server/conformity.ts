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
    schema = z.fromJSONSchema(format.schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (error) {
    throw badRequest(param, `\`${param}\` cannot be used: ${(error as Error).message}`);
  }
  return (text) => {
    const result = schema.safeParse(parse(text, param));
    if (!result.success) throw notMet(param, z.prettifyError(result.error).replaceAll("\n", " "));
  };
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
