import type { Usage } from "../../token-manager/usage.js";

/** Usage as the Responses API spells it. */
export interface RawResponsesUsage {
  input_tokens?: number | null;
  output_tokens?: number | null;
  total_tokens?: number | null;
  input_tokens_details?: { cached_tokens?: number | null; cache_write_tokens?: number | null } | null;
  output_tokens_details?: { reasoning_tokens?: number | null } | null;
}

/** `output`: the items of the reply, for the searches among them are charged by number. */
export function toResponsesUsage(raw: RawResponsesUsage, output: readonly object[] = []): Usage {
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
  const searches = output.filter(isSearch).length;
  if (searches > 0) usage.webSearches = searches;
  return usage;
}

/** Opening a page and searching in it are calls as well, and free. */
function isSearch(item: { type?: string; action?: { type?: string } | null }): boolean {
  return item.type === "web_search_call" && (item.action?.type ?? "search") === "search";
}
