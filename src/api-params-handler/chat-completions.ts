import type { ModelSettings } from "../backends/backend.js";
import { nearest } from "../nearest-key.js";
import { checkParams } from "./check.js";
import type { ModelRule } from "./openai-models.js";
import { type Camel, type KindValue, type ParamKind, snakeCase } from "./values.js";

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
  const kinds = { ...chatParams, ...target.extras };
  return checkParams(
    params,
    {
      kinds,
      reserved,
      extra: { name: "extra_body", without: Object.keys(reserved) },
      spell: snakeCase,
      own: OWN,
      kept: (name) => !Object.hasOwn(chatParams, name),
      unknown(key, name) {
        const readers = target.readersOf?.(name) ?? [];
        if (readers.length > 0) return `"${key}" is a parameter of ${readers.join(", ")}; ${target.type} does not read it.`;
        const meant = nearest(name, Object.keys(kinds));
        const hint = meant ? `Did you mean "${meant}"?` : "If the server reads it, put it under `extra_body`.";
        return `"${key}" is not a parameter of ${target.type}. ${hint}`;
      },
    },
    path,
  );
}
