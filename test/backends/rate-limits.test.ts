import { describe, expect, it, test } from "vitest";
import type { Backend, BackendChunk, BackendRequest, StreamOptions } from "../../src/backends/backend.js";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { createLimiter, type Limiter } from "../../src/backends/rate-limiter.js";
import type { RateLimits } from "../../src/backends/rate-limits.js";
import { BackendError } from "../../src/errors.js";
import { startEmulator } from "../../src/testing/index.js";
import { virtualRuntime } from "../agent/support.js";

const hi: BackendRequest = { messages: [{ role: "user", content: "hi" }] };

/** A backend whose steps last until they are let go. */
function slow(tokens = 10) {
  const begun: { end(error?: Error): void }[] = [];
  const backend: Backend = {
    type: "slow",
    model: "m",
    capabilities: {},
    async *stream(): AsyncGenerator<BackendChunk> {
      await new Promise<void>((resolve, reject) => begun.push({ end: (error) => (error ? reject(error) : resolve()) }));
      yield { type: "usage", usage: { inputTokens: tokens, outputTokens: 0 } };
      yield { type: "finish", reason: "stop" };
    },
  };
  return { begun, backend };
}

async function run(backend: Backend, request = hi, options: StreamOptions = {}) {
  for await (const _ of backend.stream(request, options));
}

function through(limiter: Limiter, backend: Backend, key: string, limits: RateLimits): Backend {
  return { ...backend, stream: (request, options = {}) => limiter.stream(backend, key, limits, request, options) };
}

function setUp(limits: RateLimits, tokens?: number) {
  const runtime = virtualRuntime();
  const limiter = createLimiter(runtime);
  const { begun, backend } = slow(tokens);
  return { runtime, limiter, begun, backend, limited: through(limiter, backend, "key", limits) };
}

