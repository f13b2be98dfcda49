import { describe, expect, it } from "vitest";
import { retryDelay } from "../../src/agent/retry.js";
import { startTurn } from "../../src/agent/turn.js";
import type { TurnRequest } from "../../src/agent/types.js";
import type { BackendChunk } from "../../src/backends/backend.js";
import { BackendError } from "../../src/errors.js";
import {
  backendOf,
  call,
  recorder,
  requestOf,
  type Script,
  settle,
  stop,
  text,
  usage,
  virtualRuntime,
  vote,
  watchedSignal,
} from "./support.js";

const overloaded = new BackendError("overloaded", "busy", { retryable: true });
const dies = (error: unknown, ...chunks: BackendChunk[]): Script =>
  async function* () {
    yield* chunks;
    throw error;
  };

function begin(scripts: (Script | BackendChunk[])[], more: Partial<TurnRequest> = {}) {
  const runtime = virtualRuntime();
  const backend = backendOf(scripts);
  const hooks = recorder();
  const turn = startTurn(requestOf(backend, { runtime, ...more }), hooks);
  const { done } = turn;
  const outcome = done.then(
    (result) => result,
    (error: unknown) => error,
  );
  const statuses = () => hooks.events.flatMap((event) => (event.type === "step-finish" ? [`${event.stepId} ${event.status}`] : []));
  return { runtime, backend, hooks, outcome, turn, statuses };
}

describe("a step that died", () => {
  it("is started again with the same request, its text void and its usage counted", async () => {
    const { runtime, backend, hooks, outcome, statuses, turn } = begin([
      dies(overloaded, text("half of "), usage(10, 1)),
      [text("whole"), usage(10, 2), stop],
    ]);
    await runtime.advance(499);
    expect(backend.requests).toHaveLength(1);
    expect(turn.partialText()).toBe("");
    await runtime.advance(1);
    expect(await outcome).toEqual({ status: "ended", usage: { inputTokens: 20, outputTokens: 4, estimated: true } });
    expect(statuses()).toEqual(["t.1 retry", "t.2 ok"]);
    expect(hooks.events[2]).toMatchObject({ status: "retry", error: { code: "overloaded", message: "busy" } });
    expect(backend.requests[1]).toEqual(backend.requests[0]);
    expect(hooks.points[0]?.text).toBe("whole");
  });

  it("is started again maxStepRetries times, waiting longer each time, and then fails the turn", async () => {
    const { runtime, backend, outcome, statuses } = begin([dies(overloaded), dies(overloaded), dies(overloaded), [stop]]);
    await runtime.advance(500);
    expect(backend.requests).toHaveLength(2);
    await runtime.advance(999);
    expect(backend.requests).toHaveLength(2);
    await runtime.advance(1);
    expect(await outcome).toBe(overloaded);
    expect(statuses()).toEqual(["t.1 retry", "t.2 retry", "t.3 error"]);
  });

  it("has its own retries, which do not count as steps", async () => {
    const { runtime, outcome, statuses } = begin(
      [dies(overloaded), [{ type: "finish", reason: "pause" }], dies(overloaded), dies(overloaded), [stop]],
      { maxSteps: 2 },
    );
    await runtime.advance(10_000);
    expect(await outcome).toMatchObject({ status: "ended" });
    expect(statuses()).toEqual(["t.1 retry", "t.2 ok", "t.3 retry", "t.4 retry", "t.5 ok"]);
  });

  it.each([
    ["an error that says it is not retryable", new BackendError("authentication", "bad key", { status: 401 })],
    ["an error that is no BackendError", new TypeError("bug")],
  ])("fails the turn at once with %s, and nothing that was not sent is counted", async (_what, error) => {
    const { outcome, statuses, hooks } = begin([dies(error), [stop]]);
    expect(await outcome).toBe(error);
    expect(statuses()).toEqual(["t.1 error"]);
    expect(hooks.events.at(-1)).toMatchObject({ usage: { inputTokens: 0, outputTokens: 0 } });
  });

  it("also when stream() itself throws", async () => {
    const error = new BackendError("missing_key", "no key");
    const backend = backendOf([]);
    backend.stream = () => {
      throw error;
    };
    await expect(startTurn(requestOf(backend), recorder()).done).rejects.toBe(error);
  });

  it("a stream without finish is truncated, which may be tried again", async () => {
    const { runtime, outcome, statuses, hooks } = begin([[text("cut of")], [call("1", "vote")], [text("x")]], { maxStepRetries: 2 });
    await runtime.advance(10_000);
    expect(await outcome).toMatchObject({ code: "stream_truncated", retryable: true });
    expect(statuses()).toEqual(["t.1 retry", "t.2 retry", "t.3 error"]);
    expect(hooks.points).toEqual([]);
    const empty = begin([[]], { maxStepRetries: 0 });
    expect(await empty.outcome).toMatchObject({ code: "stream_truncated" });
    expect(empty.turn.usage()).toMatchObject({ estimated: true });
  });

  it("with retryAfterOutput off, is not started again once it has said something", async () => {
    const silent = begin([dies(overloaded, { type: "reasoning-delta", delta: "hm" }), [stop]], { retryAfterOutput: false });
    await silent.runtime.advance(10_000);
    expect(silent.statuses()).toEqual(["t.1 retry", "t.2 ok"]);
    const spoken = begin([dies(overloaded, text("a")), [stop]], { retryAfterOutput: false });
    expect(await spoken.outcome).toBe(overloaded);
    expect(spoken.statuses()).toEqual(["t.1 error"]);
  });

  it("hears the news before it is started again", async () => {
    const { runtime, backend, hooks } = begin([dies(overloaded), [stop]]);
    hooks.updates = [{ note: "news", decisions: [vote] }];
    await runtime.advance(500);
    expect(backend.requests[1]?.messages.at(-1)).toEqual({ role: "user", content: "news" });
    expect(backend.requests[1]?.tools).toEqual([vote]);
  });

  it("waits no longer when the turn is aborted", async () => {
    const { controller, listeners } = watchedSignal();
    const { runtime, backend, hooks, outcome } = begin([dies(overloaded), [stop]], { signal: controller.signal });
    await settle();
    controller.abort();
    expect(await outcome).toMatchObject({ status: "aborted" });
    await settle();
    expect(runtime.pending()).toBe(0);
    expect(listeners()).toBe(0);
    expect(backend.requests).toHaveLength(1);
    expect(hooks.log).toEqual(["step-start", "step-finish"]);
  });
});

describe("retryDelay", () => {
  const asked = (retryAfterMs: number) => new BackendError("rate_limit", "", { retryable: true, retryAfterMs });
  it("takes what the provider asked for, at most a minute", () => {
    const runtime = virtualRuntime();
    expect([0, 1234, 60_000, 3_600_000].map((ms) => retryDelay(asked(ms), 3, runtime))).toEqual([0, 1234, 60_000, 60_000]);
  });
  it("else doubles from about half a second, with jitter, up to a minute", () => {
    expect([0, 1, 2, 50].map((n) => retryDelay(overloaded, n, virtualRuntime(0.5)))).toEqual([500, 1000, 2000, 60_000]);
    expect(retryDelay(overloaded, 0, virtualRuntime(0))).toBe(250);
    expect(retryDelay(overloaded, 0, virtualRuntime(0.999))).toBeCloseTo(749.5);
  });
});
