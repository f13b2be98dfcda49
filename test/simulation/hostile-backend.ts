import type { Backend, BackendChunk, BackendRequest, StreamOptions } from "../../src/backends/backend.js";
import { BackendError } from "../../src/errors.js";
import { textOf } from "../../src/formatter/messages.js";
import type { VirtualRuntime } from "../../src/testing/virtual-runtime.js";
import { check } from "./check.js";
import type { Random } from "./random.js";

/** How the models of one run behave: probabilities, drawn once per run. */
export interface Manners {
  wrong: number;
  fails: number;
  fatal: number;
  hangs: number;
  deaf: number;
  improves: number;
  works: number;
  repeats: number;
  sendsBack: number;
  slowest: number;
}

export function randomManners(random: Random): Manners {
  return {
    wrong: random.pick([0, 0.1, 0.4, 0.9]),
    fails: random.pick([0, 0, 0.1, 0.5]),
    fatal: random.pick([0, 0, 0.1]),
    hangs: random.pick([0, 0, 0.05, 0.3]),
    deaf: random.pick([0, 0.5]),
    improves: random.pick([0, 0.2, 0.5, 1]),
    works: random.pick([0, 0.3, 0.7]),
    repeats: random.pick([0, 0.2]),
    sendsBack: random.pick([0, 0.3, 1]),
    slowest: random.pick([10, 5_000, 60_000]),
  };
}

/** What the backends of a run share. */
export interface Texts {
  /** Texts of answers are numbered over a whole run, so that each can be recognized wherever it turns up. */
  count: number;
  /** What the last review said, once it has sent the run back. */
  feedback?: string;
}

const ANSWER = /answer no\. \d+/g;
export const answersIn = (text: string): string[] => text.match(ANSWER) ?? [];

/** A backend that does whatever models and wires do, right and wrong, and checks what it is sent. */
export class HostileBackend implements Backend {
  readonly type = "hostile";
  readonly model: string;
  readonly capabilities;
  /** Streams that run and would notice an abort. */
  active = 0;
  /** Timers of streams that do not hear their signal. */
  deafTimers = 0;
  /** What was wrong with a request. Thrown from here it would only be one more failed turn. */
  complaint: unknown;
  /** The answers in the newest list it was sent, as alias and text. */
  lastRead: { alias: string; text: string }[] = [];
  readonly #random: Random;
  readonly #manners: Manners;
  readonly #runtime: VirtualRuntime;
  readonly #texts: Texts;
  readonly #mine = new Set<string>();

  constructor(name: string, random: Random, manners: Manners, runtime: VirtualRuntime, texts: Texts, wholeAgent: boolean) {
    this.model = name;
    this.#random = random;
    this.#manners = manners;
    this.#runtime = runtime;
    this.#texts = texts;
    this.capabilities = { wholeAgent, toolChoice: { required: true, named: true } };
  }

