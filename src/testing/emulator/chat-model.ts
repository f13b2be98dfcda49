import { modelRule } from "../../api-params-handler/openai-models.js";
import { badRequest, type Refusal } from "./reply.js";

type Json = Record<string, unknown>;

const SAMPLING = ["temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"];

/** What a model of OpenAI's refuses on chat completions, or undefined. Other servers' models have no such rules here. */
export function checkChatModel(body: Json): Refusal | undefined {
  const model = body.model as string;
  const rule = /^(gpt-(?!oss)|o\d|codex-|chatgpt-)/.test(model) ? modelRule(model) : undefined;
  if (!rule) return undefined;
  if (rule.codex) {
    const message = "This model is only supported in v1/responses and not in v1/chat/completions.";
    return { ...badRequest(message, "model"), status: 404 };
  }
  const { efforts, sampling, verbosity } = rule;
  const effort = body.reasoning_effort;
  if (typeof effort === "string") {
    if (efforts === undefined) return badRequest("Unrecognized request argument supplied: reasoning_effort");
    if (!(efforts as readonly string[]).includes(effort)) {
      const values = efforts.map((one) => `'${one}'`).join(", ");
      const message = `Unsupported value: 'reasoning_effort' does not support '${effort}' with this model. Supported values are: ${values}.`;
      return badRequest(message, "reasoning_effort", "unsupported_value");
    }
  }
  // The later models reason beside tools on the Responses API only.
  if (Array.isArray(body.tools) && typeof effort === "string" && effort !== "none" && /^gpt-(5\.[4-9]|[6-9])/.test(model)) {
    const message = `Function tools with reasoning_effort are not supported for ${model} in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.`;
    return badRequest(message, "reasoning_effort");
  }
  const reasons = efforts !== undefined && (effort ?? (rule.defaultEffort === undefined ? "medium" : "none")) !== "none";
  if (sampling === false || (sampling === "without-reasoning" && reasons)) {
    for (const key of sampling === false ? SAMPLING : ["temperature", "top_p", "logprobs", "top_logprobs"]) {
      // What the model does anyway may be said.
      if (body[key] != null && !((key === "temperature" || key === "top_p") && body[key] === 1)) return unsupported(key);
    }
  }
  if (sampling !== true && body.max_tokens != null) {
    return unsupported("max_tokens", " Use 'max_completion_tokens' instead.");
  }
  if (!verbosity && body.verbosity != null && body.verbosity !== "medium") {
    const message = `Unsupported value: 'verbosity' does not support '${String(body.verbosity)}' with this model. Supported values are: 'medium'.`;
    return badRequest(message, "verbosity", "unsupported_value");
  }
  return undefined;
}

function unsupported(param: string, instead = ""): Refusal {
  return badRequest(`Unsupported parameter: '${param}' is not supported with this model.${instead}`, param, "unsupported_parameter");
}
