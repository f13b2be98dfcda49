import { type ChatParams, checkChatParams } from "../../api-params-handler/chat-completions.js";
import { chatDefaultEffort, type ModelRule, modelRule } from "../../api-params-handler/openai-models.js";
import { ConfigError } from "../../errors.js";
import { nearest } from "../../nearest-key.js";
import { checkConfigKeys, type KeyTable } from "../config-keys.js";
import { isPrivateHost, normalizeBaseUrl } from "../connection.js";
import { isPresetType, type Preset, type PresetType, presetAtHost, presets, readersOf, unknownServer } from "../presets.js";

/** What every chat-completions backend takes. */
export interface ChatBackendOptions {
  /** Default: the one model the server lists. */
  model?: string;
  /** Default: the preset's, or its environment variable. A private host without a path gets `/v1`. */
  baseUrl?: string;
  /** Default: the preset's environment variable. */
  apiKey?: string;
  /** Sent with every request. */
  headers?: Record<string, string>;
  /**
   * Reads a `<think>` block at the start of a reply as reasoning. `"already-open"`: the reply starts inside the block, because
   * the prompt ended in the opening tag. Default false: tags are text.
   */
  inlineThinking?: boolean | "already-open";
  /** Allows silences above 300 s, where Node's own fetch gives up. Default false. */
  longWaits?: boolean;
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

type Extras<T extends PresetType> = (typeof presets)[T]["extras"];

/** A preset by its name. Where the server is the user's own, `model` may be left out. */
export type PresetConfig<T extends Exclude<PresetType, "chatcompletion">> = ChatBackendOptions & {
  type: T;
  params?: ChatParams<Extras<T>>;
} & (T extends "vllm" | "sglang" | "lmstudio" ? unknown : { model: string });

/** Any server. `provider` takes a preset by its name: `provider: "poe"` is the same as `type: "poe"`. */
export interface GenericChatConfig extends ChatBackendOptions {
  type: "chatcompletion" | "chat_completions";
  provider?: string;
  params?: ChatParams & Record<string, unknown>;
}

/** Config of any chat-completions backend; narrows on `type`. */
export type ChatCompletionsConfig =
  | { [T in Exclude<PresetType, "chatcompletion">]: PresetConfig<T> }[Exclude<PresetType, "chatcompletion">]
  | GenericChatConfig;

/** A config with everything decided. */
export interface ResolvedChatConfig {
  type: string;
  preset: Preset;
  label: string;
  baseUrl: string;
  /** Where requests go, and what is added to them, if `baseUrl` alone does not say: deployments of Azure. */
  client?: { baseUrl: string; modelsUrl: string; query?: Record<string, string>; headers: Record<string, string | null> };
  /** Absent: the server wants one and there is none. */
  apiKey?: string | (() => Promise<string>);
  /** Talks to api.openai.com itself. */
  openai: boolean;
  /** What OpenAI's own model takes; absent: nothing is known of it, and everything is passed on. */
  rule?: ModelRule;
  /** Asked for where nobody names an effort. */
  defaultEffort?: Effort;
  model: string;
  /** The model behind a deployment of Azure, where the user says it. */
  baseModel?: string;
  headers: Record<string, string>;
  params: Record<string, unknown>;
  inlineThinking: boolean | "already-open";
  longWaits: boolean;
  fetch?: typeof globalThis.fetch;
}

type Effort = NonNullable<ReturnType<typeof chatDefaultEffort>>;

const keys: KeyTable = {
  type: "string",
  model: "string",
  baseUrl: "string",
  apiKey: "string",
  headers: "object",
  inlineThinking: undefined,
  longWaits: "boolean",
  fetch: "function",
  params: "object",
};

/** Decides everything that config and environment decide. Throws a `ConfigError` for what cannot work. */
export function resolveChatConfig(config: ChatCompletionsConfig, env: NodeJS.ProcessEnv): ResolvedChatConfig {
  checkKeys(config);
  const type = presetType(config);
  const own: Preset = presets[type];
  const fromEnv = own.baseUrlEnv ? env[own.baseUrlEnv] : undefined;
  const baseUrl = normalizeBaseUrl(config.baseUrl || fromEnv || own.baseUrl, config.baseUrl || !fromEnv ? "baseUrl" : own.baseUrlEnv);
  const { host, hostname } = new URL(baseUrl);
  const atHost = presetAtHost(host);
  const generic = type === "chatcompletion";
  const preset: Preset = generic ? (atHost ? presets[atHost] : unknownServer) : own;
  // OPENAI_API_KEY goes to OpenAI, and to the host that OPENAI_BASE_URL names beside it; to no other.
  const paired = generic && !config.baseUrl && Boolean(fromEnv);
  const keyEnv = paired && preset.keyEnv.length === 0 ? own.keyEnv : preset.keyEnv;
  const key = config.apiKey || keyEnv.map((name) => env[name]).find(Boolean);
  const apiKey = key || (preset.keyless || isPrivateHost(hostname) ? "EMPTY" : undefined);
  const target = { ...preset, type, readersOf };
  const openai = host === "api.openai.com";
  const model = config.model ?? "";
  if (openai) refuseResponsesModel(model);
  const rule = openai ? modelRule(model) : undefined;
  const defaultEffort = openai ? chatDefaultEffort(model) : preset.gptEffort ? resoldEffort(model) : undefined;
  return {
    type,
    preset: { ...preset, keyEnv },
    label: preset === unknownServer ? ("provider" in config && config.provider) || host : preset.label,
    baseUrl,
    ...(apiKey !== undefined && { apiKey }),
    openai,
    ...(rule && { rule }),
    ...(defaultEffort && { defaultEffort }),
    model,
    headers: config.headers ?? {},
    params: checkChatParams(config.params ?? {}, target),
    inlineThinking: config.inlineThinking ?? false,
    longWaits: config.longWaits ?? false,
    ...(config.fetch && { fetch: config.fetch }),
  };
}

/** Models that OpenAI does not serve on chat completions, or not with tools, which every agent has. */
export function refuseResponsesModel(model: string): void {
  const { codex, toolsOnResponses } = modelRule(model) ?? {};
  if (!codex && !toolsOnResponses) return;
  const what = codex ? "is served" : "takes tools";
  const message = `"${model}" ${what} on the Responses API only. Take \`type: "openai"\`, or on Azure \`wire: "responses"\`.`;
  throw new ConfigError("wrong_wire", message, { path: "model" });
}

/** GPT-5.1 and later think only when asked to. Of another seller's ids what follows a colon is no part of the model's. */
function resoldEffort(model: string): Effort | undefined {
  return modelRule(model.replace(/:.*$/, ""))?.defaultEffort;
}

function presetType(config: ChatCompletionsConfig): PresetType {
  if (config.type !== "chatcompletion" && config.type !== "chat_completions") return config.type;
  const { provider } = config;
  if (!provider) return "chatcompletion";
  if (isPresetType(provider)) return provider;
  // With a base URL the name is only what messages call the server.
  if (config.baseUrl) return "chatcompletion";
  const meant = nearest(provider, Object.keys(presets));
  const hint = meant ? `Did you mean "${meant}"?` : `Set \`baseUrl\`, or take one of ${Object.keys(presets).join(", ")}.`;
  throw new ConfigError("unknown_provider", `"${provider}" is not a provider massgen knows. ${hint}`, { path: "provider" });
}

function checkKeys(config: ChatCompletionsConfig): void {
  const generic = config.type === "chatcompletion" || config.type === "chat_completions";
  checkConfigKeys(config, generic ? { ...keys, provider: "string" } : keys, config.type);
  const { inlineThinking } = config;
  if (inlineThinking !== undefined && typeof inlineThinking !== "boolean" && inlineThinking !== "already-open") {
    throw new ConfigError(
      "invalid_value",
      `"inlineThinking" must be true, false or "already-open", not ${JSON.stringify(inlineThinking)}.`,
      { path: "inlineThinking" },
    );
  }
}
