import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../../src/testing/emulator/emulator.js";
import type { Fault } from "../../../src/testing/emulator/reply.js";
import { assemble, framesOf, post } from "./client.js";

const streaming = { stream: true, stream_options: { include_usage: true } };
let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.close());

function ask(fault: Fault, body: Record<string, unknown> = streaming, init?: RequestInit): Promise<Response> {
  emulator.reply({ text: "abcdef", chunkSize: 1, fault });
  return post(emulator, body, init);
}

/** Reads until the body ends or breaks. */
async function readAll(response: Response): Promise<{ body: string; broke: boolean }> {
  const decoder = new TextDecoder();
  let body = "";
  try {
    for await (const bytes of response.body ?? []) body += decoder.decode(bytes, { stream: true });
    return { body, broke: false };
  } catch {
    return { body, broke: true };
  }
}

describe("faults in a stream", () => {
  it("fails with a status, a Retry-After and an envelope", async () => {
    const limited = await ask({ type: "status", status: 429, retryAfter: 3 });
    expect(limited.status).toBe(429);
    expect(limited.headers.get("retry-after")).toBe("3");
    expect(await limited.json()).toMatchObject({ error: { type: "rate_limit_error", code: "rate_limit_exceeded" } });
    const own = await ask({ type: "status", status: 400, code: "context_length_exceeded", message: "too long" });
    expect(await own.json()).toEqual({
      error: { message: "too long", type: "invalid_request_error", param: null, code: "context_length_exceeded" },
    });
    const html = await ask({ type: "status", status: 503, body: "<html>busy</html>" });
    expect([html.status, html.headers.get("content-type"), await html.text()]).toEqual([503, "text/plain", "<html>busy</html>"]);
    expect(await (await ask({ type: "status", status: 500, body: { oops: true } })).json()).toEqual({ oops: true });
  });

  it("cuts the connection after some deltas, before the body, before the headers", async () => {
    const { body, broke } = await readAll(await ask({ type: "reset", afterChunks: 2 }));
    expect([assemble(body).text, broke]).toEqual(["ab", true]);
    expect(await emulator.requests.at(-1)?.closed).toBe("reset");
    expect(await readAll(await ask({ type: "reset", before: "body" }))).toEqual({ body: "", broke: true });
    await expect(ask({ type: "reset", before: "headers" })).rejects.toThrow();
    expect(await emulator.requests.at(-1)?.closed).toBe("reset");
  });

  it("falls silent after some deltas, before the body, before the headers", async () => {
    for (const fault of [
      { type: "stall", afterChunks: 2 },
      { type: "stall", before: "body" },
    ] as const) {
      const abort = new AbortController();
      const response = await ask(fault, streaming, { signal: abort.signal });
      const count = "before" in fault ? 0 : 2;
      await emulator.until((requests) => requests.at(-1)?.chunksSent === count && requests.at(-1)?.status === 200);
      const reading = readAll(response);
      expect(await quiet(reading)).toBe(true);
      abort.abort();
      const { body, broke } = await reading;
      expect([assemble(body).text, broke]).toEqual(["ab".slice(0, count), true]);
      expect(await emulator.requests.at(-1)?.closed).toBe("client-left");
    }
    const abort = new AbortController();
    const silent = ask({ type: "stall", before: "headers" }, streaming, { signal: abort.signal });
    const gone = expect(silent).rejects.toThrow();
    const count = emulator.requests.length;
    await emulator.until((requests) => requests.length > count);
    expect(emulator.requests.at(-1)?.status).toBeUndefined();
    abort.abort();
    await gone;
    expect(await emulator.requests.at(-1)?.closed).toBe("client-left");
  });

  it("truncates the JSON of a frame and ends", async () => {
    const { body, broke } = await readAll(await ask({ type: "truncated-json", afterChunks: 3 }));
    expect(broke).toBe(false);
    expect(assemble(body)).toMatchObject({ text: "abc", finish: [], done: false });
    const last = framesOf(body).at(-1);
    expect(last).toMatch(/^\{"id":/);
    expect(() => JSON.parse(last as string)).toThrow();
  });

  it("mixes in garbage and goes on", async () => {
    const response = await ask({ type: "garbage", afterChunks: 3 });
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes.includes(Buffer.from([0xff, 0xfe, 0x00]))).toBe(true);
    expect(assemble(bytes.toString())).toMatchObject({ text: "abcdef", finish: ["stop"], done: true });
    const own = await (await ask({ type: "garbage", bytes: "<html>" })).text();
    expect(framesOf(own)).toContain("<html>");
  });

  it("ends early, without finish reason, or without terminator", async () => {
    const cases: [Fault, object][] = [
      [
        { type: "end", afterChunks: 4 },
        { text: "abcd", finish: [], done: false },
      ],
      [
        { type: "end", afterChunks: 99 },
        { text: "abcdef", finish: [], done: false },
      ],
      [
        { type: "end", afterChunks: 0 },
        { text: "", finish: [], done: false },
      ],
      [{ type: "no-finish" }, { text: "abcdef", finish: [], done: true }],
      [{ type: "no-done" }, { text: "abcdef", finish: ["stop"], done: false }],
    ];
    for (const [fault, expected] of cases) {
      const { body, broke } = await readAll(await ask(fault));
      expect(broke).toBe(false);
      expect(assemble(body)).toMatchObject(expected);
      expect(await emulator.requests.at(-1)?.closed).toBe("complete");
    }
  });

  it("puts an error object into a stream that began well", async () => {
    const response = await ask({ type: "error-event", afterChunks: 2, message: "overloaded", errorType: "server_error", code: "busy" });
    expect(response.status).toBe(200);
    const body = await response.text();
    expect(assemble(body)).toMatchObject({ text: "ab", finish: [], done: false });
    expect(framesOf(body).at(-1)).toEqual({ error: { message: "overloaded", type: "server_error", param: null, code: "busy" } });
  });

  it("does the same whatever the size of its writes", async () => {
    for (const bytesPerWrite of [1, 16384]) {
      emulator.reply({ text: "abcdef", chunkSize: 1, framing: { bytesPerWrite }, fault: { type: "reset", afterChunks: 2 } });
      const { body, broke } = await readAll(await post(emulator, streaming));
      expect([assemble(body).text, broke]).toEqual(["ab", true]);
    }
  });
});

