import { nearest } from "../nearest-key.js";
import { checkParams } from "./check.js";
import { type Camel, type KindValue, type ParamKind, snakeCase } from "./values.js";

/** The parameters of the Responses API that are the user's to set, in the API's spelling. */
export const responsesParams = {
  access_programs: "any",
  background: "boolean",
  context_management: "array",
  image: "object",
  include: "array",
  max_output_tokens: "number",
  max_tool_calls: "number",
  metadata: "object",
  moderation: "object",
  parallel_tool_calls: "boolean",
  prompt: "object",
  prompt_cache_key: "string",
  prompt_cache_options: "object",
  prompt_cache_retention: "string",
  reasoning: "object",
  safety_identifier: "string",
  service_tier: "string",
  store: "boolean",
  stream_options: "object",
  temperature: "number",
  text: "object",
  top_logprobs: "number",
  top_p: "number",
  truncation: "string",
  user: "string",
  /** Sent as they are, at the top level: the way to a parameter that this table does not know. */
  extra_body: "object",
} as const satisfies Record<string, ParamKind>;

/** Keys whose values are the user's own, and stay as they are spelled. */
const OWN: ReadonlySet<string> = new Set(["extra_body", "metadata", "schema", "variables"]);

/** Parameters that massgen sets itself, and what the user sets instead. */
const reserved: Record<string, string> = {
  model: "`model` of the backend",
  input: "the input of the run",
  messages: "the input of the run",
  instructions: "`systemMessage` of the agent",
  stream: "nothing: replies are always streamed",
  tools: "`tools` of the agent, or `builtinTools` of the backend for the provider's own",
  tool_choice: "`toolChoice` of the run",
  previous_response_id: "nothing: the whole conversation is sent with every step",
  conversation: "nothing: the whole conversation is sent with every step",
};

/** Parameters of other APIs, and how they are said here. */
const elsewhere: Record<string, string> = {
  max_tokens: "max_output_tokens",
  max_completion_tokens: "max_output_tokens",
  reasoning_effort: "reasoning: { effort }",
  verbosity: "text: { verbosity }",
  response_format: "text: { format }",
};

type Table = typeof responsesParams;
type Value<K extends keyof Table> = KindValue[Table[K]] | null | undefined;

/** Parameters of the Responses API, in its spelling or in camelCase; `null` leaves one out. */
export type ResponsesParams = { [K in keyof Table]?: Value<K> } & { [K in keyof Table as Camel<K>]?: Value<K> };

/**
 * Checks parameters and gives them the API's spelling. Throws a `ConfigError` for a key the API does not have, with the nearest
 * known one, for one that is not the user's to set, and for a value of the wrong kind.
 */
export function checkResponsesParams(params: Record<string, unknown>, type: string, path = "params"): Record<string, unknown> {
  return checkParams(
    params,
    {
      kinds: responsesParams,
      reserved,
      extra: { name: "extra_body", without: Object.keys(reserved) },
      spell: snakeCase,
      own: OWN,
      unknown(key, name) {
        const here = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined;
        if (here) return `"${key}" is a parameter of chat completions. On the Responses API write \`${here}\`.`;
        const meant = nearest(name, Object.keys(responsesParams));
        const hint = meant ? `Did you mean "${meant}"?` : "If the server reads it, put it under `extra_body`.";
        return `"${key}" is not a parameter of ${type}. ${hint}`;
      },
    },
    path,
  );
}
