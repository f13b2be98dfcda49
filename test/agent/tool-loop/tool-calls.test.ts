import { describe, expect, it } from "vitest";
import { toolResult } from "../../../src/agent/tool-loop/tool-result.js";
import { startTurn } from "../../../src/agent/turn.js";
import type { ToolOutcome } from "../../../src/agent/types.js";
import type { ToolMessage } from "../../../src/formatter/messages.js";
import { type Tool, type ToolContext, tool } from "../../../src/tools/tool.js";
import {
  backendOf,
  call,
  calls,
  recorder,
  requestOf,
  type ScriptedBackend,
  settle,
  stop,
  virtualRuntime,
  vote,
  watchedSignal,
} from "../support.js";

const input = { type: "object" };
const make = (name: string, execute?: (input: unknown, context: ToolContext) => unknown): Tool =>
  tool({ name, description: "", input, execute });

function gate<T>() {
  let open!: (value: T) => void;
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

const results = (backend: ScriptedBackend) => (backend.requests[1]?.messages.at(-1) as ToolMessage | undefined)?.content;

describe("ordinary tool calls", () => {
  it("run in parallel; events and one message come in call order; then worked, then news", async () => {
    const slow = gate<string>();
    const fast = gate<string>();
    const hooks = recorder();
    hooks.updates = [{ note: "news", decisions: [vote] }];
    const running: unknown[] = [];
    const run = (wait: Promise<string>) => (args: unknown) => {
      running.push(args);
      return wait;
    };
    const backend = backendOf([[call("1", "slow", { a: 1 }), call("2", "fast", { b: 2 }), calls], [stop]]);
    const tools = [make("slow", run(slow.promise)), make("fast", run(fast.promise))];
    const { done } = startTurn(requestOf(backend, { tools }), hooks);
    await settle();
    expect(running).toEqual([{ a: 1 }, { b: 2 }]);
    fast.open("second");
    await settle();
    expect(hooks.log).toEqual(["step-start", "tool-call", "tool-call"]);
    slow.open("first");
    await done;
    expect(hooks.events.slice(1, 6)).toMatchObject([
      { type: "tool-call", stepId: "t.1", toolCallId: "1", toolName: "slow", input: { a: 1 } },
      { type: "tool-call", stepId: "t.1", toolCallId: "2", toolName: "fast", input: { b: 2 } },
      { type: "tool-result", stepId: "t.1", toolCallId: "1", output: "first", isError: false },
      { type: "tool-result", stepId: "t.1", toolCallId: "2", output: "second", isError: false },
      { type: "step-finish", stepId: "t.1", status: "ok" },
    ]);
    expect(hooks.log.slice(5, 8)).toEqual(["step-finish", "worked", "step-start"]);
    expect(backend.requests[1]?.messages.slice(2)).toEqual([
      {
        role: "tool",
        content: [
          { type: "tool-result", toolCallId: "1", toolName: "slow", output: "first" },
          { type: "tool-result", toolCallId: "2", toolName: "fast", output: "second" },
        ],
      },
      { role: "user", content: "news" },
    ]);
    expect(backend.requests[1]?.tools?.at(-1)).toBe(vote);
    expect(hooks.points[0]?.worked).toBe(true);
  });

  it("tell the tool where it is called from", async () => {
    let seen: ToolContext | undefined;
    const spy = make("spy", (_input, context) => {
      seen = context;
    });
    await startTurn(requestOf(backendOf([[call("1", "spy"), calls], [stop]]), { tools: [spy], context: { user: 7 } }), recorder()).done;
    expect(seen).toMatchObject({ runId: "r", agentId: "a", turnId: "t", toolCallId: "1", context: { user: 7 } });
    expect(seen?.signal.aborted).toBe(false);
  });

  it("answer what cannot be run with an error the model can act on", async () => {
    const hooks = recorder();
    const tools = [
      make("throws", () => {
        throw new Error("disk full");
      }),
      make("rejects", async () => Promise.reject("nope")),
      make("bad", () => "never"),
    ];
    const bad = { type: "tool-call", toolCallId: "4", toolName: "bad", input: "{x", invalid: "Unexpected end." } as const;
    const backend = backendOf([[call("1", "throws"), call("2", "rejects"), call("3", "toString"), bad, calls], [stop]]);
    await startTurn(requestOf(backend, { tools }), hooks).done;
    expect(results(backend)).toMatchObject([
      { toolCallId: "1", output: 'Tool "throws" failed: disk full', isError: true },
      { toolCallId: "2", output: 'Tool "rejects" failed: nope', isError: true },
      { output: 'There is no tool named "toString". Available tools: throws, rejects, bad, new_answer, vote.', isError: true },
      { toolCallId: "4", output: expect.stringMatching(/"bad" could not be read.*Unexpected end\..*again/), isError: true },
    ]);
    expect(hooks.events.find((event) => event.type === "tool-call" && event.toolCallId === "4")).toMatchObject({
      invalid: "Unexpected end.",
    });
    expect(hooks.log).toContain("worked");
  });

  it("that give what cannot be read have failed, and nothing else has", async () => {
    const trap = {
      get type(): string {
        throw new Error("it is a trap");
      },
    };
    const tools = [
      make("one", () => [trap]),
      make("two", async function* () {
        yield 1;
        yield [trap];
      }),
    ];
    const backend = backendOf([[call("1", "one"), call("2", "two"), calls], [stop]]);
    await startTurn(requestOf(backend, { tools }), recorder()).done;
    expect(results(backend)).toMatchObject([
      { output: 'Tool "one" failed: it is a trap', isError: true },
      { output: 'Tool "two" failed: it is a trap', isError: true },
    ]);
  });

  it("are given up at the tool limit, their signal aborted, and the turn goes on", async () => {
    const runtime = virtualRuntime();
    let signal: AbortSignal | undefined;
    const hang = make("hang", (_input, context) => {
      signal = context.signal;
      return new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(new Error("late"))));
    });
    const backend = backendOf([[call("1", "hang"), calls], [stop]]);
    const timeouts = { turn: Infinity, step: Infinity, firstChunk: Infinity, chunk: Infinity, tool: 1000 };
    const { done } = startTurn(requestOf(backend, { tools: [hang], runtime, timeouts }), recorder());
    await runtime.advance(999);
    expect(backend.requests).toHaveLength(1);
    await runtime.advance(1);
    await done;
    expect(signal?.aborted).toBe(true);
    expect(results(backend)).toMatchObject([{ output: expect.stringContaining("longer than 1000 ms"), isError: true }]);
    expect(runtime.pending()).toBe(0);
  });

  it("are stopped with the turn, and their late results go nowhere", async () => {
    const { controller, listeners } = watchedSignal();
    const late = gate<string>();
    let signal: AbortSignal | undefined;
    const hang = make("hang", (_input, context) => {
      signal = context.signal;
      return late.promise;
    });
    const hooks = recorder();
    const runtime = virtualRuntime();
    const timeouts = { turn: 9, step: 9, firstChunk: 9, chunk: 9, tool: 9 };
    const chunks = [call("1", "hang"), { type: "usage" as const, usage: { inputTokens: 5, outputTokens: 6 } }, calls];
    const { done } = startTurn(requestOf(backendOf([chunks]), { tools: [hang], signal: controller.signal, runtime, timeouts }), hooks);
    await settle();
    controller.abort();
    expect(signal?.aborted).toBe(true);
    const count = hooks.log.length;
    expect(await done).toEqual({ status: "aborted", usage: { inputTokens: 5, outputTokens: 6 } });
    late.open("late");
    await settle();
    expect(hooks.log).toHaveLength(count);
    expect(hooks.events.at(-1)).toMatchObject({ type: "step-finish", status: "interrupted" });
    expect(listeners()).toBe(0);
    expect(runtime.pending()).toBe(0);
  });
});

