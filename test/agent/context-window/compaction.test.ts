import { describe, expect, it } from "vitest";
import { startTurn } from "../../../src/agent/turn.js";
import type { StepEvent, TurnRequest } from "../../../src/agent/types.js";
import type { BackendChunk } from "../../../src/backends/backend.js";
import { BackendError } from "../../../src/errors.js";
import type { Message } from "../../../src/formatter/messages.js";
import { addUsage, noUsage } from "../../../src/token-manager/usage.js";
import { recorder, settle, virtualRuntime } from "../support.js";
import {
  compacted,
  done,
  dump,
  dumpCall,
  plan,
  sizeOf,
  textIn,
  turnOf,
  type WindowedBackend,
  type WindowedOptions,
  wellFormed,
  windowed,
  words,
} from "./support.js";

type Compaction = Extract<StepEvent, { type: "compaction" }>;

async function runTurn(options: WindowedOptions, more: Partial<TurnRequest> = {}, hooks = recorder()) {
  const backend = windowed(options);
  const request = turnOf(backend, more);
  const outcome = await startTurn(request, hooks).done.catch((error: unknown) => error);
  const compactions = hooks.events.filter((event): event is Compaction => event.type === "compaction");
  return { backend, hooks, outcome, compactions };
}

/** A dump of 150 tokens in each of `steps` steps: more than ten times a window of 2,000 with 110. */
const dumps = (steps: number, window = 2000): WindowedOptions => ({
  window,
  reply: (step) => (step < steps ? dumpCall(step) : done),
});

/** What must be in every request, whatever was compacted. */
function expectKept(backend: WindowedBackend): void {
  for (const request of backend.requests) {
    expect(wellFormed(request.messages)).toBe(true);
    expect(request.system).toBe("be good");
    expect(textIn(request)).toContain("the task");
  }
  for (const [i, request] of backend.requests.entries()) if (i > 0) expect(textIn(request)).toContain(`step ${i - 1}`);
}

describe("a conversation ten times its window", () => {
  it.each([
    ["native", { compact: async () => compacted() }],
    ["clear", {}],
    ["summary", {}],
    ["trim", {}],
  ] as const)("runs to its end by %s alone, and no request is too long", async (method, more) => {
    const { backend, outcome, compactions } = await runTurn(
      { ...dumps(110), ...more },
      { compaction: { ...plan, methods: [method], keepToolResults: 1 }, maxSteps: 200 },
    );
    if (method === "clear") {
      // The calls themselves stay, so clearing alone comes to its end some day.
      expect(outcome).toMatchObject({ code: "context_overflow" });
      expect(backend.requests.length).toBeGreaterThan(12); // of five without

      expect(compactions.length).toBeGreaterThan(1);
    } else {
      expect(outcome).toMatchObject({ status: "ended" });
      expect(backend.requests).toHaveLength(111);
      expect(backend.refused).toEqual([]);
    }
    expect(new Set(compactions.map((event) => event.method))).toEqual(new Set([method]));
    for (const { reason, tokensBefore = 0, tokensAfter = 0 } of compactions) {
      expect(reason).toBe("high-water");
      expect(tokensAfter).toBeLessThan(tokensBefore);
    }
    expectKept(backend);
  });

  it("given as history runs by every method together", async () => {
    const messages: Message[] = [];
    for (let i = 0; i < 25; i++)
      messages.push({ role: "user", content: `question ${i} ${words(400)}` }, { role: "assistant", content: `answer ${i} ${words(400)}` });
    messages.push({ role: "user", content: "the task" });
    const { backend, outcome, compactions } = await runTurn({ window: 2000, reply: () => done }, { messages });
    expect(outcome).toMatchObject({ status: "ended" });
    expect(backend.refused).toEqual([]);
    expect(compactions).toHaveLength(1);
    expect(compactions[0]).toMatchObject({ method: "summary", reason: "high-water" });
    expect(textIn(backend.requests[0])).toContain("The sky is blue.");
    expect(backend.summaries.length).toBeGreaterThan(10);
    expect(backend.summaries.every((request) => sizeOf(request) <= 2000)).toBe(true);
    // Everything was read once, in order, and each part with the summary of those before it.
    const read = backend.summaries.map((request) => textIn(request)).join("");
    for (let i = 0; i < 25; i++) expect(read).toContain(`question ${i} `);
    expect(textIn(backend.summaries[1])).toContain("The sky is blue.");
  });
});

