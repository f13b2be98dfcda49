import { BackendError, ConfigError } from "../errors.js";
import { readFilePart } from "./file-data.js";
import type {
  AssistantMessage,
  AssistantPart,
  FilePart,
  Message,
  ProviderPart,
  ToolCallPart,
  ToolChoice,
  ToolDefinition,
  ToolResultPart,
  UserPart,
} from "./messages.js";
import { resultText } from "./result-text.js";

/** A part as Gemini spells it. Unknown fields stay: a part that came from Gemini goes back as it came. */
export interface GeminiPart {
  text?: string;
  thought?: boolean;
  thoughtSignature?: string;
  functionCall?: { id?: string; name?: string; args?: unknown; [field: string]: unknown };
  functionResponse?: { id?: string; name: string; response: Record<string, unknown> };
  inlineData?: { mimeType?: string; data?: string; displayName?: string };
  fileData?: { mimeType?: string; fileUri?: string };
  [field: string]: unknown;
}

export interface GeminiContent {
  role: "user" | "model";
  parts: GeminiPart[];
}

/** Whom the messages are for. */
export interface GeminiTarget {
  provider: string;
  endpoint: string;
  model: string;
  /** The model refuses function calls without a signature. */
  signatures?: true;
}

/** The `data` of a `ProviderPart` of Gemini: the reply's parts as they came. */
export interface GeminiProviderData {
  parts: GeminiPart[];
  /** The reply is not over: the next request goes on with it. */
  continuationToken?: string;
}

/** What Google's docs give as the signature of calls that another model made. */
const UNSIGNED = "skip_thought_signature_validator";

/**
 * Neutral messages as Gemini's contents. The results of one step go back together, in the order of its calls. Throws a
 * `BackendError` `unsupported` that names a part which cannot be sent.
 */
export function toGeminiContents(messages: readonly Message[], target: GeminiTarget): GeminiContent[] {
  const out: GeminiContent[] = [];
  /** The calls of the last assistant message, and the id each was made under. */
  let calls: { toolCallId: string; sentId: string | undefined }[] = [];
  let results: { part: ToolResultPart; path: string }[] = [];

  const flush = () => {
    if (results.length === 0) return;
    const order = (id: string) => {
      const index = calls.findIndex((call) => call.toolCallId === id);
      return index === -1 ? calls.length : index;
    };
    results.sort((a, b) => order(a.part.toolCallId) - order(b.part.toolCallId));
    const attachments: GeminiPart[] = [];
    const parts = results.map(({ part, path }) => {
      const call = calls.find((one) => one.toolCallId === part.toolCallId);
      return toolResult(part, call ? call.sentId : part.toolCallId, path, attachments);
    });
    out.push({ role: "user", parts });
    if (attachments.length > 0) out.push({ role: "user", parts: attachments });
    results = [];
  };

  messages.forEach((message, index) => {
    const path = `messages[${index}]`;
    if (message.role === "tool") {
      results.push(...message.content.map((part) => ({ part, path })));
      return;
    }
    flush();
    if (message.role === "user") {
      out.push({ role: "user", parts: userParts(message.content, path) });
      return;
    }
    const { parts, ids } = assistantParts(message, target, path);
    calls = ids;
    if (parts.length > 0) out.push({ role: "model", parts });
  });
  flush();
  return out;
}

/** The token under which the last message goes on, where it is the unfinished reply of this very model. */
export function continuationOf(messages: readonly Message[], target: GeminiTarget): string | undefined {
  const last = messages.at(-1);
  if (last?.role !== "assistant" || typeof last.content === "string") return undefined;
  return ownData(last.content, target)?.continuationToken;
}

export function toGeminiTools(tools: readonly ToolDefinition[]): Record<string, unknown>[] {
  return tools.map(({ name, description, inputSchema }) => {
    if (!/^[a-zA-Z_][\w.:-]{0,127}$/.test(name)) {
      throw new ConfigError(
        "invalid_tool_name",
        `The tool name "${name}" must be 1 to 128 letters, digits, "_", ".", ":" or "-", and begin with a letter or "_".`,
        { path: `tools.${name}` },
      );
    }
    // Not among the keywords that the API reads.
    const { $schema: _, ...schema } = inputSchema;
    return { name, description, parametersJsonSchema: schema.type === undefined ? { type: "object", properties: {}, ...schema } : schema };
  });
}

