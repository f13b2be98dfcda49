import { claudeModel } from "../../api-params-handler/claude-models.js";
import { checkAnthropicMessages, checkText, fromCompaction } from "./anthropic-conversation.js";
import { badRequest, type EmulatedMessage, type EmulatedPrompt, type Refusal } from "./reply.js";

type Json = Record<string, unknown>;
type Headers = Readonly<Record<string, string>>;

/** Every top-level parameter of the published API. */
const KNOWN = new Set(
  `cache_control container diagnostics inference_geo max_tokens messages metadata model output_config service_tier stop_sequences
  stream system thinking tool_choice tools`.split(/\s+/),
);
/** Parameters that exist for those who name a beta. */
const BETAS: Readonly<Record<string, RegExp>> = {
  context_management: /context-management-|compact-2026-01-12/,
  compaction: /compact-2026-09-04/,
  mcp_servers: /mcp-client-/,
  fallbacks: /server-side-fallback-/,
  speed: /fast-mode-/,
};
const SAMPLING = ["temperature", "top_p", "top_k"];
/** What says how to generate, which counting does not take. */
const GENERATION = ["max_tokens", "stream", "stop_sequences", "metadata", "service_tier", "container", "diagnostics"];
const VERSIONS = ["2023-06-01", "2026-10-21"];

/** What Anthropic's Messages API would answer with an error, or undefined. */
export function checkMessagesRequest(body: Json, counting: boolean, headers: Headers): Refusal | undefined {
  const version = headers["anthropic-version"];
  if (version === undefined) return badRequest("anthropic-version: header is required");
  if (!VERSIONS.includes(version)) return badRequest(`anthropic-version: "${version}" is not a valid version`);
  if (typeof body.model !== "string")
    return badRequest(body.model === undefined ? "model: Field required" : "model: Input should be a valid string");
  if (!counting && body.max_tokens === undefined) return badRequest("max_tokens: Field required");
  const betas = headers["anthropic-beta"] ?? "";
  for (const key of Object.keys(body)) {
    const beta = BETAS[key];
    const sampling = SAMPLING.includes(key) && version === "2023-06-01";
    const known = beta ? beta.test(betas) : KNOWN.has(key) || sampling;
    if (key === "compaction" && !known) return badRequest("compaction: requires anthropic-beta: compact-2026-09-04");
    if (!known || (counting && (GENERATION.includes(key) || sampling))) return extra(key);
  }
  return (
    checkAnthropicMessages(body.messages, betas) ??
    checkSystem(body.system) ??
    checkTools(body) ??
    checkThinking(body) ??
    checkLimits(body, counting) ??
    checkCacheControl(body) ??
    checkCompacting(body)
  );
}

/** What a request that compacts, now or at a threshold, cannot say besides. */
function checkCompacting(body: Json): Refusal | undefined {
  const { compaction, context_management: management, output_config: output } = body;
  const edits = isObject(management) && Array.isArray(management.edits) ? (management.edits as Json[]) : [];
  const edit = edits.find(({ type }) => type === "compact_20260112");
  if (compaction == null && !edit) return undefined;
  if (!claudeModel(body.model as string).compacts) return badRequest("compaction is not supported on this model");
  if (edit) {
    const trigger = edit.trigger as { type?: unknown; value?: unknown } | null | undefined;
    if (trigger != null && trigger.type !== "input_tokens") {
      return badRequest("context_management.edits.0.compact_20260112.trigger.type: Input should be 'input_tokens'");
    }
    if (trigger != null && !(Number.isInteger(trigger.value) && (trigger.value as number) >= LEAST_TRIGGER)) {
      return badRequest(
        `context_management.edits.0.compact_20260112.trigger.value: Input should be greater than or equal to ${LEAST_TRIGGER}`,
      );
    }
    const first = (body.messages as Json[])[0]?.content;
    const block = Array.isArray(first) ? (first[0] as Json) : undefined;
    if (block?.type === "compaction" && block.signature != null) {
      return badRequest("context_management: compact_20260112 cannot be used with a signed `compaction` block");
    }
  }
  if (compaction == null) return undefined;
  if (!isObject(compaction) || compaction.type !== "summarize") return badRequest("compaction.type: Input should be 'summarize'");
  const choice = body.tool_choice as { type?: unknown } | undefined;
  const forbidden = [
    ["context_management", management != null],
    ["stop_sequences", body.stop_sequences != null],
    ["output_config.format", isObject(output) && output.format != null],
    ["tool_choice", choice?.type === "any" || choice?.type === "tool"],
  ] as const;
  const found = forbidden.find(([, there]) => there);
  return found ? badRequest(`${found[0]}: cannot be combined with \`compaction\``) : undefined;
}

/** The least that may trigger a compaction. */
const LEAST_TRIGGER = 50_000;

