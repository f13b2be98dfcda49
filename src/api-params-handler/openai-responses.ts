import type { ModelSettings } from "../backends/backend.js";
import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import { type ModelRule, nearestEffort } from "./openai-models.js";
import { type Camel, checkKind, isObject, type KindValue, type ParamKind, respelled, snakeCase } from "./values.js";

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

/** What is checked and what it is said of. */
export interface ResponsesParamsTarget {
  /** For messages, e.g. `openai`. */
  type: string;
  /** The row of the model; `undefined`: nothing is known of it, and everything is passed on. */
  rule: ModelRule | undefined;
  model: string;
}

/**
 * Checks parameters and gives them the API's spelling. Throws a `ConfigError` for a key the API does not have, with the nearest
 * known one, for one that is not the user's to set, and for a value of the wrong kind.
 */
export function checkResponsesParams(params: Record<string, unknown>, type: string, path = "params"): Record<string, unknown> {
  const checked: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined) continue;
    const name = snakeCase(key);
    const at = `${path}.${key}`;
    if (!Object.hasOwn(responsesParams, name)) throw unknownParam(key, name, at, type);
    if (Object.hasOwn(checked, name)) {
      throw new ConfigError("duplicate_key", `"${name}" is given twice, as "${name}" and in camelCase. Keep one.`, { path: at });
    }
    if (value !== null) checkKind(key, value, responsesParams[name as keyof Table], at);
    if (name === "extra_body" && isObject(value)) {
      for (const inner of Object.keys(value)) if (Object.hasOwn(reserved, inner)) throw reservedParam(inner, `${at}.${inner}`);
    }
    checked[name] = OWN.has(name) ? value : respelled(value, snakeCase, OWN, at);
  }
  return checked;
}

/**
 * The body's parameters: those of the config, then the neutral settings, then those of the request, later ones winning; what the
 * model rejects is left out or moved to the nearest it takes, and said in `warnings`. Both sets must have passed the check.
 */
export function responsesBodyParams(
  configParams: Record<string, unknown>,
  settings: ModelSettings | undefined,
  requestParams: Record<string, unknown>,
  target: ResponsesParamsTarget,
  warnings: string[],
): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const layer of [configParams, settings ? settingsParams(settings, warnings) : {}, requestParams]) {
    for (const [key, value] of Object.entries(layer)) {
      const merge = (key === "extra_body" || key === "reasoning" || key === "text") && isObject(value) && isObject(body[key]);
      body[key] = merge ? { ...(body[key] as object), ...(value as object) } : value;
    }
  }
  const extra = body.extra_body;
  delete body.extra_body;
  // An explicit null of `reasoning` means: none at all, not the default.
  const untouched = !("reasoning" in body);
  for (const key of Object.keys(body)) if (body[key] === null && key !== "stream_options") delete body[key];
  if (target.rule) applyRule(body, target.rule, target.model, untouched, warnings);
  return isObject(extra) ? { ...body, ...extra } : body;
}

function applyRule(body: Record<string, unknown>, rule: ModelRule, model: string, untouched: boolean, warnings: string[]): void {
  const reasoning = isObject(body.reasoning) ? { ...body.reasoning } : {};
  const { efforts } = rule;
  if (efforts === undefined) {
    // "none" is what such a model does anyway.
    if (isObject(body.reasoning) && reasoning.effort !== "none") warnings.push(`${model} takes no \`reasoning\`; it was left out.`);
    delete body.reasoning;
  } else {
    const { effort } = reasoning;
    if (typeof effort === "string" && !(efforts as readonly string[]).includes(effort)) {
      const instead = nearestEffort(effort, efforts);
      if (instead !== undefined) {
        reasoning.effort = instead;
        warnings.push(`${model} has no reasoning effort "${effort}"; "${instead}" was sent.`);
      }
    }
    if (effort === undefined && rule.defaultEffort && (untouched || isObject(body.reasoning))) reasoning.effort = rule.defaultEffort;
    if (Object.keys(reasoning).length > 0) body.reasoning = reasoning;
  }
  const reasons = efforts !== undefined && reasoning.effort !== "none";
  if (rule.sampling === false || (rule.sampling === "without-reasoning" && reasons)) {
    for (const key of ["temperature", "top_p", "top_logprobs"]) {
      if (!(key in body)) continue;
      delete body[key];
      const when = rule.sampling === false ? "" : ' unless its reasoning effort is "none"';
      warnings.push(`${model} takes no \`${key}\`${when}; it was left out.`);
    }
  }
  if (!rule.verbosity && isObject(body.text) && "verbosity" in body.text) {
    const { verbosity, ...text } = body.text;
    // What every model does anyway.
    if (verbosity !== "medium") warnings.push(`${model} takes no \`text.verbosity\`; it was left out.`);
    if (Object.keys(text).length > 0) body.text = text;
    else delete body.text;
  }
}

/** The least that the API takes as a limit. */
const LEAST_OUTPUT = 16;

function settingsParams(settings: ModelSettings, warnings: string[]): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  const { maxOutputTokens, temperature, topP, stop, seed, responseFormat, reasoningEffort } = settings;
  if (maxOutputTokens !== undefined) {
    params.max_output_tokens = Math.max(LEAST_OUTPUT, maxOutputTokens);
    if (maxOutputTokens < LEAST_OUTPUT) warnings.push(`The least limit on output is ${LEAST_OUTPUT} tokens; that was sent.`);
  }
  if (temperature !== undefined) params.temperature = temperature;
  if (topP !== undefined) params.top_p = topP;
  if (stop?.length) warnings.push("The Responses API has no stop sequences; `stop` was left out.");
  if (seed !== undefined) warnings.push("The Responses API has no `seed`; it was left out.");
  if (settings.presencePenalty || settings.frequencyPenalty) warnings.push("The Responses API has no penalties; they were left out.");
  if (responseFormat?.type === "json") params.text = { format: { type: "json_object" } };
  if (responseFormat?.type === "json-schema") {
    const { name = "response", schema } = responseFormat;
    params.text = { format: { type: "json_schema", name, schema } };
  }
  if (reasoningEffort !== undefined) params.reasoning = { effort: reasoningEffort };
  return params;
}

function reservedParam(name: string, path: string): ConfigError {
  return new ConfigError("reserved_key", `"${name}" is set by massgen. Use ${reserved[name]}.`, { path });
}

function unknownParam(key: string, name: string, path: string, type: string): ConfigError {
  if (Object.hasOwn(reserved, name)) return reservedParam(name, path);
  const here = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined;
  if (here) {
    return new ConfigError("unknown_key", `"${key}" is a parameter of chat completions. On the Responses API write \`${here}\`.`, { path });
  }
  const meant = nearest(name, Object.keys(responsesParams));
  const hint = meant ? `Did you mean "${meant}"?` : "If the server reads it, put it under `extra_body`.";
  return new ConfigError("unknown_key", `"${key}" is not a parameter of ${type}. ${hint}`, { path });
}