describe("the conversation before a task", () => {
  const chat = (exchanges: number): Message[] =>
    Array.from({ length: exchanges }, (_, i): Message[] => [
      { role: "user", content: `question ${i} ${words(200)}` },
      { role: "assistant", content: `answer ${i} ${words(200)}` },
    ]).flat();
  const ask = (backend: WindowedBackend, exchanges: number, more: Partial<TurnRequest> = {}) => {
    const hooks = recorder();
    const messages: Message[] = [...chat(exchanges), { role: "user", content: "the task" }];
    return startTurn(turnOf(backend, { messages, tools: [], ...more }), hooks).done.then(() =>
      hooks.events.filter((event): event is Compaction => event.type === "compaction"),
    );
  };

  it.each([
    ["summary", {}],
    ["native", { compact: async () => compacted() }],
  ] as const)("is condensed once for all turns that begin with it (%s)", async (method, more) => {
    const backend = windowed({ window: 8000, reply: () => done, ...more });
    const compaction = { ...plan, methods: [method] };
    const [first] = await ask(backend, 12, { compaction });
    expect(first).toMatchObject({ method, usage: expect.any(Object) });
    const spent = backend.summaries.length + backend.compactions.length;
    const [second] = await ask(backend, 12, { compaction });
    expect(second).toMatchObject({ method, reused: true, tokensBefore: first?.tokensBefore, tokensAfter: first?.tokensAfter });
    expect(second).not.toHaveProperty("usage");
    expect(backend.requests.at(-1)?.messages).toEqual(backend.requests[0]?.messages);
    expect(backend.summaries.length + backend.compactions.length).toBe(spent);
    // The chat goes on: what is new is read as it is, until there is too much of it again.
    const [third] = await ask(backend, 14, { compaction });
    expect(third).toMatchObject({ reused: true });
    expect(textIn(backend.requests.at(-1))).toContain("question 13 ");
    const [fourth] = await ask(backend, 22, { compaction });
    expect(fourth).not.toHaveProperty("reused");
    if (method === "summary") expect(backend.summaries.slice(spent).map(textIn).join("")).not.toContain("question 3 ");
  });

  it("is another one for another system message, another prompt or another model", async () => {
    const backend = windowed({ window: 8000, reply: () => done });
    await ask(backend, 20);
    expect(await ask(backend, 20, { system: "be bad" })).not.toMatchObject([{ reused: true }]);
    const prompts = { summary: () => "You condense a conversation into a haiku." };
    expect(await ask(backend, 20, { compaction: { ...plan, prompts } })).not.toMatchObject([{ reused: true }]);
    expect(await ask(Object.assign(backend, { model: "other" }), 20)).not.toMatchObject([{ reused: true }]);
    expect(await ask(backend, 20)).toMatchObject([{ reused: true }]);
  });
});