  async *stream(request: BackendRequest, { signal }: StreamOptions): AsyncGenerator<BackendChunk> {
    try {
      this.#inspect(request);
    } catch (error) {
      this.complaint ??= error;
    }
    const random = this.#random;
    const m = this.#manners;
    const heard = random.chance(m.deaf) ? undefined : signal;
    if (heard !== undefined) this.active++;
    try {
      await this.#wait(this.#latency(), heard);
      if (random.chance(m.hangs)) await this.#wait(10_000_000, heard);
      if (random.chance(m.fails)) throw this.#failure();
      const calls = random.chance(m.wrong) ? this.#wrong(request) : this.#right(request);
      if (random.chance(0.2)) yield { type: "reasoning-delta", delta: "hmm" };
      for (const piece of calls.text.match(/.{1,8}/gs) ?? []) {
        yield { type: "text-delta", delta: piece };
        if (random.chance(0.3)) await this.#wait(this.#latency() / 10, heard);
        if (random.chance(m.fails / 10)) throw this.#failure();
      }
      for (const call of calls.calls) {
        const input = JSON.stringify(call.input) ?? "";
        if (random.chance(0.8)) {
          yield { type: "tool-input-start", toolCallId: call.toolCallId, toolName: call.toolName };
          for (const delta of input.match(/.{1,9}/gs) ?? []) {
            yield { type: "tool-input-delta", toolCallId: call.toolCallId, delta };
            if (random.chance(0.3)) await this.#wait(this.#latency() / 10, heard);
            if (random.chance(m.fails / 10)) throw this.#failure();
          }
        }
        const broken = random.chance(m.wrong / 10);
        yield { type: "tool-call", ...call, ...(broken && { input: input.slice(0, -2), invalid: "the arguments end in the middle" }) };
      }
      if (random.chance(0.7)) yield { type: "usage", usage: { inputTokens: 100 + random.int(100), outputTokens: 1 + random.int(50) } };
      if (random.chance(m.fails / 5)) return;
      yield { type: "finish", reason: calls.calls.length > 0 ? "tool-calls" : random.chance(m.wrong / 10) ? "length" : "stop" };
    } finally {
      if (heard !== undefined) this.active--;
    }
  }

  #latency(): number {
    return Math.floor(this.#random.next() ** 2 * this.#manners.slowest);
  }

  #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new BackendError("aborted", "aborted"));
      if (signal === undefined) this.deafTimers++;
      const cancel = this.#runtime.setTimer(ms, () => {
        if (signal === undefined) this.deafTimers--;
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      const onAbort = () => {
        cancel();
        reject(new BackendError("aborted", "aborted"));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  #failure(): Error {
    const random = this.#random;
    if (random.chance(this.#manners.fatal)) return new BackendError("authentication", "wrong key", { status: 401 });
    if (random.chance(0.2)) return new TypeError("something else");
    const retryAfterMs = random.chance(0.3) ? random.pick([0, 1_000, 90_000]) : undefined;
    return new BackendError("overloaded", "busy", { status: 503, retryable: true, retryAfterMs });
  }

  /** What a strict provider and the protocol demand of every request. */
  #inspect(request: BackendRequest): void {
    const open = new Set<string>();
    const seen = new Set<string>();
    for (const message of request.messages) {
      if (message.role !== "tool") check(open.size === 0, "a tool call without a result");
      if (message.role === "assistant" && typeof message.content !== "string") {
        for (const part of message.content) {
          if (part.type !== "tool-call") continue;
          check(!seen.has(part.toolCallId), "a tool call id used twice");
          seen.add(part.toolCallId);
          open.add(part.toolCallId);
        }
      }
      if (message.role === "tool") for (const part of message.content) check(open.delete(part.toolCallId), "a result without its call");
    }
    check(open.size === 0, "a tool call without a result");
    check(request.messages.at(-1)?.role !== "assistant", "a request that ends with the assistant");
    const offered = request.tools?.map(({ name }) => name) ?? [];
    const all = request.messages.map((message) => textOf(message.content)).join("\n");
    if (offered.includes("new_answer") && !offered.includes("vote") && !all.includes("<answers>")) {
      const foreign = answersIn(all.replace(/<presented>[\s\S]*?<\/presented>/g, "")).filter((text) => !this.#mine.has(text));
      check(foreign.length === 0, "a draft was sent a peer's answer");
    }
    const { feedback } = this.#texts;
    if (feedback !== undefined && !offered.includes("submit")) {
      check(all.includes(`<feedback>\n${feedback}\n</feedback>`), "a model was not sent the feedback of the review");
    }
    check(!/\ba\d\b/.test(all + (request.system ?? "")), "a model read the id of an agent");
    // What a model knows of the answers: the first list, and the news that came later.
    const read = new Map<string, string>();
    for (const match of all.matchAll(/<answer id="(agent\d+)">\n([\s\S]*?)\n<\/answer>/g)) read.set(match[1]!, match[2]!);
    if (read.size > 0) this.lastRead = [...read].map(([alias, text]) => ({ alias, text }));
  }

  #text(): string {
    const repeat = this.#texts.count > 0 && this.#random.chance(this.#manners.repeats);
    const text = `answer no. ${repeat ? this.#random.int(this.#texts.count) : this.#texts.count++}`;
    this.#mine.add(text);
    return text;
  }

  #call(toolName: string, input: unknown) {
    return { toolCallId: this.#random.chance(0.05) ? "" : `call_${this.#random.int(1e9)}`, toolName, input };
  }

  #aliases(request: BackendRequest): string[] {
    const vote = request.tools?.find(({ name }) => name === "vote");
    const properties = vote?.inputSchema.properties as { agent_id: { enum: string[] } } | undefined;
    return properties?.agent_id.enum ?? [];
  }

