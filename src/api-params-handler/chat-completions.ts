import type { ModelSettings } from "../backends/backend.js";
import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import { type ModelRule, nearestEffort } from "./openai-models.js";
import { type Camel, checkKind, isObject, type KindValue, type ParamKind, respelled, snakeCase } from "./values.js";

export type { ParamKind } from "./values.js";

/** The parameters of chat completions that are the user's to set, in the API's spelling. */
export const chatParams = {
  audio: "object",
  frequency_penalty: "number",
  logit_bias: "object",
  logprobs: "boolean",
  max_completion_tokens: "number",
  max_tokens: "number",
  metadata: "object",
  modalities: "array",
  moderation: "object",
  parallel_tool_calls: "boolean",
  prediction: "object",
  presence_penalty: "number",
  prompt_cache_key: "string",
  prompt_cache_options: "object",
  prompt_cache_retention: "string",
  reasoning_effort: "string",
  response_format: "object",
  safety_identifier: "string",
  seed: "number",
  service_tier: "string",
  stop: "any",
  store: "boolean",
  stream_options: "object",
  temperature: "number",
  top_logprobs: "number",
  top_p: "number",
  user: "string",
  verbosity: "string",
  web_search_options: "object",
  /** Sent as they are, at the top level: the way to a parameter that no table knows. */
  extra_body: "object",
} as const satisfies Record<string, ParamKind>;

/** Keys whose values are the user's own, and stay as they are spelled. */
const OWN: ReadonlySet<string> = new Set(["extra_body", "logit_bias", "metadata", "schema"]);

/** Parameters that massgen sets itself, and what the user sets instead. */
const reserved: Record<string, string> = {
  model: "`model` of the backend",
  messages: "the input of the run",
  stream: "nothing: replies are always streamed",
  tools: "`tools` of the agent",
  tool_choice: "`toolChoice` of the run",
  functions: "`tools` of the agent",
  function_call: "`toolChoice` of the run",
  n: "more agents: one reply is read per step",
};

type Values<T> = { [K in keyof T]?: (T[K] extends ParamKind ? KindValue[T[K]] : never) | null | undefined };
type CamelValues<T> = { [K in keyof T as Camel<K & string>]?: (T[K] extends ParamKind ? KindValue[T[K]] : never) | null | undefined };

/** Parameters of chat completions plus a server's extras, in the API's spelling or in camelCase; `null` leaves one out. */
export type ChatParams<Extras = unknown> = Values<typeof chatParams> &
  CamelValues<typeof chatParams> &
  Values<Extras> &
  CamelValues<Extras>;

/** What the handler needs to know of a server. */
export interface ChatParamsTarget {
  /** For messages, e.g. `vllm`. */
  type: string;
  extras: Readonly<Record<string, ParamKind>>;
  maxTokens: "max_tokens" | "max_completion_tokens";
  effort?: (effort: NonNullable<ModelSettings["reasoningEffort"]>) => Record<string, unknown>;
  /** Other servers that read a parameter, for the message about one that this server does not. */
  readersOf?: (param: string) => string[];
  /** What OpenAI's own model takes; absent: nothing is known of it, and everything is passed on. */
  rule?: ModelRule | undefined;
  /** The model, for warnings. */
  model?: string;
  /** The effort that is asked for where nobody says one. */
  defaultEffort?: string | undefined;
}

/**
 * Checks parameters and gives them the API's spelling. Throws a `ConfigError` for a key the server does not read, with the
 * nearest known one, for one that is not the user's to set, and for a value of the wrong kind.
 */
export function checkChatParams(params: Record<string, unknown>, target: ChatParamsTarget, path = "params"): Record<string, unknown> {
  const checked: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined) continue;
    const name = snakeCase(key);
    const at = `${path}.${key}`;
    const kind = paramKind(name, target);
    if (kind === undefined) throw unknownParam(key, name, at, target);
    if (Object.hasOwn(checked, name))
      throw new ConfigError("duplicate_key", `"${name}" is given twice, as "${name}" and in camelCase. Keep one.`, { path: at });
    if (value !== null) checkKind(key, value, kind, at);
    if (name === "extra_body" && value !== null) {
      for (const inner of Object.keys(value as object)) {
        if (Object.hasOwn(reserved, inner)) throw reservedParam(inner, `${at}.${inner}`);
      }
    }
    checked[name] = Object.hasOwn(chatParams, name) && !OWN.has(name) ? respelled(value, snakeCase, OWN, at) : value;
  }
  return checked;
}

/**
 * The body's parameters: those of the config, then the neutral settings, then those of the request, later ones winning.
 * Both parameter sets must have passed `checkChatParams`. What the model rejects is left out or moved to the nearest it takes, and
 * said in `warnings`.
 */
