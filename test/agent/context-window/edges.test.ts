import { describe, expect, it } from "vitest";
import { startTurn } from "../../../src/agent/turn.js";
import type { StepEvent, TurnRequest } from "../../../src/agent/types.js";
import type { BackendChunk, BackendRequest } from "../../../src/backends/backend.js";
import { BackendError } from "../../../src/errors.js";
import type { Message } from "../../../src/formatter/messages.js";
import { tool } from "../../../src/tools/tool.js";
import { recorder, settle, virtualRuntime } from "../support.js";
import { compacted, done, dump, dumpCall, plan, sizeOf, textIn, turnOf, type WindowedOptions, windowed, words } from "./support.js";

type Compaction = Extract<StepEvent, { type: "compaction" }>;

async function runTurn(options: WindowedOptions, more: Partial<TurnRequest> = {}, hooks = recorder(), backend = windowed(options)) {
  const outcome = await startTurn(turnOf(backend, more), hooks).done.catch((error: unknown) => error);
  const compactions = hooks.events.filter((event): event is Compaction => event.type === "compaction");
  return { backend, hooks, outcome, compactions };
}

const only = (...methods: (typeof plan.methods)[number][]) => ({ compaction: { ...plan, methods } });

const dumps = (steps: number, window = 2000): WindowedOptions => ({ window, reply: (step) => (step < steps ? dumpCall(step) : done) });

const history = (exchanges: number, tokens: number): Message[] => [
  ...Array.from({ length: exchanges }, (_, i): Message[] => [
    { role: "user", content: `question ${i} ${words(tokens)}` },
    { role: "assistant", content: `answer ${i} ${words(tokens)}` },
  ]).flat(),
  { role: "user", content: "the task" },
];

const saying = (text: string) => tool({ name: "dump", description: "A long text.", input: { type: "object" }, execute: () => text });

describe("results that are too long", () => {
  it("are never cut through a character", async () => {
    for (const text of ["\u{1f600}".repeat(6000), `x${"\u{1f600}".repeat(6000)}`]) {
      const { backend, outcome } = await runTurn(dumps(1), { ...only("trim"), tools: [saying(text)] });
      expect(outcome).toMatchObject({ status: "ended" });
      expect(textIn(backend.requests[1])).toContain("were left out");
      expect(textIn(backend.requests[1])).not.toMatch(/\\ud[89a-f]/);
    }
  });

  it("are all cut to one length, however many and however short they are", async () => {
    const calls: BackendChunk[] = Array.from({ length: 8 }, (_, i) => ({
      type: "tool-call",
      toolCallId: `c${i}`,
      toolName: "dump",
      input: {},
    }));
    const { backend, outcome } = await runTurn(
      { window: 2500, reply: (step) => (step === 0 ? [...calls, { type: "finish", reason: "tool-calls" }] : done) },
      { ...only("trim"), tools: [dump(450)] },
    );
    expect(outcome).toMatchObject({ status: "ended" });
    expect(backend.refused).toEqual([]);
    expect(sizeOf(backend.requests[1]!)).toBeGreaterThan(900); // no shorter than they must be
  });

  it("are shortened by what they take of the provider's tokens, not of ours", async () => {
    // To this provider every token of ours is half of one.
    const backend = windowed({ ...dumps(6, 4000) });
    const stream = backend.stream;
    backend.stream = async function* (request, options) {
      for await (const chunk of stream(request, options))
        yield chunk.type === "usage" ? { ...chunk, usage: { ...chunk.usage, inputTokens: Math.ceil(chunk.usage.inputTokens / 2) } } : chunk;
    };
    const { compactions } = await runTurn(
      dumps(6, 4000),
      { compaction: { ...plan, methods: ["clear"], keepToolResults: 1 }, tools: [dump(1500)] },
      recorder(),
      backend,
    );
    const [first] = compactions;
    expect(first?.tokensAfter).toBeLessThan(1600); // the low-water mark is 1,500
  });
});

