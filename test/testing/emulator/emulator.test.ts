import { describe, expect, it } from "vitest";
import { type EmulatorOptions, startEmulator } from "../../../src/testing/emulator/emulator.js";
import type { EmulatedPrompt } from "../../../src/testing/emulator/reply.js";
import { assemble, FUNCTION, framesOf, HELLO, type Json, post } from "./client.js";

const streaming = { stream: true, stream_options: { include_usage: true } };

async function run(
  test: (emulator: Awaited<ReturnType<typeof startEmulator>>) => Promise<void>,
  options: EmulatorOptions = {},
): Promise<void> {
  await using emulator = await startEmulator(options);
  await test(emulator);
}

describe("replies", () => {
  it("streams text, reasoning and fragmented tool calls, with usage and one finish reason", () =>
    run(async (emulator) => {
      emulator.reply({
        reasoning: "thinking it over",
        text: "Hello 😀 there",
        toolCalls: [
          { name: "look", input: { where: "north", far: true } },
          { name: "look", arguments: "{bad" },
        ],
        usage: { inputTokens: 10, outputTokens: 20, cachedInputTokens: 4, reasoningTokens: 5 },
        chunkSize: 5,
      });
      const response = await post(emulator, { ...streaming, tools: [FUNCTION] });
      expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
      const body = await response.text();
      const whole = assemble(body);
      expect(whole).toMatchObject({ text: "Hello 😀 there", reasoning: "thinking it over", finish: ["tool_calls"], done: true });
      expect(whole.calls.map(({ name, arguments: args }) => [name, args])).toEqual([
        ["look", '{"where":"north","far":true}'],
        ["look", "{bad"],
      ]);
      expect(new Set(whole.calls.map((call) => call.id)).size).toBe(2);
      expect(whole.usage).toEqual({
        prompt_tokens: 10,
        completion_tokens: 20,
        total_tokens: 30,
        prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 5, audio_tokens: 0 },
      });
      const frames = framesOf(body) as { choices: unknown[]; usage: unknown }[];
      expect(frames.at(-2)?.choices).toEqual([]);
      expect(frames.slice(0, -2).every((frame) => frame.usage === null && frame.choices.length === 1)).toBe(true);
      expect(frames.length).toBeGreaterThan(12);
    }));

  it("says usage only when asked, and never when told not to", () =>
    run(async (emulator) => {
      emulator.reply("a", { text: "b", usage: null });
      expect(await (await post(emulator, { stream: true })).text()).not.toContain("usage");
      expect(await (await post(emulator, streaming)).text()).not.toContain("usage");
    }));

  it("answers in one piece when not asked to stream", () =>
    run(async (emulator) => {
      emulator.reply({
        text: "hi",
        toolCalls: [{ name: "look", input: { a: 1 } }],
        reasoning: "r",
        reasoningField: "reasoning",
        model: "m-2",
      });
      const body = (await (await post(emulator)).json()) as {
        choices: { message: Json; finish_reason: string }[];
        usage: Json;
        model: string;
      };
      expect(body).toMatchObject({ object: "chat.completion", model: "m-2" });
      expect(body.choices[0]?.message).toMatchObject({
        role: "assistant",
        content: "hi",
        reasoning: "r",
        tool_calls: [{ type: "function", function: { name: "look", arguments: '{"a":1}' } }],
      });
      expect(body.choices[0]?.finish_reason).toBe("tool_calls");
      expect(body.usage.total_tokens).toBeGreaterThan(0);
    }));

  it("serves a model's own script first, then the common one, then the rule", () =>
    run(
      async (emulator) => {
        emulator.reply("common", (prompt) => `rule for ${prompt.model}`);
        emulator.replyTo("special", "own");
        const text = async (model: string) => assemble(await (await post(emulator, { model, stream: true })).text()).text;
        expect(await text("special")).toBe("own");
        expect(await text("special")).toBe("common");
        expect(emulator.remaining).toBe(1);
        expect(await text("other")).toBe("rule for other");
        expect(await text("other")).toBe("otherwise 3/1");
        emulator.assertComplete();
      },
      { respond: (_, info) => ({ text: `otherwise ${info.index}/${info.modelIndex}` }) },
    ));

  it("refuses what has no reply with an error that is not worth a retry, and remembers it", () =>
    run(async (emulator) => {
      const response = await post(emulator);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { code: "script_exhausted", message: expect.stringContaining('"hello"') } });
      expect(() => emulator.assertComplete()).toThrow(expect.objectContaining({ code: "script_exhausted" }));
    }));

  it("says which replies were not used", () =>
    run(async (emulator) => {
      emulator.replyTo("m2", "unused");
      expect(() => emulator.assertComplete()).toThrow(/1, some of them for "m2"/);
    }));

  it("reports a rule that throws", () =>
    run(
      async (emulator) => {
        expect((await post(emulator)).status).toBe(400);
        expect(() => emulator.assertComplete()).toThrow(expect.objectContaining({ code: "rule_failed", cause: expect.any(TypeError) }));
      },
      {
        respond: () => {
          throw new TypeError("oops");
        },
      },
    ));

  it("shows a rule the request in neutral words", () => {
    const seen: EmulatedPrompt[] = [];
    const call = { id: "c1", type: "function", function: { name: "look", arguments: "{}" } };
    const messages = [
      { role: "developer", content: "be brief" },
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "c1", content: "north" },
    ];
    return run(
      async (emulator) => {
        await post(emulator, { messages, tools: [FUNCTION], tool_choice: { type: "function", function: { name: "look" } } });
        expect(seen[0]).toMatchObject({
          model: "m",
          stream: false,
          messages: [
            { role: "system", text: "be brief", toolCalls: [] },
            { role: "user", text: "ab" },
            { role: "assistant", text: "", toolCalls: [{ id: "c1", name: "look", arguments: "{}" }] },
            { role: "tool", text: "north", toolCallId: "c1" },
          ],
          tools: [{ name: "look", inputSchema: { type: "object" } }],
          toolChoice: { toolName: "look" },
        });
      },
      {
        respond: (prompt) => {
          seen.push(prompt);
          return "ok";
        },
      },
    );
  });

  it("sends the same bytes again for a reply it may reuse", () =>
    run(async (emulator) => {
      const reply = { text: "x".repeat(100), reuse: true };
      emulator.reply(reply, reply, { ...reply, reuse: false });
      const bodies = [];
      for (let i = 0; i < 3; i++) bodies.push(await (await post(emulator, streaming)).text());
      expect(bodies[1]).toBe(bodies[0]);
      expect(bodies[2]).not.toBe(bodies[0]);
    }));
});

