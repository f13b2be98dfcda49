import { BackendError, ConfigError } from "../errors.js";
import { readFilePart } from "./file-data.js";
import type {
  AssistantMessage,
  FilePart,
  Message,
  ProviderPart,
  ToolChoice,
  ToolDefinition,
  ToolResultPart,
  UserPart,
} from "./messages.js";
import { resultText } from "./result-text.js";

/** A message as chat completions spells it. */
export type ChatMessage = { role: "system" | "user" | "assistant" | "tool"; [field: string]: unknown };
export type ChatContentPart = { type: string; [field: string]: unknown };

/** Whom the messages are for. */
export interface ChatTarget {
  /** Preset name, e.g. `deepseek`. */
  provider: string;
  endpoint: string;
  model: string;
  /** Messages with tool calls carry their `reasoning_content` back. Default: reasoning is never sent. */
  reasoningBack?: boolean;
}

/** What a reply of chat completions must carry back, as the `data` of a `ProviderPart`. */
export interface ChatProviderData {
  /** Fields of the assistant message, e.g. `reasoning_details`. */
  message?: Record<string, unknown>;
  /** Fields of a tool call, by its id. */
  toolCalls?: Record<string, Record<string, unknown>>;
}

/** Neutral messages as chat completions. Throws a `BackendError` `unsupported` that names a part which cannot be sent. */
export function toChatMessages(system: string | undefined, messages: readonly Message[], target: ChatTarget): ChatMessage[] {
  const out: ChatMessage[] = [];
  if (system) out.push({ role: "system", content: system });
  // Tool messages hold text only: what tools returned beside it follows as a user message, after the last result.
  let attachments: ChatContentPart[] = [];
  messages.forEach((message, index) => {
    if (message.role === "tool") {
      for (const part of message.content) out.push(toolResult(part, `messages[${index}]`, attachments));
      return;
    }
    if (attachments.length > 0) out.push({ role: "user", content: attachments });
    attachments = [];
    if (message.role === "user") addUser(out, userMessage(message.content, `messages[${index}]`));
    else out.push(assistantMessage(message, target, `messages[${index}]`));
  });
  if (attachments.length > 0) out.push({ role: "user", content: attachments });
  return out;
}

/** Chat templates of many open models (Mistral's, Gemma's) refuse two messages of the user's in a row. */
function addUser(out: ChatMessage[], message: ChatMessage): void {
  const last = out.at(-1);
  if (last?.role !== "user") out.push(message);
  else if (typeof last.content === "string" && typeof message.content === "string") {
    out[out.length - 1] = { role: "user", content: `${last.content}\n\n${message.content}` };
  } else out[out.length - 1] = { role: "user", content: [...partsOf(last), ...partsOf(message)] };
}

const partsOf = ({ content }: ChatMessage): ChatContentPart[] =>
  typeof content === "string" ? [{ type: "text", text: content }] : (content as ChatContentPart[]);

export function toChatTools(tools: readonly ToolDefinition[]): Record<string, unknown>[] {
  return tools.map(({ name, description, inputSchema }) => {
    if (!/^[\w-]{1,64}$/.test(name)) {
      throw new ConfigError("invalid_tool_name", `The tool name "${name}" must be 1 to 64 letters, digits, "_" or "-".`, {
        path: `tools.${name}`,
      });
    }
    const parameters = inputSchema.type === undefined ? { type: "object", properties: {}, ...inputSchema } : inputSchema;
    return { type: "function", function: { name, description, parameters } };
  });
}

export function toChatToolChoice(choice: ToolChoice): unknown {
  return typeof choice === "string" ? choice : { type: "function", function: { name: choice.toolName } };
}

function userMessage(content: string | UserPart[], path: string): ChatMessage {
  if (typeof content === "string") return { role: "user", content };
  const only = content.length === 1 ? content[0] : undefined;
  if (only?.type === "text") return { role: "user", content: only.text };
  return { role: "user", content: content.map((part, i) => userPart(part, `${path}.content[${i}]`)) };
}

function userPart(part: UserPart, path: string): ChatContentPart {
  return part.type === "text" ? { type: "text", text: part.text } : filePart(part, path);
}

function filePart(part: FilePart, path: string): ChatContentPart {
  const { mediaType, family, what, filename, url, base64 } = readFilePart(part, path);
  const address = url ?? `data:${mediaType};base64,${base64}`;
  if (family === "image") return { type: "image_url", image_url: { url: address } };
  if (family === "video") return { type: "video_url", video_url: { url: address } };
  const format = { "audio/mpeg": "mp3", "audio/wav": "wav" }[mediaType];
  if (format && url === undefined) return { type: "input_audio", input_audio: { data: base64, format } };
  if (mediaType === "application/pdf" && url === undefined) {
    return { type: "file", file: { filename: filename ?? "document.pdf", file_data: address } };
  }
  const hint = url !== undefined && (family === "audio" || mediaType === "application/pdf") ? " from a URL; send it as base64" : "";
  throw new BackendError("unsupported", `Chat completions cannot send the ${what} file at ${path}${hint}.`);
}

function assistantMessage(message: AssistantMessage, target: ChatTarget, path: string): ChatMessage {
  if (typeof message.content === "string") return { role: "assistant", content: message.content };
  let text = "";
  let reasoning = "";
  const calls: Record<string, unknown>[] = [];
  const kept: ChatProviderData[] = [];
  message.content.forEach((part, i) => {
    if (part.type === "text") text += part.text;
    else if (part.type === "reasoning") reasoning += part.text;
    else if (part.type === "tool-call") {
      // Servers parse the arguments again, so a call that never parsed goes back inside valid JSON.
      const args = part.invalid === undefined ? (part.input ?? {}) : { invalid_json: part.input };
      calls.push({ id: part.toolCallId, type: "function", function: { name: part.toolName, arguments: JSON.stringify(args) } });
    } else if (part.type === "provider") {
      if (belongsTo(part, target)) kept.push(part.data as ChatProviderData);
    } else {
      const at = `${path}.content[${i}]`;
      throw new BackendError("unsupported", `Chat completions cannot send a ${part.mediaType} file of an assistant (${at}).`);
    }
  });
  const out: ChatMessage = { role: "assistant", content: text === "" && calls.length > 0 ? null : text };
  if (calls.length > 0) {
    out.tool_calls = calls;
    if (target.reasoningBack) out.reasoning_content = reasoning;
  }
  for (const data of kept) {
    Object.assign(out, data.message);
    for (const call of calls) Object.assign(call, data.toolCalls?.[call.id as string]);
  }
  return out;
}

function belongsTo(part: ProviderPart, target: ChatTarget): boolean {
  return part.provider === target.provider && part.endpoint === target.endpoint && part.model === target.model;
}

function toolResult(part: ToolResultPart, path: string, attachments: ChatContentPart[]): ChatMessage {
  let text = resultText(part, path, attachments, userPart);
  if (part.isError && !/^error\b/i.test(text)) text = `Error: ${text}`;
  return { role: "tool", tool_call_id: part.toolCallId, content: text };
}
