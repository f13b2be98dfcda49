import type { CompactionOptions } from "../../src/agent/context-window/options.js";
import type { Backend, BackendChunk, BackendRequest, CallOptions } from "../../src/backends/backend.js";
import { BackendError } from "../../src/errors.js";
import type { Message } from "../../src/formatter/messages.js";
import type { Runtime } from "../../src/runtime.js";
import { estimateTokens, requestTokens } from "../../src/token-manager/estimate.js";
import { check } from "./check.js";
import type { Random } from "./random.js";

const words = (random: Random, most: number): string => "abc ".repeat(random.int(most));

/** A long conversation before the task. */
export function randomHistory(random: Random, task: string): Message[] {
  const history = Array.from({ length: random.int(12) }, (_, i): Message[] => [
    { role: "user", content: `question ${i} ${words(random, 200)}` },
    { role: "assistant", content: `reply ${i} ${words(random, 200)}` },
  ]);
  return [...history.flat(), { role: "user", content: task }];
}

export function randomCompaction(random: Random): CompactionOptions | boolean {
  if (random.chance(0.1)) return random.chance(0.5);
  return {
    methods: random.pick([["native", "clear", "summary", "trim"], ["native"], ["summary"], ["trim", "summary"], []]),
    floor: random.pick([0, 300]),
    coolDown: random.int(4),
    keepExchanges: 1 + random.int(3),
    minSaving: random.pick([0, 0.2]),
    timeoutMs: random.pick([1_000, 60_000]),
  };
}

/** The same model with a window, told or not, and all that a provider may do with a conversation that is too long for it. */
export function inWindow(backend: Backend, random: Random, runtime: Runtime, task: string): Backend & { complaint: unknown } {
  const window = random.pick([1_500, 3_000, 6_000, 20_000]);
  const known = random.chance(0.6);
  const told = random.chance(0.5);
  const fails = random.pick([0, 0.1, 0.5]);
  const truthful = random.chance(0.5);

  const wait = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const aborted = () => new BackendError("aborted", "aborted");
      if (signal?.aborted) return reject(aborted());
      const onAbort = () => {
        cancel();
        reject(aborted());
      };
      const cancel = runtime.setTimer(ms, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  const trouble = async (signal: AbortSignal | undefined): Promise<void> => {
    await wait(random.int(2_000), signal);
    if (random.chance(fails / 5)) await wait(10_000_000, signal);
    if (random.chance(fails)) throw new BackendError("overloaded", "busy", { status: 503, retryable: random.chance(0.5) });
  };
  const checkSent = (request: BackendRequest) => {
    if (!JSON.stringify(request.messages).includes(task)) own.complaint ??= new Error("a request without the task");
  };

  async function* stream(request: BackendRequest, options: Parameters<Backend["stream"]>[1]): AsyncGenerator<BackendChunk> {
    const tokens = requestTokens(request, estimateTokens);
    const isSummary = request.system?.startsWith("You condense") === true;
    if (!isSummary) checkSent(request);
    if (tokens > window) {
      await wait(random.int(100), options.signal);
      const limit = told ? `This model's maximum context length is ${window} tokens.` : "too long";
      throw new BackendError("context_overflow", limit, { status: 400 });
    }
    if (isSummary) {
      await trouble(options.signal);
      yield { type: "text-delta", delta: `so far: ${words(random, random.chance(fails) ? window : 50)}` };
      if (random.chance(fails)) return;
      yield { type: "usage", usage: { inputTokens: tokens, outputTokens: 20 } };
      yield { type: "finish", reason: "stop" };
      return;
    }
    for await (const chunk of backend.stream(request, options))
      yield chunk.type === "usage" && truthful ? { type: "usage", usage: { ...chunk.usage, inputTokens: tokens } } : chunk;
  }

  const own: Backend & { complaint: unknown } = {
    type: backend.type,
    model: backend.model,
    capabilities: { ...backend.capabilities, ...(known && { contextWindow: window }) },
    complaint: undefined,
    stream,
    ...(random.chance(0.5) && {
      compact: async (request: BackendRequest, { signal }: CallOptions) => {
        check(request.messages.length > 0, "nothing to condense");
        await trouble(signal);
        const users = request.messages.filter(({ role }) => role === "user");
        const text = `condensed ${words(random, random.chance(fails) ? window : 50)}`;
        return { messages: [...users, { role: "assistant", content: text }], usage: { inputTokens: 50, outputTokens: 10 } };
      },
    }),
    ...(random.chance(0.5) && {
      listModels: async ({ signal }: CallOptions) => {
        await trouble(signal);
        return random.chance(0.5) ? [{ id: backend.model, contextWindow: window }] : [];
      },
    }),
    ...(random.chance(0.3) && {
      countTokens: async (request: BackendRequest, { signal }: CallOptions) => {
        await trouble(signal);
        return requestTokens(request, estimateTokens);
      },
    }),
  };
  return own;
}