describe("methods", () => {
  it("are tried in order; a failure is told, and the next one takes over", async () => {
    const { compactions, backend, outcome } = await runTurn({
      ...dumps(15),
      compact: async () => {
        throw new BackendError("server_error", "down", { status: 500 });
      },
    });
    expect(outcome).toMatchObject({ status: "ended" });
    expect(compactions[0]).toMatchObject({ method: "clear", failed: [{ method: "native", why: "down" }] });
    expect(backend.compactions).toHaveLength(1); // not again in this turn
  });

  it.each(["not_found", "permission", "unsupported"] as const)("a backend that says %s is never asked again", async (code) => {
    const options: WindowedOptions = {
      ...dumps(15),
      compact: async () => {
        throw new BackendError(code, "no such thing");
      },
    };
    const backend = windowed(options);
    await startTurn(turnOf(backend), recorder()).done;
    await startTurn(turnOf({ ...backend, stream: windowed(dumps(15)).stream, compact: backend.compact! }), recorder()).done;
    const asked = backend.compactions.length;
    const again = recorder();
    let step = 0;
    const same = Object.assign(backend, { stream: windowed({ ...dumps(15), reply: () => (step < 15 ? dumpCall(step++) : done) }).stream });
    await startTurn(turnOf(same), again).done;
    expect(backend.compactions).toHaveLength(asked);
    expect(again.events.find((event) => event.type === "compaction")).toMatchObject({
      failed: [{ method: "native", why: "no such thing" }],
    });
  });

  it("a compaction that grew is thrown away, and what it cost is told", async () => {
    const { compactions, outcome } = await runTurn({ ...dumps(15), compact: async () => compacted(words(3000), 3000) });
    expect(outcome).toMatchObject({ status: "ended" });
    expect(compactions[0]?.failed?.[0]).toMatchObject({ method: "native", why: expect.stringContaining("grew") });
    expect(compactions[0]).toMatchObject({ method: "clear", usage: { inputTokens: 900, outputTokens: 3000 } });
  });

  it("a result that saves too little is thrown away", async () => {
    const { compactions } = await runTurn({ ...dumps(15), compact: async () => compacted(words(650), 650) });
    expect(compactions[0]?.failed?.[0]?.why).toMatch(/saved no more than/);
  });

  it("one that hangs is given up after its time", async () => {
    const runtime = virtualRuntime();
    const aborted: unknown[] = [];
    const hooks = recorder();
    const backend = windowed({
      ...dumps(15),
      compact: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => {
            aborted.push(signal.reason);
            reject(signal.reason);
          });
        }),
    });
    const { done: over } = startTurn(turnOf(backend, { runtime }), hooks);
    await runtime.advance(59_999);
    expect(hooks.events.some((event) => event.type === "compaction")).toBe(false);
    await runtime.advance(1);
    expect(await over).toMatchObject({ status: "ended" });
    expect(aborted).toHaveLength(1);
    expect(hooks.events.find((event) => event.type === "compaction")).toMatchObject({
      method: "clear",
      durationMs: 60_000,
      failed: [{ method: "native", why: expect.stringContaining("60000 ms") }],
    });
  });

  it("native is not asked for less than the floor", async () => {
    const { backend, compactions } = await runTurn(
      { ...dumps(15), compact: async () => compacted() },
      { compaction: { ...plan, floor: 5000 } },
    );
    expect(backend.compactions).toEqual([]);
    expect(compactions[0]?.failed?.[0]?.why).toContain("tokens are old enough");
  });

  it("native is given the old exchanges alone, with the system message and without our notes", async () => {
    const { backend } = await runTurn({ ...dumps(15), compact: async () => compacted() });
    const [sent] = backend.compactions;
    expect(sent?.system).toBe("be good");
    expect(textIn(sent)).not.toContain("the task");
    expect(textIn(sent)).toContain("step 0");
    expect(wellFormed(sent?.messages ?? [])).toBe(true);
    const after = backend.requests.find((request) => textIn(request).includes("(compacted)"));
    expect(after?.messages.map(({ role }) => role).slice(0, 2)).toEqual(["assistant", "user"]);
  });
});

