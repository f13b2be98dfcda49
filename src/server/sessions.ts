import type { Message } from "../formatter/messages.js";
import type { Reply } from "./conductor.js";
import { HttpError } from "./http-error.js";
import type { Output } from "./output.js";
import type { RunRequest } from "./requests/run-request.js";
import { after } from "./timer.js";

export interface SessionsOptions {
  /** How long a conversation is kept after its last reply, in ms. */
  ttlMs: number;
  /** Conversations kept; the one unused longest makes room. */
  max: number;
}

interface Kept {
  messages: Message[];
  system: string | undefined;
  busy: boolean;
  /** Calls off its end. */
  cancel: () => void;
}

/** Conversations that the server keeps, so that a client sends what is new only. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #kept = new Map<string, Kept>();
  #closed = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /**
   * Begins the reply to a request that goes on where its session stands; the reply's text is kept with it.
   * @throws HttpError 409 while another request of the session is under way.
   */
  async reply(id: string, request: RunRequest, begin: (request: RunRequest) => Promise<Reply>): Promise<Reply> {
    const session = this.#kept.get(id) ?? { messages: [], system: undefined, busy: false, cancel: () => {} };
    if (session.busy) throw new HttpError(409, "Another request of this session is under way.", { code: "session_busy" });
    session.busy = true;
    session.cancel();
    this.#kept.delete(id);
    this.#kept.set(id, session);
    const system = request.system ?? session.system;
    const messages = joined(session.messages, request.messages);
    const release = () => {
      if (!session.busy) return;
      session.busy = false;
      if (this.#closed) return;
      session.cancel = after(this.#options.ttlMs, () => this.#kept.delete(id));
      this.#trim();
    };
    try {
      const reply = await begin({ ...request, system, messages });
      const abort = (reason: string) => {
        reply.abort(reason);
        release(); // of a reply that nobody began to read
      };
      return { ...reply, abort, outputs: keeping(reply.outputs, session, { messages, system }, release) };
    } catch (error) {
      release();
      throw error;
    }
  }

  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#kept.values()) cancel();
    this.#kept.clear();
  }

  #trim(): void {
    for (const [id, { busy, cancel }] of this.#kept) {
      if (this.#kept.size <= this.#options.max) return;
      if (busy) continue;
      cancel();
      this.#kept.delete(id);
    }
  }
}

async function* keeping(
  outputs: AsyncIterable<Output>,
  session: Kept,
  asked: Pick<Kept, "messages" | "system">,
  release: () => void,
): AsyncGenerator<Output, void> {
  let text = "";
  try {
    for await (const output of outputs) {
      if (output.type === "text") text += output.delta;
      else if (output.type === "void") text = "";
      else if (output.type !== "progress") {
        const calls = output.type === "finish" ? [] : output.calls.map(callPart);
        session.messages = [...asked.messages, { role: "assistant", content: [...(text === "" ? [] : [textPart(text)]), ...calls] }];
        session.system = asked.system;
        release();
      }
      yield output;
    }
  } finally {
    release();
  }
}

/**
 * What is new after what was kept. A client that sends results sends the message with their calls along, which is kept already;
 * calls that it has let go by are let go here too, for a provider wants a result of each.
 */
function joined(kept: readonly Message[], given: readonly Message[]): Message[] {
  const held = callIds(kept.at(-1));
  if (held.length === 0) return [...kept, ...given];
  const again = callIds(given[0]);
  const fresh = again.length > 0 && again.every((id) => held.includes(id)) ? given.slice(1) : given;
  return fresh[0]?.role === "tool" ? [...kept, ...fresh] : [...withoutLastCalls(kept), ...given];
}

function withoutLastCalls(messages: readonly Message[]): Message[] {
  const last = messages.at(-1);
  if (last?.role !== "assistant" || typeof last.content === "string") return [...messages];
  const content = last.content.filter(({ type }) => type !== "tool-call");
  return [...messages.slice(0, -1), ...(content.length === 0 ? [] : [{ ...last, content }])];
}

function callIds(message: Message | undefined): string[] {
  if (message?.role !== "assistant" || !Array.isArray(message.content)) return [];
  return message.content.flatMap((part) => (part.type === "tool-call" ? part.toolCallId : []));
}

const textPart = (text: string) => ({ type: "text" as const, text });

function callPart({ id, tool, arguments: args }: Extract<Output, { type: "tool-calls" }>["calls"][number]) {
  const input: unknown = tool.freeText === undefined ? JSON.parse(args) : { input: args };
  return { type: "tool-call" as const, toolCallId: id, toolName: tool.name, input };
}
