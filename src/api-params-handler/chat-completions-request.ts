import type { ModelSettings } from "../backends/backend.js";
import type { ChatParamsTarget } from "./chat-completions.js";
import { type ModelRule, nearestEffort } from "./openai-models.js";
import { isObject } from "./values.js";

/**
 * The body's parameters: those of the config, then the neutral settings, then those of the request, later ones winning.
 * Both parameter sets must have passed `checkChatParams`. What the model rejects is left out or moved to the nearest it takes, and
 * said in `warnings`.
 */
export function chatBodyParams(
  configParams: Record<string, unknown>,
  settings: ModelSettings | undefined,
  requestParams: Record<string, unknown>,
  target: ChatParamsTarget,
  warnings: string[] = [],
): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const layer of [configParams, settings ? settingsParams(settings, target) : {}, requestParams]) {
    for (const [key, value] of Object.entries(layer)) {
      // One limit, two spellings: the later layer's is the one that counts.
      if (key === "max_tokens") delete body.max_completion_tokens;
      if (key === "max_completion_tokens") delete body.max_tokens;
      const merge = (key === "extra_body" || key === "chat_template_kwargs") && isObject(value) && isObject(body[key]);
      body[key] = merge ? { ...(body[key] as object), ...(value as object) } : value;
    }
  }
  const extra = body.extra_body;
  delete body.extra_body;
  for (const key of Object.keys(body)) if (body[key] === null && key !== "stream_options") delete body[key];
  if (target.rule) applyRule(body, target.rule, target, warnings);
  return isObject(extra) ? { ...body, ...extra } : body;
}

/** Of models that reason; the first four are taken while they do not. */
const SAMPLING = ["temperature", "top_p", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "logit_bias"];

function applyRule(body: Record<string, unknown>, rule: ModelRule, target: ChatParamsTarget, warnings: string[]): void {
  const { model = "The model", defaultEffort } = target;
  const { efforts, sampling } = rule;
  const leaveOut = (key: string, when = "") => {
    delete body[key];
    warnings.push(`${model} takes no \`${key}\`${when}; it was left out.`);
  };
  const effort = body.reasoning_effort;
  if (typeof effort === "string" && efforts === undefined) {
    // "none" is what such a model does anyway.
    if (effort === "none") delete body.reasoning_effort;
    else leaveOut("reasoning_effort");
  } else if (typeof effort === "string" && !(efforts as readonly string[]).includes(effort)) {
    const instead = nearestEffort(effort, efforts as NonNullable<typeof efforts>);
    if (instead !== undefined) {
      body.reasoning_effort = instead;
      warnings.push(`${model} has no reasoning effort "${effort}"; "${instead}" was sent.`);
    }
  }
  const asked = body.reasoning_effort ?? defaultEffort ?? (rule.defaultEffort === undefined ? "medium" : "none");
  if (sampling === false) for (const key of SAMPLING) if (key in body) leaveOut(key);
  if (sampling === "without-reasoning" && asked !== "none") {
    for (const key of SAMPLING.slice(0, 4)) if (key in body) leaveOut(key, ' unless its reasoning effort is "none"');
  }
  if (!rule.verbosity && "verbosity" in body) {
    // What every model does anyway.
    if (body.verbosity === "medium") delete body.verbosity;
    else leaveOut("verbosity");
  }
  // The older name of the limit, which models that reason do not know.
  if (sampling !== true && "max_tokens" in body) {
    body.max_completion_tokens = body.max_tokens;
    delete body.max_tokens;
  }
}

function settingsParams(settings: ModelSettings, target: ChatParamsTarget): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  if (settings.maxOutputTokens !== undefined) params[target.maxTokens] = settings.maxOutputTokens;
  if (settings.temperature !== undefined) params.temperature = settings.temperature;
  if (settings.topP !== undefined) params.top_p = settings.topP;
  if (settings.stop?.length) params.stop = settings.stop;
  if (settings.seed !== undefined) params.seed = settings.seed;
  if (settings.presencePenalty !== undefined) params.presence_penalty = settings.presencePenalty;
  if (settings.frequencyPenalty !== undefined) params.frequency_penalty = settings.frequencyPenalty;
  if (settings.responseFormat?.type === "json") params.response_format = { type: "json_object" };
  if (settings.responseFormat?.type === "json-schema") {
    const { name = "response", schema } = settings.responseFormat;
    params.response_format = { type: "json_schema", json_schema: { name, schema } };
  }
  const effort = settings.reasoningEffort;
  if (effort !== undefined) Object.assign(params, target.effort ? target.effort(effort) : { reasoning_effort: effort });
  return params;
}
