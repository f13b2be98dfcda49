import { badRequest, type Refusal } from "./reply.js";
import { thoughtSignature } from "./thought-signature.js";

type Json = Record<string, unknown>;

const USER_BLOCKS = new Set(["text", "image", "document", "search_result", "tool_result", "container_upload"]);
/** Besides whatever ends in `_tool_result` or `_tool_use`. */
const ASSISTANT_BLOCKS = new Set(["text", "thinking", "redacted_thinking", "tool_use", "compaction", "fallback", "container_upload"]);
const ID = /^[a-zA-Z0-9_-]+$/;

interface Turn {
  role: string;
  blocks: Json[];
  /** Index of the first message it was made of. */
  at: number;
}

/** What the Messages API would say of a conversation, or undefined. Consecutive messages of one role count as one. */
export function checkAnthropicMessages(messages: unknown): Refusal | undefined {
  if (messages === undefined) return badRequest("messages: Field required");
  if (!Array.isArray(messages)) return badRequest("messages: Input should be a valid list");
  if (messages.length === 0) return badRequest("messages: at least one message is required");
  const turns: Turn[] = [];
  for (const [i, message] of messages.entries()) {
    if (!isObject(message)) return badRequest(`messages.${i}: Input should be a valid dictionary`);
    const { role, content } = message;
    if (role !== "user" && role !== "assistant") {
      return badRequest(
        role === undefined ? `messages.${i}.role: Field required` : `messages.${i}.role: Input should be 'user' or 'assistant'`,
      );
    }
    for (const key of Object.keys(message)) {
      if (key !== "role" && key !== "content") return badRequest(`messages.${i}.${key}: Extra inputs are not permitted`);
    }
    if (content === undefined) return badRequest(`messages.${i}.content: Field required`);
    if (content === "" || (Array.isArray(content) && content.length === 0)) {
      return badRequest(`messages.${i}: all messages must have non-empty content except for the optional final assistant message`);
    }
    const blocks = Array.isArray(content) ? content : [{ type: "text", text: content }];
    for (const [j, block] of blocks.entries()) {
      const wrong = checkBlock(block, role, `messages.${i}.content.${j}`);
      if (wrong) return wrong;
    }
    const last = turns.at(-1);
    if (last?.role === role) last.blocks.push(...blocks);
    else turns.push({ role, blocks: [...blocks], at: i });
  }
  return checkCalls(turns) ?? checkEnd(turns);
}

/** Text that the API takes: not empty, and not white space alone. */
export function checkText(text: unknown, at: string, part = "messages"): Refusal | undefined {
  if (typeof text !== "string") return badRequest(`${at}: ${text === undefined ? "Field required" : "Input should be a valid string"}`);
  if (text === "") return badRequest(`${part}: text content blocks must be non-empty`);
  return text.trim() === "" ? badRequest(`${part}: text content blocks must contain non-whitespace text`) : undefined;
}

function checkBlock(block: unknown, role: string, at: string): Refusal | undefined {
  const type = isObject(block) ? block.type : undefined;
  const allowed = role === "user" ? USER_BLOCKS : ASSISTANT_BLOCKS;
  const server = role === "assistant" && typeof type === "string" && /_tool_(use|result)$/.test(type);
  if (!isObject(block) || typeof type !== "string" || !(allowed.has(type) || server)) {
    const tags = [...allowed].map((tag) => `'${tag}'`).join(", ");
    return badRequest(`${at}: Input tag '${String(type)}' found using 'type' does not match any of the expected tags: ${tags}`);
  }
  switch (type) {
    case "text":
      return checkText(block.text, `${at}.text.text`);
    case "image":
    case "document":
      return checkSource(block, `${at}.${type}`);
    case "tool_use":
      if (typeof block.id !== "string") return badRequest(`${at}.tool_use.id: Field required`);
      if (!ID.test(block.id)) return badRequest(`${at}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`);
      if (typeof block.name !== "string" || block.name === "")
        return badRequest(`${at}.tool_use.name: String should have at least 1 character`);
      return isObject(block.input) ? undefined : badRequest(`${at}.tool_use.input: Input should be a valid dictionary`);
    case "thinking":
      if (typeof block.signature !== "string") return badRequest(`${at}.thinking.signature: Field required`);
      return block.signature === thoughtSignature(String(block.thinking))
        ? undefined
        : badRequest(`${at}: Invalid \`signature\` in \`thinking\` block`);
    case "tool_result":
      if (typeof block.tool_use_id !== "string") return badRequest(`${at}.tool_result.tool_use_id: Field required`);
      for (const [k, part] of (Array.isArray(block.content) ? block.content : []).entries()) {
        const wrong = checkBlock(part, "user", `${at}.tool_result.content.${k}`);
        if (wrong) return wrong;
      }
      return undefined;
    default:
      return undefined;
  }
}

function checkSource(block: Json, at: string): Refusal | undefined {
  const source = block.source;
  if (!isObject(source)) return badRequest(`${at}.source: Field required`);
  if (source.type !== "base64") return undefined;
  const types = block.type === "image" ? ["image/jpeg", "image/png", "image/gif", "image/webp"] : ["application/pdf"];
  if (!types.includes(source.media_type as string)) {
    return badRequest(`${at}.source.base64.media_type: Input should be ${types.map((type) => `'${type}'`).join(", ")}`);
  }
  return typeof source.data === "string" && /^[A-Za-z0-9+/]+=*$/.test(source.data)
    ? undefined
    : badRequest(`${at}.source.base64: invalid base64 data`);
}

function checkCalls(turns: readonly Turn[]): Refusal | undefined {
  const used = new Set<unknown>();
  for (const [i, { role, blocks, at }] of turns.entries()) {
    if (role === "assistant") {
      const calls = idsOf(blocks, "tool_use", "id");
      for (const id of calls) {
        if (used.has(id)) return badRequest("messages: `tool_use` ids must be unique");
        used.add(id);
      }
      const results = new Set(idsOf(turns[i + 1]?.blocks ?? [], "tool_result", "tool_use_id"));
      const open = calls.filter((id) => !results.has(id));
      if (open.length > 0) {
        return badRequest(
          `messages.${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${open.join(", ")}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
        );
      }
      continue;
    }
    const calls = new Set(idsOf(turns[i - 1]?.blocks ?? [], "tool_use", "id"));
    let others = false;
    for (const [j, block] of blocks.entries()) {
      if (block.type !== "tool_result") {
        others = true;
        continue;
      }
      if (!calls.has(block.tool_use_id as string) || others) {
        return badRequest(
          `messages.${at}.content.${j}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${String(block.tool_use_id)}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
        );
      }
    }
  }
  return undefined;
}

function checkEnd(turns: readonly Turn[]): Refusal | undefined {
  const last = turns.at(-1);
  const end = last?.role === "assistant" ? last.blocks.at(-1) : undefined;
  if (end?.type !== "text" || !/\s$/.test(end.text as string)) return undefined;
  return badRequest("messages: final assistant content cannot end with trailing whitespace");
}

function idsOf(blocks: readonly Json[], type: string, key: string): string[] {
  return blocks.filter((block) => block.type === type).map((block) => block[key] as string);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
