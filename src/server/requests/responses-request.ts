import { z } from "zod";
import type { ModelSettings } from "../../backends/backend.js";
import type { Json } from "./body.js";
import { count, hints, maybe, onlyNull, parseFields, verbosity, withVerbosity } from "./fields.js";
import { formatSetting, textFormat } from "./response-format.js";
import { readResponseItems } from "./response-items.js";
import type { RunRequest } from "./run-request.js";
import { readToolChoice, readTools } from "./tools.js";

/** The summary that is given is the deliberation, at its one length. */
export const reasoningFields = z.strictObject({
  effort: maybe(z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
  summary: maybe(z.enum(["auto", "concise", "detailed"])),
  generate_summary: maybe(z.enum(["auto", "concise", "detailed"])),
});

/** Fields of the Responses API (openai/openai-openapi, `CreateResponse`), but for input and tools, which are read by hand. */
const responsesFields = z.strictObject({
  model: z.string("must be a string"),
  input: z.unknown().optional(),
  instructions: z.unknown().optional(),
  tools: z.unknown().optional(),
  tool_choice: z.unknown().optional(),
  parallel_tool_calls: maybe(z.boolean()),
  temperature: maybe(z.number().min(0).max(2)),
  top_p: maybe(z.number().min(0).max(1)),
  max_output_tokens: maybe(count.min(16)),
  stream: maybe(z.boolean()),
  stream_options: maybe(z.looseObject({ include_obfuscation: z.boolean().optional() })),
  text: z
    .strictObject({
      format: textFormat.optional(),
      verbosity,
    })
    .optional(),
  reasoning: maybe(reasoningFields),
  metadata: maybe(z.record(z.string(), z.string())),
  user: z.string().optional(),
  massgen_metadata: maybe(z.boolean()),
  ...hints,
  include: maybe(
    z.array(z.enum(["reasoning.encrypted_content"], "only reasoning.encrypted_content can be asked for, of which there is none")),
  ),
  truncation: maybe(z.enum(["auto", "disabled"])),
  store: maybe(z.literal(false, "this server keeps no replies; send `false`")),
  previous_response_id: onlyNull("this server keeps no replies: send the whole conversation, or use a session"),
  conversation: onlyNull("this server keeps no conversations: send the whole one, or use a session"),
  prompt: onlyNull("this server keeps no prompts"),
  background: maybe(z.literal(false, "this server has no background replies")),
  service_tier: maybe(z.enum(["auto", "default"], "this server has one tier")),
  max_tool_calls: onlyNull("the agents' own tools are bounded by the server's configuration"),
  top_logprobs: z.literal(0, "log probabilities of a team do not exist").optional(),
  context_management: onlyNull("the agents' contexts are managed by the server"),
  moderation: onlyNull("the server moderates nothing"),
});

/** A request of the Responses API. */
export function readResponsesRequest(body: Json): RunRequest {
  const fields = parseFields(responsesFields, body);
  const allTools = readTools(body.tools);
  const { tools, toolChoice } = readToolChoice(body.tool_choice, allTools);
  const { messages, system } = readResponseItems(body.input, body.instructions, allTools);
  return {
    model: fields.model,
    messages,
    system: withVerbosity(system, fields.text?.verbosity),
    tools,
    toolChoice,
    parallelToolCalls: fields.parallel_tool_calls ?? true,
    settings: settingsOf(fields),
    stream: fields.stream ?? false,
    includeUsage: true,
    wantsMetadata: fields.massgen_metadata ?? false,
    user: fields.user,
    metadata: fields.metadata,
    echo: {
      instructions: typeof body.instructions === "string" ? body.instructions : null,
      truncation: fields.truncation ?? "disabled",
      verbosity: fields.text?.verbosity ?? "medium",
    },
  };
}

function settingsOf(fields: z.infer<typeof responsesFields>): ModelSettings {
  const { temperature, top_p: topP, max_output_tokens: maxOutputTokens, reasoning, text } = fields;
  const effort = reasoning?.effort;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(effort && { reasoningEffort: effort === "max" ? "xhigh" : effort }),
    ...formatSetting(text?.format),
  };
}
