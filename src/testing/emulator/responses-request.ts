import { modelRule } from "../../api-params-handler/openai-models.js";
import { responsesParams } from "../../api-params-handler/openai-responses.js";
import { badRequest, type EmulatedMessage, type EmulatedPrompt, type Refusal } from "./reply.js";
import { opened } from "./sealed.js";

type Json = Record<string, unknown>;

/** What the API itself has beside the parameters that users may set. */
const KNOWN = new Set([
  ...Object.keys(responsesParams).filter((key) => key !== "extra_body"),
  ..."model input instructions stream tools tool_choice previous_response_id conversation personality".split(" "),
]);

/** Parameters of chat completions that live elsewhere here. */
const MOVED: Record<string, string> = {
  messages: "input",
  max_tokens: "max_output_tokens",
  max_completion_tokens: "max_output_tokens",
  response_format: "text.format",
  reasoning_effort: "reasoning.effort",
  verbosity: "text.verbosity",
};

const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const USER_PARTS = new Set(["input_text", "input_image", "input_file", "input_audio"]);
const ASSISTANT_PARTS = new Set(["output_text", "refusal"]);
/** Items that only make sense as the answer to a call before them. */
const ANSWERS = new Set(["function_call_output", "custom_tool_call_output", "apply_patch_call_output", "shell_call_output"]);

/** Every parameter of `/responses/compact`; the API refuses others. */
const COMPACT = new Set(
  "model input instructions previous_response_id prompt_cache_key prompt_cache_options prompt_cache_retention service_tier".split(" "),
);

/** What `/responses/compact` would answer with an error beside what the Responses API does, or undefined. */
export function checkCompactRequest(body: Json): Refusal | undefined {
  const stray = Object.keys(body).find((key) => !COMPACT.has(key));
  return stray === undefined ? undefined : badRequest(`Unknown parameter: '${stray}'.`, stray, "unknown_parameter");
}

/** What OpenAI's Responses API would answer with an error, or undefined. */
export function checkResponsesRequest(body: Json, strict: boolean): Refusal | undefined {
  for (const [key, place] of Object.entries(MOVED)) {
    if (!(key in body)) continue;
    const message = `Unsupported parameter: '${key}'. In the Responses API, this parameter has moved to '${place}'. Try again with the new parameter.`;
    return badRequest(message, key, "unsupported_parameter");
  }
  if (strict) {
    for (const key of Object.keys(body)) if (!KNOWN.has(key)) return badRequest(`Unknown parameter: '${key}'.`, key, "unknown_parameter");
  }
  if (typeof body.model !== "string" || body.model === "") {
    return badRequest("Missing required parameter: 'model'.", "model", "missing_required_parameter");
  }
  if (present(body.previous_response_id)) {
    const message = `Previous response with id '${String(body.previous_response_id)}' not found.`;
    return badRequest(message, "previous_response_id", "previous_response_not_found");
  }
  const { input } = body;
  if (!present(input)) {
    const message = 'Missing required parameter: one of "input" or "previous_response_id" or "prompt" or "conversation" must be provided.';
    return badRequest(message, null, "missing_required_parameter");
  }
  if (typeof input !== "string" && !Array.isArray(input)) return wrongType("input", "one of a string or an array of objects");
  return (
    (Array.isArray(input) ? checkItems(input, body) : undefined) ?? checkTools(body) ?? checkSettings(body) ?? checkModel(body, body.model)
  );
}