describe("a turn that is aborted", () => {
  it("leaves the signals of tools that have finished alone", async () => {
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const quick = make("quick", (_input, context) => {
      signal = context.signal;
    });
    const hooks = recorder([], {
      decide: async () => {
        controller.abort();
        return { type: "end" };
      },
    });
    const backend = backendOf([[call("1", "quick"), calls], [stop]]);
    await startTurn(requestOf(backend, { tools: [quick], signal: controller.signal }), hooks).done;
    expect(signal?.aborted).toBe(false);
  });

  it("before a tool has begun does not begin it", async () => {
    const controller = new AbortController();
    let ran = false;
    const mine = make("mine", () => {
      ran = true;
    });
    const external = async () => {
      controller.abort();
      return [];
    };
    const backend = backendOf([[call("1", "mine"), call("2", "ask"), calls]]);
    await startTurn(requestOf(backend, { tools: [mine, make("ask")], signal: controller.signal }), recorder([], { external })).done;
    await settle();
    expect(ran).toBe(false);
  });
});

describe("tools of the caller", () => {
  it("are put to external together, beside the others, and the turn's clock stands still", async () => {
    const runtime = virtualRuntime();
    const answer = gate<ToolOutcome[]>();
    const asked: unknown[] = [];
    const hooks = recorder([], {
      external: (list) => {
        asked.push(list);
        return answer.promise;
      },
    });
    const bad = { type: "tool-call", toolCallId: "4", toolName: "ask", input: "{", invalid: "cut." } as const;
    const backend = backendOf([[call("1", "ask", 1), call("2", "mine"), call("3", "ask", 3), bad, calls], [stop]]);
    const timeouts = { turn: 1000, step: Infinity, firstChunk: Infinity, chunk: Infinity, tool: 1000 };
    const tools = [make("ask"), make("mine", () => 42)];
    const { done } = startTurn(requestOf(backend, { tools, runtime, timeouts }), hooks);
    await runtime.advance(1_000_000);
    expect(asked).toEqual([
      [
        { toolCallId: "1", toolName: "ask", input: 1 },
        { toolCallId: "3", toolName: "ask", input: 3 },
      ],
    ]);
    answer.open([
      { output: { ok: true }, isError: false },
      { output: "denied", isError: true },
    ]);
    expect((await done).status).toBe("ended");
    expect(results(backend)).toMatchObject([
      { toolCallId: "1", output: '{"ok":true}' },
      { toolCallId: "2", output: "42" },
      { toolCallId: "3", output: "denied", isError: true },
      { toolCallId: "4", output: expect.stringContaining("cut."), isError: true },
    ]);
    expect(hooks.points[0]?.worked).toBe(true);
  });

  it("get an error each when the caller fails or answers too few", async () => {
    for (const external of [() => Promise.reject(new Error("gone")), async () => []]) {
      const backend = backendOf([[call("1", "ask"), calls], [stop]]);
      await startTurn(requestOf(backend, { tools: [make("ask")] }), recorder([], { external })).done;
      expect(results(backend)).toMatchObject([{ output: expect.stringMatching(/gone|no result for "ask"/), isError: true }]);
    }
  });

  it("are let go when the turn is aborted, even if external never answers", async () => {
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const external = (_calls: unknown, given: AbortSignal) => {
      signal = given;
      return new Promise<never>(() => {});
    };
    const backend = backendOf([[call("1", "ask"), calls]]);
    const { done } = startTurn(requestOf(backend, { tools: [make("ask")], signal: controller.signal }), recorder([], { external }));
    await settle();
    controller.abort();
    expect((await done).status).toBe("aborted");
    expect(signal?.aborted).toBe(true);
  });
});

