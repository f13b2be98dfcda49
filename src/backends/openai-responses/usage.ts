import type { Usage } from "../../token-manager/usage.js";

/** Usage as the Responses API spells it. */
export interface RawResponsesUsage {
  input_tokens?: number | null;
  output_tokens?: number | null;
  total_tokens?: number | null;
  input_tokens_details?: { cached_tokens?: number | null; cache_write_tokens?: number | null } | null;
  output_tokens_details?: { reasoning_tokens?: number | null } | null;
}

export function toResponsesUsage(raw: RawResponsesUsage): Usage {
  const usage: Usage = { inputTokens: raw.input_tokens ?? 0, outputTokens: raw.output_tokens ?? 0 };
  const cached = raw.input_tokens_details?.cached_tokens;
  const written = raw.input_tokens_details?.cache_write_tokens;
  const reasoning = raw.output_tokens_details?.reasoning_tokens;
  if (cached != null) usage.cachedInputTokens = cached;
  if (written != null) usage.cacheWriteTokens = written;
  if (reasoning != null) {
    usage.reasoningTokens = reasoning;
    // Some servers leave reasoning out of their output; their total gives that away.
    if (reasoning > 0 && raw.total_tokens === usage.inputTokens + usage.outputTokens + reasoning) usage.outputTokens += reasoning;
  }
  return usage;
}
