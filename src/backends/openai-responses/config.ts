import type { ChatParams } from "../../api-params-handler/chat-completions.js";
import { checkChatParams } from "../../api-params-handler/chat-completions.js";
import { chatDefaultEffort, type ModelRule, modelRule } from "../../api-params-handler/openai-models.js";
import { checkResponsesParams, type ResponsesParams } from "../../api-params-handler/openai-responses.js";
import { ConfigError } from "../../errors.js";
import type { ResponseItem } from "../../formatter/openai-responses.js";
import { type ResolvedChatConfig, refuseResponsesModel } from "../chat-completions/config.js";
import { checkConfigKeys, type KeyTable } from "../config-keys.js";
import { isPrivateHost, normalizeBaseUrl } from "../connection.js";
import type { Preset } from "../presets.js";
import { checkUploads, type UploadFile } from "./upload-files.js";

/** What the backends on OpenAI's own APIs have in common. */
export interface OpenAIBackendOptions {
  model: string;
  /** Default: the provider's, or its environment variable. A private host without a path gets `/v1`. */
  baseUrl?: string;
  /** Default: the provider's environment variable. */
  apiKey?: string;
  /** Sent with every request. */
  headers?: Record<string, string>;
  /** Allows silences above 300 s, where Node's own fetch gives up: background and long reasoning. Default false. */
  longWaits?: boolean;
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

/** What the Responses API offers beside tools of one's own. */
export interface ResponsesOptions {
  params?: ResponsesParams;
  /** The provider's web search; an object adds its options, e.g. `{ search_context_size: "high" }`. Default false. */
  enableWebSearch?: boolean | Record<string, unknown>;
  /** The provider's Python container. Default false. */
  enableCodeInterpreter?: boolean | Record<string, unknown>;
  /** Pictures, as `file` chunks; an object adds options, e.g. `{ quality: "low", partial_images: 2 }`. Default false. */
  enableImageGeneration?: boolean | Record<string, unknown>;
  /** More of the provider's tools, in its own spelling, e.g. `{ type: "mcp", server_label: "…", server_url: "…" }`. */
  builtinTools?: Record<string, unknown>[];
  /** Pictures and sounds go with the first message; documents are searched. All are deleted by `close()`. */
  uploadFiles?: UploadFile[];
}

/** OpenAI on the Responses API, or a server that speaks it. */
export interface OpenAIConfig extends OpenAIBackendOptions, ResponsesOptions {
  type: "openai";
}

const grokExtras = {
  search_parameters: "object",
  deferred: "boolean",
  bootstrap_host: "string",
} as const;

/** xAI; `wire: "chat"` takes chat completions instead of the Responses API. */
export type GrokConfig =
  | (OpenAIBackendOptions & Omit<ResponsesOptions, "enableImageGeneration" | "uploadFiles"> & { type: "grok"; wire?: "responses" })
  | (OpenAIBackendOptions & {
      type: "grok";
      wire: "chat";
      params?: ChatParams<typeof grokExtras>;
      /** Live search with citations; an object adds `search_parameters`. Default false. */
      enableWebSearch?: boolean | Record<string, unknown>;
    });

interface AzureOptions {
  /**
   * The resource's endpoint, e.g. `https://my-resource.openai.azure.com`, with or without `/openai/v1`. Default:
   * `AZURE_OPENAI_ENDPOINT`.
   */
  baseUrl?: string;
  /** `v1`, `preview`, or a dated one such as `2024-10-21`. Default: `AZURE_OPENAI_API_VERSION`, else `v1`. */
  apiVersion?: string;
  /** The model behind a deployment whose name does not say it: decides what it takes and costs. Default: the deployment's name. */
  baseModel?: string;
  /** Gives a Microsoft Entra token for each request, instead of `apiKey`. */
  tokenProvider?: () => Promise<string>;
}

/** Azure OpenAI; `model` is the deployment. `wire`: default `responses` where the API version has it, else `chat`. */
export type AzureConfig = Omit<OpenAIBackendOptions, "baseUrl"> &
  AzureOptions &
  (
    | ({ type: "azure_openai"; wire?: "responses" } & ResponsesOptions)
    | {
        type: "azure_openai";
        wire: "chat";
        params?: ChatParams;
      }
  );

export type ResponsesConfig = OpenAIConfig | GrokConfig | AzureConfig;

/** A config with everything decided. */
export interface ResolvedResponsesConfig {
  type: string;
  label: string;
  /** As errors name it, and what provider state is tied to. */
  baseUrl: string;
  keyEnv: readonly string[];
  /** Absent: the server wants one and there is none. */
  apiKey?: string | (() => Promise<string>);
  headers: Record<string, string | null>;
  query?: Record<string, string>;
  /** Talks to api.openai.com itself. */
  openai: boolean;
  model: string;
  /** The model behind a deployment of Azure, where the user says it. */
  baseModel?: string;
  rule: ModelRule | undefined;
  params: Record<string, unknown>;
  builtinTools: ResponseItem[];
  uploadFiles: readonly UploadFile[];
  /** Whether the server has `/responses/input_tokens` and `/responses/compact`. */
  counts: boolean;
  longWaits: boolean;
  fetch?: typeof globalThis.fetch;
}

const common: KeyTable = {
  type: "string",
  model: "string",
  baseUrl: "string",
  apiKey: "string",
  headers: "object",
  longWaits: "boolean",
  fetch: "function",
  params: "object",
};
const hosted: KeyTable = {
  enableWebSearch: ["boolean", "object"],
  enableCodeInterpreter: ["boolean", "object"],
  builtinTools: "array",
};
const openaiKeys: KeyTable = { ...common, ...hosted, enableImageGeneration: ["boolean", "object"], uploadFiles: "array" };
const azureOwn: KeyTable = { wire: "string", apiVersion: "string", baseModel: "string", tokenProvider: "function" };

type Env = NodeJS.ProcessEnv;

/** Decides everything that config and environment decide, and on which wire. Throws a `ConfigError` for what cannot work. */
export function resolveOpenAIConfig(
  config: ResponsesConfig,
  env: Env,
): { wire: "responses"; config: ResolvedResponsesConfig } | { wire: "chat"; config: ResolvedChatConfig } {
  const wire = "wire" in config ? config.wire : undefined;
  if (wire !== undefined && wire !== "responses" && wire !== "chat") {
    throw new ConfigError("invalid_value", `"wire" must be "responses" or "chat", not ${JSON.stringify(wire)}.`, { path: "wire" });
  }
  if (config.type === "azure_openai") return resolveAzure(config, env);
  if (config.type === "grok")
    return config.wire === "chat" ? grokOnChat(config, env) : { wire: "responses", config: resolveGrok(config, env) };
  return { wire: "responses", config: resolveOpenAI(config, env) };
}

function resolveOpenAI(config: OpenAIConfig, env: Env): ResolvedResponsesConfig {
  checkConfigKeys(config, openaiKeys, config.type);
  const row = { label: "OpenAI", baseUrl: "https://api.openai.com/v1", baseUrlEnv: "OPENAI_BASE_URL", keyEnv: ["OPENAI_API_KEY"] };
  const server = serverOf(config, row, env);
  return { ...shared(config, server.openai), ...server, counts: true };
}

function resolveGrok(config: Extract<GrokConfig, { wire?: "responses" }>, env: Env): ResolvedResponsesConfig {
  checkConfigKeys(config, { ...common, ...hosted, wire: "string" }, config.type);
  return { ...shared(config, false), ...serverOf(config, XAI, env), counts: false };
}

const XAI = { label: "xAI", baseUrl: "https://api.x.ai/v1", keyEnv: ["XAI_API_KEY"] };

function grokOnChat(config: Extract<GrokConfig, { wire: "chat" }>, env: Env): { wire: "chat"; config: ResolvedChatConfig } {
  checkConfigKeys(config, { ...common, wire: "string", enableWebSearch: ["boolean", "object"] }, config.type);
  const { label, baseUrl, apiKey } = serverOf(config, XAI, env);
  const preset: Preset = {
    ...XAI,
    extras: grokExtras,
    toolChoice: { required: true, named: true },
    maxTokens: "max_completion_tokens",
    // Only the small models of the third generation take it; the others refuse the parameter.
    effort: (effort) =>
      modelRule(config.model)?.efforts ? { reasoning_effort: effort === "high" || effort === "xhigh" ? "high" : "low" } : {},
  };
  const params = checkChatParams(config.params ?? {}, { ...preset, type: config.type });
  const search = config.enableWebSearch;
  if (search) {
    const own = params.search_parameters as object | undefined;
    params.search_parameters = { mode: "auto", return_citations: true, ...(typeof search === "object" && search), ...own };
  }
  return { wire: "chat", config: chatConfig(config, { preset, label, baseUrl, params, ...(apiKey !== undefined && { apiKey }) }) };
}

const DATED = /^\d{4}-\d{2}-\d{2}(-preview)?$/;
/** From this version on, dated ones have the Responses API. */
const RESPONSES_SINCE = "2025-03-01";

function resolveAzure(
  config: AzureConfig,
  env: Env,
): { wire: "responses"; config: ResolvedResponsesConfig } | { wire: "chat"; config: ResolvedChatConfig } {
  const given = config.baseUrl || env.AZURE_OPENAI_ENDPOINT;
  if (!given) {
    const message = "Azure needs the endpoint of a resource. Set AZURE_OPENAI_ENDPOINT, or `baseUrl` of the backend.";
    throw new ConfigError("missing_base_url", message, { path: "baseUrl" });
  }
  const whole = normalizeBaseUrl(given, config.baseUrl ? "baseUrl" : "AZURE_OPENAI_ENDPOINT");
  const root = whole.replace(/\/openai(\/v1|\/deployments\/.*)?$/, "").replace(/\/v1$/, "");
  const version = config.apiVersion || env.AZURE_OPENAI_API_VERSION || "v1";
  const named = version === "v1" || version === "preview" || version === "latest";
  if (!named && !DATED.test(version)) {
    const message = `"${version}" is no API version. Take "v1", "preview", or a dated one such as "2024-10-21".`;
    throw new ConfigError("invalid_value", message, { path: "apiVersion" });
  }
  const wire = config.wire ?? (named || version.slice(0, 10) >= RESPONSES_SINCE ? "responses" : "chat");
  checkConfigKeys(config, wire === "chat" ? { ...common, ...azureOwn } : { ...openaiKeys, ...azureOwn }, config.type);
  requireModel(config);
  if (config.tokenProvider && config.apiKey) {
    throw new ConfigError("invalid_value", "Give `apiKey` or `tokenProvider`, not both.", { path: "tokenProvider" });
  }
  const keyEnv = ["AZURE_OPENAI_API_KEY"];
  const key = config.apiKey || env.AZURE_OPENAI_API_KEY || (isPrivateHost(new URL(root).hostname) ? "EMPTY" : undefined);
  const apiKey = config.tokenProvider ?? key;
  const auth: Record<string, string | null> = config.tokenProvider || key === undefined ? {} : { "api-key": key, Authorization: null };
  const query = version === "v1" ? undefined : { "api-version": version };
  const label = "Azure OpenAI";
  const baseUrl = named ? `${root}/openai/v1` : `${root}/openai`;
  if (wire === "responses") {
    const own = config as Extract<AzureConfig, { wire?: "responses" }>;
    const resolved: ResolvedResponsesConfig = {
      ...shared(own, false),
      rule: modelRule(config.baseModel ?? config.model),
      ...(config.baseModel && { baseModel: config.baseModel }),
      label,
      baseUrl,
      keyEnv,
      openai: false,
      counts: named,
      headers: { ...auth, ...config.headers },
      ...(apiKey !== undefined && { apiKey }),
      ...(query && { query }),
    };
    return { wire, config: resolved };
  }
  const behind = config.baseModel ?? config.model;
  refuseResponsesModel(behind);
  const rule = modelRule(behind);
  const defaultEffort = chatDefaultEffort(behind);
  const preset: Preset = {
    label,
    baseUrl,
    keyEnv,
    extras: {},
    toolChoice: { required: true, named: true },
    // The older models know only the older name.
    maxTokens: !/^(gpt-35|gpt-3\.5|gpt-4$|gpt-4-)/.test(behind) ? "max_completion_tokens" : "max_tokens",
  };
  const params = checkChatParams(config.params ?? {}, { ...preset, type: config.type });
  const deployment = named ? baseUrl : `${baseUrl}/deployments/${encodeURIComponent(config.model)}`;
  const client = { baseUrl: deployment, modelsUrl: `${baseUrl}/models`, headers: auth, ...(query && { query }) };
  return {
    wire,
    config: chatConfig(config, {
      preset,
      label,
      baseUrl,
      params,
      client,
      ...(rule && { rule }),
      ...(config.baseModel && { baseModel: config.baseModel }),
      ...(defaultEffort && { defaultEffort }),
      ...(apiKey !== undefined && { apiKey }),
    }),
  };
}

function chatConfig(
  config: GrokConfig | AzureConfig,
  own: Pick<ResolvedChatConfig, "preset" | "label" | "baseUrl" | "params" | "client" | "apiKey" | "rule" | "baseModel" | "defaultEffort">,
): ResolvedChatConfig {
  requireModel(config);
  return {
    ...own,
    type: config.type,
    openai: false,
    model: config.model,
    headers: config.headers ?? {},
    inlineThinking: false,
    longWaits: config.longWaits ?? false,
    ...(config.fetch && { fetch: config.fetch }),
  };
}

interface Row {
  label: string;
  baseUrl: string;
  baseUrlEnv?: string;
  keyEnv: readonly string[];
}

function serverOf(config: OpenAIBackendOptions, row: Row, env: Env) {
  const fromEnv = row.baseUrlEnv ? env[row.baseUrlEnv] : undefined;
  const baseUrl = normalizeBaseUrl(config.baseUrl || fromEnv || row.baseUrl, config.baseUrl || !fromEnv ? "baseUrl" : row.baseUrlEnv);
  const { host, hostname } = new URL(baseUrl);
  // A key of the environment goes to its provider, and to the host that the environment names beside it; to no other.
  const own = host === new URL(row.baseUrl).host;
  const keyEnv = own || (!config.baseUrl && fromEnv) ? row.keyEnv : [];
  const key = config.apiKey || keyEnv.map((name) => env[name]).find(Boolean) || (isPrivateHost(hostname) ? "EMPTY" : undefined);
  return {
    label: own ? row.label : host,
    baseUrl,
    keyEnv,
    openai: host === "api.openai.com",
    headers: config.headers ?? {},
    ...(key !== undefined && { apiKey: key }),
  };
}

function shared(config: OpenAIBackendOptions & ResponsesOptions & { type: string }, openai: boolean) {
  requireModel(config);
  const { enableWebSearch, enableCodeInterpreter, enableImageGeneration, builtinTools, uploadFiles } = config;
  const tools: ResponseItem[] = [];
  const add = (type: string, wanted: boolean | Record<string, unknown> | undefined, defaults: Record<string, unknown> = {}) => {
    if (wanted) tools.push({ type, ...defaults, ...(typeof wanted === "object" && wanted) });
  };
  add("web_search", enableWebSearch);
  // xAI calls it the same and takes no container.
  add("code_interpreter", enableCodeInterpreter, config.type === "grok" ? {} : { container: { type: "auto" } });
  add("image_generation", enableImageGeneration);
  for (const [i, tool] of (builtinTools ?? []).entries()) {
    if (typeof tool?.type !== "string" || tool.type === "function") {
      const message = "A built-in tool needs the `type` its provider gave it; tools of your own belong under `tools` of the agent.";
      throw new ConfigError("invalid_value", message, { path: `builtinTools[${i}].type` });
    }
    if (/^computer(_|$)/.test(tool.type)) {
      const message = "Nothing here carries out what a model does with a computer, and it must be answered with screenshots. Leave it out.";
      throw new ConfigError("unsupported_tool", message, { path: `builtinTools[${i}].type` });
    }
    tools.push({ ...tool });
  }
  checkUploads(uploadFiles ?? []);
  return {
    type: config.type,
    model: config.model,
    rule: modelRule(config.model),
    params: checkResponsesParams(config.params ?? {}, config.type),
    builtinTools: tools,
    uploadFiles: uploadFiles ?? [],
    longWaits: config.longWaits ?? false,
    openai,
    ...(config.fetch && { fetch: config.fetch }),
  };
}

function requireModel(config: { model: string; type: string }): void {
  if (config.model) return;
  const what = config.type === "azure_openai" ? "name of the deployment" : "id of the model";
  throw new ConfigError("missing_model", `A ${config.type} backend needs \`model\`: the ${what}.`, { path: "model" });
}
