import type { ClaudeBlock } from "../../formatter/claude.js";
import { toolInput } from "../../formatter/claude.js";
import type { BackendChunk } from "../backend.js";

type Json = Record<string, unknown>;

/** The blocks of one reply, put together from their pieces. */
export interface Blocks {
  /** In the order in which they began; whole once they are closed. */
  readonly all: ClaudeBlock[];
  readonly calls: number;
  /** A block begins. Appends what there is to tell. */
  open(index: number, block: ClaudeBlock, out: BackendChunk[]): void;
  /** Adds to the text block that began last, if the index is its; says whether it was. */
  appendText(index: number | undefined, text: string): boolean;
  /** The block at an index; one of `type` begins where the server forgot to say so. */
  at(index: number, type: string, out: BackendChunk[]): ClaudeBlock;
  addInput(index: number, json: string, out: BackendChunk[]): void;
  addCitation(index: number, citation: Json, out: BackendChunk[]): void;
  close(index: number, out: BackendChunk[]): void;
  /** Closes what is still open and appends one `tool-call` per call. */
  finish(cutByLimit: boolean, out: BackendChunk[]): void;
}

interface Open {
  index: number;
  block: ClaudeBlock;
  /** Streamed text of a text block, until it is asked for. */
  text: string;
  /** Streamed arguments. */
  json: string;
}

export function newBlocks(): Blocks {
  const all: ClaudeBlock[] = [];
  const opened = new Map<number, Open>();
  const calls: Open[] = [];
  /** The block that began last, while it is open: the one that nearly every delta is for. */
  let latest: Open | undefined;
  /** Names of the provider's own tools by the id of their use. */
  const serverTools = new Map<string, string>();
  const sources = new Set<string>();

  const tellSource = (citation: Json, out: BackendChunk[]) => {
    const url = textOf(citation.url) ?? (citation.type === "search_result_location" ? textOf(citation.source) : undefined);
    const title = textOf(citation.title) ?? textOf(citation.document_title);
    const text = textOf(citation.cited_text);
    const key = JSON.stringify([url, title, text]);
    if (sources.has(key)) return;
    sources.add(key);
    out.push({ type: "source", ...(url && { url }), ...(title && { title }), ...(text && { text }) });
  };

  const blocks: Blocks = {
    all,
    get calls() {
      return calls.length;
    },

    open(index, given, out) {
      blocks.close(index, out);
      const block = { ...given };
      const entry: Open = { index, block, text: "", json: "" };
      all.push(block);
      opened.set(index, entry);
      latest = block.type === "text" ? entry : undefined;
      switch (block.type) {
        case "text":
          if (block.text) out.push({ type: "text-delta", delta: block.text as string });
          if (Array.isArray(block.citations)) for (const citation of block.citations) tellSource(citation, out);
          break;
        case "thinking":
          if (block.thinking) out.push({ type: "reasoning-delta", delta: block.thinking as string });
          break;
        case "tool_use":
          block.id ||= `toolu_${calls.length + 1}`;
          block.name ??= "";
          calls.push(entry);
          out.push({ type: "tool-input-start", toolCallId: block.id as string, toolName: block.name as string });
          break;
        case "server_tool_use":
        case "mcp_tool_use":
          serverTools.set(block.id as string, block.name as string);
          break;
        default:
          if (block.type.endsWith("_tool_result")) out.push(serverResult(block, serverTools));
      }
    },

    appendText(index, text) {
      if (latest === undefined || latest.index !== index) return false;
      latest.text += text;
      return true;
    },

    at(index, type, out) {
      const entry = opened.get(index);
      if (entry) return entry.block;
      const empty: Record<string, ClaudeBlock> = {
        text: { type, text: "" },
        thinking: { type, thinking: "", signature: "" },
        compaction: { type, content: null },
      };
      blocks.open(index, empty[type] ?? { type }, out);
      return opened.get(index)?.block as ClaudeBlock;
    },

    addInput(index, json, out) {
      const entry = opened.get(index);
      if (entry === undefined || json === "") return;
      entry.json += json;
      if (entry.block.type === "tool_use") out.push({ type: "tool-input-delta", toolCallId: entry.block.id as string, delta: json });
    },

    addCitation(index, citation, out) {
      const block = blocks.at(index, "text", out);
      block.citations = [...((block.citations as Json[] | null | undefined) ?? []), citation];
      tellSource(citation, out);
    },

    close(index, out) {
      const entry = opened.get(index);
      if (entry === undefined) return;
      opened.delete(index);
      if (latest === entry) latest = undefined;
      if (entry.text) entry.block.text = `${entry.block.text ?? ""}${entry.text}`;
      const { block, json } = entry;
      if (block.type !== "server_tool_use" && block.type !== "mcp_tool_use") return;
      const { input, invalid } = parseInput(block, json, false);
      block.input = toolInput(input, invalid);
      out.push({ type: "builtin-tool", id: block.id as string, toolName: block.name as string, state: "started", input });
    },

    finish(cutByLimit, out) {
      for (const index of [...opened.keys()]) blocks.close(index, out);
      for (const { block, json } of calls) {
        const parsed = parseInput(block, json, cutByLimit);
        block.input = toolInput(parsed.input, parsed.invalid);
        out.push({ type: "tool-call", toolCallId: block.id as string, toolName: block.name as string, ...parsed });
      }
    },
  };
  return blocks;
}

/** Whether a block says more than the neutral parts made of it, so that it must go back as it came. */
export function isOpaque(block: ClaudeBlock): boolean {
  if (block.type === "text") return Array.isArray(block.citations) && block.citations.length > 0;
  if (block.type !== "tool_use") return true;
  const caller = block.caller as { type?: string } | null | undefined;
  return caller != null && caller.type !== "direct";
}

/** Arguments come in pieces, or whole with the block's beginning; none at all are an empty object. */
function parseInput(block: ClaudeBlock, json: string, cutByLimit: boolean): { input: unknown; invalid?: string } {
  if (json.trim() === "") return { input: block.input ?? {} };
  try {
    return { input: JSON.parse(json) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const what = cutByLimit ? "the output limit cut the arguments off" : "the arguments are not valid JSON";
    return { input: json, invalid: `${what}: ${why}` };
  }
}

function serverResult(block: ClaudeBlock, names: ReadonlyMap<string, string>): BackendChunk {
  const id = (block.tool_use_id ?? "") as string;
  const content = block.content as { type?: string } | undefined;
  const failed = block.is_error === true || (typeof content?.type === "string" && content.type.endsWith("_error"));
  // A use from before a pause is not in this reply; the result's own type names the tool as well.
  const toolName = names.get(id) ?? block.type.slice(0, -"_tool_result".length);
  return { type: "builtin-tool", id, toolName, state: failed ? "failed" : "finished", output: content };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