describe("faults without a stream", () => {
  it("breaks, ends, garbles or replaces the body", async () => {
    const cut = await readAll(await ask({ type: "reset" }, {}));
    expect(cut.broke).toBe(true);
    for (const type of ["end", "truncated-json"] as const) {
      const { body, broke } = await readAll(await ask({ type }, {}));
      expect(broke).toBe(false);
      expect(body).toMatch(/^\{"id":/);
      expect(() => JSON.parse(body)).toThrow();
    }
    expect(await (await ask({ type: "garbage", bytes: "<html>" }, {})).text()).toBe("<html>");
    const replaced = await ask({ type: "error-event", message: "no" }, {});
    expect([replaced.status, await replaced.json()]).toMatchObject([200, { error: { message: "no" } }]);
    expect(await (await ask({ type: "no-finish" }, {})).json()).toMatchObject({ choices: [{ finish_reason: null }] });
    expect((await ask({ type: "status", status: 418 }, {})).status).toBe(418);
  });
});

describe("delays", () => {
  it("paces its writes, and stops pacing when the client leaves", async () => {
    emulator.reply(
      { text: "abc", chunkSize: 1, delayMs: 4, firstByteDelayMs: 4 },
      { text: "abc", delayMs: 3_600_000 },
      { firstByteDelayMs: 3_600_000 },
    );
    const begun = performance.now();
    expect(assemble(await (await post(emulator, streaming)).text()).text).toBe("abc");
    expect(performance.now() - begun).toBeGreaterThanOrEqual(4 * 7 - 7); // first byte, then 7 more writes; timers may be 1 ms early
    const count = emulator.requests.length;
    for (const offset of [0, 1]) {
      const abort = new AbortController();
      const gone = post(emulator, streaming, { signal: abort.signal }).then((response) => response.text());
      const failed = expect(gone).rejects.toThrow();
      await emulator.until((requests) => requests.length > count + offset);
      abort.abort();
      await failed;
      expect(await emulator.requests[count + offset]?.closed).toBe("client-left");
    }
  });
});

/** Whether the promise is still open after the event loop has turned often enough for local bytes to arrive. */
async function quiet(promise: Promise<unknown>): Promise<boolean> {
  let open = true;
  void promise.then(() => {
    open = false;
  });
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  return open;
}
