import type { CompactionMethod, CompactionPlan } from "../../../src/agent/context-window/options.js";
import { roomOf } from "../../../src/agent/context-window/size.js";
import { startTurn } from "../../../src/agent/turn.js";
import type { StepEvent, TurnRequest } from "../../../src/agent/types.js";
import type { Backend, BackendChunk, BackendRequest, CompactionResult } from "../../../src/backends/backend.js";
import { BackendError } from "../../../src/errors.js";
import type { AssistantMessage, Message, ToolResultPart, UserMessage } from "../../../src/formatter/messages.js";
import { seededRandom } from "../../../src/testing/random.js";
import { addUsage, noUsage } from "../../../src/token-manager/usage.js";
import { goOn, recorder, requestOf, virtualRuntime } from "../support.js";
import { dump, sizeOf, wellFormed, words } from "./support.js";

const FOLDED = "(An earlier part, condensed.)";

export interface WorldResult {
  outcome: unknown;
  events: StepEvent[];
  requests: BackendRequest[];
  compactions: number;
}

class Random {
  readonly next: () => number;
  constructor(seed: number) {
    this.next = seededRandom(seed);
  }
  int = (below: number): number => Math.floor(this.next() * below);
  chance = (part: number): boolean => this.next() < part;
  pick = <T>(list: readonly T[]): T => list[this.int(list.length)]!;
}

