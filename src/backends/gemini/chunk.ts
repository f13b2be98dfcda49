import type { GeminiPart } from "../../formatter/gemini.js";

/** A response of `streamGenerateContent`, as far as it is read. */
export interface GeminiChunk {
  responseId?: string;
  modelVersion?: string;
  candidates?: GeminiCandidate[] | null;
  promptFeedback?: { blockReason?: string; blockReasonMessage?: string; safetyRatings?: SafetyRating[] } | null;
  usageMetadata?: GeminiUsage | null;
  error?: unknown;
}

export interface GeminiCandidate {
  index?: number;
  content?: { parts?: GeminiPart[] | null } | null;
  finishReason?: string;
  finishMessage?: string;
  continuationToken?: string;
  safetyRatings?: SafetyRating[] | null;
  groundingMetadata?: GroundingMetadata | null;
  citationMetadata?: { citationSources?: { uri?: string; title?: string }[] | null } | null;
  urlContextMetadata?: { urlMetadata?: { retrievedUrl?: string; urlRetrievalStatus?: string }[] | null } | null;
}

export interface SafetyRating {
  category?: string;
  probability?: string;
  blocked?: boolean;
}

interface Source {
  uri?: string;
  title?: string;
  text?: string;
}

export interface GroundingMetadata {
  groundingChunks?: { web?: Source; retrievedContext?: Source; maps?: Source; image?: Source & { sourceUri?: string } }[] | null;
  webSearchQueries?: string[] | null;
}

/** Usage as Gemini spells it. Tokens of thoughts and of built-in tools stand beside the others, not inside them. */
export interface GeminiUsage {
  promptTokenCount?: number;
  candidatesTokenCount?: number;
  thoughtsTokenCount?: number;
  toolUsePromptTokenCount?: number;
  cachedContentTokenCount?: number;
  totalTokenCount?: number;
  promptTokensDetails?: ModalityTokens[] | null;
  candidatesTokensDetails?: ModalityTokens[] | null;
}

interface ModalityTokens {
  /** `TEXT`, `AUDIO`, `IMAGE`, … */
  modality?: string;
  tokenCount?: number;
}