describe("framing", () => {
  it.each([
    { crlf: true },
    { comments: true },
    { bytesPerWrite: 1 },
    { bytesPerWrite: 7, crlf: true, comments: true },
    { bytesPerWrite: 16384 },
  ])("makes no difference to the content: %o", (framing) =>
    run(
      async (emulator) => {
        emulator.reply({ text: "Grüße, 世界 😀", chunkSize: 3 });
        const body = await (await post(emulator, streaming)).text();
        expect(assemble(body)).toMatchObject({ text: "Grüße, 世界 😀", finish: ["stop"], done: true });
        if (framing.crlf) expect(body.replaceAll("\r\n", "")).not.toContain("\n");
        if (framing.comments) expect(body).toMatch(/^: keep-alive\r?\n\r?\n/);
      },
      { framing },
    ),
  );

  it("counts the deltas sent, whatever the writes", () =>
    run(async (emulator) => {
      for (const bytesPerWrite of [1, 300, 1_000_000]) {
        emulator.reply({ text: "abcdef", chunkSize: 1, framing: { bytesPerWrite } });
        await (await post(emulator, streaming)).text();
        const request = await emulator.nextRequest();
        await request.closed;
        expect(request.chunksSent).toBe(6);
      }
    }));
});

describe("requests", () => {
  it("records them, refused ones included, in order", () =>
    run(async (emulator) => {
      emulator.reply("ok");
      await post(emulator, {}, { headers: { "x-trace": "1" } });
      await post(emulator, "not json");
      await fetch(`${emulator.url}/nowhere?a=1`);
      expect(emulator.requests.map(({ index, method, path, status }) => [index, method, path, status])).toEqual([
        [0, "POST", "/v1/chat/completions", 200],
        [1, "POST", "/v1/chat/completions", 400],
        [2, "GET", "/nowhere?a=1", 404],
      ]);
      expect(emulator.requests[0]).toMatchObject({ body: HELLO, headers: { "x-trace": "1" } });
      expect(emulator.requests[1]?.body).toBe("not json");
      expect(await emulator.requests[0]?.closed).toBe("complete");
    }));

  it("hands each request out once, also to whoever waits already", () =>
    run(async (emulator) => {
      emulator.reply("a", "b");
      const early = emulator.nextRequest();
      await post(emulator, { model: "first" });
      await post(emulator, { model: "second" });
      expect((await early).body).toMatchObject({ model: "first" });
      expect((await emulator.nextRequest()).body).toMatchObject({ model: "second" });
      const abort = new AbortController();
      const waiting = emulator.nextRequest({ signal: abort.signal });
      abort.abort(new Error("enough"));
      await expect(waiting).rejects.toThrow("enough");
      const forever = emulator.until(() => false);
      void emulator.close();
      await expect(forever).rejects.toMatchObject({ code: "emulator_closed" });
    }));

  it("tells that the client left, in the middle of a stream", () =>
    run(async (emulator) => {
      let open = () => {};
      const until = new Promise<void>((resolve) => {
        open = resolve;
      });
      emulator.reply({ text: "abcdef", chunkSize: 1, hold: { afterChunks: 3, until } });
      const abort = new AbortController();
      const response = await post(emulator, streaming, { signal: abort.signal });
      await emulator.until(([request]) => request?.chunksSent === 3);
      expect(emulator.requests[0]?.end).toBeUndefined();
      abort.abort();
      await expect(response.text()).rejects.toThrow();
      expect(await emulator.requests[0]?.closed).toBe("client-left");
      expect(emulator.requests[0]?.chunksSent).toBe(3);
      open();
    }));

  it("tells a rule that the client left", () => {
    const signals: AbortSignal[] = [];
    return run(
      async (emulator) => {
        const abort = new AbortController();
        const asked = post(emulator, {}, { signal: abort.signal });
        const gone = expect(asked).rejects.toThrow();
        const request = await emulator.nextRequest();
        abort.abort();
        await gone;
        expect(await request.closed).toBe("client-left");
        expect(signals[0]?.aborted).toBe(true);
        emulator.assertComplete();
      },
      {
        respond: (_, { signal }) => {
          signals.push(signal);
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
        },
      },
    );
  });

  it("continues a held stream", () =>
    run(async (emulator) => {
      let open = () => {};
      emulator.reply({ text: "abc", chunkSize: 1, hold: { afterChunks: 1, until: new Promise<void>((resolve) => (open = resolve)) } });
      const response = await post(emulator, streaming);
      await emulator.until(([request]) => request?.chunksSent === 1);
      open();
      expect(assemble(await response.text())).toMatchObject({ text: "abc", done: true });
    }));
});