function checkItems(items: unknown[], body: Json): Refusal | undefined {
  const open: string[] = [];
  for (const [i, item] of items.entries()) {
    const at = `input[${i}]`;
    if (!isObject(item)) return wrongType(at, "an object");
    const type = item.type ?? (item.role === undefined ? undefined : "message");
    if (typeof type !== "string") return missing(`${at}.type`);
    if (type === "message") {
      const wrong = checkMessage(item, at);
      if (wrong) return wrong;
    } else if (type === "function_call" || type === "custom_tool_call" || type === "apply_patch_call") {
      if (typeof item.call_id !== "string" || item.call_id === "") return missing(`${at}.call_id`);
      if (type === "function_call") {
        if (typeof item.name !== "string") return missing(`${at}.name`);
        if (typeof item.arguments !== "string") return missing(`${at}.arguments`);
      }
      open.push(item.call_id);
    } else if (ANSWERS.has(type)) {
      const id = String(item.call_id);
      const call = open.indexOf(id);
      const named = type === "function_call_output" ? "function call output" : type.replaceAll("_", " ");
      if (call < 0) return badRequest(`No tool call found for ${named} with call_id ${id}.`, "input");
      open.splice(call, 1);
      if (type === "function_call_output" && typeof item.output !== "string" && !Array.isArray(item.output)) {
        return item.output === undefined ? missing(`${at}.output`) : wrongType(`${at}.output`, "one of a string or an array of objects");
      }
    } else if (type === "reasoning" || type === "compaction") {
      const wrong = checkSealed(item, type, at, body);
      if (wrong) return wrong;
      if (type === "reasoning" && !followed(items[i + 1])) {
        return badRequest(`Item '${String(item.id)}' of type 'reasoning' was provided without its required following item.`, "input");
      }
    }
  }
  const [unanswered] = open;
  return unanswered === undefined ? undefined : badRequest(`No tool output found for function call ${unanswered}.`, "input");
}

function followed(next: unknown): boolean {
  if (!isObject(next)) return false;
  return next.type === undefined ? next.role === "assistant" : !ANSWERS.has(String(next.type)) && next.role !== "user";
}

function checkMessage(item: Json, at: string): Refusal | undefined {
  const { role, content } = item;
  if (role !== "user" && role !== "assistant" && role !== "system" && role !== "developer") {
    const message = `Invalid value: '${String(role)}'. Supported values are: 'assistant', 'system', 'developer', and 'user'.`;
    return badRequest(message, `${at}.role`, "invalid_value");
  }
  if (typeof content === "string") return undefined;
  if (!Array.isArray(content)) return wrongType(`${at}.content`, "one of an array of objects or a string");
  const allowed = role === "assistant" ? ASSISTANT_PARTS : USER_PARTS;
  for (const [j, part] of content.entries()) {
    const type = isObject(part) ? part.type : undefined;
    if (typeof type === "string" && allowed.has(type)) continue;
    const names = [...allowed].map((name) => `'${name}'`).join(", ");
    return badRequest(`Invalid value: '${String(type)}'. Supported values are: ${names}.`, `${at}.content[${j}].type`, "invalid_value");
  }
  return undefined;
}

