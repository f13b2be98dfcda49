import type { ParamKind } from "../api-params-handler/chat-completions.js";
import type { ModelSettings } from "./backend.js";

type Effort = NonNullable<ModelSettings["reasoningEffort"]>;

/** One server that speaks chat completions: everything that makes it differ from the next. */
export interface Preset {
  /** As messages and docs name it. */
  label: string;
  baseUrl: string;
  /** Environment variable that replaces `baseUrl`. */
  baseUrlEnv?: string;
  /** Environment variables that may hold the key, in order. */
  keyEnv: readonly string[];
  /** Runs without a key. */
  keyless?: true;
  /** How a user gets the server running, for the message when nothing listens. */
  start?: string;
  /** Parameters it reads beyond those of OpenAI, at the top level of the body. */
  extras: Readonly<Record<string, ParamKind>>;
  /** Forced tool choices it takes. */
  toolChoice: { required: boolean; named: boolean };
  /** Where the limit on output tokens goes. */
  maxTokens: "max_tokens" | "max_completion_tokens";
  /** `false`: it rejects `stream_options`. */
  streamOptions?: false;
  /** Tool-call messages must carry their `reasoning_content` back, or the next request fails. */
  reasoningBack?: true;
  /** Sells OpenAI's newer models, and takes an effort for them beside tools. */
  gptEffort?: true;
  /** How `settings.reasoningEffort` is said; default `reasoning_effort`. */
  effort?: (effort: Effort) => Record<string, unknown>;
}

const BOTH = { required: true, named: true };

/** Sampling that most open-weight servers share. */
const sampling = { top_k: "number", min_p: "number", repetition_penalty: "number" } as const;

const guided = {
  guided_json: "any",
  guided_regex: "string",
  guided_choice: "array",
  guided_grammar: "string",
  guided_whitespace_pattern: "string",
  guided_decoding_backend: "string",
} as const;

const vllmExtras = {
  ...sampling,
  ...guided,
  length_penalty: "number",
  use_beam_search: "boolean",
  stop_token_ids: "array",
  include_stop_str_in_output: "boolean",
  ignore_eos: "boolean",
  min_tokens: "number",
  skip_special_tokens: "boolean",
  spaces_between_special_tokens: "boolean",
  truncate_prompt_tokens: "number",
  prompt_logprobs: "any",
  allowed_token_ids: "array",
  bad_words: "array",
  echo: "boolean",
  add_generation_prompt: "boolean",
  continue_final_message: "boolean",
  add_special_tokens: "boolean",
  documents: "array",
  chat_template: "string",
  chat_template_kwargs: "object",
  mm_processor_kwargs: "object",
  structured_outputs: "object",
  include_reasoning: "boolean",
  thinking_token_budget: "number",
  priority: "number",
  request_id: "string",
  cache_salt: "string",
  kv_transfer_params: "object",
  vllm_xargs: "object",
  return_token_ids: "boolean",
  return_tokens_as_token_ids: "boolean",
} as const;

const sglangExtras = {
  ...sampling,
  min_tokens: "number",
  regex: "string",
  ebnf: "string",
  stop_token_ids: "array",
  stop_regex: "any",
  no_stop_trim: "boolean",
  ignore_eos: "boolean",
  continue_final_message: "boolean",
  skip_special_tokens: "boolean",
  lora_path: "any",
  session_params: "object",
  separate_reasoning: "boolean",
  stream_reasoning: "boolean",
  chat_template_kwargs: "object",
  custom_logit_processor: "any",
  custom_params: "object",
  return_hidden_states: "boolean",
  rid: "any",
  cache_salt: "any",
  extra_key: "any",
  priority: "number",
} as const;

/** vLLM and SGLang read the effort; switching thinking off is the chat template's business. */
const templateEffort = (effort: Effort): Record<string, unknown> =>
  effort === "none" ? { chat_template_kwargs: { enable_thinking: false } } : { reasoning_effort: effort };

/** DeepSeek and Kimi, whose thinking is switched by an object. */
const thinkingType = (effort: Effort): Record<string, unknown> => ({ thinking: { type: effort === "none" ? "disabled" : "enabled" } });