describe("what is told of the conversation", () => {
  it("counts messages that a dropped summary stood for", async () => {
    let step = 0;
    const growing = { ...dump(0), execute: () => words(++step === 20 ? 2600 : 150) };
    const { backend, compactions } = await runTurn(
      { ...dumps(22, 3000), summary: () => words(400) },
      { compaction: { ...plan, methods: ["summary", "trim"], keepExchanges: 1 }, tools: [growing] },
    );
    expect(compactions.map(({ method }) => method)).toEqual(expect.arrayContaining(["summary", "trim"]));
    expect(textIn(backend.requests[20])).not.toContain("This summary");
    for (const [i, request] of backend.requests.entries()) {
      if (textIn(request).includes("This summary takes its place")) continue;
      const left = Number(/oldest (\d+) messages/.exec(textIn(request))?.[1] ?? 0);
      expect(left + request.messages.length - 1).toBe(2 * i);
    }
  });

  it("counts messages that a dropped compaction of the provider's stood for", async () => {
    let step = 0;
    const growing = { ...dump(0), execute: () => words(++step === 20 ? 2600 : 150) };
    const { backend, compactions } = await runTurn(
      { ...dumps(22, 3000), compact: async () => compacted(words(400), 400) },
      { compaction: { ...plan, methods: ["native", "trim"], keepExchanges: 1 }, tools: [growing] },
    );
    expect(compactions.map(({ method }) => method)).toEqual(expect.arrayContaining(["native", "trim"]));
    const request = backend.requests[20]!;
    expect(textIn(request)).not.toContain("provider");
    const left = Number(/oldest (\d+) messages/.exec(textIn(request))?.[1]);
    expect(left + request.messages.length - 1).toBe(40);
  });

  it("a summary that the provider has condensed since is in the next summary's source", async () => {
    let asked = 0;
    const { backend, compactions } = await runTurn(
      {
        ...dumps(60, 3000),
        summary: () => "## Facts\nThe key is 4711.",
        compact: async () => {
          if (++asked === 3) throw new BackendError("server_error", "down");
          return asked === 1 ? compacted(words(3000), 3000) : compacted();
        },
      },
      { compaction: { ...plan, methods: ["native", "summary"], floor: 0 } },
    );
    expect(compactions.map(({ method }) => method).slice(0, 3)).toEqual(["summary", "native", "summary"]);
    expect(textIn(backend.summaries[1])).toContain("4711");
  });
});

describe("a summary", () => {
  it("is asked for without what shapes the agent's own replies", async () => {
    const params = {
      max_tokens: 10,
      text: { format: { type: "json_schema" }, verbosity: "low" },
      extra_body: { guided_json: {}, provider: { only: ["x"] } },
      output_config: { format: {} },
      stop: ["\n"],
      metadata: { format: "mine" },
      service_tier: "flex",
      contextManagement: {},
    };
    const { backend } = await runTurn(dumps(15), {
      ...only("summary"),
      params,
      settings: { maxOutputTokens: 20, responseFormat: { type: "json" } },
    });
    const [asked] = backend.summaries;
    expect(asked?.params).toEqual({
      text: { verbosity: "low" },
      extra_body: { provider: { only: ["x"] } },
      metadata: { format: "mine" },
      service_tier: "flex",
    });
    expect(asked?.settings).toEqual({ maxOutputTokens: 370 });
    expect(backend.requests[0]).toMatchObject({ params, settings: { maxOutputTokens: 20 } });
  });

  it("is asked for again after what passes, as often as any step", async () => {
    let failures = 0;
    const backend = windowed(dumps(15));
    const stream = backend.stream;
    backend.stream = async function* (request, options) {
      if (request.system?.startsWith("You condense") && failures++ < 2)
        throw new BackendError("rate_limit", "slow down", { status: 429, retryable: true, retryAfterMs: 1000 });
      yield* stream(request, options);
    };
    const runtime = virtualRuntime();
    const hooks = recorder();
    const turn = startTurn(turnOf(backend, { runtime, ...only("summary", "trim") }), hooks);
    for (let i = 0; i < 5; i++) await runtime.advance(1000);
    expect(await turn.done).toMatchObject({ status: "ended" });
    expect(hooks.events.find((event) => event.type === "compaction")).toMatchObject({ method: "summary" });
  });

  it("is not asked for where it could not help", async () => {
    const { backend, compactions, hooks } = await runTurn(dumps(15, 4000), {
      compaction: { ...plan, methods: ["summary"], keepExchanges: 1 },
      messages: [{ role: "user", content: `the task ${words(2500)}` }],
    });
    expect(backend.summaries).toEqual([]);
    expect(compactions).toEqual([]);
    expect(hooks.events.filter((event) => event.type === "warning")).toHaveLength(1);
  });

  it("of a window that is too small for it is none", async () => {
    const { backend, compactions } = await runTurn(
      { window: 700, reply: () => done },
      { ...only("summary", "trim"), messages: history(20, 300) },
    );
    expect(backend.summaries).toEqual([]);
    expect(compactions[0]?.failed).toEqual([{ method: "summary", why: "the window is too small for the request" }]);
  });
});

