import type { ClientCall, Output } from "../output.js";
import { chatUsage, finishReasonOf, metadataOf, type ReplyInfo, textVoided, wholeReply } from "./common.js";

const frame = (chunk: unknown) => `data: ${JSON.stringify(chunk)}\n\n`;

const DETAILS = "<details>\n<summary>Deliberation</summary>\n\n";
const DETAILS_END = "\n\n</details>\n\n";
/** What an agent writes must not close the block it is told in. */
const contained = (text: string) => text.replace(/<(\/details)/gi, "&lt;$1");

/** A reply as `chat.completion.chunk` events. The opening frame is ready before the run has begun. */
export class ChatStream {
  readonly #info: ReplyInfo;
  readonly #head: string;
  readonly #tail: string;
  #open = false;
  #held = "";
  #said = false;

  constructor(info: ReplyInfo) {
    this.#info = info;
    const { id, created, request } = info;
    const usage = request.includeUsage ? ',"usage":null' : "";
    // Written once: a delta costs the encoding of its text alone.
    this.#head = `data: {"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(request.model)},"choices":[{"index":0,"delta":`;
    this.#tail = `,"finish_reason":null}]${usage}}\n\n`;
  }

  start(): string {
    return this.#delta('{"role":"assistant","content":""}');
  }

  /** What an output says on the wire; `last` after the one that ends the reply. */
  write(output: Output): string {
    switch (output.type) {
      case "progress":
        return this.#progress(output.delta);
      case "text":
        this.#said = true;
        return this.#closeDetails() + this.#delta(`{"content":${JSON.stringify(output.delta)}}`);
      case "void":
        if (this.#said) throw textVoided();
        return "";
      case "tool-calls":
        return this.#closeDetails() + output.calls.map((call, i) => this.#call(call, i)).join("") + this.#end("tool_calls", output);
      case "finish":
        return this.#closeDetails() + this.#end(finishReasonOf(output.result.finishReason), output);
    }
  }

  #progress(delta: string): string {
    const { progress } = this.#info;
    if (progress === "off") return "";
    if (progress === "reasoning_content") return this.#delta(`{"reasoning_content":${JSON.stringify(delta)}}`);
    const opening = this.#open ? "" : DETAILS;
    this.#open = true;
    // The beginning of a closing tag waits for its end.
    const text = this.#held + delta;
    const at = text.search(/<[/a-z]{0,8}$/i);
    this.#held = at === -1 ? "" : text.slice(at);
    const shown = opening + contained(at === -1 ? text : text.slice(0, at));
    return shown === "" ? "" : this.#delta(`{"content":${JSON.stringify(shown)}}`);
  }

  #closeDetails(): string {
    if (!this.#open) return "";
    this.#open = false;
    const rest = contained(this.#held) + DETAILS_END;
    this.#held = "";
    return this.#delta(`{"content":${JSON.stringify(rest)}}`);
  }

  #call({ id, tool, arguments: args }: ClientCall, index: number): string {
    if (tool.freeText === "custom") {
      return this.#delta(JSON.stringify({ tool_calls: [{ index, id, type: "custom", custom: { name: tool.name, input: args } }] }));
    }
    const opening = { index, id, type: "function", function: { name: tool.name, arguments: "" } };
    return (
      this.#delta(JSON.stringify({ tool_calls: [opening] })) +
      this.#delta(JSON.stringify({ tool_calls: [{ index, function: { arguments: args } }] }))
    );
  }

  #end(reason: string, output: Extract<Output, { usage: unknown }>): string {
    const { id, created, request } = this.#info;
    const base = { id, object: "chat.completion.chunk", created, model: request.model };
    const usage = request.includeUsage ? { usage: null } : {};
    const metadata = request.wantsMetadata && output.type === "finish" ? { massgen_metadata: metadataOf(output.result) } : {};
    const last = frame({ ...base, choices: [{ index: 0, delta: {}, finish_reason: reason }], ...usage, ...metadata });
    const spent = request.includeUsage ? frame({ ...base, choices: [], usage: chatUsage(output.usage) }) : "";
    return `${last}${spent}data: [DONE]\n\n`;
  }

  #delta(json: string): string {
    return `${this.#head}${json}${this.#tail}`;
  }
}

/** A whole reply as one `chat.completion`. */
export async function chatCompletion(outputs: AsyncIterable<Output>, info: ReplyInfo) {
  const { id, created, request, progress } = info;
  const { text, told, end } = await wholeReply(outputs);
  const calls = end.type === "tool-calls" ? end.calls.map(wholeCall) : [];
  const details = progress === "details" && told !== "" ? DETAILS + contained(told) + DETAILS_END : "";
  const message = {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : details + text,
    refusal: null,
    ...(progress === "reasoning_content" && told !== "" && { reasoning_content: told }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  const reason = end.type === "tool-calls" ? "tool_calls" : finishReasonOf(end.result.finishReason);
  return {
    id,
    object: "chat.completion",
    created,
    model: request.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: reason }],
    usage: chatUsage(end.usage),
    ...(request.wantsMetadata && end.type === "finish" && { massgen_metadata: metadataOf(end.result) }),
  };
}

function wholeCall({ id, tool, arguments: args }: ClientCall) {
  return tool.freeText === "custom"
    ? { id, type: "custom", custom: { name: tool.name, input: args } }
    : { id, type: "function", function: { name: tool.name, arguments: args } };
}
