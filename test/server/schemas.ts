import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";

const folder = fileURLToPath(new URL("../../../shared/specs/", import.meta.url));

/** Why the published schemas cannot be read; empty when they can. */
export const schemasMissing = existsSync(folder) ? "" : `the published schemas are not at ${folder}`;
if (schemasMissing !== "") console.log(`skipped: ${schemasMissing}`);

const known = new Map<string, Ajv2020>();

/** A definition of OpenAI's published document. */
export function published(api: "chat" | "responses", name: string): ValidateFunction {
  let ajv = known.get(api);
  if (ajv === undefined) {
    ajv = new Ajv2020({ strict: false, allErrors: false, logger: false });
    ajv.addFormat("uri", (text: string) => URL.canParse(text));
    ajv.addSchema(document(api), api);
    known.set(api, ajv);
  }
  const validate = ajv.getSchema(`${document(api).$id ?? api}#/$defs/${name}`) ?? ajv.getSchema(`${api}#/$defs/${name}`);
  if (validate === undefined) throw new Error(`The published document has no ${name}.`);
  return validate as ValidateFunction;
}

interface Definition {
  $ref?: string;
  properties?: Record<string, unknown>;
  allOf?: Definition[];
}

/**
 * What the published Responses schema asks for although the API does not, so that the clients named leave it out: Codex sends no
 * ids of reasoning, the AI SDK and LangChain no ids, statuses and annotations of earlier replies, most no `strict` and no `detail`.
 */
const NOT_REALLY_REQUIRED: Record<string, string[]> = {
  ReasoningItem: ["id"],
  OutputMessage: ["id", "status", "type"],
  OutputTextContent: ["annotations", "logprobs"],
  FunctionTool: ["strict", "parameters"],
  InputImageContent: ["detail"],
};

export function document(api: "chat" | "responses"): { $id?: string; $defs: Record<string, Definition> } {
  const text = readFileSync(`${folder}openai-${api}.schema.json`, "utf8");
  // The unions of Responses overlap (a plain message is both an EasyInputMessage and an InputMessage), so "exactly one" rejects everything.
  const parsed = JSON.parse(api === "responses" ? text.replaceAll('"oneOf"', '"anyOf"') : text);
  if (api === "responses")
    for (const [name, fields] of Object.entries(NOT_REALLY_REQUIRED)) {
      const definition = parsed.$defs[name];
      definition.required = definition.required.filter((each: string) => !fields.includes(each));
    }
  return parsed;
}

/** The names of the fields of a definition, its parents' too. */
export function fieldsOf(api: "chat" | "responses", name: string): string[] {
  const { $defs } = document(api);
  const gather = (given: Definition): string[] => {
    const each = given.$ref === undefined ? given : $defs[given.$ref.split("/").at(-1)!]!;
    return [...(each.allOf ?? []).flatMap(gather), ...Object.keys(each.properties ?? {})];
  };
  return [...new Set(gather($defs[name]!))];
}