describe("the provider is asked", () => {
  it("for its models once, and never by a short conversation", async () => {
    let asked = 0;
    const backend = Object.assign(windowed({ window: 2000, known: false, reply: () => done }), {
      listModels: async () => {
        asked++;
        return [{ id: "m", contextWindow: 2000 }];
      },
    });
    await startTurn(turnOf(backend), recorder()).done;
    expect(asked).toBe(0);
    const long = { messages: history(20, 500), ...only("trim") };
    await Promise.all([startTurn(turnOf(backend, long), recorder()).done, startTurn(turnOf(backend, long), recorder()).done]);
    await startTurn(turnOf(backend, long), recorder()).done;
    expect(asked).toBe(1);
    expect(backend.refused).toEqual([]);
  });

  it("no longer than five seconds, even if it does not hear", async () => {
    const runtime = virtualRuntime();
    const backend = Object.assign(windowed({ window: 90_000, known: false, reply: () => done }), {
      listModels: () => new Promise<never>(() => {}),
    });
    const turn = startTurn(turnOf(backend, { runtime, messages: history(20, 500) }), recorder());
    await runtime.advance(4_999);
    expect(backend.requests).toHaveLength(0);
    await runtime.advance(1);
    expect(await turn.done).toMatchObject({ status: "ended" });
    expect(runtime.pending()).toBe(0);
  });

  it("anew where the turn that asked was aborted, and then hears of it", async () => {
    const runtime = virtualRuntime();
    const signals: (AbortSignal | undefined)[] = [];
    const backend = Object.assign(windowed({ window: 90_000, known: false, reply: () => done }), {
      listModels: ({ signal }: { signal?: AbortSignal }) => {
        signals.push(signal);
        return signals.length > 1 ? Promise.resolve([]) : new Promise<never>(() => {});
      },
    });
    const turn = startTurn(turnOf(backend, { runtime, messages: history(20, 500) }), recorder());
    await settle();
    turn.abort(new Error("enough"));
    expect(signals[0]?.aborted).toBe(true);
    await settle();
    expect(runtime.pending()).toBe(0);
    expect(await startTurn(turnOf(backend, { runtime, messages: history(20, 500) }), recorder()).done).toMatchObject({ status: "ended" });
    expect(signals).toHaveLength(2);
  });

  it("to count no longer than ten seconds, and not again once it could not", async () => {
    const runtime = virtualRuntime();
    let asked = 0;
    const backend = Object.assign(windowed(dumps(40)), {
      countTokens: () => {
        asked++;
        return new Promise<never>(() => {});
      },
    });
    const turn = startTurn(turnOf(backend, { runtime, ...only("trim") }), recorder());
    await runtime.advance(9_999);
    expect(asked).toBe(1);
    await runtime.advance(1);
    expect(await turn.done).toMatchObject({ status: "ended" });
    expect(asked).toBe(1);
  });
});