/** All servers that are chat completions and nothing else, by `type`. */
export const presets = {
  /** The generic one: OpenAI unless a base URL says otherwise. */
  chatcompletion: {
    label: "OpenAI (chat completions)",
    baseUrl: "https://api.openai.com/v1",
    baseUrlEnv: "OPENAI_BASE_URL",
    keyEnv: ["OPENAI_API_KEY"],
    extras: {},
    toolChoice: BOTH,
    maxTokens: "max_completion_tokens",
  },
  vllm: {
    label: "vLLM",
    baseUrl: "http://localhost:8000/v1",
    baseUrlEnv: "VLLM_BASE_URL",
    keyEnv: ["VLLM_API_KEY"],
    keyless: true,
    start: "vllm serve <model>",
    extras: vllmExtras,
    toolChoice: BOTH,
    maxTokens: "max_tokens",
    effort: templateEffort,
  },
  sglang: {
    label: "SGLang",
    baseUrl: "http://localhost:30000/v1",
    baseUrlEnv: "SGLANG_BASE_URL",
    keyEnv: ["SGLANG_API_KEY"],
    keyless: true,
    start: "python -m sglang.launch_server --model-path <model>",
    extras: sglangExtras,
    toolChoice: BOTH,
    maxTokens: "max_tokens",
    effort: templateEffort,
  },
  lmstudio: {
    label: "LM Studio",
    baseUrl: "http://localhost:1234/v1",
    baseUrlEnv: "LMSTUDIO_BASE_URL",
    keyEnv: ["LMSTUDIO_API_KEY"],
    keyless: true,
    start: "lms server start",
    extras: { top_k: "number", min_p: "number", repeat_penalty: "number", ttl: "number", draft_model: "string" },
    toolChoice: { required: true, named: false },
    maxTokens: "max_tokens",
  },
  poe: {
    label: "Poe",
    baseUrl: "https://api.poe.com/v1",
    keyEnv: ["POE_API_KEY"],
    extras: { thinking_budget: "number", thinking_level: "string" },
    toolChoice: BOTH,
    maxTokens: "max_tokens",
    gptEffort: true,
  },
  cerebras: {
    label: "Cerebras",
    baseUrl: "https://api.cerebras.ai/v1",
    keyEnv: ["CEREBRAS_API_KEY"],
    extras: { disable_reasoning: "boolean", clear_thinking: "boolean", reasoning_format: "string", min_tokens: "number" },
    toolChoice: BOTH,
    maxTokens: "max_completion_tokens",
  },
  together: {
    label: "Together AI",
    baseUrl: "https://api.together.xyz/v1",
    keyEnv: ["TOGETHER_API_KEY"],
    extras: {
      ...sampling,
      safety_model: "string",
      context_length_exceeded_behavior: "string",
      echo: "boolean",
      reasoning: "object",
      chat_template_kwargs: "object",
    },
    toolChoice: BOTH,
    maxTokens: "max_tokens",
  },
  fireworks: {
    label: "Fireworks AI",
    baseUrl: "https://api.fireworks.ai/inference/v1",
    keyEnv: ["FIREWORKS_API_KEY"],
    extras: {
      ...sampling,
      typical_p: "number",
      mirostat_target: "number",
      mirostat_lr: "number",
      ignore_eos: "boolean",
      context_length_exceeded_behavior: "string",
      prompt_truncate_len: "number",
      reasoning_history: "any",
      thinking: "object",
    },
    toolChoice: BOTH,
    maxTokens: "max_tokens",
  },
  groq: {
    label: "Groq",
    baseUrl: "https://api.groq.com/openai/v1",
    keyEnv: ["GROQ_API_KEY"],
    extras: {
      reasoning_format: "string",
      include_reasoning: "boolean",
      search_settings: "object",
      documents: "array",
      citation_options: "any",
      compound_custom: "object",
      disable_tool_validation: "boolean",
    },
    toolChoice: BOTH,
    maxTokens: "max_completion_tokens",
  },
  openrouter: {
    label: "OpenRouter",
    baseUrl: "https://openrouter.ai/api/v1",
    keyEnv: ["OPENROUTER_API_KEY"],
    extras: {
      ...sampling,
      top_a: "number",
      models: "array",
      route: "string",
      provider: "object",
      plugins: "array",
      transforms: "array",
      reasoning: "object",
      include_reasoning: "boolean",
      usage: "object",
      session_id: "string",
      trace: "object",
    },
    toolChoice: BOTH,
    maxTokens: "max_tokens",
    gptEffort: true,
    effort: (effort) => ({ reasoning: effort === "none" ? { enabled: false } : { effort } }),
  },
  nebius: {
    label: "Nebius",
    baseUrl: "https://api.studio.nebius.ai/v1",
    keyEnv: ["NEBIUS_API_KEY"],
    extras: { ...sampling, ...guided, chat_template_kwargs: "object" },
    toolChoice: BOTH,
    maxTokens: "max_tokens",
  },
  moonshot: {
    label: "Moonshot (Kimi)",
    baseUrl: "https://api.moonshot.cn/v1",
    keyEnv: ["MOONSHOT_API_KEY", "KIMI_API_KEY"],
    extras: { thinking: "object" },
    toolChoice: { required: false, named: false },
    maxTokens: "max_tokens",
    reasoningBack: true,
    effort: thinkingType,
  },
  zai: {
    label: "Z.AI",
    baseUrl: "https://api.z.ai/api/paas/v4",
    keyEnv: ["ZAI_API_KEY"],
    extras: { thinking: "object", do_sample: "boolean", request_id: "string", user_id: "string", tool_stream: "boolean" },
    toolChoice: { required: false, named: false },
    maxTokens: "max_tokens",
    effort: thinkingType,
  },
  qwen: {
    label: "Qwen (Alibaba Cloud)",
    baseUrl: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    keyEnv: ["QWEN_API_KEY", "DASHSCOPE_API_KEY"],
    extras: {
      top_k: "number",
      repetition_penalty: "number",
      enable_thinking: "boolean",
      thinking_budget: "number",
      preserve_thinking: "boolean",
      enable_search: "boolean",
      search_options: "object",
      vl_high_resolution_images: "boolean",
      translation_options: "object",
    },
    toolChoice: { required: false, named: true },
    maxTokens: "max_tokens",
    effort: (effort) => ({ enable_thinking: effort !== "none" }),
  },
  deepseek: {
    label: "DeepSeek",
    baseUrl: "https://api.deepseek.com",
    keyEnv: ["DEEPSEEK_API_KEY"],
    extras: { thinking: "object" },
    // Taken by its plain mode only; the thinking mode, on by default, refuses them.
    toolChoice: { required: false, named: false },
    maxTokens: "max_tokens",
    reasoningBack: true,
    effort: (effort) => (effort === "none" ? { thinking: { type: "disabled" } } : { reasoning_effort: effort }),
  },
  nvidia: {
    label: "NVIDIA",
    baseUrl: "https://integrate.api.nvidia.com/v1",
    keyEnv: ["NVIDIA_API_KEY"],
    extras: {
      ...sampling,
      ...guided,
      min_tokens: "number",
      ignore_eos: "boolean",
      chat_template_kwargs: "object",
      reasoning_budget: "number",
      nvext: "object",
    },
    toolChoice: BOTH,
    maxTokens: "max_tokens",
  },
} as const satisfies Record<string, Preset>;

