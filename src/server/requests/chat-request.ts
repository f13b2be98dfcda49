import { z } from "zod";
import type { ModelSettings } from "../../backends/backend.js";
import { isObject, type Json } from "./body.js";
import { count, hints, maybe, never, onlyNull, parseFields, verbosity, withVerbosity } from "./fields.js";
import { readMessages } from "./messages.js";
import { formatSetting, responseFormat } from "./response-format.js";
import { readResponsesRequest, reasoningFields } from "./responses-request.js";
import type { RunRequest } from "./run-request.js";
import { readToolChoice, readTools } from "./tools.js";

/** Fields of chat completions (openai/openai-openapi, `CreateChatCompletionRequest`), but for messages and tools, which are read by hand. */
const chatFields = z.strictObject({
  model: z.string("must be a string"),
  messages: z.unknown().optional(),
  tools: z.unknown().optional(),
  tool_choice: z.unknown().optional(),
  parallel_tool_calls: z.boolean().optional(),
  temperature: maybe(z.number().min(0).max(2)),
  top_p: maybe(z.number().min(0).max(1)),
  max_tokens: maybe(count.min(1)),
  max_completion_tokens: maybe(count.min(1)),
  stop: maybe(z.union([z.string(), z.array(z.string()).min(1).max(4)], "must be a text or a list of 1 to 4 texts")),
  seed: maybe(
    z
      .number()
      .min(-(2 ** 63))
      .max(2 ** 63)
      .refine(Number.isInteger, "must be a whole number"),
  ),
  frequency_penalty: maybe(z.number().min(-2).max(2)),
  presence_penalty: maybe(z.number().min(-2).max(2)),
  n: maybe(z.literal(1, "only one choice can be made: there is one result of one run")),
  stream: maybe(z.boolean()),
  stream_options: maybe(z.looseObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() })),
  response_format: responseFormat.optional(),
  reasoning_effort: maybe(z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
  verbosity,
  metadata: maybe(z.record(z.string(), z.string())),
  user: z.string().optional(),
  massgen_metadata: maybe(z.boolean()),
  ...hints,
  prediction: z
    .looseObject({
      type: z.literal("content"),
      content: z.union([z.string(), z.array(z.looseObject({ type: z.literal("text"), text: z.string() })).min(1)]),
    })
    .optional(),
  // Fields of which only the value that changes nothing can be honoured.
  logit_bias: maybe(z.strictObject({}, "logit biases are not passed on to the agents: their token ids differ")),
  logprobs: maybe(z.literal(false, "log probabilities of a team do not exist")),
  top_logprobs: z.literal(0, "log probabilities of a team do not exist").optional(),
  store: maybe(z.literal(false, "this server keeps no replies")),
  modalities: maybe(z.tuple([z.literal("text")], "replies are text")),
  audio: onlyNull("replies are text"),

  service_tier: maybe(z.enum(["auto", "default"], "this server has one tier")),
  web_search_options: never("whether the agents search is configured at the server"),
  moderation: onlyNull("the server moderates nothing"),
  functions: never("functions are called tools now: use `tools`"),
  function_call: never("functions are called tools now: use `tool_choice`"),
});

const streamFields = chatFields.pick({ stream_options: true });

/** What some clients send beside the API's own fields, without an effect on a reply. */
const CLIENT_EXTRAS = new Set(["chat_id", "session_id", "id", "background_tasks", "features", "variables", "model_item"]);

/** A request of chat completions; a body in the shape of the Responses API is taken too, as Cursor's agent sends it. */
export function readChatRequest(body: Json): RunRequest {
  const { system, reasoning, ...rest } = body;
  const noMessages = rest.messages === undefined || (Array.isArray(rest.messages) && rest.messages.length === 0);
  if (rest.input !== undefined && noMessages) return readResponsesShaped(body);
  for (const key of Object.keys(rest)) if (!(key in chatFields.shape) && CLIENT_EXTRAS.has(key)) delete rest[key];
  const effort = reasoning === undefined ? undefined : parseFields(reasoningFields, reasoning, "reasoning").effort;
  const fields = parseFields(chatFields, { ...rest, ...(effort && rest.reasoning_effort === undefined && { reasoning_effort: effort }) });
  const allTools = readTools(rest.tools);
  const { tools, toolChoice } = readToolChoice(rest.tool_choice, allTools);
  const { messages, system: said } = readMessages(rest.messages, allTools, system);
  return {
    model: fields.model,
    messages,
    system: withVerbosity(said, fields.verbosity),
    tools,
    toolChoice,
    parallelToolCalls: fields.parallel_tool_calls ?? !oneAtATime(rest.tool_choice),
    settings: settingsOf(fields),
    stream: fields.stream ?? false,
    includeUsage: fields.stream_options?.include_usage ?? false,
    wantsMetadata: fields.massgen_metadata ?? false,
    user: fields.user,
    metadata: fields.metadata,
  };
}

/** Anthropic's way to say it. */
const oneAtATime = (choice: unknown) => isObject(choice) && choice.disable_parallel_tool_use === true;

/** Responses in all but the address, and the reply is to be chunks of chat completions. */
function readResponsesShaped(body: Json): RunRequest {
  const {
    messages: _none,
    stream_options: options,
    max_tokens,
    max_completion_tokens = max_tokens,
    reasoning_effort: effort,
    ...rest
  } = body;
  const { stream_options } = parseFields(streamFields, { stream_options: options });
  const request = readResponsesRequest({
    ...rest,
    ...(max_completion_tokens !== undefined && rest.max_output_tokens === undefined && { max_output_tokens: max_completion_tokens }),
    ...(effort !== undefined && rest.reasoning === undefined && { reasoning: { effort } }),
  });
  return { ...request, includeUsage: stream_options?.include_usage ?? false };
}

function settingsOf(fields: z.infer<typeof chatFields>): ModelSettings {
  const { temperature, top_p: topP, seed, stop, reasoning_effort: effort, presence_penalty, frequency_penalty } = fields;
  const maxOutputTokens = fields.max_completion_tokens ?? fields.max_tokens;
  const format = fields.response_format;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(seed !== undefined && { seed }),
    ...(presence_penalty !== undefined && { presencePenalty: presence_penalty }),
    ...(frequency_penalty !== undefined && { frequencyPenalty: frequency_penalty }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(stop !== undefined && { stop: typeof stop === "string" ? [stop] : stop }),
    ...(effort !== undefined && { reasoningEffort: effort === "max" ? "xhigh" : effort }),
    ...formatSetting(format?.type === "json_schema" ? { type: format.type, ...format.json_schema } : format),
  };
}