/** Encrypted items must be ours; without encryption, and without `store`, there is nothing an id could mean. */
function checkSealed(item: Json, type: string, at: string, body: Json): Refusal | undefined {
  const sealed = item.encrypted_content;
  if (typeof sealed !== "string") {
    if (type === "compaction") return missing(`${at}.encrypted_content`);
    if (body.store !== false) return undefined;
    const id = String(item.id);
    return {
      status: 404,
      message: `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
      errorType: "invalid_request_error",
      param: "input",
      code: null,
    };
  }
  if (opened(sealed, body.model as string) !== undefined) return undefined;
  const shown = sealed.length > 12 ? `${sealed.slice(0, 4)}...${sealed.slice(-4)}` : sealed;
  return badRequest(`The encrypted content ${shown} could not be verified.`, null, "invalid_encrypted_content");
}

function checkTools(body: Json): Refusal | undefined {
  const names = new Set<string>();
  const { tools, tool_choice: choice } = body;
  if (present(tools)) {
    if (!Array.isArray(tools)) return wrongType("tools", "an array of objects");
    for (const [i, tool] of tools.entries()) {
      const at = `tools[${i}]`;
      if (!isObject(tool) || typeof tool.type !== "string") return missing(`${at}.type`);
      if (tool.type !== "function") {
        if (tool.type === "code_interpreter" && !present(tool.container)) return missing(`${at}.container`);
        if (tool.type === "file_search" && !Array.isArray(tool.vector_store_ids)) return missing(`${at}.vector_store_ids`);
        continue;
      }
      if (typeof tool.name !== "string") return missing(`${at}.name`);
      if (!TOOL_NAME.test(tool.name)) {
        const message = `Invalid '${at}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`;
        return badRequest(message, `${at}.name`, "invalid_value");
      }
      const { parameters } = tool;
      if (tool.strict !== false && isObject(parameters) && parameters.additionalProperties !== false) {
        const message = `Invalid schema for function '${tool.name}': In context=(), 'additionalProperties' is required to be supplied and to be false.`;
        return badRequest(message, `${at}.parameters`, "invalid_function_parameters");
      }
      if (present(parameters) && !(isObject(parameters) && parameters.type === "object")) {
        const got = isObject(parameters) ? String(parameters.type) : typeof parameters;
        const message = `Invalid schema for function '${tool.name}': schema must be a JSON Schema of 'type: "object"', got 'type: "${got}"'.`;
        return badRequest(message, `${at}.parameters`, "invalid_function_parameters");
      }
      names.add(tool.name);
    }
  }
  if (!isObject(choice) || choice.type !== "function") return undefined;
  if (typeof choice.name !== "string") return missing("tool_choice.name");
  return names.has(choice.name) ? undefined : badRequest("Tool choice 'function' not found in 'tools' parameter.", "tool_choice");
}

function checkSettings(body: Json): Refusal | undefined {
  if (present(body.stream_options) && body.stream !== true) {
    return badRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options");
  }
  if (body.background === true && body.store === false) {
    return badRequest("Background mode requires 'store' to be true.", "background", "invalid_value");
  }
  const management = checkManagement(body.context_management);
  if (management) return management;
  const limits = [
    ["temperature", "decimal", 0, 2],
    ["top_p", "decimal", 0, 1],
    ["max_output_tokens", "integer", 16, Number.POSITIVE_INFINITY],
    ["top_logprobs", "integer", 0, 20],
  ] as const;
  for (const [key, kind, low, high] of limits) {
    const value = body[key];
    if (!present(value)) continue;
    if (typeof value !== "number") return wrongType(key, kind === "decimal" ? "a decimal" : "an integer");
    if (value < low) {
      const message = `Invalid '${key}': ${kind} below minimum value. Expected a value >= ${low}, but got ${value} instead.`;
      return badRequest(message, key, `${kind}_below_min_value`);
    }
    if (value > high) {
      const message = `Invalid '${key}': ${kind} above maximum value. Expected a value <= ${high}, but got ${value} instead.`;
      return badRequest(message, key, `${kind}_above_max_value`);
    }
  }
  return undefined;
}

/** The least that `compact_threshold` may be. */
const LEAST_THRESHOLD = 1000;

function checkManagement(entries: unknown): Refusal | undefined {
  if (!present(entries)) return undefined;
  if (!Array.isArray(entries)) return wrongType("context_management", "an array of objects");
  for (const [i, entry] of entries.entries()) {
    const at = `context_management[${i}]`;
    if (!isObject(entry)) return wrongType(at, "an object");
    if (entry.type !== "compaction") {
      return badRequest(`Invalid value: '${String(entry.type)}'. Supported values are: 'compaction'.`, `${at}.type`, "invalid_value");
    }
    const threshold = entry.compact_threshold;
    if (!present(threshold)) continue;
    if (typeof threshold !== "number") return wrongType(`${at}.compact_threshold`, "an integer");
    if (threshold >= LEAST_THRESHOLD) continue;
    const message = `Invalid '${at}.compact_threshold': integer below minimum value. Expected a value >= ${LEAST_THRESHOLD}, but got ${threshold} instead.`;
    return badRequest(message, `${at}.compact_threshold`, "integer_below_min_value");
  }
  return undefined;
}

