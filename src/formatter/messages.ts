/** Neutral messages: what every backend understands. All of it is JSON-safe. */
export type Message = UserMessage | AssistantMessage | ToolMessage;

export interface UserMessage {
  role: "user";
  content: string | UserPart[];
}

export interface AssistantMessage {
  role: "assistant";
  content: string | AssistantPart[];
}

export interface ToolMessage {
  role: "tool";
  content: ToolResultPart[];
}

export type UserPart = TextPart | FilePart;
export type AssistantPart = TextPart | ReasoningPart | FilePart | ToolCallPart | ProviderPart;

export interface TextPart {
  type: "text";
  text: string;
}

/** An image, sound, video or document. */
export interface FilePart {
  type: "file";
  /** e.g. `image/png`. */
  mediaType: string;
  /** Base64, or an `http(s):` or `data:` URL. For a file on disk see `filePart()` of `massgen/formatter`. */
  data: string;
  filename?: string;
}

export interface ReasoningPart {
  type: "reasoning";
  text: string;
  kind?: "raw" | "summary";
}

export interface ToolCallPart {
  type: "tool-call";
  toolCallId: string;
  toolName: string;
  /** The parsed arguments; the raw string when `invalid` is set. */
  input: unknown;
  /** Why the arguments could not be parsed. */
  invalid?: string;
}

export interface ToolResultPart {
  type: "tool-result";
  toolCallId: string;
  toolName: string;
  output: string | UserPart[];
  isError?: boolean;
}

/**
 * State of a provider that must be sent back as it came (encrypted reasoning, signatures, compaction items). Dropped,
 * not sent, as soon as the backend's provider, endpoint or model is another one.
 */
export interface ProviderPart {
  type: "provider";
  provider: string;
  endpoint: string;
  model: string;
  data: unknown;
}

/** A tool as a model reads it. */
export interface ToolDefinition {
  name: string;
  description: string;
  /** JSON Schema (draft 2020-12) of an object. */
  inputSchema: Record<string, unknown>;
}

export type ToolChoice = "auto" | "required" | "none" | { toolName: string };

/** The plain text of a message's content; parts that are not text are left out. */
export function textOf(content: Message["content"]): string {
  if (typeof content === "string") return content;
  let text = "";
  for (const part of content) if (part.type === "text") text += part.text;
  return text;
}
