import type { AssistantPart, ToolCallPart } from "../../formatter/messages.js";
import type { ResponseItem } from "../../formatter/openai-responses.js";
import type { BackendChunk } from "../backend.js";
import { parseArguments } from "../parse-arguments.js";
import { builtinFinished, builtinStarted, isBuiltinCall, notCarriedOut } from "./builtin-tools.js";
import { imageOf } from "./media.js";

type Json = Record<string, unknown>;
type DeltaType = "text-delta" | "reasoning-delta" | "tool-input-delta";

/** One text of an item, as far as it has come. */
interface Part {
  text: string;
  finished: boolean;
}

/**
 * An output item. Proxies change its id from event to event, so `output_index` is what tells items apart; ids count only where several
 * items share a place, as with proxies that put every item at 0.
 */
interface OpenItem {
  index: number;
  /** How many came before it. */
  number: number;
  item: ResponseItem;
  parts: Map<string, Part>;
  /** Whether an event began it. */
  begun: boolean;
  done: boolean;
  /** Of a function call: the id given out, once it is announced. */
  callId?: string;
  /** Of a provider's tool: whether its start has been told. */
  announced?: boolean;
}

/** The output of one reply, put together from its events. */
export class OutputItems {
  private readonly items: OpenItem[] = [];
  /** By `output_index`. */
  private readonly places = new Map<number, OpenItem[]>();
  private readonly ids = new Set<string>();
  private readonly sources = new Set<string>();
  private nextId: number;
  /** Whether the model declined. */
  refused = false;

  /** Ids that the server leaves out count up from `firstCallId`. */
  constructor(firstCallId: number) {
    this.nextId = firstCallId;
  }

  /** `response.output_item.added`. */
  added(index: number, item: ResponseItem, out: BackendChunk[]): void {
    let open = this.at(index);
    // An item begins once: this is the next one at the same place.
    if ((open.begun || open.done) && !isSame(open.item, item)) open = this.open(index);
    open.begun = true;
    open.item = item;
    if (isCall(item)) this.announce(open, out);
    else if (isBuiltinCall(item)) {
      open.announced = true;
      out.push(builtinStarted(item, this.idOf(open)));
    }
  }

  /** A piece of a text. Gives the part that it belongs to, for the next piece. */
  piece(index: number, key: string, delta: string, id?: unknown): Part {
    const part = this.part(this.at(index, id), key);
    part.text += delta;
    return part;
  }

  /** The end of a text: tells what its deltas left out. */
  ended(index: number, key: string, text: unknown, out: BackendChunk[], id?: unknown): void {
    const open = this.at(index, id);
    if (typeof text === "string") this.complete(open, key, text, out);
  }

  arguments(index: number, delta: string, out: BackendChunk[], id?: unknown): void {
    const open = this.at(index, id);
    const part = this.part(open, "arguments");
    // xAI says the arguments once more, after the item that held all of them.
    if (part.finished) return;
    part.text += delta;
    if (open.callId !== undefined && delta) out.push({ type: "tool-input-delta", toolCallId: open.callId, delta });
  }

  /** `response.output_item.done`: the item as it is, with whatever its events did not tell. */
  finished(index: number, item: ResponseItem, out: BackendChunk[]): void {
    const open = this.toFinish(index, item);
    open.item = item;
    open.done = true;
    if (isCall(item)) {
      this.announce(open, out);
      this.complete(open, "arguments", textOf(item.type === "function_call" ? item.arguments : item.input), out);
    } else if (item.type === "message") this.finishMessage(open, item, out);
    else if (item.type === "reasoning") this.finishReasoning(open, item, out);
    else if (isBuiltinCall(item)) {
      if (!open.announced) out.push(builtinStarted(item, this.idOf(open)));
      open.announced = true;
      out.push(builtinFinished(item, this.idOf(open)));
      const image = item.type === "image_generation_call" ? imageOf(item) : undefined;
      if (image) out.push(image);
      const nothing = notCarriedOut(item);
      if (nothing) out.push({ type: "warning", code: "unanswered_call", message: nothing });
    }
  }

