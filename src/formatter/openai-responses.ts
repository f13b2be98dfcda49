import { BackendError, ConfigError } from "../errors.js";
import { readFilePart, unsentFile } from "./file-data.js";
import type {
  AssistantMessage,
  FilePart,
  Message,
  ProviderPart,
  ToolCallPart,
  ToolChoice,
  ToolDefinition,
  ToolResultPart,
  UserPart,
} from "./messages.js";

/** An item of a Responses `input` or `output`. */
export type ResponseItem = { type?: string; [field: string]: unknown };

/** Whom the messages are for. */
export interface ResponsesTarget {
  /** Backend type, e.g. `openai`. */
  provider: string;
  endpoint: string;
  model: string;
  /** The provider keeps replies (`store: true`), so that reasoning can be sent back by its id alone. */
  stored?: boolean;
}

/** What a reply of the Responses API must carry back, as the `data` of a `ProviderPart`. */
export interface ResponsesProviderData {
  /** The output items, as they came. */
  items: ResponseItem[];
}

/** Neutral messages as `input`. Throws a `BackendError` `unsupported` that names a part which cannot be sent. */
export function toResponsesInput(messages: readonly Message[], target: ResponsesTarget): ResponseItem[] {
  const input: ResponseItem[] = [];
  // Calls of custom tools, which have results of a kind of their own.
  const custom = new Set<unknown>();
  messages.forEach((message, index) => {
    const path = `messages[${index}]`;
    if (message.role === "tool") {
      for (const part of message.content) {
        const result = toolResult(part, path);
        input.push(custom.has(part.toolCallId) ? { ...result, type: "custom_tool_call_output" } : result);
      }
    } else if (message.role === "user") input.push(userMessage(message.content, path));
    else {
      const items = assistantItems(message, target, path);
      for (const item of items) if (item.type === "custom_tool_call") custom.add(item.call_id);
      input.push(...items);
    }
  });
  return input;
}

export function toResponsesTools(tools: readonly ToolDefinition[]): ResponseItem[] {
  return tools.map(({ name, description, inputSchema }) => {
    if (!/^[\w-]{1,64}$/.test(name)) {
      throw new ConfigError("invalid_tool_name", `The tool name "${name}" must be 1 to 64 letters, digits, "_" or "-".`, {
        path: `tools.${name}`,
      });
    }
    const parameters = inputSchema.type === undefined ? { type: "object", properties: {}, ...inputSchema } : inputSchema;
    // Left out, `strict` would be true, and most JSON Schemas are not what that takes.
    return { type: "function", name, description, parameters, strict: false };
  });
}

export function toResponsesToolChoice(choice: ToolChoice): unknown {
  return typeof choice === "string" ? choice : { type: "function", name: choice.toolName };
}

/** Output of the API, e.g. of `/responses/compact`, as neutral messages: user messages as such, the rest opaque. */
export function fromResponsesItems(items: readonly ResponseItem[], target: ResponsesTarget): Message[] {
  const messages: Message[] = [];
  let kept: ResponseItem[] = [];
  const flush = () => {
    if (kept.length === 0) return;
    const { provider, endpoint, model } = target;
    const text = kept.map(plainText).filter(Boolean).join("\n\n") || "(An earlier part of the conversation, compacted by its provider.)";
    const data: ResponsesProviderData = { items: kept };
    messages.push({
      role: "assistant",
      content: [
        { type: "text", text },
        { type: "provider", provider, endpoint, model, data },
      ],
    });
    kept = [];
  };
  for (const item of items) {
    const user = item.role === "user" ? neutralUser(item.content) : undefined;
    if (user === undefined) kept.push(item);
    else {
      flush();
      messages.push({ role: "user", content: user });
    }
  }
  flush();
  return messages;
}

function userMessage(content: string | UserPart[], path: string): ResponseItem {
  if (typeof content === "string") return { role: "user", content };
  const only = content.length === 1 ? content[0] : undefined;
  if (only?.type === "text") return { role: "user", content: only.text };
  return { role: "user", content: content.map((part, i) => userPart(part, `${path}.content[${i}]`)) };
}

function userPart(part: UserPart, path: string): ResponseItem {
  return part.type === "text" ? { type: "input_text", text: part.text } : filePart(part, path);
}

const AUDIO: Record<string, string> = { "audio/mpeg": "mp3", "audio/wav": "wav" };

function filePart(part: FilePart, path: string): ResponseItem {
  const { mediaType, family, what, filename, url, base64 } = readFilePart(part, path);
  const address = url ?? `data:${mediaType};base64,${base64}`;
  if (family === "image") return { type: "input_image", image_url: address, detail: "auto" };
  const format = AUDIO[mediaType];
  if (format && url === undefined) return { type: "input_audio", input_audio: { data: base64, format } };
  if (family === "application" || family === "text") {
    return url === undefined
      ? { type: "input_file", filename: filename ?? nameFor(mediaType), file_data: address }
      : { type: "input_file", file_url: url };
  }
  const hint = format ? " from a URL; send it as base64" : "";
  throw new BackendError("unsupported", `The Responses API cannot be sent the ${what} file at ${path}${hint}.`);
}

function nameFor(mediaType: string): string {
  const subtype = mediaType.split("/")[1] ?? "";
  return `document.${subtype === "plain" || !/^[a-z]{2,5}$/.test(subtype) ? "txt" : subtype}`;
}