describe("sizes", () => {
  it("are not learnt from steps in which the provider's own tools read much", async () => {
    const search: BackendChunk[] = [
      { type: "builtin-tool", id: "s", toolName: "web_search", state: "finished" },
      { type: "usage", usage: { inputTokens: 5000, outputTokens: 5 } },
    ];
    const backend = windowed({ window: 8000, reply: () => [] });
    let step = 0;
    const requests: BackendRequest[] = [];
    backend.stream = async function* (request) {
      requests.push(request);
      yield* step++ < 3 ? [...dumpCall(step).slice(0, 2), ...search, dumpCall(step)[2]!] : done;
    };
    const { compactions, outcome } = await runTurn(
      { window: 8000, reply: () => [] },
      { tools: [dump(800)], ...only("trim") },
      recorder(),
      backend,
    );
    expect(outcome).toMatchObject({ status: "ended" });
    expect(compactions).toEqual([]);
    expect(requests).toHaveLength(4);
  });

  it("of a window that a refusal has told are known to the next turn, unless they cannot be one", async () => {
    const backend = windowed({ window: 2000, known: false, reply: () => done });
    const long = { messages: history(8, 200), ...only("trim") };
    await startTurn(turnOf(backend, long), recorder()).done;
    expect(backend.refused).toHaveLength(1);
    await startTurn(turnOf(backend, long), recorder()).done;
    expect(backend.refused).toHaveLength(1);
    const odd = windowed({ window: 2000, known: false, overflow: () => "the maximum context length is 3 pages", reply: () => done });
    expect(await startTurn(turnOf(odd, long), recorder()).done).toMatchObject({ status: "ended" });
  });

  it("are corrected by overflows, more than once if need be", async () => {
    // To this provider every token of ours is two and a half, and it does not say what it has used.
    const backend = windowed({ window: 4000, reply: (step) => (step < 2 ? dumpCall(step) : done) });
    const stream = backend.stream;
    let refused = 0;
    backend.stream = async function* (request, options) {
      if (sizeOf(request) * 2.5 > 4000) {
        refused++;
        throw new BackendError("context_overflow", "This model's maximum context length is 4000 tokens.");
      }
      for await (const chunk of stream(request, options)) if (chunk.type !== "usage") yield chunk;
    };
    const long = Array.from({ length: 4000 }, (_, i) => `line ${i}`).join("\n");
    const { outcome } = await runTurn(dumps(2), { ...only("trim"), tools: [saying(long)] }, recorder(), backend);
    expect(outcome).toMatchObject({ status: "ended" });
    expect(refused).toBeGreaterThan(1);
    // And what has been cut more than once says how much is missing of the whole.
    const results = backend.requests[1]!.messages.flatMap((message) => (message.role === "tool" ? message.content : []));
    const output = results[0]!.output as string;
    const [note, missing] = /\n\n\[… (\d+) characters[^\]]*\]\n\n/.exec(output) ?? [];
    expect(output.length - note!.length + Number(missing)).toBe(long.length);
  });

  it("a backend that learns its model's name with its first request is no other one", async () => {
    const compactionsOf = async (model: string) => {
      const backend = Object.assign(windowed({ ...dumps(40, 4000), compact: async () => compacted() }), { model });
      const stream = backend.stream;
      backend.stream = async function* (request, options) {
        if (textIn(request).includes("(compacted)")) Object.assign(backend, { model: "m" });
        yield* stream(request, options);
      };
      return (await runTurn(dumps(40, 4000), only("native", "trim"), recorder(), backend)).compactions.map(({ stepId }) => stepId);
    };
    expect(await compactionsOf("")).toEqual(await compactionsOf("m"));
  });
});

it("what a provider condensed and does not take any more is made anew, and not remembered", async () => {
  let broken = false;
  const backend = windowed({ window: 8000, compact: async () => compacted(), reply: () => done });
  const stream = backend.stream;
  backend.stream = async function* (request, options) {
    if (broken && textIn(request).includes("(compacted)"))
      throw new BackendError("bad_request", "The encrypted content could not be verified.", { status: 400 });
    yield* stream(request, options);
  };
  const turn = () => runTurn(dumps(0), { ...only("native", "trim"), messages: history(10, 200) }, recorder(), backend);
  expect((await turn()).compactions).toMatchObject([{ method: "native" }]);
  broken = true;
  const { outcome, compactions } = await turn();
  expect(outcome).toMatchObject({ status: "ended" });
  expect(compactions).toMatchObject([{ method: "native", reused: true }, { method: "trim" }]);
  broken = false;
  expect((await turn()).compactions).toMatchObject([{ method: "native", usage: expect.anything() }]);
});

it("the oldest of thousands of exchanges are left out without reading the task anew for each", async () => {
  let laidOut = 0;
  const trimmed = ({ messages }: { messages: number }) => {
    laidOut++;
    return `${messages} are left out`;
  };
  await runTurn(dumps(0, 4000), { compaction: { ...plan, methods: ["trim"], prompts: { trimmed } }, messages: history(500, 50) });
  expect(laidOut).toBeGreaterThan(0);
  expect(laidOut).toBeLessThan(10);
});

it("a turn that is aborted while a summary waits for its budget reserves nothing", async () => {
  let free = () => {};
  let asked = 0;
  const hooks = recorder([], {
    mayStart: () => {
      asked++;
      return new Promise<void>((resolve) => {
        free = resolve;
      });
    },
  });
  const turn = startTurn(turnOf(windowed(dumps(0)), { ...only("summary"), messages: history(20, 300) }), hooks);
  await settle();
  expect(asked).toBe(1);
  turn.abort(new Error("enough"));
  free();
  await settle();
  expect(await turn.done).toMatchObject({ status: "aborted" });
  expect(asked).toBe(1);
});
