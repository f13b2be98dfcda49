import { checkGeminiParams, type GeminiParams } from "../../api-params-handler/gemini.js";
import { type GeminiRule, geminiRule } from "../../api-params-handler/gemini-models.js";
import { ConfigError } from "../../errors.js";
import { checkConfigKeys, type KeyKind } from "../config-keys.js";
import { isPrivateHost, normalizeBaseUrl } from "../connection.js";

/** Google's Gemini, or a server that speaks its API. */
export interface GeminiConfig {
  type: "gemini";
  /** e.g. `gemini-2.5-flash`. */
  model: string;
  /**
   * Default: `GOOGLE_GEMINI_BASE_URL`, else Google's. A version at its end (`/v1beta`, `/v1`) is the API version; default
   * `v1beta`.
   */
  baseUrl?: string;
  /** Default: `GOOGLE_API_KEY`, else `GEMINI_API_KEY`, where the base URL is Google's or the environment's. */
  apiKey?: string;
  /** Sent with every request. */
  headers?: Record<string, string>;
  /** The API's own parameters. */
  params?: GeminiParams;
  /** Lets the model search the web; what it found comes as sources. Default false. */
  enableWebSearch?: boolean;
  /** Lets the model run Python at Google. Default false. */
  enableCodeExecution?: boolean;
  /** Lets the model open URLs that the prompt names. Default false. */
  enableUrlContext?: boolean;
  /** More of Google's tools, in its spelling, e.g. `{ googleMaps: {} }`. */
  builtinTools?: Record<string, unknown>[];
  /** Allows silences above 300 s, where Node's own fetch gives up. Default false. */
  longWaits?: boolean;
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

/** A config with everything decided. */
export interface ResolvedGeminiConfig {
  model: string;
  rule: GeminiRule;
  /** Without the version. */
  baseUrl: string;
  /** Empty: it stands inside the base URL. */
  apiVersion: string;
  /** Absent: the server wants one and there is none. */
  apiKey?: string;
  keyEnv: readonly string[];
  headers: Record<string, string>;
  params: Record<string, unknown>;
  /** Built-in tools of every request. */
  builtins: Record<string, unknown>[];
  longWaits: boolean;
  fetch?: typeof globalThis.fetch;
}

const keyEnv = ["GOOGLE_API_KEY", "GEMINI_API_KEY"] as const;
const GOOGLE = "https://generativelanguage.googleapis.com";
const BASE_URL_ENV = "GOOGLE_GEMINI_BASE_URL";

const keys = {
  type: "string",
  model: "string",
  baseUrl: "string",
  apiKey: "string",
  headers: "object",
  params: "object",
  enableWebSearch: "boolean",
  enableCodeExecution: "boolean",
  enableUrlContext: "boolean",
  builtinTools: "array",
  longWaits: "boolean",
  fetch: "function",
} as const satisfies Record<keyof GeminiConfig, KeyKind>;

/** Decides everything that config and environment decide. Throws a `ConfigError` for what cannot work. */
export function resolveGeminiConfig(config: GeminiConfig, env: NodeJS.ProcessEnv): ResolvedGeminiConfig {
  checkConfigKeys(config, keys, "gemini");
  const { params = {}, headers = {}, longWaits = false, fetch } = config;
  if (!config.model) {
    throw new ConfigError("missing_model", 'A gemini backend needs `model`, e.g. "gemini-2.5-flash".', { path: "model" });
  }
  const fromEnv = config.baseUrl ? undefined : env[BASE_URL_ENV];
  const url = normalizeBaseUrl(config.baseUrl || fromEnv || GOOGLE, fromEnv ? BASE_URL_ENV : "baseUrl", "");
  const version = /\/(v\d\w*)$/.exec(url);
  const inside = /\/v\d\w*\//.test(url);
  const { hostname } = new URL(url);
  // The environment's key goes to Google, and to the host that the environment names beside it; to no other.
  const trusted = Boolean(fromEnv) || /(^|\.)googleapis\.com$/.test(hostname);
  const key = config.apiKey || (trusted ? keyEnv.map((name) => env[name]).find(Boolean) : undefined);
  const apiKey = key || (isPrivateHost(hostname) ? "EMPTY" : undefined);
  const { builtinTools = [] } = config;
  checkBuiltinTools(builtinTools);
  return {
    model: config.model,
    rule: geminiRule(config.model),
    baseUrl: version && !inside ? url.slice(0, version.index) : url,
    apiVersion: inside ? "" : (version?.[1] ?? "v1beta"),
    ...(apiKey !== undefined && { apiKey }),
    keyEnv,
    headers,
    params: checkGeminiParams(params),
    builtins: [
      ...(config.enableWebSearch ? [{ googleSearch: {} }] : []),
      ...(config.enableCodeExecution ? [{ codeExecution: {} }] : []),
      ...(config.enableUrlContext ? [{ urlContext: {} }] : []),
      ...builtinTools,
    ],
    longWaits,
    ...(fetch && { fetch }),
  };
}

function checkBuiltinTools(tools: readonly Record<string, unknown>[]): void {
  for (const [i, tool] of tools.entries()) {
    const path = `builtinTools[${i}]`;
    if (typeof tool !== "object" || tool === null || Array.isArray(tool) || Object.keys(tool).length === 0) {
      throw new ConfigError("invalid_value", `"${path}" must be an object such as { googleMaps: {} }.`, { path });
    }
    if ("functionDeclarations" in tool || "function_declarations" in tool) {
      throw new ConfigError("reserved_key", "Functions are no built-in tools. Use `tools` of the agent.", { path });
    }
  }
}