export type PresetType = keyof typeof presets;

/** What is assumed of a server that no row describes. */
export const unknownServer: Preset = {
  label: "The server",
  baseUrl: "",
  keyEnv: [],
  extras: Object.assign({}, ...Object.values(presets).map((preset) => preset.extras)),
  toolChoice: BOTH,
  maxTokens: "max_tokens",
};

export function isPresetType(type: string): type is PresetType {
  return Object.hasOwn(presets, type);
}

/** The hosted preset at this host, e.g. `groq` for `api.groq.com`. */
export function presetAtHost(host: string): PresetType | undefined {
  for (const [type, preset] of Object.entries(presets)) {
    if (!("keyless" in preset) && new URL(preset.baseUrl).host === host) return type as PresetType;
  }
  return Object.hasOwn(otherHosts, host) ? otherHosts[host] : undefined;
}

/** Hosts that a provider has beside its preset's. */
const otherHosts: Readonly<Record<string, PresetType>> = {
  "api.moonshot.ai": "moonshot",
  "dashscope.aliyuncs.com": "qwen",
  "open.bigmodel.cn": "zai",
  "api.together.ai": "together",
  "api.studio.nebius.com": "nebius",
};

/** Names of the presets that read a parameter. */
export function readersOf(param: string): string[] {
  return Object.entries(presets).flatMap(([type, preset]) => (Object.hasOwn(preset.extras, param) ? [type] : []));
}
