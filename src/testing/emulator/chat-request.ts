import { checkChatModel } from "./chat-model.js";
import { badRequest, type EmulatedMessage, type EmulatedPrompt, type Refusal } from "./reply.js";

type Json = Record<string, unknown>;

/** Every top-level parameter of the published API. */
const KNOWN = new Set(
  `audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages metadata modalities model
  moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort
  response_format safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user
  verbosity web_search_options`.split(/\s+/),
);

const ROLES = new Set(["system", "developer", "user", "assistant", "tool", "function"]);
const USER_PARTS = new Set(["text", "image_url", "input_audio", "file"]);
const ASSISTANT_PARTS = new Set(["text", "refusal"]);
const TEXT_PARTS = new Set(["text"]);
const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/** What OpenAI's chat completions API would answer with an error, or undefined. */
export function checkChatRequest(body: Json, strict: boolean): Refusal | undefined {
  if (typeof body.model !== "string" || body.model === "") return badRequest("you must provide a model parameter");
  if (body.messages === undefined) return badRequest("Missing required parameter: 'messages'.", "messages", "missing_required_parameter");
  if (!Array.isArray(body.messages)) return wrongType("messages", "an array of objects");
  if (body.messages.length === 0) {
    return badRequest(
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      "messages",
      "empty_array",
    );
  }
  if (strict) {
    for (const key of Object.keys(body)) if (!KNOWN.has(key)) return badRequest(`Unrecognized request argument supplied: ${key}`);
  }
  return checkMessages(body.messages) ?? checkTools(body, strict) ?? checkSettings(body) ?? (strict ? checkChatModel(body) : undefined);
}

function checkMessages(messages: unknown[]): Refusal | undefined {
  let open: { ids: Set<string>; at: number } | undefined;
  for (const [i, message] of messages.entries()) {
    const at = `messages[${i}]`;
    if (!isObject(message)) return wrongType(at, "an object");
    const { role } = message;
    if (typeof role !== "string" || !ROLES.has(role)) {
      return badRequest(
        `Invalid value: '${String(role)}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.`,
        `${at}.role`,
        "invalid_value",
      );
    }
    if (role === "tool") {
      const id = message.tool_call_id;
      if (typeof id !== "string")
        return badRequest(`Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.`, `${at}.tool_call_id`);
      if (!open?.ids.has(id)) {
        return badRequest(
          "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
          `${at}.role`,
        );
      }
      open.ids.delete(id);
    } else {
      const unanswered = withoutResults(open);
      if (unanswered) return unanswered;
      open = undefined;
    }
    const wrong = checkContent(message, role, at) ?? (role === "assistant" ? checkCalls(message, at) : undefined);
    if (wrong) return wrong;
    if (role === "assistant" && message.tool_calls !== undefined) {
      open = { ids: new Set((message.tool_calls as { id: string }[]).map((call) => call.id)), at: i };
    }
  }
  return withoutResults(open);
}

