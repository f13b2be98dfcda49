import { describe, expect, it } from "vitest";
import { startTurn } from "../../src/agent/turn.js";
import type { TurnRequest, TurnTimeouts } from "../../src/agent/types.js";
import { tool } from "../../src/tools/tool.js";
import { backendOf, call, calls, feed, recorder, requestOf, settle, stop, text, virtualRuntime } from "./support.js";

const off: TurnTimeouts = { turn: Infinity, step: Infinity, firstChunk: Infinity, chunk: Infinity, tool: Infinity };

function begin(timeouts: Partial<TurnTimeouts>, more: Partial<TurnRequest> = {}) {
  const runtime = virtualRuntime();
  const stream = feed();
  const backend = backendOf([stream.script, [stop]]);
  const hooks = recorder();
  const request = requestOf(backend, { runtime, timeouts: { ...off, ...timeouts }, maxStepRetries: 0, ...more });
  const { done } = startTurn(request, hooks);
  const outcome = done.then(
    () => "ended",
    (error: unknown) => error,
  );
  return { runtime, stream, backend, hooks, outcome };
}

describe("the limits of a step", () => {
  it("first chunk: only the model's own output counts, the provider's greeting does not", async () => {
    const { runtime, stream, backend, hooks, outcome } = begin({ firstChunk: 300, chunk: 120 });
    stream.push({ type: "response-metadata", id: "x" });
    await runtime.advance(299);
    expect(hooks.log).toEqual(["step-start"]);
    await runtime.advance(1);
    expect(await outcome).toMatchObject({
      code: "timeout",
      retryable: true,
      provider: "scripted",
      message: expect.stringMatching(/within 300 ms.*`firstChunk`/),
    });
    expect(backend.signals[0]?.aborted).toBe(true);
    expect(hooks.events.at(-1)).toMatchObject({
      type: "step-finish",
      status: "error",
      usage: { estimated: true },
      error: { code: "timeout" },
    });
    expect(runtime.pending()).toBe(0);
  });

  it("chunk: counted from the last one, with one timer however many chunks come", async () => {
    const { runtime, stream, outcome } = begin({ firstChunk: 300, chunk: 120 });
    for (let i = 0; i < 100; i++) {
      stream.push(text("x"));
      await runtime.advance(1);
    }
    expect(runtime.set()).toBe(2); // the first chunk's, and one when chunks began
    stream.push(text("last"));
    await runtime.advance(119);
    expect(runtime.pending()).toBe(1);
    await runtime.advance(1);
    expect(await outcome).toMatchObject({ code: "timeout", message: expect.stringMatching(/120 ms.*`chunk`/) });
  });

  it("chunk: needs no second timer where the first fires early enough", async () => {
    const { runtime, stream, outcome } = begin({ firstChunk: 100, chunk: 500 });
    stream.push(text("x"));
    await runtime.advance(50);
    expect(runtime.set()).toBe(1);
    await runtime.advance(449);
    expect(runtime.pending()).toBe(1);
    await runtime.advance(1);
    expect(await outcome).toMatchObject({ message: expect.stringMatching(/500 ms.*`chunk`/) });
  });

  it("step: however lively the stream", async () => {
    const { runtime, stream, outcome } = begin({ step: 500, firstChunk: 300, chunk: 120 });
    for (let i = 0; i < 5; i++) {
      stream.push(text("x"));
      await runtime.advance(100);
    }
    expect(await outcome).toMatchObject({ code: "timeout", message: expect.stringMatching(/500 ms.*`step`/) });
  });

  it("set no timer when they are off", async () => {
    const { runtime, stream, outcome } = begin({});
    stream.push(stop);
    await runtime.advance(1e9);
    stream.fail(new Error("after finish"));
    expect(await outcome).toBe("ended");
    expect(runtime.set()).toBe(0);
  });

  it("retry the step while retries are left", async () => {
    const { runtime, backend, hooks, outcome } = begin({ firstChunk: 300 }, { maxStepRetries: 1 });
    await runtime.advance(300);
    expect(hooks.events.at(-1)).toMatchObject({ status: "retry", usage: { estimated: true } }); // the model may well have worked
    await runtime.advance(1000);
    expect(await outcome).toBe("ended");
    expect(backend.requests).toHaveLength(2);
  });

  it("a step is over at its finish, however long the connection stays open, and lets go of the stream", async () => {
    const { stream, hooks, outcome } = begin({});
    stream.push(text("all"));
    stream.push(stop);
    expect(await outcome).toBe("ended");
    expect(hooks.points[0]?.text).toBe("all");
    expect(stream.returned()).toBe(true);
  });

  it("do not spoil a reply that came whole", async () => {
    const { runtime, stream, hooks, outcome } = begin({ chunk: 120 });
    stream.push(text("all"));
    stream.push(stop);
    await runtime.advance(120);
    expect(await outcome).toBe("ended");
    expect(hooks.points[0]?.text).toBe("all");
  });
});