  /** The whole output, as the end of the reply repeats it: tells the items that no event told. */
  completeFrom(output: readonly ResponseItem[], out: BackendChunk[]): void {
    const shared = this.places.size < this.items.length;
    for (const [i, item] of output.entries()) {
      if (output.length <= this.items.length) return;
      const told = shared ? this.items.some((open) => isSame(open.item, item)) : this.places.has(i);
      if (!told) this.finished(shared ? this.items.length : i, item, out);
    }
  }

  /** An annotation, as a source; each is told once. */
  annotation(annotation: unknown, out: BackendChunk[]): void {
    const fields = (typeof annotation === "string" ? { url: annotation } : (annotation ?? {})) as Json;
    const url = typeof fields.url === "string" && fields.url ? fields.url : undefined;
    const named = fields.title ?? fields.filename;
    const title = typeof named === "string" && named ? named : undefined;
    const quote = typeof fields.quote === "string" && fields.quote ? fields.quote : undefined;
    const key = url ?? title ?? quote;
    if (!key || this.sources.has(key)) return;
    this.sources.add(key);
    out.push({ type: "source", ...(url && { url }), ...(title && { title }), ...(quote && { text: quote }) });
  }

  /** Tool calls in the order of the output. */
  calls(cutByLimit: boolean): ToolCallPart[] {
    return this.inOrder().flatMap((open) => {
      const { item } = open;
      if (!isCall(item)) return [];
      const args = open.parts.get("arguments")?.text ?? "";
      const unfinished = cutByLimit && (!open.done || item.status === "incomplete");
      // A custom tool takes text as it is.
      const { input, invalid }: { input: unknown; invalid?: string } =
        item.type === "custom_tool_call" ? { input: args } : parseArguments(String(item.name ?? ""), args, unfinished);
      const toolCallId = open.callId ?? this.newId("");
      return [
        { type: "tool-call" as const, toolCallId, toolName: String(item.name ?? ""), input, ...(invalid !== undefined && { invalid }) },
      ];
    });
  }

  /** What was said and thought, for the message; calls are added by the caller. */
  prose(): AssistantPart[] {
    const parts: AssistantPart[] = [];
    for (const { item, parts: texts } of this.inOrder()) {
      const join = (prefix: string) =>
        [...texts]
          .filter(([key]) => key.startsWith(prefix))
          .map(([, part]) => part.text)
          .join("");
      if (item.type === "reasoning") {
        const summary = join("summary");
        const raw = join("reasoning");
        if (summary) parts.push({ type: "reasoning", text: summary, kind: "summary" });
        if (raw) parts.push({ type: "reasoning", text: raw, kind: "raw" });
      } else {
        const text = join("content");
        if (text) parts.push({ type: "text", text });
      }
    }
    return parts;
  }

  /** The finished items, as they are to be sent back. */
  toSendBack(): ResponseItem[] {
    return this.inOrder().flatMap(({ item, done, callId }) => {
      if (!done) return [];
      return [isCall(item) && callId !== undefined ? { ...item, call_id: callId } : item];
    });
  }

  private finishMessage(open: OpenItem, item: ResponseItem, out: BackendChunk[]): void {
    const content = Array.isArray(item.content) ? (item.content as Json[]) : [];
    content.forEach((part, i) => {
      if (part.type === "refusal") {
        this.refused = true;
        this.complete(open, `content${i}`, textOf(part.refusal), out);
      } else if (typeof part.text === "string") this.complete(open, `content${i}`, part.text, out);
      if (Array.isArray(part.annotations)) for (const annotation of part.annotations) this.annotation(annotation, out);
    });
  }

  private finishReasoning(open: OpenItem, item: ResponseItem, out: BackendChunk[]): void {
    const list = (value: unknown) => (Array.isArray(value) ? (value as Json[]) : []);
    list(item.summary).forEach((part, i) => {
      this.complete(open, `summary${i}`, textOf(part.text), out);
    });
    list(item.content).forEach((part, i) => {
      this.complete(open, `reasoning${i}`, textOf(part.text), out);
    });
  }

