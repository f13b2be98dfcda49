import type { BackendChunk } from "../backend.js";
import { parseArguments } from "../parse-arguments.js";

/** A tool call, or a piece of one, as servers send it. */
export interface ToolCallDelta {
  index?: number | null;
  id?: string | null;
  function?: { name?: string | null; arguments?: unknown } | null;
  extra_content?: unknown;
}

interface Call {
  index: number;
  /** The server's id, as it came. */
  sentId: string;
  id: string;
  name: string;
  /** Rope of the raw arguments. */
  args: string;
  started: boolean;
  extra: unknown;
}

/** Gathers the fragments of one reply's tool calls. */
export class ToolCalls {
  private readonly calls: Call[] = [];
  private readonly ids = new Set<string>();
  private readonly toolNames: ReadonlySet<string>;
  private nextId: number;

  /**
   * `toolNames` were offered: a call of one of them is announced at once, any other when its arguments begin, as its name may
   * still be growing. Ids that the server leaves out count up from `firstId`.
   */
  constructor(toolNames: ReadonlySet<string>, firstId: number) {
    this.toolNames = toolNames;
    this.nextId = firstId;
  }

  get size(): number {
    return this.calls.length;
  }

  /** Takes a fragment and appends what it tells to `out`. */
  add(delta: ToolCallDelta, out: BackendChunk[]): void {
    const name = delta.function?.name || "";
    const call = this.find(delta, name);
    if (name) call.name = joinName(call.name, name);
    if (delta.extra_content != null) call.extra = delta.extra_content;
    const args = delta.function?.arguments;
    const fragment = typeof args === "string" ? args : args == null ? "" : JSON.stringify(args);
    call.args += fragment;
    if (call.started) {
      if (fragment) out.push({ type: "tool-input-delta", toolCallId: call.id, delta: fragment });
    } else if (call.name && (fragment || this.toolNames.has(call.name))) this.start(call, out);
  }

  /** Appends one `tool-call` per call, in the server's order. */
  finish(cutByLimit: boolean, out: BackendChunk[]): void {
    this.calls.sort((a, b) => a.index - b.index);
    for (const call of this.calls) {
      if (!call.started) this.start(call, out);
      out.push({ type: "tool-call", toolCallId: call.id, toolName: call.name, ...parseArguments(call.name, call.args, cutByLimit) });
    }
  }

  /** Whether there are calls and each has arguments that parse. */
  get complete(): boolean {
    return (
      this.calls.length > 0 &&
      this.calls.every((call) => call.name && call.args.trim() && !("invalid" in parseArguments(call.name, call.args, false)))
    );
  }

  /** What the server wants back with each call, by id. */
  get extras(): Record<string, Record<string, unknown>> | undefined {
    const kept = this.calls.filter((call) => call.extra !== undefined);
    return kept.length > 0 ? Object.fromEntries(kept.map((call) => [call.id, { extra_content: call.extra }])) : undefined;
  }

  /** Announces a call, with what it holds of its arguments so far. */
  private start(call: Call, out: BackendChunk[]): void {
    call.started = true;
    call.id = this.newId(call.sentId);
    out.push({ type: "tool-input-start", toolCallId: call.id, toolName: call.name });
    if (call.args) out.push({ type: "tool-input-delta", toolCallId: call.id, delta: call.args });
  }

  private find(delta: ToolCallDelta, name: string): Call {
    const id = delta.id || "";
    const known = typeof delta.index === "number" ? this.atIndex(delta.index) : this.withoutIndex(id, name);
    // Some servers send every parallel call at index 0: another id together with a name is another call.
    const another = known !== undefined && id !== "" && known.sentId !== "" && id !== known.sentId && name !== "";
    if (known && !another) {
      if (!known.sentId) known.sentId = id;
      return known;
    }
    const last = this.calls.at(-1);
    const index = typeof delta.index === "number" && !another ? delta.index : last ? last.index + 1 : 0;
    const call: Call = { index, sentId: id, id: "", name: "", args: "", started: false, extra: undefined };
    this.calls.push(call);
    return call;
  }

  private atIndex(index: number): Call | undefined {
    for (let i = this.calls.length - 1; i >= 0; i--) if (this.calls[i]!.index === index) return this.calls[i];
    return undefined;
  }

  private withoutIndex(id: string, name: string): Call | undefined {
    if (id) return this.calls.find((call) => call.sentId === id);
    return name ? undefined : this.calls.at(-1);
  }

  private newId(sentId: string): string {
    let id = sentId;
    while (!id || this.ids.has(id)) id = `call_${this.nextId++}`;
    this.ids.add(id);
    return id;
  }
}

/** Names come whole, again and again, growing, or in pieces. */
function joinName(name: string, piece: string): string {
  if (piece === name) return name;
  return piece.startsWith(name) ? piece : name + piece;
}
