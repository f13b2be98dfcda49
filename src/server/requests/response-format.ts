import { z } from "zod";
import type { ModelSettings } from "../../backends/backend.js";

const asked = {
  name: z.string(),
  schema: z.record(z.string(), z.unknown(), { error: ({ input }) => (input === undefined ? "is missing" : "must be a JSON schema") }),
  strict: z.boolean().nullish(),
  description: z.string().optional(),
};

/** The form of an answer: free text, some JSON, or what `jsonSchema` reads. */
const oneOf = <T extends z.ZodObject<{ type: z.ZodLiteral<"json_schema"> }>>(jsonSchema: T) =>
  z.discriminatedUnion(
    "type",
    [z.looseObject({ type: z.literal("text") }), z.looseObject({ type: z.literal("json_object") }), jsonSchema],
    'must have the type "text", "json_object" or "json_schema"',
  );

/** `text.format` of the Responses API. */
export const textFormat = oneOf(z.looseObject({ type: z.literal("json_schema"), ...asked }));

/** `response_format` of chat completions: the same, but for a schema that lies one level deeper. */
export const responseFormat = oneOf(z.looseObject({ type: z.literal("json_schema"), json_schema: z.looseObject(asked) }));

type Format = { type: "text" } | { type: "json_object" } | { type: "json_schema"; name: string; schema: Record<string, unknown> };

/** The setting that a format stands for; text is what there is without one. */
export function formatSetting(format: Format | undefined): Pick<ModelSettings, "responseFormat"> {
  if (format === undefined || format.type === "text") return {};
  if (format.type === "json_object") return { responseFormat: { type: "json" } };
  return { responseFormat: { type: "json-schema", name: format.name, schema: format.schema } };
}
