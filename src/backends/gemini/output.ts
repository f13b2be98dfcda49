import type { GeminiPart } from "../../formatter/gemini.js";
import type { AssistantPart } from "../../formatter/messages.js";
import type { BackendChunk } from "../backend.js";

interface Code {
  id?: string;
  language?: string;
  code?: string;
}

interface CodeResult {
  id?: string;
  outcome?: string;
  output?: string;
}

interface ServerCall {
  id?: string;
  toolType?: string;
  args?: unknown;
  response?: unknown;
}

/** Turns parts other than function calls into chunks and into parts of the neutral message. */
export class Output {
  /** The model searched the web through a tool call of the server's. */
  searched = false;
  private readonly content: AssistantPart[];
  /** Sound comes in pieces; they make one file. */
  private sound: { mediaType: string; pieces: Buffer[] } | undefined;
  private runs = 0;
  private readonly ignored = new Set<string>();

  constructor(content: AssistantPart[]) {
    this.content = content;
  }

  get pending(): boolean {
    return this.sound !== undefined;
  }

  text(text: string, thought: boolean): BackendChunk {
    const last = this.content.at(-1);
    if (thought) {
      if (last?.type === "reasoning") last.text += text;
      else this.content.push({ type: "reasoning", text, kind: "summary" });
      return { type: "reasoning-delta", delta: text, kind: "summary" };
    }
    if (last?.type === "text") last.text += text;
    else this.content.push({ type: "text", text });
    return { type: "text-delta", delta: text };
  }

  other(part: GeminiPart, out: BackendChunk[]): void {
    const { inlineData, fileData } = part;
    const mediaType = inlineData?.mimeType ?? fileData?.mimeType ?? "application/octet-stream";
    if (inlineData?.data && mediaType.startsWith("audio/")) {
      if (this.sound?.mediaType !== mediaType) this.flush(out);
      this.sound ??= { mediaType, pieces: [] };
      this.sound.pieces.push(Buffer.from(inlineData.data, "base64"));
      return;
    }
    this.flush(out);
    // A picture that was thought is a sketch, not the result.
    if (part.thought) return;
    if (inlineData?.data) this.file(mediaType, inlineData.data, out);
    else if (fileData?.fileUri) this.file(mediaType, fileData.fileUri, out);
    else if (part.executableCode) this.code(part.executableCode as Code, out);
    else if (part.codeExecutionResult) this.codeResult(part.codeExecutionResult as CodeResult, out);
    else if (part.toolCall) this.serverCall(part.toolCall as ServerCall, "started", out);
    else if (part.toolResponse) this.serverCall(part.toolResponse as ServerCall, "finished", out);
    else this.unknown(part, out);
  }

  /** Gives what was held back. */
  flush(out: BackendChunk[]): void {
    if (!this.sound) return;
    const { mediaType, pieces } = this.sound;
    this.sound = undefined;
    this.file(mediaType, Buffer.concat(pieces).toString("base64"), out);
  }

  private file(mediaType: string, data: string, out: BackendChunk[]): void {
    this.content.push({ type: "file", mediaType, data });
    out.push({ type: "file", mediaType, data });
  }

  private code({ id, language, code }: Code, out: BackendChunk[]): void {
    this.runs++;
    const input = { language: language?.toLowerCase(), code };
    out.push({ type: "builtin-tool", id: id ?? this.runId(), toolName: "code_execution", state: "started", input });
  }

  private codeResult({ id, outcome, output }: CodeResult, out: BackendChunk[]): void {
    const state = outcome === undefined || outcome === "OUTCOME_OK" ? "finished" : "failed";
    out.push({
      type: "builtin-tool",
      id: id ?? this.runId(),
      toolName: "code_execution",
      state,
      output: { outcome, output: output ?? "" },
    });
  }

  private runId(): string {
    return `code_execution:${this.runs}`;
  }

  private serverCall({ id, toolType, args, response }: ServerCall, state: "started" | "finished", out: BackendChunk[]): void {
    const toolName = (toolType ?? "server_tool").toLowerCase();
    if (toolName.startsWith("google_search")) this.searched = true;
    out.push({
      type: "builtin-tool",
      id: id ?? toolName,
      toolName,
      state,
      ...(state === "started" ? { input: args ?? {} } : { output: response ?? null }),
    });
  }

  private unknown(part: GeminiPart, out: BackendChunk[]): void {
    for (const key of Object.keys(part)) {
      if (key === "thoughtSignature" || key === "thought" || this.ignored.has(key)) continue;
      this.ignored.add(key);
      out.push({ type: "warning", code: "ignored_output", message: `Gemini sent a part with "${key}", which is not read.` });
    }
  }
}