describe("an overflow", () => {
  it("makes room once and starts the step again, where the window was not known but is told", async () => {
    const { backend, outcome, compactions, hooks } = await runTurn({ ...dumps(20), known: false });
    expect(outcome).toMatchObject({ status: "ended" });
    expect(backend.refused).toHaveLength(1); // from then on it is known
    expect(compactions[0]).toMatchObject({ reason: "overflow" });
    expect(compactions.slice(1).every(({ reason }) => reason === "high-water")).toBe(true);
    expect(hooks.events.filter((event) => event.type === "step-finish" && event.status === "retry")).toHaveLength(1);
    expectKept(backend);
  });

  it("of an unknown window is followed by tries with ever less", async () => {
    const messages: Message[] = Array.from({ length: 40 }, (_, i) => ({
      role: i % 2 === 0 ? "user" : "assistant",
      content: `${i} ${words(400)}`,
    }));
    messages.push({ role: "user", content: "the task" });
    const { outcome, backend } = await runTurn({ window: 2000, known: false, overflow: () => "too long", reply: () => done }, { messages });
    expect(outcome).toMatchObject({ status: "ended" });
    expect(backend.refused.length).toBeLessThanOrEqual(5);
  });

  it("of a task that is itself too long ends the turn with the provider's error, and says what was tried", async () => {
    const { outcome, hooks } = await runTurn(dumps(0), { messages: [{ role: "user", content: words(3000) }] });
    expect(outcome).toMatchObject({ code: "context_overflow" });
    expect(hooks.events.filter((event) => event.type === "warning")).toEqual([
      expect.objectContaining({ code: "context_window_full", message: expect.stringMatching(/\)\. Shorten the task/) }),
    ]);
  });

  it("names the last resort where it is not among the methods", async () => {
    const { hooks } = await runTurn(dumps(20), { compaction: { ...plan, methods: ["native"] } });
    const warning = hooks.events.find((event) => event.type === "warning");
    expect(warning).toMatchObject({ message: expect.stringContaining('Let compaction.methods end with "trim"') });
  });

  it("changes nothing where compaction is off", async () => {
    const { outcome, compactions, backend } = await runTurn(dumps(20), { compaction: undefined } as never);
    expect(outcome).toMatchObject({ code: "context_overflow" });
    expect(compactions).toEqual([]);
    expect(backend.refused).toHaveLength(1);
  });
});