export function chatBodyParams(
  configParams: Record<string, unknown>,
  settings: ModelSettings | undefined,
  requestParams: Record<string, unknown>,
  target: ChatParamsTarget,
  warnings: string[] = [],
): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const layer of [configParams, settings ? settingsParams(settings, target) : {}, requestParams]) {
    for (const [key, value] of Object.entries(layer)) {
      // One limit, two spellings: the later layer's is the one that counts.
      if (key === "max_tokens") delete body.max_completion_tokens;
      if (key === "max_completion_tokens") delete body.max_tokens;
      const merge = (key === "extra_body" || key === "chat_template_kwargs") && isObject(value) && isObject(body[key]);
      body[key] = merge ? { ...(body[key] as object), ...(value as object) } : value;
    }
  }
  const extra = body.extra_body;
  delete body.extra_body;
  for (const key of Object.keys(body)) if (body[key] === null && key !== "stream_options") delete body[key];
  if (target.rule) applyRule(body, target.rule, target, warnings);
  return isObject(extra) ? { ...body, ...extra } : body;
}

/** Of models that reason; the first four are taken while they do not. */
const SAMPLING = ["temperature", "top_p", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "logit_bias"];

function applyRule(body: Record<string, unknown>, rule: ModelRule, target: ChatParamsTarget, warnings: string[]): void {
  const { model = "The model", defaultEffort } = target;
  const { efforts, sampling } = rule;
  const leaveOut = (key: string, when = "") => {
    delete body[key];
    warnings.push(`${model} takes no \`${key}\`${when}; it was left out.`);
  };
  const effort = body.reasoning_effort;
  if (typeof effort === "string" && efforts === undefined) {
    // "none" is what such a model does anyway.
    if (effort === "none") delete body.reasoning_effort;
    else leaveOut("reasoning_effort");
  } else if (typeof effort === "string" && !(efforts as readonly string[]).includes(effort)) {
    const instead = nearestEffort(effort, efforts as NonNullable<typeof efforts>);
    if (instead !== undefined) {
      body.reasoning_effort = instead;
      warnings.push(`${model} has no reasoning effort "${effort}"; "${instead}" was sent.`);
    }
  }
  const asked = body.reasoning_effort ?? defaultEffort ?? (rule.defaultEffort === undefined ? "medium" : "none");
  if (sampling === false) for (const key of SAMPLING) if (key in body) leaveOut(key);
  if (sampling === "without-reasoning" && asked !== "none") {
    for (const key of SAMPLING.slice(0, 4)) if (key in body) leaveOut(key, ' unless its reasoning effort is "none"');
  }
  if (!rule.verbosity && "verbosity" in body) {
    // What every model does anyway.
    if (body.verbosity === "medium") delete body.verbosity;
    else leaveOut("verbosity");
  }
  // The older name of the limit, which models that reason do not know.
  if (sampling !== true && "max_tokens" in body) {
    body.max_completion_tokens = body.max_tokens;
    delete body.max_tokens;
  }
}

function settingsParams(settings: ModelSettings, target: ChatParamsTarget): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  if (settings.maxOutputTokens !== undefined) params[target.maxTokens] = settings.maxOutputTokens;
  if (settings.temperature !== undefined) params.temperature = settings.temperature;
  if (settings.topP !== undefined) params.top_p = settings.topP;
  if (settings.stop?.length) params.stop = settings.stop;
  if (settings.seed !== undefined) params.seed = settings.seed;
  if (settings.presencePenalty !== undefined) params.presence_penalty = settings.presencePenalty;
  if (settings.frequencyPenalty !== undefined) params.frequency_penalty = settings.frequencyPenalty;
  if (settings.responseFormat?.type === "json") params.response_format = { type: "json_object" };
  if (settings.responseFormat?.type === "json-schema") {
    const { name = "response", schema } = settings.responseFormat;
    params.response_format = { type: "json_schema", json_schema: { name, schema } };
  }
  const effort = settings.reasoningEffort;
  if (effort !== undefined) Object.assign(params, target.effort ? target.effort(effort) : { reasoning_effort: effort });
  return params;
}

function paramKind(name: string, target: ChatParamsTarget): ParamKind | undefined {
  if (Object.hasOwn(target.extras, name)) return target.extras[name];
  return Object.hasOwn(chatParams, name) ? chatParams[name as keyof typeof chatParams] : undefined;
}

function reservedParam(name: string, path: string): ConfigError {
  return new ConfigError("reserved_key", `"${name}" is set by massgen. Use ${reserved[name]}.`, { path });
}

function unknownParam(key: string, name: string, path: string, target: ChatParamsTarget): ConfigError {
  if (Object.hasOwn(reserved, name)) return reservedParam(name, path);
  const readers = target.readersOf?.(name) ?? [];
  if (readers.length > 0) {
    return new ConfigError("unknown_key", `"${key}" is a parameter of ${readers.join(", ")}; ${target.type} does not read it.`, { path });
  }
  const meant = nearest(name, [...Object.keys(chatParams), ...Object.keys(target.extras)]);
  const hint = meant ? `Did you mean "${meant}"?` : "If the server reads it, put it under `extra_body`.";
  return new ConfigError("unknown_key", `"${key}" is not a parameter of ${target.type}. ${hint}`, { path });
}
