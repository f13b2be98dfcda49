import { nearest } from "../nearest-key.js";
import { checkParams } from "./check.js";
import { camelCase, type KindValue, type ParamKind } from "./values.js";

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
  return checkParams(
    params,
    {
      kinds: geminiParams,
      reserved,
      extra: { name: "extraBody", without: ["contents", "systemInstruction"] },
      spell: camelCase,
      own: OWN,
      unknown(key, name) {
        const known = Object.hasOwn(elsewhere, name) ? elsewhere[name] : nearest(name, Object.keys(geminiParams));
        const hint = known ? `Did you mean "${known}"?` : "If the server reads it, put it under `extraBody`.";
        return `"${key}" is not a parameter of gemini. ${hint}`;
      },
    },
    path,
  );
}