describe("toolResult", () => {
  it.each([
    ["a string", "text", "text", "text"],
    ["nothing", undefined, "done", "done"],
    ["null", null, "null", null],
    ["a number", 0, "0", 0],
    ["an object", { a: [1], d: new Date(0) }, '{"a":[1],"d":"1970-01-01T00:00:00.000Z"}', { a: [1], d: "1970-01-01T00:00:00.000Z" }],
    ["an empty list", [], "[]", []],
    ["a list that only looks like parts", [{ type: "text" }], '[{"type":"text"}]', [{ type: "text" }]],
  ])("gives %s to model and events in a form that JSON can hold", (_what, output, text, value) => {
    expect(toolResult(output, false)).toEqual({ text, value, isError: false });
  });

  it("passes text and file parts on as they are", () => {
    const parts = [
      { type: "text", text: "see" },
      { type: "file", mediaType: "image/png", data: "AA" },
    ];
    expect(toolResult(parts, false).text).toBe(parts);
  });

  it("turns what JSON cannot hold into an error", () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(toolResult(cycle, false, "t")).toMatchObject({ isError: true, text: expect.stringContaining("JSON") });
    expect(toolResult(() => 1, false, "t")).toMatchObject({ isError: true, text: expect.stringContaining("function") });
    expect(toolResult(1n, false, "t").isError).toBe(true);
  });
});

describe("many calls in one step", () => {
  it("put no more listeners on the turn's signal than one", async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error) => warnings.push(name);
    process.on("warning", onWarning);
    try {
      const asks = tool({ name: "asks", description: "", input, needsApproval: true, execute: () => "ok" });
      const many = Array.from({ length: 30 }, (_, n) => call(`${n}`, "asks"));
      const { controller, listeners } = watchedSignal();
      let most = 0;
      const approve = async (_: unknown, signal: AbortSignal) => {
        signal.addEventListener("abort", () => {}, { once: true });
        most = Math.max(most, listeners());
        await settle();
        return { approved: true as const };
      };
      const request = requestOf(backendOf([[...many, calls], [stop]]), { tools: [asks], signal: controller.signal });
      await startTurn(request, recorder([], { approve })).done;
      await settle(); // warnings come on the next tick
      expect(most).toBe(1);
      expect(warnings).toEqual([]);
    } finally {
      process.off("warning", onWarning);
    }
  });
});
