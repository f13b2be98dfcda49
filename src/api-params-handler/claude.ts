import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import { checkParams } from "./check.js";
import { type Camel, isObject, type KindValue, type ParamKind, snakeCase } from "./values.js";

/** The parameters of the Messages API that are the user's to set, in the API's spelling. */
export const claudeParams = {
  /** Sent as the header `anthropic-beta`, beside those that other parameters need. */
  betas: "array",
  cache_control: "object",
  container: "any",
  context_management: "object",
  diagnostics: "object",
  /** Goes into `tool_choice`. */
  disable_parallel_tool_use: "boolean",
  fallbacks: "any",
  inference_geo: "string",
  max_tokens: "number",
  mcp_servers: "array",
  metadata: "object",
  output_config: "object",
  service_tier: "string",
  speed: "string",
  stop_sequences: "array",
  /** Parts that come before the agent's own system message. */
  system: "any",
  temperature: "number",
  thinking: "object",
  top_k: "number",
  top_p: "number",
  user_profile_id: "string",
  workspace_id: "string",
  /** Sent as they are, at the top level: the way to a parameter that the list does not know. */
  extra_body: "object",
} as const satisfies Record<string, ParamKind>;

/** Keys whose values are the user's own, and stay as they are spelled. */
const OWN: ReadonlySet<string> = new Set(["extra_body", "input_schema", "schema"]);

/** Parameters that massgen sets itself, and what the user sets instead. */
const reserved: Record<string, string> = {
  model: "`model` of the backend",
  messages: "the input of the run",
  stream: "nothing: replies are always streamed",
  tool_choice: "`toolChoice` of the run",
  tools: "`tools` of the agent, or `builtinTools` of the backend for Anthropic's own",
  compaction: "`context_management`, or `compact()` of the backend",
};

/** What other APIs call a parameter of this one. */
const elsewhere: Record<string, string> = {
  max_output_tokens: "max_tokens",
  max_completion_tokens: "max_tokens",
  stop: "stop_sequences",
  reasoning_effort: "output_config",
  response_format: "output_config",
  parallel_tool_calls: "disable_parallel_tool_use",
};

type Value<K extends keyof typeof claudeParams> = KindValue[(typeof claudeParams)[K]] | null | undefined;

/** Parameters of the Messages API, in its spelling or in camelCase; `null` leaves one out. */
export type ClaudeParams = { -readonly [K in keyof typeof claudeParams]?: Value<K> } & {
  -readonly [K in keyof typeof claudeParams as Camel<K>]?: Value<K>;
};

/** Checked parameters, as `checkClaudeParams` gives them. */
export type CheckedClaudeParams = { -readonly [K in keyof typeof claudeParams]?: KindValue[(typeof claudeParams)[K]] | null };

export type ClaudeApiVersion = "2023-06-01" | "2026-10-21";

const SAMPLING: readonly string[] = ["temperature", "top_p", "top_k"];

/**
 * Checks parameters and gives them the API's spelling. Throws a `ConfigError` for a key the API does not have, with the nearest
 * one, for one that is not the user's to set, and for a value of the wrong kind.
 */
export function checkClaudeParams(
  params: Record<string, unknown>,
  apiVersion: ClaudeApiVersion,
  path = "params",
): Record<string, unknown> & CheckedClaudeParams {
  return checkParams(
    params,
    {
      kinds: claudeParams,
      reserved,
      extra: { name: "extra_body", without: Object.keys(reserved) },
      spell: snakeCase,
      own: OWN,
      unknown(key, name) {
        const meant = elsewhere[name] ?? nearest(name, Object.keys(claudeParams));
        const hint = meant ? `Did you mean "${meant}"?` : "If the server reads it, put it under `extra_body`.";
        return `"${key}" is not a parameter of the Messages API. ${hint}`;
      },
      check(name, value, key, at) {
        if (value !== null && apiVersion !== "2023-06-01" && SAMPLING.includes(name)) {
          const message = `"${key}" is no parameter of the Messages API since version 2026-10-21. Remove it, or set \`apiVersion: "2023-06-01"\` with a model that takes it.`;
          throw new ConfigError("unsupported_param", message, { path: at });
        }
        if (name === "system") checkSystem(value, at);
      },
    },
    path,
  );
}

function checkSystem(value: unknown, path: string): void {
  if (value === null || typeof value === "string") return;
  if (Array.isArray(value) && value.every((part) => isObject(part) && typeof part.type === "string")) return;
  const message = '"system" must be a text or a list of text blocks, e.g. { type: "text", text: "…" }.';
  throw new ConfigError("invalid_value", message, { path });
}
