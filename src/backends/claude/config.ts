import { type CheckedClaudeParams, type ClaudeApiVersion, type ClaudeParams, checkClaudeParams } from "../../api-params-handler/claude.js";
import { type ClaudeModel, claudeModel } from "../../api-params-handler/claude-models.js";
import { ConfigError } from "../../errors.js";
import { checkConfigKeys, type KeyTable } from "../config-keys.js";
import { isPrivateHost, normalizeBaseUrl } from "../connection.js";

/** Claude on the Anthropic Messages API, or any server that speaks it. */
export interface ClaudeConfig {
  type: "claude";
  /** e.g. `claude-sonnet-5-5`. */
  model: string;
  /** Default: `ANTHROPIC_BASE_URL`, else `https://api.anthropic.com`. With or without `/v1` at its end. */
  baseUrl?: string;
  /** Default: `ANTHROPIC_API_KEY`, which goes to api.anthropic.com and to the host that `ANTHROPIC_BASE_URL` names; to no other. */
  apiKey?: string;
  /** Sent with every request. */
  headers?: Record<string, string>;
  /**
   * Version of the API. Default: `2026-10-21` at api.anthropic.com, which takes the key as a bearer token and no sampling
   * parameters; `2023-06-01` with `x-api-key` elsewhere.
   */
  apiVersion?: ClaudeApiVersion;
  /** Lets Claude search the web (`web_search_20250305`). Default false. */
  enableWebSearch?: boolean;
  /** Lets Claude run code in Anthropic's sandbox (`code_execution_20250825`). Default false. */
  enableCodeExecution?: boolean;
  /**
   * More of Anthropic's server tools, in its spelling, e.g. `{ type: "web_fetch_20250910", name: "web_fetch" }`. They come after the
   * agent's own tools.
   */
  builtinTools?: Record<string, unknown>[];
  /**
   * Marks the stable beginning of the prompt, and in a tool loop what came so far, for the prompt cache. `"1h"` keeps it for an
   * hour instead of five minutes and costs more to write. Default true.
   */
  promptCaching?: boolean | "1h";
  /** Parameters of the Messages API, in its spelling or in camelCase. */
  params?: ClaudeParams;
  /** Allows silences above 300 s, where Node's own fetch gives up. Default false. */
  longWaits?: boolean;
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

/** A config with everything decided. */
export interface ResolvedClaudeConfig {
  type: "claude";
  label: string;
  baseUrl: string;
  /** Talks to api.anthropic.com itself. */
  anthropic: boolean;
  /** Absent: the server wants one and there is none. */
  apiKey?: string;
  keyEnv: readonly string[];
  apiVersion: ClaudeApiVersion;
  model: string;
  rules: ClaudeModel;
  headers: Record<string, string>;
  serverTools: Record<string, unknown>[];
  promptCaching: boolean | "1h";
  params: Record<string, unknown> & CheckedClaudeParams;
  longWaits: boolean;
  fetch?: typeof globalThis.fetch;
}

const DEFAULT_URL = "https://api.anthropic.com";
const KEY_ENV = ["ANTHROPIC_API_KEY"];
const VERSIONS: readonly string[] = ["2023-06-01", "2026-10-21"];

const keys: KeyTable = {
  type: "string",
  model: "string",
  baseUrl: "string",
  apiKey: "string",
  headers: "object",
  apiVersion: "string",
  enableWebSearch: "boolean",
  enableCodeExecution: "boolean",
  builtinTools: "array",
  promptCaching: undefined,
  params: "object",
  longWaits: "boolean",
  fetch: "function",
};

/** Decides everything that config and environment decide. Throws a `ConfigError` for what cannot work. */
export function resolveClaudeConfig(config: ClaudeConfig, env: NodeJS.ProcessEnv): ResolvedClaudeConfig {
  checkKeys(config);
  if (!config.model) throw new ConfigError("missing_model", 'Set `model`, e.g. "claude-sonnet-5-5".', { path: "model" });
  const fromEnv = config.baseUrl ? undefined : env.ANTHROPIC_BASE_URL;
  const baseUrl = rootUrl(config.baseUrl || fromEnv || DEFAULT_URL, fromEnv ? "ANTHROPIC_BASE_URL" : "baseUrl");
  const { host, hostname } = new URL(baseUrl);
  const anthropic = host === "api.anthropic.com";
  const keyEnv = anthropic || fromEnv ? KEY_ENV : [];
  const apiKey = config.apiKey || keyEnv.map((name) => env[name]).find(Boolean) || (isPrivateHost(hostname) ? "EMPTY" : undefined);
  const apiVersion = config.apiVersion ?? (anthropic ? "2026-10-21" : "2023-06-01");
  checkBuiltinTools(config.builtinTools ?? []);
  return {
    type: "claude",
    label: anthropic ? "Anthropic" : host,
    baseUrl,
    anthropic,
    ...(apiKey !== undefined && { apiKey }),
    keyEnv,
    apiVersion,
    model: config.model,
    rules: claudeModel(config.model),
    headers: config.headers ?? {},
    serverTools: [
      ...(config.enableWebSearch ? [{ type: "web_search_20250305", name: "web_search" }] : []),
      ...(config.enableCodeExecution ? [{ type: "code_execution_20250825", name: "code_execution" }] : []),
      ...(config.builtinTools ?? []),
    ],
    promptCaching: config.promptCaching ?? true,
    params: checkClaudeParams(config.params ?? {}, apiVersion),
    longWaits: config.longWaits ?? false,
    ...(config.fetch && { fetch: config.fetch }),
  };
}

/** The SDK appends `/v1/messages` itself. */
function rootUrl(given: string, path: string): string {
  return normalizeBaseUrl(given, path).replace(/(\/v1)?(\/messages)?$/, "");
}

/** Tools of Anthropic have a `type`; those without are functions. */
function checkBuiltinTools(tools: readonly Record<string, unknown>[]): void {
  for (const [i, tool] of tools.entries()) {
    if (typeof tool?.type === "string" && tool.type !== "custom") continue;
    const message = "A built-in tool needs the `type` its provider gave it; tools of your own belong under `tools` of the agent.";
    throw new ConfigError("invalid_value", message, { path: `builtinTools[${i}].type` });
  }
}

function checkKeys(config: ClaudeConfig): void {
  checkConfigKeys(config, keys, "claude");
  const { apiVersion, promptCaching } = config;
  if (apiVersion !== undefined && !VERSIONS.includes(apiVersion)) throw invalid("apiVersion", `one of ${VERSIONS.join(", ")}`, apiVersion);
  if (promptCaching !== undefined && typeof promptCaching !== "boolean" && promptCaching !== "1h") {
    throw invalid("promptCaching", 'true, false or "1h"', promptCaching);
  }
}

function invalid(key: string, wanted: string, value: unknown): ConfigError {
  return new ConfigError("invalid_value", `"${key}" must be ${wanted}, not ${value === "" ? "empty" : JSON.stringify(value)}.`, {
    path: key,
  });
}