function assistantItems(message: AssistantMessage, target: ResponsesTarget, path: string): ResponseItem[] {
  if (typeof message.content === "string") return message.content ? [{ role: "assistant", content: message.content }] : [];
  const calls = message.content.filter((part): part is ToolCallPart => part.type === "tool-call");
  const state = message.content.filter((part): part is ProviderPart => part.type === "provider" && belongsTo(part, target));
  if (state.length > 0) {
    const items = state.flatMap((part) => (part.data as ResponsesProviderData).items);
    return sentBack(items, calls, target);
  }
  const out: ResponseItem[] = [];
  let text = "";
  const say = () => {
    if (text) out.push({ role: "assistant", content: text });
    text = "";
  };
  message.content.forEach((part, i) => {
    if (part.type === "text") text += part.text;
    else if (part.type === "tool-call") {
      say();
      out.push(callItem(part));
    } else if (part.type === "file") {
      const at = `${path}.content[${i}]`;
      throw new BackendError("unsupported", `The Responses API cannot be sent a ${part.mediaType} file of an assistant (${at}).`);
    }
  });
  say();
  return out;
}

/** Items as they came. Calls keep the id under which their results follow; a call that the message has lost is left out. */
function sentBack(items: readonly ResponseItem[], calls: readonly ToolCallPart[], target: ResponsesTarget): ResponseItem[] {
  const left = [...calls];
  const out: ResponseItem[] = [];
  for (const item of items) {
    if (item.type === "function_call" || item.type === "custom_tool_call") {
      const same = left.findIndex((call) => call.toolCallId === item.call_id);
      const at = same >= 0 ? same : left.findIndex((call) => call.toolName === item.name);
      const [call] = at < 0 ? [] : left.splice(at, 1);
      // Arguments that never parsed go back inside valid JSON.
      if (call) out.push(call.invalid === undefined ? { ...item, call_id: call.toolCallId } : callItem(call));
    } else if (item.type === "reasoning") {
      if (target.stored || item.encrypted_content || hasContent(item)) out.push(item);
    } else {
      out.push(item);
      const answer = unexecuted(item);
      if (answer) out.push(answer);
    }
  }
  return [...out, ...left.map(callItem)];
}

function callItem(call: ToolCallPart): ResponseItem {
  // Arguments have to be an object: what never parsed, or was the text of a custom tool, goes inside one.
  const input = typeof call.input === "string" ? { input: call.input } : (call.input ?? {});
  const args = call.invalid === undefined ? input : { invalid_json: call.input };
  return { type: "function_call", call_id: call.toolCallId, name: call.toolName, arguments: JSON.stringify(args) };
}

const NOBODY = "Nothing on this side carries out such calls.";

/** The answer to a call that only the caller's side could carry out; a request with an open call would be refused. */
function unexecuted(item: ResponseItem): ResponseItem | undefined {
  const { call_id } = item;
  switch (item.type) {
    case "apply_patch_call":
      return { type: "apply_patch_call_output", call_id, status: "failed", output: NOBODY };
    case "shell_call":
      // A hosted shell answers itself.
      if (isHosted(item)) return undefined;
      return {
        type: "shell_call_output",
        call_id,
        output: [{ stdout: "", stderr: NOBODY, outcome: { type: "exit", exit_code: 1 } }],
      };
    case "local_shell_call":
      return { type: "local_shell_call_output", id: item.id, output: NOBODY };
    case "mcp_approval_request":
      return { type: "mcp_approval_response", approval_request_id: item.id, approve: false, reason: NOBODY };
    default:
      return undefined;
  }
}

function isHosted(item: ResponseItem): boolean {
  const environment = item.environment as { type?: string } | null | undefined;
  return environment?.type !== undefined && environment.type !== "local";
}

function belongsTo(part: ProviderPart, target: ResponsesTarget): boolean {
  return part.provider === target.provider && part.endpoint === target.endpoint && part.model === target.model;
}

function hasContent(item: ResponseItem): boolean {
  return Array.isArray(item.content) && item.content.length > 0;
}

function toolResult(part: ToolResultPart, path: string): ResponseItem {
  const mark = (text: string) => (part.isError && !/^error\b/i.test(text) ? `Error: ${text}` : text);
  const base = { type: "function_call_output", call_id: part.toolCallId };
  if (typeof part.output === "string") return { ...base, output: mark(part.output) };
  if (part.output.every((item) => item.type === "text")) {
    return { ...base, output: mark(part.output.map((item) => (item as { text: string }).text).join("")) };
  }
  const output = part.output.map((item) => resultPart(item, `${path} (result of ${part.toolName})`));
  return { ...base, output: part.isError ? [{ type: "input_text", text: "Error:" }, ...output] : output };
}

function resultPart(part: UserPart, path: string): ResponseItem {
  try {
    return userPart(part, path);
  } catch (error) {
    return { type: "input_text", text: unsentFile(error, path) };
  }
}

function plainText(item: ResponseItem): string {
  if (item.type !== "message" || !Array.isArray(item.content)) return "";
  return item.content.map((part: { text?: unknown }) => (typeof part.text === "string" ? part.text : "")).join("");
}

/** A user message's content where all of it has a neutral form. */
function neutralUser(content: unknown): string | UserPart[] | undefined {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return undefined;
  const parts: UserPart[] = [];
  for (const part of content as ResponseItem[]) {
    if (part.type === "input_text" && typeof part.text === "string") parts.push({ type: "text", text: part.text });
    else if (part.type === "input_image" && typeof part.image_url === "string") {
      const mediaType = /^data:([^;,]+)/.exec(part.image_url)?.[1] ?? "image/*";
      parts.push({ type: "file", mediaType, data: part.image_url });
    } else return undefined;
  }
  return parts;
}
