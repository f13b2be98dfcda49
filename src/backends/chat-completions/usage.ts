import type { Usage } from "../../token-manager/usage.js";

/** Usage as servers spell it: OpenAI's fields, DeepSeek's cache fields, reasoning tokens at the top level. */
export interface RawUsage {
  prompt_tokens?: number | null;
  completion_tokens?: number | null;
  total_tokens?: number | null;
  prompt_tokens_details?: { cached_tokens?: number | null; cache_write_tokens?: number | null; audio_tokens?: number | null } | null;
  completion_tokens_details?: { reasoning_tokens?: number | null; audio_tokens?: number | null } | null;
  prompt_cache_hit_tokens?: number | null;
  cached_tokens?: number | null;
  reasoning_tokens?: number | null;
}

export function toUsage(raw: RawUsage): Usage {
  const inputTokens = raw.prompt_tokens ?? 0;
  let outputTokens = raw.completion_tokens ?? 0;
  const cached = raw.prompt_tokens_details?.cached_tokens ?? raw.prompt_cache_hit_tokens ?? raw.cached_tokens;
  const written = raw.prompt_tokens_details?.cache_write_tokens;
  const reasoning = raw.completion_tokens_details?.reasoning_tokens ?? raw.reasoning_tokens;
  // xAI leaves reasoning out of completion_tokens; its total gives that away.
  if (reasoning && raw.total_tokens === inputTokens + outputTokens + reasoning) outputTokens += reasoning;
  const usage: Usage = { inputTokens, outputTokens };
  if (cached != null) usage.cachedInputTokens = cached;
  if (written != null) usage.cacheWriteTokens = written;
  if (reasoning != null) usage.reasoningTokens = reasoning;
  const heard = raw.prompt_tokens_details?.audio_tokens;
  const spoken = raw.completion_tokens_details?.audio_tokens;
  if (heard) usage.audioInputTokens = heard;
  if (spoken) usage.audioOutputTokens = spoken;
  return usage;
}