  /** Tells what of `text` no delta told. */
  private complete(open: OpenItem, key: string, text: string, out: BackendChunk[]): void {
    const part = this.part(open, key);
    if (part.finished) return;
    part.finished = true;
    if (text === part.text || text === "") return;
    if (!text.startsWith(part.text)) {
      const message = `The deltas of output ${open.index} (${key}) do not add up to the text that ended it; the deltas were kept.`;
      out.push({ type: "warning", code: "text_mismatch", message });
      return;
    }
    const delta = text.slice(part.text.length);
    part.text = text;
    const type: DeltaType = key === "arguments" ? "tool-input-delta" : key.startsWith("content") ? "text-delta" : "reasoning-delta";
    if (type === "text-delta") out.push({ type, delta });
    else if (type === "reasoning-delta") out.push({ type, delta, kind: key.startsWith("summary") ? "summary" : "raw" });
    else if (open.callId !== undefined) out.push({ type, toolCallId: open.callId, delta });
  }

  private announce(open: OpenItem, out: BackendChunk[]): void {
    const { item } = open;
    if (open.callId !== undefined || !item.name) return;
    open.callId = this.newId(typeof item.call_id === "string" ? item.call_id : "");
    out.push({ type: "tool-input-start", toolCallId: open.callId, toolName: String(item.name) });
    const begun = this.part(open, "arguments").text;
    if (begun) out.push({ type: "tool-input-delta", toolCallId: open.callId, delta: begun });
  }

  /** The item that an event is about: of several at one place, the one with this id, else the latest that is not done. */
  private at(index: number, id?: unknown): OpenItem {
    const there = this.places.get(index);
    if (there === undefined) return this.open(index);
    if (there.length === 1) return there[0]!;
    const named = typeof id === "string" ? there.find(({ item }) => item.id === id) : undefined;
    return named ?? there.findLast(({ done }) => !done) ?? there.at(-1)!;
  }

  /** The item that is now done: the same by its id, else one by the same name or of the same type that is not done yet. */
  private toFinish(index: number, item: ResponseItem): OpenItem {
    const there = this.places.get(index) ?? [];
    const left = there.filter(({ done, item: { type } }) => !done && (type === undefined || type === item.type));
    const same = there.find((open) => isSame(open.item, item));
    return same ?? left.find((open) => open.item.name === item.name) ?? left[0] ?? this.open(index);
  }

  private open(index: number): OpenItem {
    const open: OpenItem = { index, number: this.items.length, item: {}, parts: new Map(), begun: false, done: false };
    this.items.push(open);
    const there = this.places.get(index);
    if (there) there.push(open);
    else this.places.set(index, [open]);
    return open;
  }

  private part(open: OpenItem, key: string): Part {
    let part = open.parts.get(key);
    if (!part) {
      part = { text: "", finished: false };
      open.parts.set(key, part);
    }
    return part;
  }

  private idOf(open: OpenItem): string {
    // The first id it had: later ones may differ.
    open.callId ??= typeof open.item.id === "string" && open.item.id ? open.item.id : `builtin_${open.number}`;
    return open.callId;
  }

  private newId(sent: string): string {
    let id = sent;
    while (!id || this.ids.has(id)) id = `call_${this.nextId++}`;
    this.ids.add(id);
    return id;
  }

  private inOrder(): OpenItem[] {
    return [...this.items].sort((a, b) => a.index - b.index || a.number - b.number);
  }
}

/** Whether two versions are of one item, as far as their ids tell. */
function isSame(a: ResponseItem, b: ResponseItem): boolean {
  if (a.call_id && b.call_id) return a.call_id === b.call_id;
  return Boolean(a.id) && a.id === b.id;
}

/** A call that is the caller's to carry out. */
function isCall(item: ResponseItem): boolean {
  return item.type === "function_call" || item.type === "custom_tool_call";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : value == null ? "" : JSON.stringify(value);
}