describe("models, keys and paths", () => {
  it("lists its models and knows no others", () =>
    run(
      async (emulator) => {
        const list = (await (await fetch(`${emulator.baseUrl}/models`)).json()) as {
          object: string;
          data: { id: string; object: string }[];
        };
        expect(list.object).toBe("list");
        expect(list.data.map(({ id, object }) => [id, object])).toEqual([
          ["a", "model"],
          ["b/c", "model"],
        ]);
        expect(await (await fetch(`${emulator.baseUrl}/models/${encodeURIComponent("b/c")}`)).json()).toMatchObject({ id: "b/c" });
        expect((await fetch(`${emulator.baseUrl}/models/x`)).status).toBe(404);
        const refused = await post(emulator);
        expect(refused.status).toBe(404);
        expect(await refused.json()).toMatchObject({ error: { code: "model_not_found" } });
      },
      { models: ["a", "b/c"] },
    ));

  it("asks for the key", () =>
    run(
      async (emulator) => {
        const status = async (headers: Record<string, string>) => (await post(emulator, {}, { headers })).status;
        expect(await status({})).toBe(401);
        const wrong = await post(emulator, {}, { headers: { authorization: "Bearer sk-wrong-and-long" } });
        const text = await wrong.text();
        expect(JSON.parse(text)).toMatchObject({ error: { code: "invalid_api_key", type: "invalid_request_error" } });
        expect(text).not.toContain("wrong-and-long");
        expect(await status({ authorization: "Bearer right" })).toBe(200);
        expect(await status({ "api-key": "right" })).toBe(200);
      },
      { apiKey: "right", respond: () => "ok" },
    ));

  it("knows no other path or method, in the provider's envelope", () =>
    run(async (emulator) => {
      for (const [method, path] of [
        ["GET", "/v1/chat/completions"],
        ["POST", "/v1/answers"],
        ["POST", "/openai/responses"],
        ["GET", "/"],
      ] as const) {
        const response = await fetch(emulator.url + path, { method });
        expect(response.status).toBe(404);
        expect(await response.json()).toMatchObject({ error: { code: "unknown_url", param: null } });
      }
    }));
});

describe("closing", () => {
  it("cuts open exchanges, frees the port, and can be done twice", async () => {
    const emulator = await startEmulator();
    emulator.reply({ text: "x", fault: { type: "stall" } });
    const response = await post(emulator, streaming);
    const body = expect(response.text()).rejects.toThrow();
    const request = await emulator.nextRequest();
    await Promise.all([emulator.close(), emulator.close()]);
    await body;
    expect(await request.closed).toBe("emulator-closed");
    await expect(fetch(emulator.url)).rejects.toThrow();
  });

  it("closes on its signal", async () => {
    const abort = new AbortController();
    const emulator = await startEmulator({ signal: abort.signal });
    abort.abort();
    await emulator.close();
    await expect(fetch(emulator.url)).rejects.toThrow();
    await expect(startEmulator({ signal: abort.signal })).rejects.toThrow();
  });
});
