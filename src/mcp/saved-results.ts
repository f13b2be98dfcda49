import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MassGenError } from "../errors.js";
import type { Tool, ToolContext } from "../tools/tool.js";
import { wholeCharacters } from "../whole-characters.js";

const DEFAULT_LIMIT = 16_384;
const MAX_LIMIT = 65_536;
/** Characters of a file that are let go by at a time. */
const PIECE = 65_536;

/** Results of one run that were too long, and the tool that reads them where an agent has no workspace to keep them in. */
export interface SavedResults {
  readonly tool: Tool;
  keep(name: string, data: string | Uint8Array, extension: string, context: ToolContext): Promise<string>;
  close(): Promise<void>;
}

export function savedResults(toolName: string): SavedResults {
  let directory: Promise<string> | undefined;
  let closed = false;
  let count = 0;
  const kept = new Map<string, { path: string; agentId: string }>();

  return {
    tool: {
      name: toolName,
      description:
        "Reads on in a result that was too long to be shown whole. Give the `result` that its note names, and where to go on: `offset` in characters.",
      inputSchema: {
        type: "object",
        properties: {
          result: { type: "string" },
          offset: { type: "integer", minimum: 0, description: "Default 0." },
          limit: { type: "integer", minimum: 1, maximum: MAX_LIMIT, description: `Characters to read. Default ${DEFAULT_LIMIT}.` },
        },
        required: ["result"],
      },
      annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
      effects: "none",
      execute: (input, context) => read((input ?? {}) as Record<string, unknown>, context),
    },
    async keep(name, data, extension, context) {
      const id = `${name}-${++count}.${extension}`;
      try {
        if (context.saveFile) return `The whole is in the file ${await context.saveFile(id, data)}.`;
        if (typeof data !== "string") return "It is not kept: this agent has no workspace.";
        if (closed) return "It is not kept: the run is over.";
        directory ??= mkdtemp(join(tmpdir(), "massgen-mcp-"));
        const path = join(await directory, String(count));
        await writeFile(path, data, { mode: 0o600 });
        kept.set(id, { path, agentId: context.agentId });
        return `Read on with ${toolName}({ "result": "${id}", "offset": … }).`;
      } catch (error) {
        return `The whole could not be kept: ${error instanceof Error ? error.message : String(error)}.`;
      }
    },
    async close() {
      closed = true;
      kept.clear();
      const made = await directory?.catch(() => undefined);
      if (made !== undefined) await rm(made, { recursive: true, force: true });
    },
  };

  async function read(input: Record<string, unknown>, context: ToolContext): Promise<string> {
    const { result, offset = 0, limit = DEFAULT_LIMIT } = input;
    const file = typeof result === "string" ? kept.get(result) : undefined;
    if (file === undefined || file.agentId !== context.agentId) {
      const own = [...kept].filter(([, { agentId }]) => agentId === context.agentId).map(([id]) => id);
      const known = own.length === 0 ? "None is kept." : `Kept are: ${own.join(", ")}.`;
      throw new MassGenError("mcp_no_such_result", `There is no kept result ${JSON.stringify(result)}. ${known}`);
    }
    if (!isCount(offset) || !isCount(limit) || limit === 0) {
      throw new MassGenError("invalid_tool_input", "`offset` must be a whole number from 0, `limit` one from 1.");
    }
    const { text, more } = await slice(file.path, offset, Math.min(limit, MAX_LIMIT), context.signal);
    if (text === "") return `[nothing: the result ends before character ${offset}]`;
    return more ? `${text}\n\n[to go on: "offset": ${offset + text.length}]` : `${text}\n\n[end of the result]`;
  }
}

/** Characters `offset` to `offset + limit` of a text file, and whether more follow. */
async function slice(path: string, offset: number, limit: number, signal: AbortSignal): Promise<{ text: string; more: boolean }> {
  let skipped = 0;
  let text = "";
  const stream = createReadStream(path, { encoding: "utf8", highWaterMark: PIECE, signal });
  for await (const piece of stream as AsyncIterable<string>) {
    const from = Math.max(0, offset - skipped);
    skipped += piece.length;
    if (from < piece.length) text += piece.slice(from);
    if (text.length > limit) break;
  }
  const end = text.length > limit ? wholeCharacters(text, limit) : limit;
  return { text: text.slice(0, Math.max(1, end)), more: text.length > end };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}
