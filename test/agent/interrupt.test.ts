import { describe, expect, it } from "vitest";
import { startTurn } from "../../src/agent/turn.js";
import type { Backend, BackendChunk } from "../../src/backends/backend.js";
import { backendOf, call, feed, recorder, requestOf, settle, stop, text, usage, virtualRuntime, watchedSignal } from "./support.js";

const timeouts = { turn: 1000, step: 1000, firstChunk: 1000, chunk: 1000, tool: 1000 };

describe("aborting a turn", () => {
  it("leaves no step that may start and does not: what is reserved for it would never be free again", async () => {
    const hooks = recorder();
    let asked = 0;
    hooks.mayStart = () => {
      if (++asked === 1) return Promise.resolve();
      queueMicrotask(() => turn.abort("enough")); // as soon as anything can come between
      return true;
    };
    const turn = startTurn(requestOf(backendOf([() => feed().script({ messages: [] }, {})])), hooks);
    expect(await turn.done).toMatchObject({ status: "aborted" });
    expect(hooks.events.map((event) => (event.type === "step-finish" ? event.status : event.type))).toEqual(["step-start", "interrupted"]);
  });

  it("is over when abort() returns, though the backend ignores its signal", async () => {
    const { controller, listeners } = watchedSignal();
    const runtime = virtualRuntime();
    const stream = feed();
    const hooks = recorder();
    const backend = backendOf([stream.script]);
    const turn = startTurn(requestOf(backend, { signal: controller.signal, runtime, timeouts }), hooks);
    const { done } = turn;
    stream.push(text("abcdefgh"));
    await settle();
    controller.abort("peer answered");
    expect(hooks.events.at(-1)).toEqual({
      type: "step-finish",
      stepId: "t.1",
      status: "interrupted",
      usage: { inputTokens: expect.any(Number), outputTokens: 2, estimated: true },
    });
    expect(backend.signals[0]?.aborted).toBe(true);
    expect(backend.signals[0]?.reason).toBe("peer answered");
    const atOnce = turn.usage();
    expect(atOnce.inputTokens).toBeGreaterThan(10);
    stream.push(text("late"));
    stream.push(stop);
    const result = await done;
    await settle();
    expect(result).toEqual({ status: "aborted", usage: atOnce });
    expect(turn.usage()).toEqual(atOnce);
    expect(turn.partialText()).toBe("abcdefgh");
    expect(hooks.log).toEqual(["step-start", "text-delta", "step-finish"]);
    expect(listeners()).toBe(0);
    expect(runtime.pending()).toBe(0);
  });

  it("closes an iterator of the backend's own, and its failing to close is nobody's problem", async () => {
    const controller = new AbortController();
    const stream = feed();
    const backend: Backend = { ...backendOf([]), stream: (request, options) => stream.script(request, options) as AsyncIterable<never> };
    const { done } = startTurn(requestOf(backend, { signal: controller.signal }), recorder());
    await settle();
    controller.abort();
    await done;
    expect(stream.returned()).toBe(true);
    stream.fail(new Error("late failure"));
    await settle();
  });

  it("runs no step when the signal was aborted before the start, or before the first microtask", async () => {
    for (const early of [true, false]) {
      const controller = new AbortController();
      const hooks = recorder();
      const backend = backendOf([[stop]]);
      if (early) controller.abort();
      const { done } = startTurn(requestOf(backend, { signal: controller.signal }), hooks);
      if (!early) controller.abort();
      expect(await done).toEqual({ status: "aborted", usage: { inputTokens: 0, outputTokens: 0 } });
      await settle();
      expect(hooks.log).toEqual([]);
      expect(backend.requests).toEqual([]);
    }
  });

  it.each(["step-start", "text-delta", "tool-call", "step-finish"])(
    "from within emit, at %s, emits nothing but the last step-finish",
    async (type) => {
      const controller = new AbortController();
      const hooks = recorder();
      const chunks: BackendChunk[] = [text("a"), text("b"), call("1", "nope"), call("2", "nope"), stop];
      const { emit } = hooks;
      hooks.emit = (event) => {
        emit(event);
        if (event.type === type) controller.abort();
      };
      const { done } = startTurn(requestOf(backendOf([chunks]), { signal: controller.signal }), hooks);
      expect((await done).status).toBe("aborted");
      await settle();
      expect(hooks.log.filter((entry) => entry === "step-finish")).toHaveLength(1);
      expect(hooks.log.slice(-2)).toEqual(type === "step-finish" ? ["tool-result", type] : [type, "step-finish"]);
    },
  );

  it("while a decision is judged wins over the verdict", async () => {
    const controller = new AbortController();
    const hooks = recorder([], {
      decide: async () => {
        controller.abort();
        return { type: "end" };
      },
    });
    const runtime = virtualRuntime();
    const request = requestOf(backendOf([[usage(3, 4), stop]]), { signal: controller.signal, runtime, timeouts });
    expect(await startTurn(request, hooks).done).toEqual({ status: "aborted", usage: { inputTokens: 3, outputTokens: 4 } });
    await settle();
    expect(runtime.pending()).toBe(0);
  });

  it("from within writing(false) asks for no decision any more", async () => {
    const controller = new AbortController();
    const hooks = recorder([], { writing: (on) => on || controller.abort() });
    const start: BackendChunk = { type: "tool-input-start", toolCallId: "n", toolName: "new_answer" };
    const { done } = startTurn(requestOf(backendOf([[start, stop]]), { signal: controller.signal }), hooks);
    expect((await done).status).toBe("aborted");
    expect(hooks.log).toEqual(["step-start", "step-finish"]);
  });

  it("leaves the signals of steps that are over alone", async () => {
    const controller = new AbortController();
    const stream = feed();
    const backend = backendOf([[{ type: "finish", reason: "pause" }], stream.script]);
    const { done } = startTurn(requestOf(backend, { signal: controller.signal }), recorder());
    await settle();
    controller.abort();
    await done;
    expect(backend.signals.map((signal) => signal.aborted)).toEqual([false, true]);
  });

  it("removes its listeners and timers when the turn ends by itself, too", async () => {
    const { controller, listeners } = watchedSignal();
    const runtime = virtualRuntime();
    await startTurn(requestOf(backendOf([[text("a"), stop]]), { signal: controller.signal, runtime, timeouts }), recorder()).done;
    expect(listeners()).toBe(0);
    expect(runtime.pending()).toBe(0);
  });

  it("survives a hook that throws in the abort listener", async () => {
    const controller = new AbortController();
    const boom = new Error("boom");
    const hooks = recorder();
    const { emit } = hooks;
    hooks.emit = (event) => {
      emit(event);
      if (event.type === "step-finish") throw boom;
    };
    const stream = feed();
    const { done } = startTurn(requestOf(backendOf([stream.script]), { signal: controller.signal }), hooks);
    done.catch(() => {});
    await settle();
    controller.abort();
    await expect(done).rejects.toBe(boom);
  });
});

