import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import { type AttachedFile, checkAttachedFiles, withAttachedFiles } from "./attached-files.js";
import type { Backend } from "./backend.js";
import { ChatCompletionsBackend } from "./chat-completions/backend.js";
import type { ChatCompletionsConfig } from "./chat-completions/config.js";
import { ClaudeBackend } from "./claude/backend.js";
import type { ClaudeConfig } from "./claude/config.js";
import { GeminiBackend } from "./gemini/backend.js";
import type { GeminiConfig } from "./gemini/config.js";
import { accountOf } from "./identity.js";
import { OpenAIResponsesBackend } from "./openai-responses/backend.js";
import { type ResponsesConfig, resolveOpenAIConfig } from "./openai-responses/config.js";
import { presets } from "./presets.js";
import { checkCount, checkRateLimits, type RateLimits, withRateLimits } from "./rate-limits.js";

interface AttachedFiles {
  /** Go with the user's first message, read at the first request. What the API has no place for is an error that names it. */
  uploadFiles?: AttachedFile[];
}

/** Config of any backend; the union narrows on `type`. */
export type BackendConfig = (((ChatCompletionsConfig | ClaudeConfig | GeminiConfig) & AttachedFiles) | ResponsesConfig) & {
  /** What the provider allows this key on this model, shared by all runs of the process. Default: no limits. */
  rateLimits?: RateLimits;
  /** Tokens the model can read and write in one step. Default: what is known of it, or what its server says. */
  contextWindow?: number;
};

const chat = (config: BackendConfig): Backend => new ChatCompletionsBackend(config as ChatCompletionsConfig);

const openai = (config: BackendConfig): Backend => {
  const resolved = resolveOpenAIConfig(config as ResponsesConfig, process.env);
  return resolved.wire === "chat" ? new ChatCompletionsBackend(resolved.config) : new OpenAIResponsesBackend(resolved.config);
};

/** Every `type`, and how its backend is made. */
const registry: Record<string, (config: BackendConfig) => Backend> = {
  chat_completions: chat,
  openai,
  grok: openai,
  azure_openai: openai,
  claude: (config) => new ClaudeBackend(config as ClaudeConfig),
  gemini: (config) => new GeminiBackend(config as GeminiConfig),
  ...Object.fromEntries(Object.keys(presets).map((type) => [type, chat])),
};

/** All values that `type` may have. */
export const backendTypes: readonly string[] = Object.keys(registry);

/** Makes the backend a config describes. Throws a `ConfigError` for a type, key or parameter that there is not. */
export function createBackend(config: BackendConfig): Backend {
  const { type } = config;
  const make = Object.hasOwn(registry, type) ? registry[type] : undefined;
  if (make) {
    const { rateLimits, contextWindow, ...rest } = config;
    const { own, files } = attached(rest);
    const made = make(own);
    if (contextWindow != null) setWindow(made, contextWindow);
    const backend = files.length > 0 ? withAttachedFiles(made, files) : made;
    if (rateLimits == null) return backend;
    checkRateLimits(rateLimits);
    return withRateLimits(backend, `${accountOf(config, made)} ${backend.model}`, rateLimits);
  }
  const meant = nearest(String(type), backendTypes);
  const hint = meant ? `Did you mean "${meant}"?` : `Take one of ${backendTypes.join(", ")}.`;
  throw new ConfigError("unknown_backend", `There is no backend type "${type}". ${hint}`, { path: "type" });
}

/** What the user says goes before what is known of the model. */
function setWindow(made: Backend, contextWindow: number): void {
  checkCount(contextWindow, "contextWindow");
  const get = () => ({ ...Reflect.get(Object.getPrototypeOf(made), "capabilities", made), contextWindow });
  Object.defineProperty(made, "capabilities", { get });
}

/** Files that are attached here; those of the types on OpenAI's own APIs are these backends' business. */
function attached(config: BackendConfig): { own: BackendConfig; files: AttachedFile[] } {
  if (registry[config.type] === openai) return { own: config, files: [] };
  const { uploadFiles, ...own } = config as BackendConfig & AttachedFiles;
  if (uploadFiles != null) checkAttachedFiles(uploadFiles);
  return { own: own as BackendConfig, files: uploadFiles ?? [] };
}