describe("rate limits", () => {
  it("let so many requests begin within any minute, the rest in order", async () => {
    const { runtime, begun, limited } = setUp({ requestsPerMinute: 2 });
    const order: number[] = [];
    const all = [1, 2, 3, 4].map(async (n) => {
      await run(limited);
      order.push(n);
    });
    await runtime.advance(0);
    expect(begun).toHaveLength(2);
    begun[0]!.end();
    await runtime.advance(30_000);
    begun[1]!.end();
    await runtime.advance(29_999);
    expect(begun).toHaveLength(2);
    await runtime.advance(1);
    expect(begun).toHaveLength(4);
    begun[2]!.end();
    begun[3]!.end();
    await Promise.all(all);
    expect(order).toEqual([1, 2, 3, 4]);
    expect(runtime.pending()).toBe(0);
  });

  it("let so many run at once, and the next as soon as one has ended, however it ends", async () => {
    const { runtime, begun, limited } = setUp({ concurrent: 1 });
    const failed = run(limited);
    const second = run(limited);
    const left = limited.stream(hi, {})[Symbol.asyncIterator]();
    const third = left.next();
    const fourth = run(limited);
    await runtime.advance(0);
    expect(begun).toHaveLength(1);
    begun[0]!.end(new BackendError("server_error", "no"));
    await expect(failed).rejects.toThrow("no");
    await runtime.advance(0);
    expect(begun).toHaveLength(2);
    begun[1]!.end();
    await second;
    await runtime.advance(0);
    begun[2]!.end();
    await third;
    await left.return?.();
    await runtime.advance(0);
    begun[3]!.end();
    await fourth;
  });

  it("count tokens by the estimate, then by the provider's figures", async () => {
    const { runtime, begun, limited } = setUp({ tokensPerMinute: 1000 }, 100);
    const request: BackendRequest = { messages: [{ role: "user", content: "x".repeat(3000) }] };
    const first = run(limited, request);
    const second = run(limited, request);
    await runtime.advance(0);
    expect(begun).toHaveLength(1); // each is estimated at some 760
    begun[0]!.end();
    await first;
    await runtime.advance(0);
    expect(begun).toHaveLength(2); // it was 100
    begun[1]!.end();
    await second;
    const third = run(limited, { ...hi, settings: { maxOutputTokens: 800 } });
    await runtime.advance(59_999);
    expect(begun).toHaveLength(2);
    await runtime.advance(1);
    expect(begun).toHaveLength(3);
    begun[2]!.end();
    await third;
  });

  it("let a step through alone that is over the limit by itself, and do not count a picture's bytes", async () => {
    const { runtime, begun, limited } = setUp({ tokensPerMinute: 100 }, 100);
    const large = run(limited, { messages: [{ role: "user", content: "x".repeat(4000) }] });
    await runtime.advance(0);
    expect(begun).toHaveLength(1);
    begun[0]!.end();
    await large;
    const picture = { type: "file" as const, mediaType: "image/png", data: "A".repeat(100_000) };
    const other = setUp({ tokensPerMinute: 3000 }, 10);
    const both = [1, 2].map(() => run(other.limited, { messages: [{ role: "user", content: [picture] }] }));
    await other.runtime.advance(0);
    expect(other.begun).toHaveLength(2);
    for (const one of other.begun) one.end();
    await Promise.all(both);
  });

  it("are left by a step that is aborted while it waits, which costs nobody anything", async () => {
    const { runtime, begun, limited } = setUp({ requestsPerMinute: 1 });
    const first = run(limited);
    const controller = new AbortController();
    const second = run(limited, hi, { signal: controller.signal });
    const third = run(limited);
    await runtime.advance(1000);
    controller.abort();
    await expect(second).rejects.toMatchObject({ name: "BackendError", code: "aborted" });
    begun[0]!.end();
    await first;
    await runtime.advance(59_000);
    expect(begun).toHaveLength(2);
    begun[1]!.end();
    await third;
    await expect(run(limited, hi, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
    expect(runtime.pending()).toBe(0);
  });

  it("hold all back while the provider wants silence, at most a minute", async () => {
    const { runtime, begun, limited } = setUp({ concurrent: 5 });
    const first = run(limited);
    await runtime.advance(0);
    begun[0]!.end(new BackendError("rate_limit", "slow down", { retryable: true, retryAfterMs: 3_600_000 }));
    await expect(first).rejects.toThrow("slow down");
    const second = run(limited);
    await runtime.advance(59_999);
    expect(begun).toHaveLength(1);
    await runtime.advance(1);
    expect(begun).toHaveLength(2);
    begun[1]!.end();
    await second;
  });

  it("are common to backends of one key, apart for others, and forgotten when idle", async () => {
    const { runtime, limiter, begun, backend, limited } = setUp({ concurrent: 1 });
    const same = through(limiter, backend, "key", { concurrent: 1 });
    const other = through(limiter, backend, "other", { concurrent: 1 });
    const all = [run(limited), run(same), run(other)];
    await runtime.advance(0);
    expect(begun).toHaveLength(2);
    begun[0]!.end();
    begun[1]!.end();
    await runtime.advance(0);
    begun[2]!.end();
    await Promise.all(all);
    expect(limiter.size).toBe(2);
    await runtime.advance(60_000);
    const last = run(other);
    await runtime.advance(0);
    expect(limiter.size).toBe(1);
    begun[3]!.end();
    await last;
  });
});

describe("rateLimits of a config", () => {
  test("two backends of one process keep one limit, over every wire", async () => {
    for (const type of ["chatcompletion", "openai", "claude", "gemini"]) {
      await using emulator = await startEmulator({ apiKey: "k" });
      let release = () => {};
      const until = new Promise<void>((resolve) => {
        release = resolve;
      });
      const order: string[] = [];
      emulator.reply({ text: "one", hold: { afterChunks: 0, until } }, () => {
        order.push("second begun");
        return "two";
      });
      const baseUrl = type === "claude" || type === "gemini" ? emulator.url : emulator.baseUrl;
      const config = { type, model: "m-1", baseUrl, apiKey: "k", rateLimits: { concurrent: 1 } } as unknown as BackendConfig;
      const [a, b] = [createBackend(config), createBackend(config)];
      expect([a.type, a.model, a.capabilities.tools]).toEqual([type, "m-1", true]);
      const first = run(a).then(() => order.push("first over"));
      const second = run(b);
      await emulator.until((requests) => requests.length === 1);
      release();
      await Promise.all([first, second]);
      expect(order).toEqual(["first over", "second begun"]);
      await a.close?.();
      await b.close?.();
    }
  });

  test.each([
    [{ requestPerMinute: 1 }, 'Did you mean "requestsPerMinute"?'],
    [{ concurrent: 0 }, '"rateLimits.concurrent" must be a whole number above 0, not 0.'],
    [[1], '"rateLimits" must be an object'],
  ])("%j is refused", (rateLimits, message) => {
    const config = { type: "vllm", model: "m", rateLimits } as unknown as BackendConfig;
    expect(() => createBackend(config)).toThrow(message);
  });

  test("a misspelt key is told", () => {
    for (const type of ["vllm", "openai", "gemini", "claude"]) {
      const config = { type, model: "m", ratelimits: {} } as unknown as BackendConfig;
      expect(() => createBackend(config)).toThrow('Did you mean "rateLimits"?');
    }
  });
});
