import { keyVariables } from "./identity.js";
import { isPresetType, type Preset, presets } from "./presets.js";

/** What a backend can do beyond text and tools of one's own, on a model that can. */
export interface BackendFeatures {
  /** A tool can be made to be called. */
  forcedTools: boolean;
  /** The provider searches the web. */
  webSearch: boolean;
  /** The provider runs code. */
  codeExecution: boolean;
  imageInput: boolean;
  audioInput: boolean;
  videoInput: boolean;
  documentInput: boolean;
  /** Pictures come as `file` chunks. */
  imageOutput: boolean;
  audioOutput: boolean;
  /** Files are uploaded for the run and deleted after it. */
  uploads: boolean;
  /** Input is counted by the provider. */
  countTokens: boolean;
  /** A conversation is shortened by the provider. */
  compact: boolean;
}

export interface BackendInfo {
  type: string;
  /** As messages and docs name it. */
  label: string;
  api: "chat completions" | "Responses" | "Messages" | "generateContent";
  /** Environment variables that may hold the key. */
  keyEnv: readonly string[];
  /** A server of one's own, which needs no key. */
  local: boolean;
  /** The provider's own; absent: it has none that is everybody's. */
  baseUrl?: string;
  /** What to take when nobody says; absent: the model that the server has, or the user's deployment. */
  defaultModel?: string;
  features: BackendFeatures;
}

/** Chat completions take these, whatever the server; whether its model does is another question. */
const chat: BackendFeatures = {
  forcedTools: true,
  webSearch: false,
  codeExecution: false,
  imageInput: true,
  audioInput: true,
  videoInput: true,
  documentInput: true,
  imageOutput: true,
  audioOutput: true,
  uploads: true,
  countTokens: false,
  compact: false,
};
const responses: BackendFeatures = {
  ...chat,
  webSearch: true,
  codeExecution: true,
  videoInput: false,
  audioOutput: false,
  uploads: true,
  countTokens: true,
  compact: true,
};

/** Default models of hosted presets: good, and not too dear. */
const presetModels: Readonly<Record<string, string>> = {
  chatcompletion: "gpt-5-mini",
  poe: "GPT-5-mini",
  cerebras: "gpt-oss-120b",
  together: "openai/gpt-oss-120b",
  fireworks: "accounts/fireworks/models/gpt-oss-120b",
  groq: "openai/gpt-oss-120b",
  openrouter: "openai/gpt-oss-120b",
  nebius: "openai/gpt-oss-120b",
  moonshot: "kimi-k2-turbo-preview",
  zai: "glm-4.6",
  qwen: "qwen-plus",
  deepseek: "deepseek-chat",
  nvidia: "openai/gpt-oss-120b",
};

type Row = Omit<BackendInfo, "type" | "keyEnv" | "local">;

const own: Readonly<Record<string, Row>> = {
  openai: { label: "OpenAI", api: "Responses", baseUrl: "https://api.openai.com/v1", defaultModel: "gpt-5-mini", features: responses },
  azure_openai: { label: "Azure OpenAI", api: "Responses", features: responses },
  grok: {
    label: "xAI",
    api: "Responses",
    baseUrl: "https://api.x.ai/v1",
    defaultModel: "grok-4",
    features: { ...responses, imageOutput: false, uploads: false, countTokens: false, compact: false },
  },
  claude: {
    label: "Anthropic",
    api: "Messages",
    baseUrl: "https://api.anthropic.com",
    defaultModel: "claude-sonnet-5",
    features: {
      ...responses,
      audioInput: false,
      imageOutput: false,
      uploads: true,
    },
  },
  gemini: {
    label: "Google",
    api: "generateContent",
    baseUrl: "https://generativelanguage.googleapis.com",
    defaultModel: "gemini-2.5-flash",
    features: { ...responses, videoInput: true, uploads: true, compact: false },
  },
};

/** What there is to know of one backend type; `undefined` for a type that there is not. */
export function backendInfo(type: string): BackendInfo | undefined {
  const name = type === "chat_completions" ? "chatcompletion" : type;
  const keyEnv = keyVariables(name);
  if (Object.hasOwn(own, name)) return { type: name, keyEnv, local: false, ...(own[name] as Row) };
  if (!isPresetType(name)) return undefined;
  const preset: Preset = presets[name];
  const { required, named } = preset.toolChoice;
  const defaultModel = presetModels[name];
  return {
    type: name,
    label: preset.label,
    api: "chat completions",
    keyEnv,
    local: preset.keyless ?? false,
    baseUrl: preset.baseUrl,
    ...(defaultModel !== undefined && { defaultModel }),
    features: { ...chat, forcedTools: required || named },
  };
}

/** Every backend type, those with an API of their own first. */
export const backendInfos: readonly BackendInfo[] = [...Object.keys(own), ...Object.keys(presets)].map(
  (type) => backendInfo(type) as BackendInfo,
);