function checkSystem(system: unknown): Refusal | undefined {
  if (system === undefined || typeof system === "string") return undefined;
  if (!Array.isArray(system)) return badRequest("system: Input should be a valid list");
  for (const [i, part] of system.entries()) {
    if (!isObject(part) || part.type !== "text") return badRequest(`system.${i}.type: Input should be 'text'`);
    const wrong = checkText(part.text, `system.${i}.text`, "system");
    if (wrong) return wrong;
  }
  return undefined;
}

function checkTools(body: Json): Refusal | undefined {
  const { tools, tool_choice: choice } = body;
  const names = new Set<unknown>();
  if (tools !== undefined) {
    if (!Array.isArray(tools)) return badRequest("tools: Input should be a valid list");
    for (const [i, tool] of tools.entries()) {
      if (!isObject(tool)) return badRequest(`tools.${i}: Input should be a valid dictionary`);
      if (tool.type === "mcp_toolset") continue;
      const at = `tools.${i}.${tool.type ?? "custom"}`;
      if (typeof tool.name !== "string") return badRequest(`${at}.name: Field required`);
      if (names.has(tool.name)) return badRequest("tools: Tool names must be unique.");
      names.add(tool.name);
      if (tool.type !== undefined && tool.type !== "custom") continue;
      if (!/^[a-zA-Z0-9_-]{1,128}$/.test(tool.name)) {
        return badRequest(`${at}.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`);
      }
      if (!isObject(tool.input_schema)) return badRequest(`${at}.input_schema: Field required`);
      if (tool.input_schema.type !== "object") {
        return badRequest(
          `${at}.input_schema.type: ${tool.input_schema.type === undefined ? "Field required" : "Input should be 'object'"}`,
        );
      }
      for (const key of Object.keys(tool)) if (!TOOL_KEYS.has(key)) return extra(`${at}.${key}`);
    }
  }
  if (choice === undefined) return undefined;
  if (!isObject(choice) || !["auto", "any", "tool", "none"].includes(choice.type as string)) {
    return badRequest("tool_choice: Input tag does not match any of the expected tags: 'auto', 'any', 'tool', 'none'");
  }
  if (!Array.isArray(tools) || tools.length === 0) return badRequest("tool_choice may only be specified while providing `tools`.");
  if (choice.type === "tool" && !names.has(choice.name)) return badRequest(`Tool '${String(choice.name)}' not found in provided tools`);
  if (choice.type !== "any" && choice.type !== "tool") return undefined;
  if (isObject(body.thinking) && body.thinking.type === "enabled") {
    return badRequest("Thinking may not be enabled when tool_choice forces tool use.");
  }
  if (!claudeModel(body.model as string).forcedTools) {
    return badRequest(`tool_choice.type "${choice.type}" is not supported for this model. Use "auto" or "none".`);
  }
  return undefined;
}

const TOOL_KEYS = new Set(
  "type name description input_schema strict cache_control defer_loading eager_input_streaming input_examples allowed_callers".split(" "),
);

const THINKING = ["type", "budget_tokens", "display"];

