import { addUsage, type Usage } from "../../token-manager/usage.js";

/** The figures of one pass of the model, as the API reports them. */
interface RawFigures {
  input_tokens?: number | null;
  output_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  cache_creation_input_tokens?: number | null;
  cache_creation?: { ephemeral_5m_input_tokens?: number | null; ephemeral_1h_input_tokens?: number | null } | null;
}

type Count = Exclude<keyof RawFigures, "cache_creation">;

/** `usage` of `message_start` and `message_delta`. */
export interface RawClaudeUsage extends RawFigures {
  output_tokens_details?: { thinking_tokens?: number | null } | null;
  server_tool_use?: { web_search_requests?: number | null } | null;
  /** Every pass of a step that took several, e.g. one that compacted first, or asked an advisor, which is another model. */
  iterations?: ({ type?: string; model?: string | null } & RawFigures)[] | null;
}

/** Later figures over earlier ones; those that a later event leaves out stay. */
export function mergeUsage(earlier: RawClaudeUsage | undefined, later: RawClaudeUsage | null | undefined): RawClaudeUsage | undefined {
  if (!later) return earlier;
  const merged: Record<string, unknown> = { ...earlier };
  for (const [key, value] of Object.entries(later)) if (value != null) merged[key] = value;
  return merged;
}

/**
 * All passes together. The top level holds the last one alone, so a step that compacted would look as if it had read next to
 * nothing; and it counts cached input apart, which our figure contains.
 */
export function toUsage(raw: RawClaudeUsage): Usage {
  const passes = raw.iterations?.length ? raw.iterations : [raw];
  const usage = sumOf(passes);
  const advisors: Record<string, Usage> = {};
  for (const pass of raw.iterations ?? []) {
    if (pass.type !== "advisor_message") continue;
    const model = pass.model || "advisor";
    const spent = sumOf([pass]);
    advisors[model] = Object.hasOwn(advisors, model) ? addUsage(advisors[model] as Usage, spent) : spent;
  }
  if (Object.keys(advisors).length > 0) usage.otherModels = advisors;
  const searches = raw.server_tool_use?.web_search_requests;
  if (searches) usage.webSearches = searches;
  const reasoning = raw.output_tokens_details?.thinking_tokens;
  if (reasoning != null) usage.reasoningTokens = reasoning;
  return usage;
}

function sumOf(passes: readonly RawFigures[]): Usage {
  const sum = (key: Count) => passes.reduce((total, pass) => total + (pass[key] ?? 0), 0);
  const known = (key: Count) => passes.some((pass) => pass[key] != null);
  const cached = sum("cache_read_input_tokens");
  const written = sum("cache_creation_input_tokens");
  const usage: Usage = { inputTokens: sum("input_tokens") + cached + written, outputTokens: sum("output_tokens") };
  if (known("cache_read_input_tokens")) usage.cachedInputTokens = cached;
  if (known("cache_creation_input_tokens")) usage.cacheWriteTokens = written;
  const forAnHour = passes.reduce((total, pass) => total + (pass.cache_creation?.ephemeral_1h_input_tokens ?? 0), 0);
  if (forAnHour > 0) usage.cacheWrite1hTokens = forAnHour;
  return usage;
}

/** Input before and after the API compacted, where it did. */
export function compactionTokens(raw: RawClaudeUsage | undefined): { tokensBefore?: number; tokensAfter?: number } {
  const before = raw?.iterations?.find((pass) => pass.type === "compaction");
  const after = raw?.iterations?.findLast((pass) => pass.type === "message");
  return {
    ...(before && { tokensBefore: inputOf(before) }),
    ...(after && { tokensAfter: inputOf(after) }),
  };
}

function inputOf(pass: RawFigures): number {
  return (pass.input_tokens ?? 0) + (pass.cache_read_input_tokens ?? 0) + (pass.cache_creation_input_tokens ?? 0);
}
