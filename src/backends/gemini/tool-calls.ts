import type { GeminiPart } from "../../formatter/gemini.js";
import type { AssistantPart, ToolCallPart } from "../../formatter/messages.js";
import type { BackendChunk } from "../backend.js";
import { type PartialArg, PartialArgs } from "./partial-args.js";

interface Call {
  id: string;
  name: string;
  /** As it goes back. */
  part: GeminiPart;
  /** Its place in the reply; filled in at the end. */
  neutral: ToolCallPart;
  /** While its arguments are arriving in pieces. */
  pieces: PartialArgs | undefined;
  open: boolean;
}

/** Gathers the function calls of one reply: whole ones, and those whose arguments are streamed. */
export class ToolCalls {
  private readonly calls: Call[] = [];
  private readonly ids = new Set<string>();
  private nextId: number;

  /** Ids that Gemini leaves out count up from `firstId`. */
  constructor(firstId: number) {
    this.nextId = firstId;
  }

  get size(): number {
    return this.calls.length;
  }

  /** Takes a part with a function call, appends what it tells to `out`, and its call to the reply where it begins one. */
  add(part: GeminiPart, parts: GeminiPart[], content: AssistantPart[], out: BackendChunk[]): void {
    const sent = part.functionCall!;
    const { name = "", args } = sent;
    const pieces = sent.partialArgs as PartialArg[] | undefined;
    const going = sent.willContinue === true;
    const last = this.calls.at(-1);
    if (last?.open && (!name || (pieces?.length && name === last.name))) {
      this.more(last, pieces, args, going, out);
      if (part.thoughtSignature && !last.part.thoughtSignature) last.part.thoughtSignature = part.thoughtSignature;
      return;
    }
    this.closeOpen(out);
    // The empty call that ends a streamed one.
    if (!name && args === undefined && !pieces) return;
    const streamed = going || pieces !== undefined;
    const id = this.newId(sent.id);
    const neutral: ToolCallPart = { type: "tool-call", toolCallId: id, toolName: name, input: args ?? {} };
    const { partialArgs: _, willContinue: __, ...rest } = sent;
    const back: GeminiPart = streamed ? { ...part, functionCall: rest } : part;
    const call: Call = { id, name, part: back, neutral, pieces: streamed ? new PartialArgs() : undefined, open: streamed };
    this.calls.push(call);
    parts.push(back);
    content.push(neutral);
    out.push({ type: "tool-input-start", toolCallId: id, toolName: name });
    if (streamed) this.more(call, pieces, args, going, out);
    else out.push({ type: "tool-input-delta", toolCallId: id, delta: JSON.stringify(args ?? {}) });
  }

  /** Ends a call whose arguments were arriving: anything else that comes ends it, too. */
  closeOpen(out: BackendChunk[]): void {
    const call = this.calls.at(-1);
    if (!call?.open || !call.pieces) return;
    call.open = false;
    // A string that was cut off is not closed for it.
    const delta = call.pieces.incomplete ? "" : call.pieces.close();
    if (delta) out.push({ type: "tool-input-delta", toolCallId: call.id, delta });
  }

  /** Appends one `tool-call` per call, in order. */
  finish(cutByLimit: boolean, out: BackendChunk[]): void {
    const cutCall = cutByLimit && this.calls.at(-1)?.open ? this.calls.at(-1) : undefined;
    this.closeOpen(out);
    for (const call of this.calls) {
      const { pieces, neutral } = call;
      if (pieces) {
        const text = pieces.text();
        const invalid =
          call === cutCall
            ? "the output limit cut the arguments off"
            : (pieces.problem ?? (pieces.incomplete ? "the arguments broke off" : undefined));
        neutral.input = invalid === undefined ? JSON.parse(text) : text;
        if (invalid !== undefined) neutral.invalid = invalid;
        call.part.functionCall = { ...call.part.functionCall, args: invalid === undefined ? neutral.input : { invalid_json: text } };
      }
      if (!call.name) {
        neutral.input = JSON.stringify(neutral.input);
        neutral.invalid = "the call has no tool name";
      }
      out.push({ ...neutral });
    }
  }

  private more(call: Call, pieces: PartialArg[] | undefined, args: unknown, going: boolean, out: BackendChunk[]): void {
    const gathered = call.pieces!;
    let delta = "";
    for (const piece of pieces ?? []) delta += gathered.push(piece);
    if (typeof args === "object" && args !== null) {
      for (const [key, value] of Object.entries(args)) delta += gathered.set(key, value);
    }
    if (delta) out.push({ type: "tool-input-delta", toolCallId: call.id, delta });
    if (!going) this.closeOpen(out);
  }

  private newId(sentId: string | undefined): string {
    let id = sentId ?? "";
    while (!id || this.ids.has(id)) id = `call_${this.nextId++}`;
    this.ids.add(id);
    return id;
  }
}
