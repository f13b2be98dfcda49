import type { ModelSettings } from "../backends/backend.js";

type Effort = NonNullable<ModelSettings["reasoningEffort"]>;

/** What is particular to a family of models. */
export interface GeminiRule {
  /** Matches the whole id, without `models/`. */
  ids: RegExp;
  /** How its thinking is set: a level, a budget in tokens, or not at all. Absent: not known, only sent when asked for. */
  thinking?: "level" | "budget" | "none";
  /** What an effort becomes. Absent: the general table. */
  effort?: Partial<Record<Effort, string | number>>;
  /** A function call without its signature is refused. */
  signatures?: true;
  /** Built-in tools and functions go together in one request. */
  mixesTools?: true;
  /** Takes no functions, e.g. models that make images. */
  tools?: false;
  /** Tokens it reads. */
  contextWindow?: number;
  /** Tokens it writes. */
  maxOutputTokens?: number;
}

/** Levels of Gemini 3 (ai.google.dev/gemini-api/docs/thinking). */
const levels: Record<Effort, string> = {
  none: "MINIMAL",
  minimal: "MINIMAL",
  low: "LOW",
  medium: "MEDIUM",
  high: "HIGH",
  xhigh: "HIGH",
};

/** Budgets in tokens as Google's own OpenAI endpoint sets them (ai.google.dev/gemini-api/docs/openai#thinking). */
const budgets: Record<Effort, number> = { none: 0, minimal: 1024, low: 1024, medium: 8192, high: 24_576, xhigh: 24_576 };

const WINDOW = { contextWindow: 1_048_576, maxOutputTokens: 65_536 };

/**
 * Rules by model, first match wins. Sources: ai.google.dev/gemini-api/docs, pages models, thinking, thought-signatures and
 * tool-combination. Date: 2026-11.
 */
export const geminiRules: readonly GeminiRule[] = [
  { ids: /^gemini-2\.5-flash-image/, thinking: "none", tools: false, contextWindow: 65_536, maxOutputTokens: 32_768 },
  {
    ids: /^gemini-3(\.\d+)?-(pro|flash)-image/,
    thinking: "none",
    tools: false,
    signatures: true,
    contextWindow: 65_536,
    maxOutputTokens: 32_768,
  },
  { ids: /^gemini-.*-tts/, thinking: "none", tools: false, contextWindow: 32_768, maxOutputTokens: 16_384 },
  // Pro cannot be kept from thinking.
  {
    ids: /^gemini-([3-9]|\d\d)(\.\d+)?-pro/,
    thinking: "level",
    effort: { none: "LOW", minimal: "LOW" },
    signatures: true,
    mixesTools: true,
    ...WINDOW,
  },
  { ids: /^gemini-([3-9]|\d\d)(\.\d+)?-/, thinking: "level", signatures: true, mixesTools: true, ...WINDOW },
  { ids: /^gemini-(pro|flash|flash-lite)-latest$/, thinking: "level", signatures: true, mixesTools: true, ...WINDOW },
  { ids: /^gemini-2\.5-pro/, thinking: "budget", effort: { none: 128, minimal: 1024, xhigh: 32_768 }, ...WINDOW },
  { ids: /^gemini-2\.5-/, thinking: "budget", ...WINDOW },
  { ids: /^gemini-2\.0-/, thinking: "none", contextWindow: 1_048_576, maxOutputTokens: 8192 },
  { ids: /^gemma-/, thinking: "none", contextWindow: 131_072, maxOutputTokens: 8192 },
];

const unknownModel: GeminiRule = { ids: /^/ };

export function geminiRule(model: string): GeminiRule {
  const id = model.replace(/^.*models\//, "");
  return geminiRules.find((rule) => rule.ids.test(id)) ?? unknownModel;
}

/** `thinkingConfig` for an effort; `undefined` where the model has none to set. */
export function thinkingFor(rule: GeminiRule, effort: Effort): Record<string, unknown> | undefined {
  if (rule.thinking === "none") return undefined;
  const own = rule.effort?.[effort];
  return rule.thinking === "budget" ? { thinkingBudget: own ?? budgets[effort] } : { thinkingLevel: own ?? levels[effort] };
}
