import type { ModelSettings } from "../backends/backend.js";
import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import { type GeminiRule, thinkingFor } from "./gemini-models.js";
import { camelCase, checkKind, isObject, type KindValue, type ParamKind, respelled } from "./values.js";

/** The parameters of `generateContent` that are the user's to set, in the API's spelling. */
export const geminiParams = {
  audioTranscriptionConfig: "object",
  /** `cachedContents/…`, made beforehand. */
  cachedContent: "string",
  enableEnhancedCivicAnswers: "boolean",
  frequencyPenalty: "number",
  imageConfig: "object",
  labels: "object",
  logprobs: "number",
  maxOutputTokens: "number",
  mediaResolution: "string",
  presencePenalty: "number",
  responseJsonSchema: "any",
  responseLogprobs: "boolean",
  responseMimeType: "string",
  responseModalities: "array",
  responseSchema: "object",
  /** Of `toolConfig`, e.g. a place for Google Maps. */
  retrievalConfig: "object",
  safetySettings: "array",
  seed: "number",
  serviceTier: "string",
  speechConfig: "any",
  stopSequences: "array",
  store: "boolean",
  temperature: "number",
  thinkingConfig: "object",
  topK: "number",
  topP: "number",
  /** Merged into the request as it stands: the way to a parameter that no table knows. */
  extraBody: "object",
} as const satisfies Record<string, ParamKind>;

/** Keys whose values are the user's own, and stay as they are spelled. */
const OWN: ReadonlySet<string> = new Set(["extraBody", "labels", "responseJsonSchema", "responseSchema"]);

/** Parameters that massgen sets itself, and what the user sets instead. */
const reserved: Record<string, string> = {
  model: "`model` of the backend",
  contents: "the input of the run",
  systemInstruction: "`system` of the agent",
  toolConfig: "`toolChoice` of the run; its other half is `retrievalConfig`",
  candidateCount: "more agents: one reply is read per step",
  tools: "`tools` of the agent, or `builtinTools` of the backend for Google's own",
  automaticFunctionCalling: "`tools` of the agent: massgen calls them",
  automaticContinuation: "nothing: massgen continues a reply itself",
  continuationToken: "nothing: massgen continues a reply itself",
  httpOptions: "`baseUrl`, `headers` and `fetch` of the backend",
  abortSignal: "`signal` of the run",
};

/** Names that other APIs have for the same thing. */
const elsewhere: Record<string, string> = {
  maxTokens: "maxOutputTokens",
  maxCompletionTokens: "maxOutputTokens",
  stop: "stopSequences",
  modalities: "responseModalities",
  responseFormat: "responseMimeType",
  thinking: "thinkingConfig",
  reasoning: "thinkingConfig",
  thinkingBudget: "thinkingConfig",
  thinkingLevel: "thinkingConfig",
};

type Snake<S extends string> = S extends `${infer Head}${infer Tail}`
  ? Head extends Lowercase<Head>
    ? `${Head}${Snake<Tail>}`
    : `_${Lowercase<Head>}${Snake<Tail>}`
  : S;

type Known = typeof geminiParams;

/** Parameters of `generateContent`, in the API's spelling or in snake_case; `null` leaves one out. */
export type GeminiParams = { [K in keyof Known]?: KindValue[Known[K]] | null | undefined } & {
  [K in keyof Known as Snake<K>]?: KindValue[Known[K]] | null | undefined;
};

/**
 * Checks parameters and gives them the API's spelling. Throws a `ConfigError` for a key that the API does not read, with the
 * nearest known one, for one that is not the user's to set, and for a value of the wrong kind.
 */
export function checkGeminiParams(params: Record<string, unknown>, path = "params"): Record<string, unknown> {
  const checked: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined) continue;
    const name = camelCase(key);
    const at = `${path}.${key}`;
    if (Object.hasOwn(reserved, name)) throw reservedParam(key, name, at);
    const kind = Object.hasOwn(geminiParams, name) ? geminiParams[name as keyof Known] : undefined;
    if (kind === undefined) throw unknownParam(key, name, at);
    if (Object.hasOwn(checked, name)) {
      throw new ConfigError("duplicate_key", `"${name}" is given twice, in two spellings. Keep one.`, { path: at });
    }
    if (value !== null) {
      checkKind(key, value, kind, at);
      if (name === "extraBody") {
        for (const inner of ["contents", "systemInstruction"]) {
          if (Object.hasOwn(value as object, inner)) throw reservedParam(inner, inner, `${at}.${inner}`);
        }
      }
    }
    checked[name] = OWN.has(name) ? value : respelled(value, camelCase, OWN, at);
  }
  return checked;
}

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

function reservedParam(key: string, name: string, path: string): ConfigError {
  return new ConfigError("reserved_key", `"${key}" is set by massgen. Use ${reserved[name]}.`, { path });
}

function unknownParam(key: string, name: string, path: string): ConfigError {
  const known = Object.hasOwn(elsewhere, name) ? elsewhere[name] : nearest(name, Object.keys(geminiParams));
  const hint = known ? `Did you mean "${known}"?` : "If the server reads it, put it under `extraBody`.";
  return new ConfigError("unknown_key", `"${key}" is not a parameter of gemini. ${hint}`, { path });
}
