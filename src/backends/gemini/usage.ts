import type { Usage } from "../../token-manager/usage.js";
import type { GeminiUsage } from "./wire.js";

/** Nothing where the metadata holds no counts, as in the middle of some streams. */
export function toUsage(raw: GeminiUsage): Usage | undefined {
  const { promptTokenCount, candidatesTokenCount, thoughtsTokenCount, toolUsePromptTokenCount, cachedContentTokenCount } = raw;
  if (promptTokenCount === undefined && candidatesTokenCount === undefined && thoughtsTokenCount === undefined) return undefined;
  const usage: Usage = {
    inputTokens: (promptTokenCount ?? 0) + (toolUsePromptTokenCount ?? 0),
    outputTokens: (candidatesTokenCount ?? 0) + (thoughtsTokenCount ?? 0),
  };
  if (cachedContentTokenCount !== undefined) usage.cachedInputTokens = cachedContentTokenCount;
  if (thoughtsTokenCount !== undefined) usage.reasoningTokens = thoughtsTokenCount;
  return usage;
}
