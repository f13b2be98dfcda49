import { z } from "zod";
import { badRequest } from "../http-error.js";
import { isObject, type Json, stringField, typeCode } from "./body.js";
import { parseFields } from "./fields.js";
import { type Conversation, ConversationReader } from "./messages.js";
import { readContent, readSaid, readText } from "./parts.js";
import type { ClientTool } from "./run-request.js";

/** Fields of items and parts that have no effect, but must be what they are to be. */
const status = z.enum(["in_progress", "completed", "incomplete"]).optional();
const messageFields = z.looseObject({ id: z.string().optional(), status });
const outputTextFields = z.looseObject({
  annotations: z
    .array(z.looseObject({ type: z.enum(["file_citation", "url_citation", "container_file_citation", "file_path"]) }))
    .optional(),
  logprobs: z.array(z.looseObject({ token: z.string() })).optional(),
});
const callFields = z.looseObject({ id: z.string().nullish(), status: status.nullable() });
const reasoningFields = z.looseObject({
  id: z.string().optional(),
  status,
  summary: z.array(z.looseObject({ type: z.literal("summary_text"), text: z.string() })),
  content: z.array(z.looseObject({ type: z.literal("reasoning_text"), text: z.string() })).optional(),
  encrypted_content: z.string().nullish(),
});

/** The `input` of the Responses API: a text, or a list of messages, calls and results. */
export function readResponseItems(input: unknown, instructions: unknown, tools: readonly ClientTool[]): Conversation {
  const reader = new ConversationReader(tools);
  if (instructions !== undefined && instructions !== null) {
    if (typeof instructions !== "string") throw badRequest("instructions", "`instructions` must be a text.", "invalid_type");
    reader.system(instructions);
  }
  if (typeof input === "string") reader.user(input, "input");
  else if (Array.isArray(input) && input.length > 0) for (const [i, item] of input.entries()) readItem(item, `input[${i}]`, reader);
  else throw badRequest("input", "`input` must be a text or a list of items that is not empty.", typeCode(input));
  return reader.conversation("input");
}

function readItem(item: unknown, path: string, reader: ConversationReader): void {
  if (!isObject(item)) throw badRequest(path, `\`${path}\` must be an object.`, typeCode(item));
  switch (item.type) {
    case undefined:
    case "message":
      return readMessageItem(item, path, reader);
    case "function_call": {
      parseFields(callFields, item, path);
      const call = reader.call(stringField(item, "call_id", path), stringField(item, "name", path), stringField(item, "arguments", path));
      return reader.assistant([call], path);
    }
    case "custom_tool_call": {
      parseFields(callFields, item, path);
      const input = { input: stringField(item, "input", path) };
      const toolCallId = stringField(item, "call_id", path);
      return reader.assistant([{ type: "tool-call", toolCallId, toolName: stringField(item, "name", path), input }], path);
    }
    case "function_call_output":
    case "custom_tool_call_output":
      parseFields(callFields, item, path);
      return reader.result(stringField(item, "call_id", path), readContent(item.output, `${path}.output`), `${path}.call_id`);
    case "reasoning":
      parseFields(reasoningFields, item, path);
      return; // signed for the model that thought it
    default: {
      const message = `\`${path}.type\` ${JSON.stringify(item.type)} is not supported: use messages, function calls and their outputs.`;
      throw badRequest(`${path}.type`, message, "unsupported_value");
    }
  }
}

function readMessageItem(item: Json, path: string, reader: ConversationReader): void {
  const at = `${path}.content`;
  parseFields(messageFields, item, path);
  switch (item.role) {
    case "system":
    case "developer":
      return reader.system(readText(item.content, at));
    case "user":
      return reader.user(readContent(item.content, at), at);
    case "assistant": {
      const text = Array.isArray(item.content)
        ? item.content.map((part, i) => readOutputPart(part, `${at}[${i}]`)).join("")
        : readText(item.content, at);
      return reader.assistant(text === "" ? [] : [{ type: "text", text }], at);
    }
    default:
      throw badRequest(`${path}.role`, `\`${path}.role\` must be system, developer, user or assistant.`, typeCode(item.role));
  }
}

function readOutputPart(part: unknown, path: string): string {
  if (isObject(part)) parseFields(outputTextFields, part, path);
  return readSaid(part, path);
}