/** What this very model does not take. Models that no table knows take everything. */
function checkModel(body: Json, model: string): Refusal | undefined {
  const rule = modelRule(model);
  if (!rule) return undefined;
  const notSupported = (param: string) =>
    badRequest(`Unsupported parameter: '${param}' is not supported with this model.`, param, "unsupported_parameter");
  const effort = isObject(body.reasoning) ? body.reasoning.effort : undefined;
  if (isObject(body.reasoning) && rule.efforts === undefined) return notSupported("reasoning.effort");
  if (typeof effort === "string" && rule.efforts && !(rule.efforts as readonly string[]).includes(effort)) {
    const values = rule.efforts.map((one) => `'${one}'`).join(", ");
    const message = `Unsupported value: '${effort}' is not supported with the '${model}' model. Supported values are: ${values}.`;
    return badRequest(message, "reasoning.effort", "unsupported_value");
  }
  const include = Array.isArray(body.include) ? body.include : [];
  if (include.includes("reasoning.encrypted_content") && !(rule.encrypted ?? rule.efforts !== undefined)) {
    return badRequest("Encrypted content is not supported with this model.", "include");
  }
  // Dotted models reason only when asked to.
  const reasons = rule.defaultEffort === undefined ? rule.efforts !== undefined : effort !== undefined && effort !== "none";
  if (rule.sampling === false || (rule.sampling === "without-reasoning" && reasons)) {
    for (const key of ["temperature", "top_p", "top_logprobs"]) if (present(body[key])) return notSupported(key);
  }
  return undefined;
}

/** The request in no dialect's words. Expects one that `checkResponsesRequest` let pass. */
export function readResponsesRequest(body: Json, headers: Record<string, string>): EmulatedPrompt {
  const messages: EmulatedMessage[] = [];
  if (typeof body.instructions === "string") messages.push({ role: "system", text: body.instructions, toolCalls: [] });
  const input = typeof body.input === "string" ? [{ role: "user", content: body.input }] : (body.input as Json[]);
  for (const item of input) readItem(item, messages);
  const choice = body.tool_choice as EmulatedPrompt["toolChoice"] | { type: string; name: string } | null | undefined;
  const tools = ((body.tools ?? []) as Json[]).filter((tool) => tool.type === "function");
  return {
    model: body.model as string,
    stream: body.stream === true,
    messages,
    tools: tools.map((tool) => ({
      name: tool.name as string,
      description: (tool.description ?? "") as string,
      inputSchema: (tool.parameters ?? { type: "object", properties: {} }) as Json,
    })),
    toolChoice:
      choice == null || (isObject(choice) && !("name" in choice))
        ? "auto"
        : isObject(choice)
          ? { toolName: choice.name as string }
          : (choice as EmulatedPrompt["toolChoice"]),
    body,
    headers,
  };
}

function readItem(item: Json, messages: EmulatedMessage[]): void {
  const assistant = () => {
    const last = messages.at(-1);
    if (last?.role === "assistant") return last;
    const fresh: EmulatedMessage = { role: "assistant", text: "", toolCalls: [] };
    messages.push(fresh);
    return fresh;
  };
  if (item.type === "function_call") {
    assistant().toolCalls.push({ id: item.call_id as string, name: item.name as string, arguments: item.arguments as string });
  } else if (item.type === "function_call_output") {
    messages.push({ role: "tool", text: textOf(item.output), toolCalls: [], toolCallId: item.call_id as string });
  } else if (item.type === "compaction") assistant().text += opened(String(item.encrypted_content)) ?? "";
  else if (item.role === "assistant") assistant().text += textOf(item.content);
  else if (typeof item.role === "string") {
    messages.push({ role: item.role === "user" ? "user" : "system", text: textOf(item.content), toolCalls: [] });
  }
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: Json) => (typeof part.text === "string" ? part.text : "")).join("");
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function missing(param: string): Refusal {
  return badRequest(`Missing required parameter: '${param}'.`, param, "missing_required_parameter");
}

function wrongType(param: string, expected: string): Refusal {
  return badRequest(`Invalid type for '${param}': expected ${expected}.`, param, "invalid_type");
}
