import type { ModelSettings } from "../backends/backend.js";
import { type ModelRule, nearestEffort } from "./openai-models.js";
import { isObject } from "./values.js";

/** What is checked and what it is said of. */
export interface ResponsesParamsTarget {
  /** For messages, e.g. `openai`. */
  type: string;
  /** The row of the model; `undefined`: nothing is known of it, and everything is passed on. */
  rule: ModelRule | undefined;
  model: string;
}

/**
 * The body's parameters: those of the config, then the neutral settings, then those of the request, later ones winning; what the
 * model rejects is left out or moved to the nearest it takes, and said in `warnings`. Both sets must have passed the check.
 */
export function responsesBodyParams(
  configParams: Record<string, unknown>,
  settings: ModelSettings | undefined,
  requestParams: Record<string, unknown>,
  target: ResponsesParamsTarget,
  warnings: string[],
): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const layer of [configParams, settings ? settingsParams(settings, warnings) : {}, requestParams]) {
    for (const [key, value] of Object.entries(layer)) {
      const merge = (key === "extra_body" || key === "reasoning" || key === "text") && isObject(value) && isObject(body[key]);
      body[key] = merge ? { ...(body[key] as object), ...(value as object) } : value;
    }
  }
  const extra = body.extra_body;
  delete body.extra_body;
  // An explicit null of `reasoning` means: none at all, not the default.
  const untouched = !("reasoning" in body);
  for (const key of Object.keys(body)) if (body[key] === null && key !== "stream_options") delete body[key];
  if (target.rule) applyRule(body, target.rule, target.model, untouched, warnings);
  return isObject(extra) ? { ...body, ...extra } : body;
}

function applyRule(body: Record<string, unknown>, rule: ModelRule, model: string, untouched: boolean, warnings: string[]): void {
  const reasoning = isObject(body.reasoning) ? { ...body.reasoning } : {};
  const { efforts } = rule;
  if (efforts === undefined) {
    // "none" is what such a model does anyway.
    if (isObject(body.reasoning) && reasoning.effort !== "none") warnings.push(`${model} takes no \`reasoning\`; it was left out.`);
    delete body.reasoning;
  } else {
    const { effort } = reasoning;
    if (typeof effort === "string" && !(efforts as readonly string[]).includes(effort)) {
      const instead = nearestEffort(effort, efforts);
      if (instead !== undefined) {
        reasoning.effort = instead;
        warnings.push(`${model} has no reasoning effort "${effort}"; "${instead}" was sent.`);
      }
    }
    if (effort === undefined && rule.defaultEffort && (untouched || isObject(body.reasoning))) reasoning.effort = rule.defaultEffort;
    if (Object.keys(reasoning).length > 0) body.reasoning = reasoning;
  }
  const reasons = efforts !== undefined && reasoning.effort !== "none";
  if (rule.sampling === false || (rule.sampling === "without-reasoning" && reasons)) {
    for (const key of ["temperature", "top_p", "top_logprobs"]) {
      if (!(key in body)) continue;
      delete body[key];
      const when = rule.sampling === false ? "" : ' unless its reasoning effort is "none"';
      warnings.push(`${model} takes no \`${key}\`${when}; it was left out.`);
    }
  }
  if (!rule.verbosity && isObject(body.text) && "verbosity" in body.text) {
    const { verbosity, ...text } = body.text;
    // What every model does anyway.
    if (verbosity !== "medium") warnings.push(`${model} takes no \`text.verbosity\`; it was left out.`);
    if (Object.keys(text).length > 0) body.text = text;
    else delete body.text;
  }
}

/** The least that the API takes as a limit. */
const LEAST_OUTPUT = 16;

function settingsParams(settings: ModelSettings, warnings: string[]): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  const { maxOutputTokens, temperature, topP, stop, seed, responseFormat, reasoningEffort } = settings;
  if (maxOutputTokens !== undefined) {
    params.max_output_tokens = Math.max(LEAST_OUTPUT, maxOutputTokens);
    if (maxOutputTokens < LEAST_OUTPUT) warnings.push(`The least limit on output is ${LEAST_OUTPUT} tokens; that was sent.`);
  }
  if (temperature !== undefined) params.temperature = temperature;
  if (topP !== undefined) params.top_p = topP;
  if (stop?.length) warnings.push("The Responses API has no stop sequences; `stop` was left out.");
  if (seed !== undefined) warnings.push("The Responses API has no `seed`; it was left out.");
  if (settings.presencePenalty || settings.frequencyPenalty) warnings.push("The Responses API has no penalties; they were left out.");
  if (responseFormat?.type === "json") params.text = { format: { type: "json_object" } };
  if (responseFormat?.type === "json-schema") {
    const { name = "response", schema } = responseFormat;
    params.text = { format: { type: "json_schema", name, schema } };
  }
  if (reasoningEffort !== undefined) params.reasoning = { effort: reasoningEffort };
  return params;
}