  #right(request: BackendRequest): { calls: { toolCallId: string; toolName: string; input: unknown }[]; text: string } {
    const random = this.#random;
    const tools = new Set(request.tools?.map(({ name }) => name) ?? []);
    const ordinary = ["search", "publish"].filter((name) => tools.has(name));
    if (ordinary.length > 0 && random.chance(this.#manners.works)) {
      const count = 1 + random.int(3);
      return {
        calls: Array.from({ length: count }, () => this.#call(random.pick(ordinary), { query: "x" })),
        text: random.pick(["", "looking"]),
      };
    }
    if (tools.has("submit")) {
      const back = random.chance(this.#manners.sendsBack);
      const call = back
        ? this.#call("restart_orchestration", { reason: "thin", instructions: "more" })
        : this.#call("submit", { confirmed: true });
      return { calls: [call], text: "" };
    }
    if (tools.has("new_answer") && (!tools.has("vote") || random.chance(this.#manners.improves))) {
      return { calls: [this.#call("new_answer", { lacking: "depth", content: this.#text() })], text: "" };
    }
    if (tools.has("vote")) {
      const order = this.#aliases(request).sort(() => random.next() - 0.5);
      const input = { agent_id: order[0], reason: "good", also_acceptable: order.slice(1, 2), next_best: order.slice(1) };
      return { calls: [this.#call("vote", input)], text: random.pick(["", "I vote."]) };
    }
    return { calls: [], text: `The result is ${this.#text()}.` };
  }

  #wrong(request: BackendRequest): { calls: { toolCallId: string; toolName: string; input: unknown }[]; text: string } {
    const random = this.#random;
    const vote = (agent_id: unknown) => this.#call("vote", { agent_id, reason: 7 });
    const answer = (content: unknown) => this.#call("new_answer", { content });
    return random.pick([
      () => ({ calls: [], text: "" }),
      () => ({ calls: [], text: " \n " }),
      () => ({ calls: [], text: this.#text() }),
      () => ({ calls: [vote("agent1"), vote("agent2")], text: "" }),
      () => ({ calls: [vote("agent1"), answer(this.#text())], text: "both" }),
      () => ({ calls: [vote(random.pick(["agent99", "a0", "", null]))], text: "" }),
      () => ({ calls: [vote(random.pick(["agent1", "agent2"]))], text: "" }),
      () => ({ calls: [answer(random.pick(["", "  ", 5, undefined, "I will look into that.", "word ".repeat(20_000)]))], text: "" }),
      () => ({ calls: [answer(this.#text())], text: "" }),
      () => ({ calls: [answer("answer no. 0")], text: "" }),
      () => ({ calls: [this.#call("search", {}), vote("agent1")], text: "" }),
      () => ({ calls: [this.#call("search", "not an object"), this.#call("nonsense", {})], text: "" }),
      () => ({ calls: Array.from({ length: 5 }, () => this.#call("search", { query: "again" })), text: "" }),
      () => ({ calls: [this.#call("submit", {})], text: "" }),
      () => ({ calls: [this.#call("restart_orchestration", {})], text: "" }),
      () => this.#right(request),
    ])();
  }
}