function checkThinking(body: Json): Refusal | undefined {
  const model = claudeModel(body.model as string);
  const { thinking, output_config: output } = body;
  if (isObject(output) && output.effort != null) {
    if (model.efforts.length === 0) return badRequest("This model does not support the effort parameter.");
    if (!(model.efforts as readonly unknown[]).includes(output.effort)) {
      return badRequest(`output_config.effort: Input should be ${model.efforts.map((effort) => `'${effort}'`).join(" or ")}`);
    }
  }
  if (thinking === undefined) return undefined;
  const type = isObject(thinking) ? thinking.type : undefined;
  if (!["adaptive", "enabled", "disabled", "between_tools"].includes(type as string)) {
    return badRequest("thinking: Input tag does not match any of the expected tags: 'adaptive', 'enabled', 'disabled', 'between_tools'");
  }
  for (const key of Object.keys(thinking as Json)) {
    if (!THINKING.includes(key)) return extra(`thinking.${String(type)}.${key}`);
  }
  if (!(model.thinking as readonly unknown[]).includes(type)) {
    if (type === "adaptive") return badRequest("adaptive thinking is not supported on this model");
    return badRequest(
      `"thinking.type.${String(type)}" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`,
    );
  }
  if (type !== "enabled") return undefined;
  const budget = (thinking as Json).budget_tokens;
  if (typeof budget !== "number") return badRequest("thinking.enabled.budget_tokens: Field required");
  if (budget < 1024) return badRequest("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
  if (typeof body.max_tokens === "number" && body.max_tokens <= budget) {
    return badRequest("`max_tokens` must be greater than `thinking.budget_tokens`.");
  }
  const merged = body.messages as { role: string; content: unknown }[];
  const last = merged.findLastIndex((message) => message.role === "assistant");
  const results = merged
    .slice(last + 1)
    .some(({ content }) => Array.isArray(content) && content.some((block) => block.type === "tool_result"));
  const content = merged[last]?.content;
  const first = Array.isArray(content) ? content[0]?.type : "text";
  if (results && first !== "thinking" && first !== "redacted_thinking") {
    return badRequest(
      `messages.${last}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${first}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks).`,
    );
  }
  return undefined;
}

function checkLimits(body: Json, counting: boolean): Refusal | undefined {
  const { max_tokens: most, stop_sequences: stops, stream, temperature, top_p: topP } = body;
  const model = claudeModel(body.model as string);
  if (!counting) {
    if (!Number.isInteger(most)) return badRequest("max_tokens: Input should be a valid integer");
    if ((most as number) < 0) return badRequest("max_tokens: Input should be greater than or equal to 0");
    if (model.contextWindow !== undefined && (most as number) > model.maxOutput) {
      return badRequest(
        `max_tokens: ${most} > ${model.maxOutput}, which is the maximum allowed number of output tokens for ${String(body.model)}`,
      );
    }
  }
  if (stream !== undefined && typeof stream !== "boolean") return badRequest("stream: Input should be a valid boolean");
  if (stops !== undefined) {
    if (!Array.isArray(stops)) return badRequest("stop_sequences: Input should be a valid list");
    if (stops.some((stop) => typeof stop !== "string" || stop.trim() === "")) {
      return badRequest("stop_sequences: each stop sequence must contain non-whitespace");
    }
  }
  for (const [key, value] of [
    ["temperature", temperature],
    ["top_p", topP],
  ] as const) {
    if (value === undefined) continue;
    if (typeof value !== "number" || value < 0 || value > 1) return badRequest(`${key}: range: 0..1`);
    if (!model.sampling) return badRequest(`${key} is not supported on this model`);
  }
  if (temperature !== undefined && topP !== undefined) {
    return badRequest("`temperature` and `top_p` cannot both be specified for this model. Please use only one.");
  }
  const thinks = isObject(body.thinking) && (body.thinking.type === "enabled" || body.thinking.type === "adaptive");
  if (thinks && temperature !== undefined && temperature !== 1) {
    return badRequest("`temperature` may only be set to 1 when thinking is enabled.");
  }
  return undefined;
}

function checkCacheControl(body: Json): Refusal | undefined {
  const parts = [body.system, body.tools, ...(body.messages as Json[]).map((message) => message.content)].flatMap((part) =>
    Array.isArray(part) ? (part as Json[]) : [],
  );
  const marks = parts.filter((part) => part.cache_control != null);
  const found = marks.length + (body.cache_control == null ? 0 : 1);
  if (found > 4) return badRequest(`A maximum of 4 blocks with cache_control may be provided. Found ${found}.`);
  for (const { type } of marks) {
    if (type === "thinking" || type === "redacted_thinking") return badRequest(`${type}.cache_control: Extra inputs are not permitted`);
  }
  return undefined;
}

/** The request in no dialect's words. Expects one that `checkMessagesRequest` let pass. */
export function readMessagesRequest(body: Json, headers: Record<string, string>): EmulatedPrompt {
  const choice = body.tool_choice as { type: string; name?: string } | undefined;
  const system = textIn(body.system);
  return {
    model: body.model as string,
    stream: body.stream === true,
    messages: [
      ...(system ? [{ role: "system" as const, text: system, toolCalls: [] }] : []),
      ...fromCompaction(body.messages as Json[]).flatMap(readMessage),
    ],
    tools: ((body.tools ?? []) as Json[])
      .filter((tool) => tool.input_schema !== undefined)
      .map(({ name, description, input_schema }) => ({
        name: name as string,
        description: (description ?? "") as string,
        inputSchema: input_schema as Json,
      })),
    toolChoice:
      choice?.type === "tool"
        ? { toolName: choice.name ?? "" }
        : choice?.type === "any"
          ? "required"
          : choice?.type === "none"
            ? "none"
            : "auto",
    body,
    headers,
  };
}

/** Results of tools are messages of their own. */
function readMessage({ role, content }: Json): EmulatedMessage[] {
  const blocks: Json[] = Array.isArray(content) ? content : [{ type: "text", text: content }];
  const results = blocks
    .filter((block) => block.type === "tool_result")
    .map((block) => ({ role: "tool" as const, text: textIn(block.content), toolCalls: [], toolCallId: block.tool_use_id as string }));
  const text = textIn(blocks);
  const toolCalls = blocks
    .filter((block) => block.type === "tool_use")
    .map((block) => ({ id: block.id as string, name: block.name as string, arguments: JSON.stringify(block.input) }));
  if (results.length > 0 && text === "") return results;
  return [...results, { role: role as "user" | "assistant", text, toolCalls }];
}

function textIn(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((block: Json) => (block.type === "text" ? block.text : block.type === "compaction" ? (block.content ?? "") : ""))
    .join("");
}

function extra(key: string): Refusal {
  return badRequest(`${key}: Extra inputs are not permitted`);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
