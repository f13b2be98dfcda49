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

/**
 * What the Messages API would say of a conversation, or undefined. Consecutive messages of one role count as one. `betas`: as the
 * header names them.
 */
export function checkAnthropicMessages(messages: unknown, betas: string): Refusal | undefined {
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
      const wrong = checkBlock(block, role, `messages.${i}.content.${j}`, betas);
      if (wrong) return wrong;
    }
    const last = turns.at(-1);
    if (last?.role === role) last.blocks.push(...blocks);
    else turns.push({ role, blocks: [...blocks], at: i });
  }
  return checkCompactions(turns) ?? checkCalls(turns) ?? checkEnd(turns);
}

/** A signed block stands for what was before it, so it comes first and alone; what is before one of a threshold is ignored. */
function checkCompactions(turns: readonly Turn[]): Refusal | undefined {
  const blocks = turns.flatMap((turn) => turn.blocks);
  const filled = blocks.filter((block) => block.type === "compaction" && block.content != null);
  const signed = filled.filter((block) => block.signature != null);
  if (signed.length === 0) return undefined;
  if (filled.length > 1) {
    return refused("compaction_block_ambiguous", "messages: more than one `compaction` block with content. Send only the newest.");
  }
  return blocks[0] === signed[0]
    ? undefined
    : refused("compaction_block_misplaced", "messages: the `compaction` block must be the first content block of the first message.");
}

/** A refusal whose `error_code` names what is wrong with a compaction. */
function refused(code: string, message: string): Refusal {
  return { ...badRequest(message), code };
}

/** The messages from the last compaction on, which are all that the API reads; the block itself comes first. */
export function fromCompaction(messages: readonly Json[]): Json[] {
  for (let i = messages.length - 1; i >= 0; i--) {
    const { role, content } = messages[i] as Json;
    if (!Array.isArray(content)) continue;
    const at = content.findLastIndex((block: Json) => block.type === "compaction" && block.content != null);
    if (at >= 0) return [{ role, content: content.slice(at) }, ...messages.slice(i + 1)];
  }
  return [...messages];
}

/** Text that the API takes: not empty, and not white space alone. */
export function checkText(text: unknown, at: string, part = "messages"): Refusal | undefined {
  if (typeof text !== "string") return badRequest(`${at}: ${text === undefined ? "Field required" : "Input should be a valid string"}`);
  if (text === "") return badRequest(`${part}: text content blocks must be non-empty`);
  return text.trim() === "" ? badRequest(`${part}: text content blocks must contain non-whitespace text`) : undefined;
}

function checkBlock(block: unknown, role: string, at: string, betas: string): Refusal | undefined {
  const type = isObject(block) ? block.type : undefined;
  const compacts = isObject(block) && block.signature != null ? /compact-2026-09-04/ : /compact-/;
  const known = role === "user" ? [...USER_BLOCKS, "compaction"] : [...ASSISTANT_BLOCKS];
  // The API knows the block only with its beta.
  const allowed = new Set(known.filter((tag) => tag !== "compaction" || compacts.test(betas)));
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
    case "compaction":
      return checkCompaction(block, at);
    case "tool_result":
      if (typeof block.tool_use_id !== "string") return badRequest(`${at}.tool_result.tool_use_id: Field required`);
      for (const [k, part] of (Array.isArray(block.content) ? block.content : []).entries()) {
        const wrong = checkBlock(part, "user", `${at}.tool_result.content.${k}`, betas);
        if (wrong) return wrong;
      }
      return undefined;
    default:
      return undefined;
  }
}

const COMPACTION = new Set(["type", "content", "encrypted_content", "signature", "tool_changes", "cache_control"]);

function checkCompaction(block: Json, at: string): Refusal | undefined {
  const stray = Object.keys(block).find((key) => !COMPACTION.has(key));
  if (stray) return badRequest(`${at}.compaction.${stray}: Extra inputs are not permitted`);
  const { content, signature } = block;
  if (content === "") return badRequest(`${at}.compaction.content: String should have at least 1 character`);
  if (content != null && typeof content !== "string") return badRequest(`${at}.compaction.content: Input should be a valid string`);
  if (signature == null || signature === thoughtSignature(content ?? "")) return undefined;
  return refused("compaction_signature_invalid", `${at}: the \`signature\` of the \`compaction\` block does not verify.`);
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
