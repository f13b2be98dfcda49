import type { ModelSettings } from "../backends/backend.js";
import { type GeminiRule, thinkingFor } from "./gemini-models.js";
import { isObject } from "./values.js";

/**
 * The request's parameters: those of the config, then the neutral settings, then those of the request, later ones winning. Both
 * parameter sets must have passed `checkGeminiParams`. What the model cannot do is left out and told in `warnings`.
 */
export function geminiRequestParams(
  configParams: Record<string, unknown>,
  settings: ModelSettings | undefined,
  requestParams: Record<string, unknown>,
  rule: GeminiRule,
  warnings: string[],
): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  // Thoughts are billed whether they are shown or not.
  if (rule.thinking === "level" || rule.thinking === "budget") out.thinkingConfig = { includeThoughts: true };
  for (const layer of [configParams, settings ? settingsParams(settings, rule, warnings) : {}, requestParams]) {
    for (const [key, value] of Object.entries(layer)) {
      const merge = (key === "thinkingConfig" || key === "extraBody") && isObject(value) && isObject(out[key]);
      out[key] = merge ? mergeThinking(out[key] as Record<string, unknown>, value) : value;
    }
  }
  for (const key of Object.keys(out)) if (out[key] === null) delete out[key];
  return out;
}

/** A level and a budget exclude each other: the later layer's counts. */
function mergeThinking(before: Record<string, unknown>, later: Record<string, unknown>): Record<string, unknown> {
  const { thinkingBudget, thinkingLevel, ...rest } = before;
  const own = "thinkingBudget" in later || "thinkingLevel" in later;
  return {
    ...rest,
    ...(!own && thinkingBudget !== undefined && { thinkingBudget }),
    ...(!own && thinkingLevel !== undefined && { thinkingLevel }),
    ...later,
  };
}

function settingsParams(settings: ModelSettings, rule: GeminiRule, warnings: string[]): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  const { maxOutputTokens, temperature, topP, stop, seed, presencePenalty, frequencyPenalty, responseFormat, reasoningEffort } = settings;
  if (maxOutputTokens !== undefined) params.maxOutputTokens = maxOutputTokens;
  if (temperature !== undefined) params.temperature = temperature;
  if (topP !== undefined) params.topP = topP;
  if (stop?.length) params.stopSequences = stop;
  if (seed !== undefined) params.seed = seed;
  if (presencePenalty !== undefined) params.presencePenalty = presencePenalty;
  if (frequencyPenalty !== undefined) params.frequencyPenalty = frequencyPenalty;
  if (responseFormat && responseFormat.type !== "text") params.responseMimeType = "application/json";
  if (responseFormat?.type === "json-schema") params.responseJsonSchema = responseFormat.schema;
  if (reasoningEffort !== undefined) {
    const thinking = thinkingFor(rule, reasoningEffort);
    if (thinking) params.thinkingConfig = thinking;
    else if (reasoningEffort !== "none") warnings.push("This model does not think; `reasoningEffort` was not sent.");
  }
  return params;
}