/** The function calling config of a choice; `undefined` for "auto". */
export function toGeminiToolChoice(choice: ToolChoice): Record<string, unknown> | undefined {
  if (choice === "auto") return undefined;
  if (choice === "none") return { mode: "NONE" };
  return choice === "required" ? { mode: "ANY" } : { mode: "ANY", allowedFunctionNames: [choice.toolName] };
}

/** A reply of Gemini as a neutral message. Its parts go along whole where they hold more than text. */
export function fromGeminiParts(
  content: AssistantPart[],
  parts: GeminiPart[],
  origin: { provider: string; endpoint: string; model: string },
  continuationToken?: string,
): AssistantMessage {
  const plain = parts.every((part) => Object.keys(part).every((key) => key === "text" || key === "thought"));
  if (plain && continuationToken === undefined) return { role: "assistant", content };
  const data: GeminiProviderData = { parts, ...(continuationToken !== undefined && { continuationToken }) };
  const { provider, endpoint, model } = origin;
  return { role: "assistant", content: [...content, { type: "provider", provider, endpoint, model, data }] };
}

function userParts(content: string | UserPart[], path: string): GeminiPart[] {
  if (typeof content === "string") return [{ text: content }];
  return content.map((part, i) => userPart(part, `${path}.content[${i}]`));
}

function userPart(part: UserPart, path: string): GeminiPart {
  return part.type === "text" ? { text: part.text } : filePart(part, path);
}

/** Bytes go inside the request, URLs (public ones, Files API, YouTube, Cloud Storage) as they are. */
function filePart(part: FilePart, path: string): GeminiPart {
  const { mediaType, family, what, url, base64 } = readFilePart(part, path, /^(https?|gs):/i);
  if (!["image", "audio", "video", "text"].includes(family) && mediaType !== "application/pdf") {
    throw new BackendError("unsupported", `Gemini cannot read the ${what} file at ${path}: send an image, sound, video, PDF or text.`);
  }
  if (url !== undefined) return { fileData: { fileUri: url, mimeType: mediaType } };
  return { inlineData: { mimeType: mediaType, data: base64 } };
}

function ownData(content: readonly AssistantPart[], target: GeminiTarget): GeminiProviderData | undefined {
  const own = content.find((part): part is ProviderPart => part.type === "provider" && belongsTo(part, target));
  return own?.data as GeminiProviderData | undefined;
}

function belongsTo(part: ProviderPart, target: GeminiTarget): boolean {
  return part.provider === target.provider && part.endpoint === target.endpoint && part.model === target.model;
}

function assistantParts(
  message: AssistantMessage,
  target: GeminiTarget,
  path: string,
): { parts: GeminiPart[]; ids: { toolCallId: string; sentId: string | undefined }[] } {
  if (typeof message.content === "string") return { parts: message.content ? [{ text: message.content }] : [], ids: [] };
  const calls = message.content.filter((part): part is ToolCallPart => part.type === "tool-call");
  const own = ownData(message.content, target);
  const made = own?.parts.filter((part) => part.functionCall) ?? [];
  // A message whose calls have been changed since is no longer the one that was signed.
  if (own && made.length === calls.length) {
    return { parts: own.parts, ids: calls.map(({ toolCallId }, i) => ({ toolCallId, sentId: made[i]?.functionCall?.id })) };
  }
  const parts: GeminiPart[] = [];
  const sign = target.signatures ? { thoughtSignature: UNSIGNED } : {};
  message.content.forEach((part, i) => {
    if (part.type === "text") {
      if (part.text) parts.push({ text: part.text });
    } else if (part.type === "file") parts.push({ ...filePart(part, `${path}.content[${i}]`), ...sign });
    else if (part.type === "tool-call") {
      const { toolCallId: id, toolName: name } = part;
      // Arguments are an object here, so a call that never parsed goes back inside one.
      const valid = part.invalid === undefined && typeof part.input === "object" && part.input !== null && !Array.isArray(part.input);
      const args = valid ? part.input : part.invalid === undefined && part.input == null ? {} : { invalid_json: part.input };
      parts.push({ functionCall: { id, name, args }, ...sign });
    }
  });
  return { parts, ids: calls.map(({ toolCallId }) => ({ toolCallId, sentId: toolCallId })) };
}

function toolResult(part: ToolResultPart, id: string | undefined, path: string, attachments: GeminiPart[]): GeminiPart {
  const text = resultText(part, path, attachments, userPart);
  const response = part.isError ? { error: text } : { output: text };
  return { functionResponse: { ...(id !== undefined && { id }), name: part.toolName, response } };
}
