import { BackendError, ConfigError } from "../errors.js";
import { readFilePart, unsentFile } from "./file-data.js";
import type { AssistantMessage, FilePart, Message, ToolChoice, ToolDefinition, ToolResultPart, UserPart } from "./messages.js";

/** A content block as the Messages API spells it. */
export type ClaudeBlock = { type: string; [field: string]: unknown };
export interface ClaudeMessage {
  role: "user" | "assistant";
  content: ClaudeBlock[];
}

/** Whom the messages are for. */
export interface ClaudeTarget {
  provider: string;
  endpoint: string;
  model: string;
}

/** A whole reply, as the `data` of a `ProviderPart`: what Claude must get back as it came. */
export interface ClaudeProviderData {
  content: ClaudeBlock[];
}

const IMAGES = new Set(["image/jpeg", "image/png", "image/gif", "image/webp"]);

/**
 * Neutral messages as the Messages API wants them: one message per change of speaker, results of tools first in theirs. Throws a
 * `BackendError` `unsupported` that names a part which cannot be sent.
 */
export function toClaudeMessages(messages: readonly Message[], target: ClaudeTarget): ClaudeMessage[] {
  const out: ClaudeMessage[] = [];
  messages.forEach((message, index) => {
    const path = `messages[${index}]`;
    const role = message.role === "assistant" ? "assistant" : "user";
    const content =
      message.role === "assistant"
        ? assistantBlocks(message, target, path)
        : message.role === "tool"
          ? message.content.map((part) => toolResult(part, path))
          : userBlocks(message.content, `${path}.content`);
    if (content.length === 0) return;
    const last = out.at(-1);
    if (last?.role === role) last.content.push(...content);
    else out.push({ role, content });
  });
  const last = out.at(-1);
  // A reply that is to be gone on with must not end in white space.
  if (last?.role === "assistant") {
    const end = last.content.at(-1);
    if (end?.type === "text") last.content[last.content.length - 1] = { ...end, text: (end.text as string).trimEnd() };
  }
  return out;
}

export function toClaudeTools(tools: readonly ToolDefinition[]): ClaudeBlock[] {
  return tools.map(({ name, description, inputSchema }) => {
    if (!/^[\w-]{1,128}$/.test(name)) {
      throw new ConfigError("invalid_tool_name", `The tool name "${name}" must be 1 to 128 letters, digits, "_" or "-".`, {
        path: `tools.${name}`,
      });
    }
    const schema = inputSchema.type === undefined ? { type: "object", ...inputSchema } : inputSchema;
    // `type` may be left out, and gateways that are older than it want it so.
    return { name, ...(description && { description }), input_schema: schema } as unknown as ClaudeBlock;
  });
}

/** `undefined`: nothing needs to be said. */
export function toClaudeToolChoice(
  choice: ToolChoice | undefined,
  disableParallelToolUse: boolean | undefined,
): Record<string, unknown> | undefined {
  if (choice === "none") return { type: "none" };
  const parallel = disableParallelToolUse === undefined ? {} : { disable_parallel_tool_use: disableParallelToolUse };
  if (choice === "required") return { type: "any", ...parallel };
  if (typeof choice === "object") return { type: "tool", name: choice.toolName, ...parallel };
  return disableParallelToolUse === undefined ? undefined : { type: "auto", ...parallel };
}

/** The reply a message made of Claude's own blocks stands for, in neutral parts. */
export function fromClaudeBlocks(content: readonly ClaudeBlock[]): AssistantMessage {
  const parts: Exclude<AssistantMessage["content"], string> = [];
  for (const block of content) {
    if (block.type === "text" && block.text) parts.push({ type: "text", text: block.text as string });
    else if (block.type === "thinking" && block.thinking) parts.push({ type: "reasoning", text: block.thinking as string });
    else if (block.type === "tool_use") {
      parts.push({ type: "tool-call", toolCallId: block.id as string, toolName: block.name as string, input: block.input });
    }
  }
  return { role: "assistant", content: parts };
}