describe("the rest", () => {
  it("a result that does not fit even alone is shortened, and says so", async () => {
    const { backend, outcome, compactions } = await runTurn(dumps(1), { tools: [dump(5000)] });
    expect(outcome).toMatchObject({ status: "ended" });
    expect(backend.refused).toEqual([]);
    expect(compactions).toMatchObject([{ method: "trim" }]);
    expect(textIn(backend.requests[1])).toMatch(/\d+ characters in the middle of this result were left out/);
  });

  it("an abort while the model condenses ends the turn at once and counts what it cost", async () => {
    let compacting = () => {};
    const reached = new Promise<void>((resolve) => {
      compacting = resolve;
    });
    const hooks = recorder();
    const backend = windowed({
      ...dumps(15),
      compact: () => {
        compacting();
        return new Promise(() => {});
      },
    });
    const turn = startTurn(turnOf(backend), hooks);
    await reached;
    turn.abort(new Error("enough"));
    expect(await turn.done).toMatchObject({ status: "aborted" });
    const last = hooks.events.at(-1);
    expect(last).toMatchObject({ type: "step-finish", status: "interrupted", usage: { estimated: true } });
    const booked = hooks.events.reduce((sum, event) => (event.type === "step-finish" ? addUsage(sum, event.usage) : sum), noUsage);
    expect(turn.usage()).toEqual(booked);
    await settle();
    expect(hooks.events.at(-1)).toBe(last);
  });

  it("what another model condensed is not sent to this one: the view is made anew", async () => {
    let step = 0;
    const backend: WindowedBackend = windowed({
      window: 4000,
      compact: async () => compacted(),
      reply: () => {
        if (step === 30) Object.assign(backend, { model: "other" });
        return step < 32 ? dumpCall(step++) : done;
      },
    });
    expect(await startTurn(turnOf(backend, { compaction: { ...plan, methods: ["native", "trim"] } }), recorder()).done).toMatchObject({
      status: "ended",
    });
    const last = backend.requests.findIndex(({ messages }) => textIn({ messages }).includes("step 30"));
    expect(textIn(backend.requests[last - 1])).toContain("(compacted)");
    for (const request of backend.requests.slice(last)) expect(textIn(request)).not.toContain("(compacted)");
    expect(textIn(backend.requests[last])).toContain("are left out");
    // The exchanges that the other model had condensed are back, but too many to be sent.
    expect(Number(/oldest (\d+) messages/.exec(textIn(backend.requests[last]))?.[1])).toBeGreaterThan(40);
  });

  const folded = (n: number, finish: "tool-calls" | "pause"): BackendChunk[] => {
    const [text, call] = dumpCall(n);
    const said = finish === "pause" ? [text!] : [text!, call!];
    const state = { type: "provider" as const, provider: "windowed", endpoint: "e", model: "m", data: {} };
    const content = [...said.map((chunk) => (chunk.type === "tool-call" ? chunk : { type: "text" as const, text: `step ${n}` })), state];
    return [
      { type: "compaction", method: "claude", tokensBefore: 10, tokensAfter: 2 },
      ...said,
      { type: "message", message: { role: "assistant", content } },
      { type: "finish", reason: finish },
    ];
  };

  it("a compaction of the provider's that nothing was sent back of leaves the conversation as it is", async () => {
    const { backend } = await runTurn(
      { window: 8000, reply: (n) => (n === 3 ? [{ type: "compaction", method: "x" }, ...dumpCall(n)] : n < 6 ? dumpCall(n) : done) },
      { tools: [dump(500)] },
    );
    expect(textIn(backend.requests[4])).toContain("step 0");
  });

  it("a reply that the provider paused after compacting goes straight back, and the task follows when it is over", async () => {
    const { backend } = await runTurn(
      { window: 4000, reply: (n) => (n === 3 ? folded(n, "pause") : n < 6 ? dumpCall(n) : done) },
      { tools: [dump(500)] },
    );
    expect(backend.requests[4]?.messages.at(-1)?.role).toBe("assistant");
    expect(backend.requests[5]?.messages.map(({ role }) => role)).toEqual(["assistant", "assistant", "tool", "user"]);
    expect(wellFormed(backend.requests[5]?.messages ?? [])).toBe(true);
  });

  it("after the provider has compacted by itself, what came before goes, and the task is told again", async () => {
    const { backend } = await runTurn(
      { window: 4000, reply: (n) => (n === 3 ? folded(n, "tool-calls") : n < 6 ? dumpCall(n) : done) },
      { tools: [dump(500)] },
    );
    const after = backend.requests[4];
    expect(after?.messages.map(({ role }) => role)).toEqual(["assistant", "tool", "user"]);
    expect(textIn(after)).toContain("the task");
    expect(wellFormed(after?.messages ?? [])).toBe(true);
  });

  it("the task is restated with the answers of now", async () => {
    const hooks = recorder([], { restate: async () => ({ role: "user", content: "the task, with newer answers" }) });
    const { backend } = await runTurn(dumps(15), {}, hooks);
    expect(textIn(backend.requests.at(-1))).toContain("the task, with newer answers");
  });

  it("is not made again within the cool-down while the request fits", async () => {
    const often = (coolDown: number) =>
      runTurn(
        { ...dumps(40, 3000), summary: () => words(700) },
        { compaction: { ...plan, minSaving: 0.01, coolDown, methods: ["summary"] } },
      );
    const stepsOf = (compactions: Compaction[]) => compactions.map(({ stepId }) => Number(stepId.split(".")[1]));
    const [rested, restless] = await Promise.all([often(4), often(0)]);
    expect(stepsOf(rested.compactions).length).toBeLessThan(stepsOf(restless.compactions).length);
    const useless = await runTurn({ ...dumps(25, 3000), summary: () => words(5000) }, { compaction: { ...plan, methods: ["summary"] } });
    expect(useless.backend.summaries.length).toBeLessThan(8); // and neither is what came to nothing
    expect(rested.outcome).toMatchObject({ status: "ended" });
    expect(rested.backend.refused).toEqual([]);
  });
});