describe("the limit of a turn", () => {
  it("ends a step in flight and is not retried", async () => {
    const { runtime, stream, backend, hooks, outcome } = begin({ turn: 600 }, { maxStepRetries: 5 });
    stream.push(text("x"));
    await runtime.advance(600);
    expect(await outcome).toMatchObject({ code: "timeout", retryable: true, message: expect.stringMatching(/600 ms.*`turn`/) });
    expect(hooks.events.at(-1)).toMatchObject({ type: "step-finish", status: "error" });
    expect(backend.signals[0]?.aborted).toBe(true);
    expect(backend.requests).toHaveLength(1);
  });

  it("goes on being watched after a step has run into its own", async () => {
    const runtime = virtualRuntime();
    const silent = () => feed().script;
    const request = requestOf(backendOf([silent(), silent()]), { runtime, timeouts: { ...off, turn: 2000, step: 500 } });
    const outcome = startTurn(request, recorder()).done.catch((error: unknown) => error);
    await runtime.advance(1999);
    expect(runtime.pending()).toBe(2); // the turn's, and the wait before the third step
    await runtime.advance(1);
    expect(await outcome).toMatchObject({ code: "timeout", message: expect.stringMatching(/2000 ms.*`turn`/) });
    expect(runtime.pending()).toBe(0);
  });

  it("shares one timer with the limits of its step", async () => {
    const { runtime, stream, outcome } = begin({ turn: 1000, step: 1000, firstChunk: 1000, chunk: 1000 });
    stream.push(text("x"));
    await runtime.advance(500);
    expect(runtime.pending()).toBe(1);
    stream.push(stop);
    expect(await outcome).toBe("ended");
    expect(runtime.pending()).toBe(0);
  });

  it("is the only one while tools run: the step's count its reply alone", async () => {
    const runtime = virtualRuntime();
    let answer!: (value: string) => void;
    const slow = tool({
      name: "slow",
      description: "",
      input: { type: "object" },
      execute: () =>
        new Promise<string>((resolve) => {
          answer = resolve;
        }),
    });
    const hooks = recorder();
    const timeouts = { ...off, turn: 1000, step: 100, firstChunk: 100, chunk: 100 };
    const { done } = startTurn(requestOf(backendOf([[call("1", "slow"), calls], [stop]]), { runtime, tools: [slow], timeouts }), hooks);
    await runtime.advance(900);
    answer("there");
    expect((await done).status).toBe("ended");
    expect(hooks.events).toContainEqual(expect.objectContaining({ type: "tool-result", output: "there" }));
  });

  it("ends a tool that hangs", async () => {
    const runtime = virtualRuntime();
    let signal: AbortSignal | undefined;
    const hang = tool({
      name: "hang",
      description: "",
      input: { type: "object" },
      execute: (_input, context) => {
        signal = context.signal;
        return new Promise(() => {});
      },
    });
    const request = requestOf(backendOf([[call("1", "hang"), calls]]), { runtime, tools: [hang], timeouts: { ...off, turn: 600 } });
    const { done } = startTurn(request, recorder());
    const failed = expect(done).rejects.toMatchObject({ code: "timeout" });
    await runtime.advance(600);
    await failed;
    expect(signal?.aborted).toBe(true);
  });

  it("stands still while a decision is judged, and runs on afterwards", async () => {
    const runtime = virtualRuntime();
    let judge!: () => void;
    const hooks = recorder([], {
      decide: () =>
        new Promise((resolve) => {
          judge = () => resolve({ type: "continue", results: [], note: "n", decisions: [] });
        }),
    });
    const stream = feed();
    const request = requestOf(backendOf([[stop], stream.script]), { runtime, timeouts: { ...off, turn: 600 } });
    const { done } = startTurn(request, hooks);
    const failed = expect(done).rejects.toMatchObject({ code: "timeout" });
    await runtime.advance(5000);
    judge();
    await settle();
    await runtime.advance(599);
    expect(runtime.pending()).toBe(1);
    await runtime.advance(1);
    await failed;
  });
});