function userBlocks(content: string | UserPart[], path: string): ClaudeBlock[] {
  if (typeof content === "string") return textBlocks(content);
  return content.flatMap((part, i) => (part.type === "text" ? textBlocks(part.text) : [fileBlock(part, `${path}[${i}]`)]));
}

/** The API rejects text without any visible character. */
function textBlocks(text: string): ClaudeBlock[] {
  return text.trim() === "" ? [] : [{ type: "text", text }];
}

function fileBlock(part: FilePart, path: string): ClaudeBlock {
  const { mediaType, what, filename, url, base64 } = readFilePart(part, path);
  const source = url === undefined ? { type: "base64", media_type: mediaType, data: base64 } : { type: "url", url };
  const title = filename ? { title: filename } : {};
  if (IMAGES.has(mediaType)) return { type: "image", source };
  if (mediaType === "application/pdf") return { type: "document", source, ...title };
  if (url === undefined && (mediaType.startsWith("text/") || mediaType === "application/json")) {
    const text = Buffer.from(base64, "base64").toString("utf8");
    return { type: "document", source: { type: "text", media_type: "text/plain", data: text }, ...title };
  }
  const takes = "It takes JPEG, PNG, GIF and WebP images, PDF and plain text";
  throw new BackendError("unsupported", `Claude cannot be sent the ${what} file at ${path}. ${takes}${url ? "; text as base64" : ""}.`);
}

function toolResult(part: ToolResultPart, path: string): ClaudeBlock {
  const { output } = part;
  const content =
    typeof output === "string"
      ? output
      : output.flatMap((item) =>
          item.type === "text" ? textBlocks(item.text) : [resultFile(item, `${path} (result of ${part.toolName})`)],
        );
  return {
    type: "tool_result",
    tool_use_id: cleanId(part.toolCallId),
    ...(content.length > 0 && { content }),
    ...(part.isError && { is_error: true }),
  };
}

function resultFile(part: FilePart, path: string): ClaudeBlock {
  try {
    return fileBlock(part, path);
  } catch (error) {
    return { type: "text", text: unsentFile(error, path) };
  }
}

function assistantBlocks({ content }: AssistantMessage, target: ClaudeTarget, path: string): ClaudeBlock[] {
  if (typeof content === "string") return textBlocks(content);
  const calls = content.filter((part) => part.type === "tool-call");
  for (const part of content) {
    if (part.type !== "provider" || part.provider !== target.provider || part.endpoint !== target.endpoint) continue;
    if (part.model !== target.model) continue;
    // The calls may have been given other ids since; their number and order stay.
    let next = 0;
    return (part.data as ClaudeProviderData).content.flatMap((block) => {
      if (block.type !== "tool_use") return [block];
      const call = calls[next++];
      return call ? [{ ...block, id: cleanId(call.toolCallId) }] : [];
    });
  }
  return content.flatMap((part, i): ClaudeBlock[] => {
    if (part.type === "text") return textBlocks(part.text);
    if (part.type === "tool-call") {
      return [{ type: "tool_use", id: cleanId(part.toolCallId), name: part.toolName, input: toolInput(part.input, part.invalid) }];
    }
    if (part.type === "file") {
      const at = `${path}.content[${i}]`;
      throw new BackendError("unsupported", `Claude cannot be sent a ${part.mediaType} file of an assistant (${at}).`);
    }
    return []; // reasoning counts only with the signature, which goes with the provider's own part
  });
}

/** Input as the API takes it back: an object. A call that never parsed goes back inside one. */
export function toolInput(input: unknown, invalid: string | undefined): Record<string, unknown> {
  if (invalid !== undefined) return { invalid_json: input };
  return typeof input === "object" && input !== null && !Array.isArray(input) ? (input as Record<string, unknown>) : { value: input };
}

/** Ids of other providers may hold characters that this API rejects. */
function cleanId(id: string): string {
  return id.replace(/[^\w-]/g, "_");
}
