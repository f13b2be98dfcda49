import type { Usage } from "../../token-manager/usage.js";
import type { GeminiUsage } from "./chunk.js";

/** Tokens of one kind of content. */
function ofKind(details: GeminiUsage["promptTokensDetails"], kind: string): number {
  return (details ?? []).reduce((total, { modality, tokenCount = 0 }) => total + (modality === kind ? tokenCount : 0), 0);
}

/** Nothing where the metadata holds no counts, as in the middle of some streams. */
export function toUsage(raw: GeminiUsage, webSearches = 0): Usage | undefined {
  const { promptTokenCount, candidatesTokenCount, thoughtsTokenCount, toolUsePromptTokenCount, cachedContentTokenCount } = raw;
  if (promptTokenCount === undefined && candidatesTokenCount === undefined && thoughtsTokenCount === undefined) return undefined;
  const usage: Usage = {
    inputTokens: (promptTokenCount ?? 0) + (toolUsePromptTokenCount ?? 0),
    outputTokens: (candidatesTokenCount ?? 0) + (thoughtsTokenCount ?? 0),
  };
  if (cachedContentTokenCount !== undefined) usage.cachedInputTokens = cachedContentTokenCount;
  if (thoughtsTokenCount !== undefined) usage.reasoningTokens = thoughtsTokenCount;
  const heard = ofKind(raw.promptTokensDetails, "AUDIO");
  const spoken = ofKind(raw.candidatesTokensDetails, "AUDIO");
  const drawn = ofKind(raw.candidatesTokensDetails, "IMAGE");
  if (heard > 0) usage.audioInputTokens = heard;
  if (spoken > 0) usage.audioOutputTokens = spoken;
  if (webSearches > 0) usage.webSearches = webSearches;
  if (drawn > 0) usage.imageOutputTokens = drawn;
  return usage;
}