describe("usage", () => {
  it("keeps what the provider said of an interrupted step's input, and estimates the rest", async () => {
    const controller = new AbortController();
    const stream = feed();
    const turn = startTurn(requestOf(backendOf([stream.script]), { signal: controller.signal }), recorder());
    const { done } = turn;
    stream.push({ type: "usage", usage: { inputTokens: 100, outputTokens: 1, cachedInputTokens: 60 } });
    stream.push(text("x".repeat(40)));
    await settle();
    const expected = { inputTokens: 100, outputTokens: 10, cachedInputTokens: 60, estimated: true };
    expect(turn.usage()).toEqual(expected);
    controller.abort();
    expect((await done).usage).toEqual(expected);
  });

  it("never counts less output than the provider reported", async () => {
    const controller = new AbortController();
    const { done } = startTurn(
      requestOf(
        backendOf([
          async function* () {
            yield usage(10, 50);
            yield text("short");
            controller.abort();
          },
        ]),
        { signal: controller.signal },
      ),
      recorder(),
    );
    expect((await done).usage).toEqual({ inputTokens: 10, outputTokens: 50, estimated: true });
  });

  it("is exact after finish, takes the last figures, and sums the steps", async () => {
    const hooks = recorder([{ type: "continue", results: [], note: "n", decisions: [] }]);
    const backend = backendOf([
      [usage(1, 1), text("a"), usage(10, 2), stop],
      [usage(20, 3), stop],
    ]);
    expect((await startTurn(requestOf(backend), hooks).done).usage).toEqual({ inputTokens: 30, outputTokens: 5 });
  });

  it("is estimated from request and reply when the provider gives none", async () => {
    const file = { type: "file" as const, mediaType: "image/png", data: "A".repeat(400_000) };
    const backend = backendOf([[{ type: "reasoning-delta", delta: "x".repeat(20) }, text("y".repeat(20)), stop]]);
    const request = requestOf(backend, { system: "s".repeat(400), messages: [{ role: "user", content: [file] }] });
    const { usage: spent } = await startTurn(request, recorder()).done;
    expect(spent.estimated).toBe(true);
    expect(spent.outputTokens).toBe(10);
    expect(spent.inputTokens).toBeGreaterThan(1100);
    expect(spent.inputTokens).toBeLessThan(1300);
  });
});
