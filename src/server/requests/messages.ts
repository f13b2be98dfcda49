import type { AssistantPart, Message, ToolCallPart, ToolResultPart, UserPart } from "../../formatter/messages.js";
import { badRequest } from "../http-error.js";
import { isObject, type Json, stringField, typeCode } from "./body.js";
import { readContent, readPart, readSaid, readText } from "./parts.js";
import type { ClientTool } from "./run-request.js";

/** A conversation as a run takes it: what the system says apart, tool results beside each other. */
export interface Conversation {
  system: string | undefined;
  messages: Message[];
}

/** Gathers a conversation item by item, whichever API spelled them. */
export class ConversationReader {
  readonly #system: string[] = [];
  readonly #messages: Message[] = [];
  readonly #calls = new Map<string, string>();
  /** Calls without their result so far, in the order they were made. */
  readonly #open = new Set<string>();
  readonly #freeText: ReadonlySet<string>;

  constructor(tools: readonly ClientTool[]) {
    this.#freeText = new Set(tools.filter(({ freeText }) => freeText !== undefined).map(({ name }) => name));
  }

  /** What has been read; `param` is the field it came in. */
  conversation(param: string): Conversation {
    this.#closed(param);
    const system = this.#system.length === 0 ? undefined : this.#system.join("\n\n");
    const last = this.#messages.at(-1);
    // A prompt of instructions alone is what there is to do.
    if (last === undefined && system !== undefined) return { system: undefined, messages: [{ role: "user", content: system }] };
    if (last === undefined || last.role === "assistant" || last.content.length === 0) {
      throw badRequest(param, `\`${param}\` must end with a message of the user that is not empty, or with tool results.`);
    }
    return { system, messages: this.#messages };
  }

  system(text: string): void {
    if (text !== "") this.#system.push(text);
  }

  user(content: string | UserPart[], path: string): void {
    this.#closed(path);
    this.#messages.push({ role: "user", content });
  }

  assistant(parts: AssistantPart[], path: string): void {
    if (parts.length === 0) return;
    const last = this.#messages.at(-1);
    if (last?.role === "tool") this.#closed(path);
    for (const part of parts) {
      if (part.type !== "tool-call") continue;
      if (this.#open.has(part.toolCallId)) throw badRequest(path, `\`${path}\`: two tool calls have the id ${shown(part.toolCallId)}.`);
      this.#calls.set(part.toolCallId, part.toolName);
      this.#open.add(part.toolCallId);
    }
    // Responses lists text and calls as items of their own.
    if (last?.role === "assistant" && Array.isArray(last.content)) last.content.push(...parts);
    else this.#messages.push({ role: "assistant", content: parts });
  }

  /** Arguments as the model wrote them: JSON, or the text itself for a tool that takes free text. */
  call(toolCallId: string, toolName: string, args: string): ToolCallPart {
    if (this.#freeText.has(toolName)) return { type: "tool-call", toolCallId, toolName, input: { input: args } };
    try {
      return { type: "tool-call", toolCallId, toolName, input: args.trim() === "" ? {} : JSON.parse(args) };
    } catch (error) {
      return { type: "tool-call", toolCallId, toolName, input: args, invalid: `not valid JSON: ${(error as Error).message}` };
    }
  }

  result(toolCallId: string, output: string | UserPart[], path: string, isError = false): void {
    const toolName = this.#calls.get(toolCallId);
    if (toolName === undefined) {
      const message = `\`${path}\`: no tool call before it has the id ${shown(toolCallId)}. Send the assistant message with its \`tool_calls\` too.`;
      throw badRequest(path, message);
    }
    if (!this.#open.delete(toolCallId)) throw badRequest(path, `\`${path}\`: the tool call ${shown(toolCallId)} has its result already.`);
    const part: ToolResultPart = { type: "tool-result", toolCallId, toolName, output, ...(isError && { isError }) };
    const last = this.#messages.at(-1);
    if (last?.role === "tool") last.content.push(part);
    else this.#messages.push({ role: "tool", content: [part] });
  }

  /** No provider goes on while a result is missing. */
  #closed(path: string): void {
    if (this.#open.size === 0) return;
    const ids = [...this.#open].map(shown).join(", ");
    throw badRequest(path, `\`${path}\`: results are missing for the tool calls ${ids}. Send all of them.`, "missing_tool_results");
  }
}

const shown = (id: string) => JSON.stringify(id.slice(0, 100));

/** The `messages` of chat completions; blocks of Anthropic's are understood too, and its `system` beside them. */
export function readMessages(value: unknown, tools: readonly ClientTool[], system?: unknown): Conversation {
  const reader = new ConversationReader(tools);
  if (system !== undefined && system !== null) reader.system(readText(system, "system"));
  if (!Array.isArray(value) || value.length === 0)
    throw badRequest("messages", "`messages` must be a list that is not empty.", typeCode(value));
  for (const [i, message] of value.entries()) readMessage(message, `messages[${i}]`, reader);
  return reader.conversation("messages");
}

function readMessage(message: unknown, path: string, reader: ConversationReader): void {
  if (!isObject(message)) throw badRequest(path, `\`${path}\` must be an object.`, typeCode(message));
  const { role, content, name } = message;
  if (name !== undefined && typeof name !== "string")
    throw badRequest(`${path}.name`, `\`${path}.name\` must be a string.`, "invalid_type");
  switch (role) {
    case "system":
    case "developer":
      return reader.system(readText(content, `${path}.content`));
    case "user":
      return readUser(content, `${path}.content`, typeof name === "string" && name !== "" ? name : undefined, reader);
    case "assistant":
      return readAssistant(message, path, reader);
    case "tool":
      return reader.result(stringField(message, "tool_call_id", path), readContent(content, `${path}.content`), `${path}.tool_call_id`);
    default: {
      const hint = role === "function" ? " Functions are called tools now: use `tools` and the role tool." : "";
      const text = `\`${path}.role\` must be system, developer, user, assistant or tool, not ${JSON.stringify(role)}.${hint}`;
      throw badRequest(`${path}.role`, text, role === undefined ? "missing_required_parameter" : "invalid_value");
    }
  }
}

function readUser(content: unknown, path: string, name: string | undefined, reader: ConversationReader): void {
  if (!Array.isArray(content)) {
    const text = readContent(content, path) as string;
    return reader.user(name === undefined ? text : `${name}: ${text}`, path);
  }
  const parts: UserPart[] = name === undefined ? [] : [{ type: "text", text: `${name}: ` }];
  const own = parts.length;
  if (content.length === 0) readContent(content, path); // says what is wrong
  for (const [i, block] of content.entries()) {
    const at = `${path}[${i}]`;
    if (isObject(block) && block.type === "tool_result") {
      const output = block.content === undefined ? "" : readContent(block.content, `${at}.content`);
      reader.result(stringField(block, "tool_use_id", at), output, `${at}.tool_use_id`, block.is_error === true);
    } else parts.push(readPart(block, at));
  }
  if (parts.length > own) reader.user(parts, path);
}

function readAssistant(message: Json, path: string, reader: ConversationReader): void {
  const { content, tool_calls: calls, refusal } = message;
  if (message.function_call !== undefined && message.function_call !== null) {
    throw badRequest(
      `${path}.function_call`,
      `\`${path}.function_call\`: functions are called tools now, use \`tool_calls\`.`,
      "unsupported_value",
    );
  }
  if (message.audio !== undefined && message.audio !== null) {
    throw badRequest(`${path}.audio`, `\`${path}.audio\`: this server keeps no audio replies.`, "unsupported_value");
  }
  const parts: AssistantPart[] = [];
  if (typeof content === "string") {
    if (content !== "") parts.push({ type: "text", text: content });
  } else if (Array.isArray(content)) {
    if (content.length === 0) readContent(content, `${path}.content`); // says what is wrong
    for (const [i, block] of content.entries()) readAssistantBlock(block, `${path}.content[${i}]`, parts);
  } else if (content !== undefined && content !== null) {
    throw badRequest(`${path}.content`, `\`${path}.content\` must be a text, a list of parts or null.`, "invalid_type");
  }
  if (refusal !== undefined && refusal !== null) parts.push({ type: "text", text: stringField(message, "refusal", path) });
  if (calls !== undefined) {
    if (!Array.isArray(calls)) throw badRequest(`${path}.tool_calls`, `\`${path}.tool_calls\` must be a list.`, "invalid_type");
    for (const [i, call] of calls.entries()) parts.push(readCall(call, `${path}.tool_calls[${i}]`, reader));
  }
  reader.assistant(parts, path);
}

function readAssistantBlock(block: unknown, path: string, parts: AssistantPart[]): void {
  if (isObject(block) && block.type === "tool_use") {
    const id = stringField(block, "id", path);
    parts.push({ type: "tool-call", toolCallId: id, toolName: stringField(block, "name", path), input: block.input ?? {} });
  } else if (isObject(block) && (block.type === "thinking" || block.type === "redacted_thinking" || block.type === "reasoning")) {
    // What another model thought is signed for it alone.
  } else {
    const text = readSaid(block, path);
    if (text !== "") parts.push({ type: "text", text });
  }
}

function readCall(call: unknown, path: string, reader: ConversationReader): ToolCallPart {
  if (!isObject(call)) throw badRequest(path, `\`${path}\` must be an object.`, typeCode(call));
  const id = stringField(call, "id", path);
  if (call.type === "custom") {
    const custom = isObject(call.custom) ? call.custom : {};
    const name = stringField(custom, "name", `${path}.custom`);
    return { type: "tool-call", toolCallId: id, toolName: name, input: { input: stringField(custom, "input", `${path}.custom`) } };
  }
  if (call.type !== "function") {
    throw badRequest(
      `${path}.type`,
      `\`${path}.type\` must be "function" or "custom".`,
      typeCode(call.type) === "invalid_type" ? "invalid_value" : "missing_required_parameter",
    );
  }
  const fn = isObject(call.function) ? call.function : {};
  return reader.call(id, stringField(fn, "name", `${path}.function`), stringField(fn, "arguments", `${path}.function`));
}