function withoutResults(open: { ids: Set<string>; at: number } | undefined): Refusal | undefined {
  if (open === undefined || open.ids.size === 0) return undefined;
  return badRequest(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open.ids].join(", ")}`,
    `messages.[${open.at}].role`,
  );
}

function checkContent(message: Json, role: string, at: string): Refusal | undefined {
  const { content } = message;
  if (typeof content === "string") return undefined;
  if (content === null || content === undefined) {
    if (role === "assistant" && (message.tool_calls !== undefined || message.refusal !== undefined)) return undefined;
    return badRequest(`Invalid value for 'content': expected a string, got null.`, `${at}.content`);
  }
  if (!Array.isArray(content)) return wrongType(`${at}.content`, "a string or an array of objects");
  if (content.length === 0) return badRequest(`Invalid '${at}.content': empty array.`, `${at}.content`, "empty_array");
  const allowed = role === "user" ? USER_PARTS : role === "assistant" ? ASSISTANT_PARTS : TEXT_PARTS;
  for (const [j, part] of content.entries()) {
    const type = isObject(part) ? part.type : undefined;
    if (typeof type !== "string" || !allowed.has(type)) {
      const names = [...allowed].map((name) => `'${name}'`).join(", ");
      return badRequest(`Invalid value: '${String(type)}'. Supported values are: ${names}.`, `${at}.content[${j}].type`, "invalid_value");
    }
    const field = isObject(part) ? part[type] : undefined;
    const right = type === "text" || type === "refusal" ? typeof field === "string" : isObject(field);
    if (!right)
      return badRequest(
        `Missing required parameter: '${at}.content[${j}].${type}'.`,
        `${at}.content[${j}].${type}`,
        "missing_required_parameter",
      );
  }
  return undefined;
}

function checkCalls(message: Json, at: string): Refusal | undefined {
  const calls = message.tool_calls;
  if (calls === undefined) return undefined;
  if (!Array.isArray(calls)) return wrongType(`${at}.tool_calls`, "an array of objects");
  if (calls.length === 0) return badRequest(`Invalid '${at}.tool_calls': empty array.`, `${at}.tool_calls`, "empty_array");
  const seen = new Set<string>();
  for (const [j, call] of calls.entries()) {
    const path = `${at}.tool_calls[${j}]`;
    if (!isObject(call) || typeof call.id !== "string")
      return badRequest(`Missing required parameter: '${path}.id'.`, `${path}.id`, "missing_required_parameter");
    if (seen.has(call.id)) return badRequest(`Duplicate value for 'tool_call_id' of '${call.id}' in message[${at}].`, `${path}.id`);
    seen.add(call.id);
    if (call.type !== "function")
      return badRequest(`Invalid value: '${String(call.type)}'. Supported values are: 'function'.`, `${path}.type`, "invalid_value");
    const fn = call.function;
    if (!isObject(fn) || typeof fn.name !== "string") {
      return badRequest(`Missing required parameter: '${path}.function.name'.`, `${path}.function.name`, "missing_required_parameter");
    }
    if (typeof fn.arguments !== "string") return wrongType(`${path}.function.arguments`, "a string");
  }
  return undefined;
}

function checkTools(body: Json, strict: boolean): Refusal | undefined {
  const names = new Set<string>();
  if (body.tools !== undefined) {
    if (!Array.isArray(body.tools)) return wrongType("tools", "an array of objects");
    if (body.tools.length === 0)
      return badRequest("Invalid 'tools': empty array. Expected an array with minimum length 1.", "tools", "empty_array");
    for (const [i, tool] of body.tools.entries()) {
      const at = `tools[${i}]`;
      const type = isObject(tool) ? tool.type : undefined;
      // Several servers have built-in tools with types of their own; OpenAI's chat completions take none.
      if (typeof type !== "string" || (strict && type !== "function"))
        return badRequest(`Invalid value for '${at}.type': supported values are 'function'.`, `${at}.type`, "invalid_value");
      if (type !== "function") continue;
      const fn = tool.function;
      if (!isObject(fn) || typeof fn.name !== "string") {
        return badRequest(`Missing required parameter: '${at}.function.name'.`, `${at}.function.name`, "missing_required_parameter");
      }
      if (!TOOL_NAME.test(fn.name)) {
        return badRequest(
          `Invalid '${at}.function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$' of at most 64 characters.`,
          `${at}.function.name`,
          "invalid_value",
        );
      }
      if (fn.parameters !== undefined && !(isObject(fn.parameters) && fn.parameters.type === "object")) {
        return badRequest(
          `Invalid schema for function '${fn.name}': schema must be a JSON Schema of 'type: "object"'.`,
          `${at}.function.parameters`,
          "invalid_function_parameters",
        );
      }
      names.add(fn.name);
    }
  }
  for (const key of ["tool_choice", "parallel_tool_calls"]) {
    // "none" is taken without tools, and so is a null.
    if (body[key] === undefined || body[key] === null || body.tools !== undefined || body[key] === "none") continue;
    return badRequest(`Invalid value for '${key}': '${key}' is only allowed when 'tools' are specified.`, key);
  }
  return checkChoice(body.tool_choice, names);
}

function checkChoice(choice: unknown, names: Set<string>): Refusal | undefined {
  if (choice === undefined || choice === null || choice === "none" || choice === "auto" || choice === "required") return undefined;
  const fn = isObject(choice) && choice.type === "function" ? choice.function : undefined;
  if (!isObject(fn) || typeof fn.name !== "string") {
    return badRequest(
      `Invalid value: ${JSON.stringify(choice)}. Supported values are: 'none', 'auto', 'required', or a function.`,
      "tool_choice",
      "invalid_value",
    );
  }
  if (!names.has(fn.name)) {
    return badRequest(`Tool choice '${fn.name}' not found in 'tools' parameter.`, "tool_choice");
  }
  return undefined;
}

function checkSettings(body: Json): Refusal | undefined {
  const streaming = body.stream === true;
  if (body.stream !== undefined && body.stream !== null && typeof body.stream !== "boolean") return wrongType("stream", "a boolean");
  if (body.stream_options !== undefined && body.stream_options !== null) {
    if (!streaming) return badRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options");
    if (!isObject(body.stream_options)) return wrongType("stream_options", "an object");
  }
  if (present(body.max_tokens) && present(body.max_completion_tokens)) {
    return badRequest(
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      "max_tokens",
      "invalid_parameter_combination",
    );
  }
  const limits = [
    ["temperature", 0, 2],
    ["top_p", 0, 1],
    ["frequency_penalty", -2, 2],
    ["presence_penalty", -2, 2],
    ["max_tokens", 1, Number.POSITIVE_INFINITY],
    ["max_completion_tokens", 1, Number.POSITIVE_INFINITY],
    ["n", 1, 1],
  ] as const;
  for (const [key, low, high] of limits) {
    const value = body[key];
    if (!present(value)) continue;
    if (typeof value !== "number") return wrongType(key, "a number");
    if (value < low || value > high) {
      const range = low === high ? `The emulator takes ${low} only.` : `Expected a value between ${low} and ${high}.`;
      return badRequest(`Invalid '${key}': ${value} is out of range. ${range}`, key, "out_of_range");
    }
  }
  const { stop, response_format: format } = body;
  if (present(stop) && typeof stop !== "string" && !(Array.isArray(stop) && stop.length <= 4 && stop.every((s) => typeof s === "string"))) {
    return wrongType("stop", "a string or an array of at most 4 strings");
  }
  if (present(format)) {
    const type = isObject(format) ? format.type : undefined;
    if (type !== "text" && type !== "json_object" && type !== "json_schema") {
      return badRequest(
        `Invalid value: '${String(type)}'. Supported values are: 'json_object', 'json_schema', and 'text'.`,
        "response_format.type",
        "invalid_value",
      );
    }
    const schema = isObject(format) ? format.json_schema : undefined;
    if (type === "json_schema" && !(isObject(schema) && typeof schema.name === "string")) {
      return badRequest(
        "Missing required parameter: 'response_format.json_schema.name'.",
        "response_format.json_schema.name",
        "missing_required_parameter",
      );
    }
  }
  return undefined;
}

/** The request in no dialect's words. Expects one that `checkChatRequest` let pass. */
export function readChatRequest(body: Json, headers: Record<string, string>): EmulatedPrompt {
  const choice = body.tool_choice as EmulatedPrompt["toolChoice"] | { function: { name: string } } | null | undefined;
  return {
    model: body.model as string,
    stream: body.stream === true,
    messages: (body.messages as Json[]).map(readMessage),
    tools: functionsIn(body.tools).map(({ function: fn }) => ({
      name: fn.name as string,
      description: (fn.description ?? "") as string,
      inputSchema: (fn.parameters ?? { type: "object", properties: {} }) as Json,
    })),
    toolChoice: choice == null ? "auto" : typeof choice === "object" && "function" in choice ? { toolName: choice.function.name } : choice,
    body,
    headers,
  };
}

function functionsIn(tools: unknown): { function: Json }[] {
  return ((tools ?? []) as ({ type: string } & { function: Json })[]).filter((tool) => tool.type === "function");
}

function readMessage(message: Json): EmulatedMessage {
  const role = message.role === "developer" ? "system" : message.role === "function" ? "tool" : (message.role as EmulatedMessage["role"]);
  const calls = (message.tool_calls ?? []) as { id: string; function: { name: string; arguments: string } }[];
  const { content } = message;
  const text =
    typeof content === "string"
      ? content
      : Array.isArray(content)
        ? content.map((part) => (part.type === "text" ? part.text : "")).join("")
        : "";
  return {
    role,
    text,
    toolCalls: calls.map((call) => ({ id: call.id, name: call.function.name, arguments: call.function.arguments })),
    ...(typeof message.tool_call_id === "string" && { toolCallId: message.tool_call_id }),
  };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function wrongType(param: string, expected: string): Refusal {
  return badRequest(`Invalid type for '${param}': expected ${expected}.`, param, "invalid_type");
}
