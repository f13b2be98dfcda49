import { type CheckedClaudeParams, type ClaudeApiVersion, type ClaudeParams, checkClaudeParams } from "../../api-params-handler/claude.js";
import { ConfigError } from "../../errors.js";
import { nearest } from "../../nearest-key.js";
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

const keys: Record<string, "string" | "boolean" | "object" | "function" | undefined> = {
  type: "string",
  model: "string",
  baseUrl: "string",
  apiKey: "string",
  headers: "object",
  apiVersion: "string",
  enableWebSearch: "boolean",
  enableCodeExecution: "boolean",
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
  return {
    type: "claude",
    label: anthropic ? "Anthropic" : `The server at ${host}`,
    baseUrl,
    anthropic,
    ...(apiKey !== undefined && { apiKey }),
    keyEnv,
    apiVersion,
    model: config.model,
    headers: config.headers ?? {},
    serverTools: [
      ...(config.enableWebSearch ? [{ type: "web_search_20250305", name: "web_search" }] : []),
      ...(config.enableCodeExecution ? [{ type: "code_execution_20250825", name: "code_execution" }] : []),
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

function checkKeys(config: ClaudeConfig): void {
  for (const [key, value] of Object.entries(config)) {
    if (!Object.hasOwn(keys, key)) {
      const meant = nearest(key, Object.keys(keys));
      const hint = meant ? `Did you mean "${meant}"?` : "Parameters of the API belong under `params`.";
      throw new ConfigError("unknown_key", `"${key}" is not a key of a claude backend. ${hint}`, { path: key });
    }
    const kind = keys[key];
    const actual = Array.isArray(value) ? "array" : typeof value;
    if (value != null && kind && actual !== kind) throw invalid(key, `a ${kind}`, value);
  }
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
