import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { BackendChunk, BackendRequest } from "../../src/backends/backend.js";
import { BackendError } from "../../src/errors.js";
import { callTool, chunk, cut, fail, finish, hang, newAnswer, say, think, vote, wait } from "../../src/testing/script.js";
import { type ScriptedBackend, scriptedBackend } from "../../src/testing/scripted-backend.js";
import { splitText } from "../../src/testing/split.js";
import { virtualRuntime } from "../../src/testing/virtual-runtime.js";

const ask = (text: string): BackendRequest => ({ messages: [{ role: "user", content: text }] });

async function collect(backend: ScriptedBackend, request = ask("hello"), signal?: AbortSignal): Promise<BackendChunk[]> {
  const chunks: BackendChunk[] = [];
  for await (const piece of backend.stream(request, signal ? { signal } : {})) chunks.push(piece);
  return chunks;
}

const textIn = (chunks: BackendChunk[]) => chunks.map((piece) => (piece.type === "text-delta" ? piece.delta : "")).join("");

describe("scriptedBackend", () => {
  it("plays one step per call: deltas, usage, one finish", async () => {
    const backend = scriptedBackend([say("Hello, world"), [think("hm", "summary"), "Bye"]], {
      chunkSize: 5,
      usage: { inputTokens: 3, outputTokens: 4 },
    });
    expect(await collect(backend)).toEqual([
      { type: "text-delta", delta: "Hello" },
      { type: "text-delta", delta: ", wor" },
      { type: "text-delta", delta: "ld" },
      { type: "usage", usage: { inputTokens: 3, outputTokens: 4 } },
      { type: "finish", reason: "stop" },
    ]);
    expect(await collect(backend)).toEqual([
      { type: "reasoning-delta", delta: "hm", kind: "summary" },
      { type: "text-delta", delta: "Bye" },
      { type: "usage", usage: { inputTokens: 3, outputTokens: 4 } },
      { type: "finish", reason: "stop" },
    ]);
    backend.assertComplete();
  });

  it("streams tool arguments and the two decisions", async () => {
    const backend = scriptedBackend([[newAnswer("An answer", "sources"), vote("agent2", "better")], callTool("clock")], { chunkSize: 7 });
    const chunks = await collect(backend);
    const written = new Map<string, string>();
    for (const piece of chunks) {
      if (piece.type === "tool-input-delta") written.set(piece.toolCallId, (written.get(piece.toolCallId) ?? "") + piece.delta);
    }
    const calls = chunks.filter((piece) => piece.type === "tool-call");
    expect(calls).toEqual([
      { type: "tool-call", toolCallId: "call_1", toolName: "new_answer", input: { content: "An answer", lacking: "sources" } },
      { type: "tool-call", toolCallId: "call_2", toolName: "vote", input: { agent_id: "agent2", reason: "better" } },
    ]);
    for (const call of calls) expect(JSON.parse(written.get(call.toolCallId) ?? "")).toEqual(call.input);
    expect(chunks.at(-1)).toEqual({ type: "finish", reason: "tool-calls" });
    expect((await collect(backend)).find((piece) => piece.type === "tool-call")?.toolCallId).toBe("call_3");
  });

  it("keeps requests as detached copies", async () => {
    const backend = scriptedBackend(() => "ok");
    const request = ask("before");
    await collect(backend, request);
    (request.messages[0] as { content: string }).content = "after";
    expect(backend.requests).toEqual([ask("before")]);
  });

  it("says which call ran dry and what it was asked, also when the caller swallowed the error", async () => {
    const backend = scriptedBackend([say("one")]);
    await collect(backend);
    await expect(collect(backend, ask("what now?"))).rejects.toMatchObject({
      code: "script_exhausted",
      message: expect.stringMatching(/Call 2 .* 1 step is scripted.*from user: "what now\?"/),
    });
    expect(() => backend.assertComplete()).toThrow(expect.objectContaining({ code: "script_exhausted" }));
    const dry = scriptedBackend([]);
    const result = { type: "tool-result" as const, toolCallId: "c", toolName: "t", output: "the tool said so" };
    await expect(collect(dry, { messages: [{ role: "tool", content: [result] }] })).rejects.toThrow(/from tool: "the tool said so"/);
    await expect(collect(scriptedBackend([]), { messages: [] })).rejects.toThrow(/no messages/);
  });

  it("says how many steps were left", async () => {
    const backend = scriptedBackend(["a", "b", "c"]);
    await collect(backend);
    expect(backend.remaining).toBe(2);
    expect(() => backend.assertComplete()).toThrow(/2 of 3 steps .* calls so far: 1/);
  });

  it("lets a rule answer from the request, for every call or in the place of one step", async () => {
    const echo = scriptedBackend((request, { call }) => `${call}: ${JSON.stringify(request.messages[0]?.content)}`);
    expect(textIn(await collect(echo, ask("x")))).toBe('0: "x"');
    expect(textIn(await collect(echo, ask("y")))).toBe('1: "y"');
    echo.assertComplete();
    const mixed = scriptedBackend(["first", async (request) => [say(`${request.messages.length} messages`)]]);
    await collect(mixed);
    expect(textIn(await collect(mixed))).toBe("1 messages");
  });

  it("fails with the error given, or with one of a code", async () => {
    const own = new Error("own");
    await expect(collect(scriptedBackend([[say("half"), fail(own)]]))).rejects.toBe(own);
    const error = await collect(scriptedBackend([fail("rate_limit", { status: 429, retryAfterMs: 2000 })])).catch((e) => e);
    expect(error).toBeInstanceOf(BackendError);
    expect(error).toMatchObject({ code: "rate_limit", status: 429, retryAfterMs: 2000, retryable: true });
    await expect(collect(scriptedBackend([fail("authentication")]))).rejects.toMatchObject({ retryable: false });
  });

  it("can finish otherwise, end without finish, report no usage, and emit any chunk", async () => {
    const source: BackendChunk = { type: "source", url: "https://example.com" };
    const backend = scriptedBackend(
      [
        ["x", finish("length")],
        ["x", cut()],
        [chunk(source), chunk({ type: "finish", reason: "refusal", raw: "no" }), "never"],
      ],
      { usage: null },
    );
    const x: BackendChunk = { type: "text-delta", delta: "x" };
    expect(await collect(backend)).toEqual([x, { type: "finish", reason: "length" }]);
    expect(await collect(backend)).toEqual([x]);
    expect(await collect(backend)).toEqual([source, { type: "finish", reason: "refusal", raw: "no" }]);
  });

  it("gives malformed arguments as the raw string", async () => {
    const backend = scriptedBackend([{ toolCall: { name: "vote", input: '{"agent', id: "c9", invalid: "unexpected end" } }]);
    expect(await collect(backend)).toContainEqual({
      type: "tool-call",
      toolCallId: "c9",
      toolName: "vote",
      input: '{"agent',
      invalid: "unexpected end",
    });
  });

  it("ends when aborted: while hanging, while waiting, between deltas, before it began; and leaves no listener", async () => {
    const cases = [[say("a"), hang()], [say("a"), wait(new Promise(() => {}))], [say("a"), wait(60_000)], say("abcdef")];
    for (const step of cases) {
      const controller = new AbortController();
      const backend = scriptedBackend([step], { chunkSize: 1 });
      const seen: BackendChunk[] = [];
      for await (const piece of backend.stream(ask("x"), { signal: controller.signal })) {
        seen.push(piece);
        queueMicrotask(() => controller.abort());
        expect(backend.active).toBe(1);
      }
      expect(seen[0]).toEqual({ type: "text-delta", delta: "a" });
      expect(seen.length).toBeLessThan(4);
      expect(seen.some((piece) => piece.type === "finish")).toBe(false);
      expect(backend.active).toBe(0);
      expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
      expect(await collect(scriptedBackend(["x"]), ask("x"), controller.signal)).toEqual([]);
    }
  });

  it("can ignore the signal", async () => {
    const controller = new AbortController();
    const stream = scriptedBackend([hang({ ignoreSignal: true })]).stream(ask("x"), { signal: controller.signal });
    let over = false;
    void stream[Symbol.asyncIterator]()
      .next()
      .then(() => {
        over = true;
      });
    controller.abort();
    await virtualRuntime().flush();
    expect(over).toBe(false);
  });

  it("waits on its runtime and paces its deltas", async () => {
    const runtime = virtualRuntime({ startTime: 0 });
    const backend = scriptedBackend([[wait(1000), "abcd"]], { runtime, chunkDelayMs: 10, chunkSize: 1 });
    expect(textIn(await runtime.runUntil(collect(backend)))).toBe("abcd");
    expect(runtime.now()).toBe(1040);
    expect(runtime.pending).toBe(0);
    await expect(collect(scriptedBackend([wait(Promise.reject(new Error("gate")))]))).rejects.toThrow("gate");
  });

  it("estimates usage unless told, and counts the request's size", async () => {
    const backend = scriptedBackend(() => "0123456789abcdef");
    const usageFor = async (text: string) => (await collect(backend, ask(text))).find((piece) => piece.type === "usage")?.usage;
    const small = await usageFor("x");
    const large = await usageFor("x".repeat(400));
    expect(small?.outputTokens).toBe(4);
    expect((large?.inputTokens ?? 0) - (small?.inputTokens ?? 0)).toBeGreaterThan(90);
  });

  it("tells type, model and capabilities, and when it was closed", async () => {
    const backend = scriptedBackend([], { type: "t", model: "m", capabilities: { tools: false } });
    expect(backend).toMatchObject({ type: "t", model: "m", capabilities: { tools: false }, closed: false });
    await backend.close();
    expect(backend.closed).toBe(true);
  });
});

describe("splitText", () => {
  it("loses nothing and keeps surrogate pairs whole", () => {
    const text = "a😀b😀😀c";
    for (let size = 1; size < 10; size++) {
      const pieces = splitText(text, size);
      expect(pieces.join("")).toBe(text);
      for (const piece of pieces) expect(Buffer.from(piece).toString()).toBe(piece);
    }
    expect(splitText("", 4)).toEqual([]);
  });
});