/** One random turn, against a model that does everything it may and a window that is told in all ways or none. */
export async function simulateWindow(seed: number): Promise<WorldResult> {
  try {
    return await new World(seed).run();
  } catch (error) {
    if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`;
    throw error;
  }
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

class World {
  readonly #random: Random;
  readonly #runtime = virtualRuntime();
  /** Told of every moment at which somebody may end the turn. */
  #moment: () => void = () => {};
  /** All that was ever said, in order; each text has a mark of its own. */
  readonly #said: Message[] = [];
  #marks = 0;
  #calls = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  async run(): Promise<WorldResult> {
    const random = this.#random;
    const window = random.pick([1000, 2000, 4000, 8000, 16_000]);
    // What one token of our estimate is to the provider.
    const scale = random.pick([1, 1, 0.5, 0.8, 1.2, 1.8, 2.5]);
    const known = random.chance(0.6);
    const listed = !known && random.chance(0.3);
    const told = random.chance(0.5);
    const reports = random.pick(["true", "true", "true", "nothing", "zero", "estimated"] as const);
    const plan = this.#plan();
    const messages = this.#history(window);
    const task = messages.findLast((message): message is UserMessage => message.role === "user");
    const restated: UserMessage | undefined = task && random.chance(0.3) ? this.#user(20 + random.int(100)) : undefined;
    const steps = 1 + random.int(14);
    const fault = random.pick([0, 0, 0.1, 0.4]);
    const truth = (request: BackendRequest) => Math.ceil(sizeOf(request) * scale);
    const requests: BackendRequest[] = [];
    const open = new Set<object>();
    let made = 0;

    const refuse = (request: BackendRequest) => {
      const tokens = truth(request);
      if (tokens <= window) return;
      const limit = told ? `This model's maximum context length is ${window} tokens, you sent ${tokens}.` : "too long";
      throw new BackendError("context_overflow", limit);
    };
    const backend: Backend = {
      type: "windowed",
      model: "m",
      capabilities: known ? { contextWindow: window } : {},
      stream: (request, { signal }) =>
        this.#stream(request, signal, { refuse, reports, truth, fault, steps, made: () => made++, requests, open, window }),
      ...(random.chance(0.5) && { compact: (request, { signal }) => this.#condense(request, signal, fault) }),
      ...((listed || random.chance(0.2)) && {
        listModels: async () => {
          this.#moment();
          if (random.chance(fault)) throw new BackendError("server_error", "no list", { status: 500 });
          return listed ? [{ id: "m", contextWindow: window }] : [];
        },
      }),
      ...(random.chance(0.3) && {
        countTokens: async (request: BackendRequest) => {
          this.#moment();
          if (random.chance(fault)) throw new BackendError("server_error", "no count", { status: 500 });
          return truth(request);
        },
      }),
    };
    let ended = false;
    const limited = random.chance(0.2);
    const hooks = recorder([], {
      decide: async ({ calls }) => {
        if (made > steps) return { type: "end" };
        const note = this.#user(10).content as string;
        const verdict = goOn(Object.fromEntries(calls.map(({ toolCallId }) => [toolCallId, "no"])), { note });
        return verdict;
      },
      emit: (event) => {
        check(!ended || event.type === "step-finish", `${event.type} after the end`);
        hooks.events.push(event);
        this.#moment();
      },
      ...(limited && {
        mayStart: () => {
          this.#moment();
          check(!ended, "a step is asked for after the end");
          if (random.chance(0.02))
            queueMicrotask(() => stop()); // as the driver does
          else if (random.chance(0.9)) return true;
          else return new Promise<void>((resolve) => void this.#runtime.setTimer(100, resolve));
          return false;
        },
      }),
      ...(restated && {
        restate: async () => {
          this.#moment();
          return restated;
        },
      }),
    });
    const request: TurnRequest = requestOf(backend, {
      compaction: plan,
      messages,
      tools: [dump(10)],
      runtime: this.#runtime,
      timeouts: { turn: Number.POSITIVE_INFINITY, step: 50_000, firstChunk: 50_000, chunk: 50_000, tool: 50_000 },
      maxSteps: 60,
      maxStepRetries: random.pick([0, 2]),
      ...(random.chance(0.3) && { settings: { maxOutputTokens: random.pick([50, 5000]) } }),
    });
    request.tools = [{ ...dump(10), execute: () => words(this.#size(window), "xyz") }];
    const turn = startTurn(request, hooks);
    const stop = () => {
      turn.abort(new Error("enough"));
      ended = true;
    };
    let left = random.chance(0.2) ? random.int(60) : Number.POSITIVE_INFINITY;
    this.#moment = () => {
      if (left-- > 0) return;
      left = Number.POSITIVE_INFINITY;
      if (random.chance(0.5)) stop();
      else queueMicrotask(stop);
    };
    let outcome: unknown;
    let over = false;
    turn.done.then(
      (end) => {
        outcome = end.status;
        over = true;
      },
      (error: unknown) => {
        outcome = error;
        over = true;
      },
    );
    for (let waits = 0; !over; waits++) {
      check(waits < 400, "the turn does not end");
      await this.#runtime.advance(waits === 0 ? 0 : 60_000);
    }
    const compactions = this.#judge(hooks.events, requests, { request, task, restated });
    const booked = hooks.events.reduce((sum, event) => (event.type === "step-finish" ? addUsage(sum, event.usage) : sum), noUsage);
    check(JSON.stringify(turn.usage()) === JSON.stringify(booked), "what was spent is not the sum of the steps");
    if (ended) {
      check(outcome === "aborted", `an aborted turn came to ${outcome}`);
      await this.#runtime.advance(0);
    }
    check(open.size === 0, "a request is still open");
    if (!limited) check(this.#runtime.pending() === 0, "a timer is left");
    if (outcome instanceof BackendError && outcome.code === "context_overflow") {
      const room = roomOf(window, request, plan);
      const least = this.#least(request, restated ?? task);
      const fits = least * 1.4 * Math.max(1, scale) < room.limit * 0.9;
      check(!(fits && (known || told) && plan.methods.includes("trim")), `an overflow, though ${least} tokens fit ${room.limit}`);
    } else if (outcome instanceof Error) {
      const expected = ["server_error", "timeout", "too_many_steps"];
      check(expected.includes((outcome as BackendError).code), `the turn failed: ${outcome.stack}`);
    }
    return { outcome: outcome instanceof Error ? outcome.message : outcome, events: hooks.events, requests, compactions };
  }

  // ---- what is made up

  #plan(): CompactionPlan {
    const random = this.#random;
    const all: CompactionMethod[] = ["native", "clear", "summary", "trim"];
    const shuffled = [...all].sort(() => random.next() - 0.5);
    const methods = random.pick([all, all, all, shuffled, shuffled.slice(0, random.int(4))]);
    const highWater = random.pick([0.3, 0.8, 0.8, 0.95, 1]);
    return {
      highWater,
      lowWater: highWater * random.pick([0, 0.3, 0.6, 0.9]),
      methods,
      keepExchanges: 1 + random.int(4),
      keepToolResults: random.int(4),
      floor: random.pick([0, 200, 8000]),
      minSaving: random.pick([0, 0.2, 0.9]),
      coolDown: random.int(4),
      timeoutMs: 30_000,
    };
  }

  #mark(): string {
    return `<${++this.#marks}>`;
  }

  /** Mostly small, now and then more than fits. */
  #size(window: number): number {
    const random = this.#random;
    return random.chance(0.04) ? random.int(window * 3) : random.int(Math.ceil(window / 12));
  }

  #user(tokens: number): UserMessage {
    return { role: "user", content: `${this.#mark()} ${words(tokens)}` };
  }

  #assistant(tokens: number): AssistantMessage {
    return { role: "assistant", content: [{ type: "text", text: `${this.#mark()} ${words(tokens)}` }] };
  }

  #exchange(window: number): Message[] {
    const random = this.#random;
    const out: Message[] = [];
    if (random.chance(0.85)) out.push(this.#user(this.#size(window)));
    if (random.chance(0.1)) out.push(this.#user(3));
    for (let n = random.int(3); n > 0; n--) out.push(...this.#called(window));
    if (random.chance(0.85)) out.push(this.#assistant(this.#size(window)));
    if (random.chance(0.1)) out.push(this.#assistant(3));
    return out;
  }

  #called(window: number): Message[] {
    const random = this.#random;
    const ids = Array.from({ length: 1 + random.int(3) }, () => `c${++this.#calls}`);
    const { content } = this.#assistant(3);
    const call = ids.map((toolCallId) => ({ type: "tool-call" as const, toolCallId, toolName: "dump", input: { at: toolCallId } }));
    const results = ids.map((toolCallId): ToolResultPart => {
      const text = random.pick(["a", "\u{1f600}", "\n", "語", "xy "]).repeat(this.#size(window));
      const output = random.chance(0.2) ? [{ type: "text" as const, text }, this.#file()] : text;
      return { type: "tool-result", toolCallId, toolName: "dump", output, ...(random.chance(0.2) && { isError: true }) };
    });
    return [
      { role: "assistant", content: [...(content as []), ...call] },
      { role: "tool", content: results },
    ];
  }

  #file() {
    return { type: "file" as const, mediaType: "image/png", data: "aGVsbG8=" };
  }

  #history(window: number): Message[] {
    const random = this.#random;
    const messages: Message[] = [];
    for (let n = random.pick([0, 0, 2, 8, 20]); n > 0; n--) messages.push(...this.#exchange(window));
    if (random.chance(0.9)) {
      const task = this.#user(20 + (random.chance(0.1) ? this.#size(window) : 0));
      messages.push(
        random.chance(0.2)
          ? { role: "user", content: [{ type: "text", text: task.content as string }, ...(window > 4000 ? [this.#file()] : [])] }
          : task,
      );
    }
    if (random.chance(0.15) || messages.length === 0) for (let n = 1 + random.int(4); n > 0; n--) messages.push(...this.#called(window));
    this.#said.push(...messages);
    return messages;
  }

  async *#stream(
    request: BackendRequest,
    signal: AbortSignal | undefined,
    {
      refuse,
      reports,
      truth,
      fault,
      steps,
      made,
      requests,
      open,
      window,
    }: {
      refuse(request: BackendRequest): void;
      reports: "true" | "nothing" | "zero" | "estimated";
      truth(request: BackendRequest): number;
      fault: number;
      steps: number;
      made(): number;
      requests: BackendRequest[];
      open: Set<object>;
      window: number;
    },
  ): AsyncGenerator<BackendChunk> {
    const random = this.#random;
    open.add(request);
    try {
      this.#moment();
      const isSummary = request.system?.startsWith("You condense") === true;
      if (random.chance(fault / 8)) await hangs(signal);
      if (random.chance(fault / 2)) {
        throw new BackendError("server_error", "down", { status: 500, retryable: random.chance(0.8) });
      }
      refuse(request);
      if (!isSummary) {
        requests.push(request);
        this.#lastSaid.push(this.#saidLast);
      }
      if (isSummary) yield* this.#summary(fault, window);
      else yield* this.#reply(made() >= steps, window);
      const inputTokens = reports === "zero" ? 0 : truth(request);
      if (reports !== "nothing")
        yield { type: "usage", usage: { inputTokens, outputTokens: 5, ...(reports === "estimated" && { estimated: true }) } };
      yield { type: "finish", reason: isSummary ? random.pick(["stop", "stop", "length"]) : this.#finish };
    } finally {
      open.delete(request);
    }
  }

  /** The mark of what the model said last, as each request was made. */
  readonly #lastSaid: string[] = [];
  #saidLast = "";
  #finish: "stop" | "tool-calls" | "pause" = "stop";

  *#summary(fault: number, window: number): Generator<BackendChunk> {
    const random = this.#random;
    if (random.chance(fault)) return;
    const tokens = random.chance(fault) ? window * 2 : 5 + random.int(window / 10);
    yield { type: "text-delta", delta: random.chance(0.2) ? "摘要".repeat(tokens / 2) : `Summary: ${words(tokens)}` };
  }

  *#reply(last: boolean, window: number): Generator<BackendChunk> {
    const random = this.#random;
    const kind = last ? "text" : random.pick(["calls", "calls", "calls", "text", "pause", "empty"]);
    this.#finish = kind === "calls" ? "tool-calls" : kind === "pause" ? "pause" : "stop";
    if (kind === "empty") return;
    this.#saidLast = this.#mark();
    yield { type: "text-delta", delta: `${this.#saidLast} ${words(random.int(Math.ceil(window / 20)))}` };
    if (kind !== "calls") return;
    for (let n = 1 + random.int(3); n > 0; n--) {
      const toolCallId = random.chance(0.2) ? "again" : `c${++this.#calls}`;
      yield { type: "tool-call", toolCallId, toolName: "dump", input: { n } };
    }
  }

  /** As providers do: what the user said word for word, and one opaque item. */
  async #condense(request: BackendRequest, signal: AbortSignal | undefined, fault: number): Promise<CompactionResult> {
    const random = this.#random;
    this.#moment();
    check(wellFormed(request.messages), "a compaction was sent a call without its result");
    if (random.chance(fault / 8)) await hangs(signal);
    if (random.chance(fault / 2)) throw new BackendError("server_error", "down", { status: 500 });
    if (random.chance(fault / 4)) return { messages: [] };
    const tokens = random.chance(fault / 2) ? 20_000 : 20 + random.int(50);
    const data = { items: [{ type: "compaction" }] };
    const blob: AssistantMessage = {
      role: "assistant",
      content: [
        { type: "text", text: `${FOLDED} ${words(tokens)}` },
        { type: "provider", provider: "windowed", endpoint: "e", model: "m", data },
      ],
    };
    const users = random.chance(0.5) ? request.messages.filter(({ role }) => role === "user") : [];
    return { messages: [...users, blob], usage: { inputTokens: 100, outputTokens: tokens } };
  }

  // ---- what must hold

  #judge(
    events: readonly StepEvent[],
    requests: readonly BackendRequest[],
    { request, task, restated }: { request: TurnRequest; task: UserMessage | undefined; restated: UserMessage | undefined },
  ): number {
    const marksOf = (message: Message) => JSON.stringify(message).match(/<\d+>/g) ?? [];
    const original = new Map<string, string>();
    for (const message of request.messages) for (const mark of marksOf(message)) original.set(mark, JSON.stringify(message));
    const own = new Set([task, restated].flatMap((message) => (message ? marksOf(message) : [])));
    for (const [i, sent] of requests.entries()) {
      check(wellFormed(sent.messages), "a call without its result, or the reverse");
      check(sent.system === "be good", "no system message");
      check(sent.tools?.length === 3, "not all tools");
      check(isWell(sent.messages), "half of a character was sent");
      const ids = sent.messages.flatMap((message) =>
        message.role === "assistant" && typeof message.content !== "string"
          ? message.content.flatMap((part) => (part.type === "tool-call" ? [part.toolCallId] : []))
          : [],
      );
      check(new Set(ids).size === ids.length, "a tool call id used twice");
      if (task !== undefined) {
        const whole = sent.messages.some(
          ({ role, content }) => role === "user" && [task, restated].some((one) => one && begins(content, one)),
        );
        check(whole, "the task is not there");
      }
      let newest = 0;
      for (const message of sent.messages) {
        const marks = marksOf(message).filter((mark) => !own.has(mark));
        if (marks.length === 0) continue;
        const [mark] = marks;
        const number = Number(mark!.slice(1, -1));
        check(number > newest, `a message is out of its order: ${marks}`);
        newest = number;
        const first = original.get(mark!);
        if (message.role !== "tool" && first !== undefined) check(JSON.stringify(message) === first, "a message was changed");
      }
      check(JSON.stringify(sent.messages).includes(this.#lastSaid[i]!), "what the model said last is not there");
    }
    let compactions = 0;
    const open = new Set<string>();
    for (const event of events) {
      if (event.type === "step-start") {
        check(open.size === 0, "two steps at once");
        open.add(event.stepId);
      } else if (event.type === "step-finish") check(open.delete(event.stepId), "a step that has not begun is over");
      else check(open.has(event.stepId), `${event.type} outside its step`);
      if (event.type !== "compaction") continue;
      compactions++;
      const { tokensBefore = 0, tokensAfter = 0, durationMs = 0 } = event;
      check(tokensBefore > 0 && tokensAfter > 0 && durationMs >= 0, "figures of a compaction");
      check(tokensAfter < tokensBefore, `a compaction from ${tokensBefore} to ${tokensAfter} tokens`);
      check(request.compaction!.methods.includes(event.method as CompactionMethod), "a method that is not allowed");
    }
    check(open.size === 0, "a step is not over");
    return compactions;
  }

  /** Tokens of what must stay in any case. */
  #least(request: TurnRequest, task: UserMessage | undefined): number {
    const fixed: BackendRequest = { system: "be good", messages: [], tools: [...request.tools, ...request.decisions] };
    const biggest = Math.max(0, ...this.#said.filter(({ role }) => role === "assistant").map((message) => sizeOf({ messages: [message] })));
    // Six results of the shortest there are, with what stands around them, and the notes of ours.
    return sizeOf(fixed) + (task === undefined ? 0 : sizeOf({ messages: [task] })) + biggest + 6 * 150 + 200;
  }
}

function begins(content: UserMessage["content"] | Message["content"], task: UserMessage): boolean {
  if (typeof task.content === "string") return typeof content === "string" && content.startsWith(task.content);
  return typeof content !== "string" && JSON.stringify(content.slice(0, task.content.length)) === JSON.stringify(task.content);
}

const isWell = (messages: readonly Message[]): boolean => !/\\ud[89a-f]/i.test(JSON.stringify(messages));

function hangs(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));
}
