import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ChatCompletionsBackend } from "../../src/backends/chat-completions/backend.js";
import type { ChatBackendOptions } from "../../src/backends/chat-completions/config.js";
import { toChatMessages } from "../../src/formatter/chat-completions.js";
import { collect, delta, type Reply, sendJson, sendSse, serve, sse, type TestServer } from "./http.js";

let server: TestServer;
let body = "";
let type = "text/event-stream";
beforeAll(async () => {
  server = await serve((response) => {
    response.writeHead(200, { "content-type": type });
    response.end(body);
  });
});
afterAll(() => server.close());

/** What one reply of these events becomes. */
async function reply(events: unknown[], options: ChatBackendOptions = {}, request = {}): Promise<Reply> {
  type = "text/event-stream";
  body = sse(events);
  return collect(backend(options), request);
}

function backend(options: ChatBackendOptions = {}): ChatCompletionsBackend {
  return new ChatCompletionsBackend({ type: "openrouter", baseUrl: server.url, model: "m", ...options });
}

const call = (fields: Record<string, unknown>) => delta({ tool_calls: [fields] });
const tools = [{ name: "get_weather", description: "", inputSchema: { type: "object" } }];

describe("reasoning", () => {
  test.each(["reasoning_content", "reasoning"])("in %s", async (field) => {
    const got = await reply([delta({ [field]: "a" }), delta({ [field]: "b", content: "" }), delta({ content: "c" }, "stop")]);
    expect([got.reasoning, got.text, got.finish]).toEqual(["ab", "c", "stop"]);
  });

  test("said in two fields at once is told once", async () => {
    expect((await reply([delta({ reasoning: "a", reasoning_content: "a" }), delta({}, "stop")])).reasoning).toBe("a");
  });

  test("in reasoning_details alone, with the summary marked", async () => {
    const got = await reply([
      delta({ reasoning_details: [{ type: "reasoning.summary", summary: "s", index: 0 }] }),
      delta({ reasoning_details: [{ type: "reasoning.text", text: "t", index: 1 }] }),
      delta({ content: "c" }, "stop"),
    ]);
    expect(got.chunks.filter((chunk) => chunk.type === "reasoning-delta")).toEqual([
      { type: "reasoning-delta", delta: "s", kind: "summary" },
      { type: "reasoning-delta", delta: "t" },
    ]);
  });

  test("as inline tags: text unless asked for", async () => {
    const events = [delta({ content: "<thi" }), delta({ content: "nk>why</th" }), delta({ content: "ink>so" }, "stop")];
    expect((await reply(events)).text).toBe("<think>why</think>so");
    const read = await reply(events, { inlineThinking: true });
    expect([read.reasoning, read.text]).toEqual(["why", "so"]);
    const open = await reply([delta({ content: "why</think>so" }, "stop")], { inlineThinking: "already-open" });
    expect([open.reasoning, open.text]).toEqual(["why", "so"]);
  });

  test("a held-back tag end survives the end of the reply", async () => {
    const got = await reply([delta({ content: "<think>a</thi" }, "stop")], { inlineThinking: true });
    expect(got.reasoning).toBe("a</thi");
  });

  test("reasoning_details and extra_content go into a message that can be sent back", async () => {
    const signature = { google: { thought_signature: "sig" } };
    const got = await reply([
      delta({ reasoning: "th", reasoning_details: [{ type: "reasoning.text", text: "th", index: 0 }] }),
      delta({ reasoning: "ink", reasoning_details: [{ type: "reasoning.text", text: "ink", index: 0, signature: "s1" }] }),
      delta({ content: "see" }),
      call({ index: 0, id: "a", function: { name: "get_weather", arguments: "{}" }, extra_content: signature }),
      delta({}, "tool_calls"),
    ]);
    const target = { provider: "openrouter", endpoint: `${server.url}/v1`, model: "m" };
    expect(toChatMessages(undefined, [got.message!], target)).toEqual([
      {
        role: "assistant",
        content: "see",
        tool_calls: [{ id: "a", type: "function", function: { name: "get_weather", arguments: "{}" }, extra_content: signature }],
        reasoning_details: [{ type: "reasoning.text", text: "think", index: 0, signature: "s1" }],
      },
    ]);
    for (const other of [{ model: "n" }, { provider: "vllm" }, { endpoint: "http://elsewhere" }]) {
      expect(JSON.stringify(toChatMessages(undefined, [got.message!], { ...target, ...other }))).not.toMatch(
        /reasoning_details|extra_content/,
      );
    }
  });

  test("nothing to carry: no message chunk", async () => {
    expect((await reply([delta({ content: "a" }, "stop")])).message).toBeUndefined();
  });
});

describe("tool calls", () => {
  test("are announced with their name and streamed fragment by fragment", async () => {
    const got = await reply(
      [
        call({ index: 0, id: "a", type: "function", function: { name: "get_weather", arguments: "" } }),
        call({ index: 0, function: { arguments: '{"x":' } }),
        call({ index: 0, id: null, function: { name: null, arguments: "1}" } }),
        delta({ tool_calls: null, content: null }, "tool_calls"),
      ],
      {},
      { tools },
    );
    expect(got.chunks.slice(1, -1)).toEqual([
      { type: "tool-input-start", toolCallId: "a", toolName: "get_weather" },
      { type: "tool-input-delta", toolCallId: "a", delta: '{"x":' },
      { type: "tool-input-delta", toolCallId: "a", delta: "1}" },
      { type: "tool-call", toolCallId: "a", toolName: "get_weather", input: { x: 1 } },
    ]);
  });

  test("interleaved by index come out in the server's order", async () => {
    const got = await reply([
      call({ index: 1, id: "b", function: { name: "two", arguments: "{" } }),
      call({ index: 0, id: "a", function: { name: "one", arguments: '{"v"' } }),
      call({ index: 1, function: { arguments: "}" } }),
      call({ index: 0, function: { arguments: ":1}" } }),
      delta({}, "tool_calls"),
    ]);
    expect(got.calls).toEqual([
      { id: "a", name: "one", input: { v: 1 } },
      { id: "b", name: "two", input: {} },
    ]);
  });

  test("without ids get ids that the history does not hold yet", async () => {
    const messages = [
      { role: "assistant", content: [{ type: "tool-call", toolCallId: "call_0", toolName: "one", input: {} }] },
      { role: "tool", content: [{ type: "tool-result", toolCallId: "call_0", toolName: "one", output: "" }] },
    ];
    const got = await reply(
      [
        call({ index: 0, function: { name: "one", arguments: "{}" } }),
        call({ index: 1, id: "", function: { name: "two", arguments: "{}" } }),
        delta({}, "tool_calls"),
      ],
      {},
      { messages },
    );
    expect(got.calls.map((one) => one.id)).toEqual(["call_1", "call_2"]);
  });

  test("that share an id are told apart", async () => {
    const got = await reply([
      call({ index: 0, id: "x", function: { name: "one", arguments: "{}" } }),
      call({ index: 1, id: "x", function: { name: "two", arguments: "{}" } }),
      delta({}, "tool_calls"),
    ]);
    expect(got.calls.map((one) => [one.id, one.name])).toEqual([
      ["x", "one"],
      ["call_0", "two"],
    ]);
  });

  test("all at index 0 with ids of their own are told apart", async () => {
    const got = await reply([
      call({ index: 0, id: "a", function: { name: "one", arguments: "{}" } }),
      call({ index: 0, id: "b", function: { name: "one", arguments: '{"v":2}' } }),
      delta({}, "stop"),
    ]);
    expect(got.calls).toEqual([
      { id: "a", name: "one", input: {} },
      { id: "b", name: "one", input: { v: 2 } },
    ]);
  });

  test("without an index are matched by id, by name, or are the last one's", async () => {
    const got = await reply([
      call({ id: "a", function: { name: "one", arguments: "{" } }),
      call({ function: { arguments: "}" } }),
      call({ function: { name: "two", arguments: '{"v":2}' } }),
      delta({}, "tool_calls"),
    ]);
    expect(got.calls.map(({ name, input }) => [name, input])).toEqual([
      ["one", {}],
      ["two", { v: 2 }],
    ]);
  });

  test("take names in pieces, repeated or growing", async () => {
    const named = async (...names: string[]) =>
      (
        await reply([
          ...names.map((name) => call({ index: 0, id: "a", function: { name } })),
          call({ index: 0, function: { arguments: "{}" } }),
          delta({}, "tool_calls"),
        ])
      ).calls[0]!.name;
    expect(await named("get_", "weather")).toBe("get_weather");
    expect(await named("get_weather", "get_weather")).toBe("get_weather");
    expect(await named("get", "get_weather")).toBe("get_weather");
  });

  test("with blank arguments are called with {}, with an object as it is", async () => {
    const got = await reply([
      call({ index: 0, id: "a", function: { name: "one", arguments: " " } }),
      call({ index: 1, id: "b", function: { name: "two" } }),
      call({ index: 2, id: "c", function: { name: "three", arguments: { v: 1 } } }),
      delta({}, "tool_calls"),
    ]);
    expect(got.calls.map((one) => one.input)).toEqual([{}, {}, { v: 1 }]);
  });

  test("that do not parse are invalid, with the raw text", async () => {
    const cut = call({ index: 0, id: "a", function: { name: "one", arguments: '{"v": "ab' } });
    const atLimit = await reply([cut, delta({}, "length")]);
    expect(atLimit.finish).toBe("length");
    expect(atLimit.calls).toEqual([{ id: "a", name: "one", input: '{"v": "ab', invalid: expect.stringContaining("output limit") }]);
    const broken = await reply([cut, delta({}, "tool_calls")]);
    expect(broken.calls[0]!.invalid).toMatch(/not valid JSON/);
    const nameless = await reply([call({ index: 0, id: "a", function: { arguments: "{}" } }), delta({}, "tool_calls")]);
    expect(nameless.calls[0]).toMatchObject({ input: "{}", invalid: expect.stringContaining("no tool name") });
  });

  test("in the old function_call spelling", async () => {
    const got = await reply([
      delta({ function_call: { name: "one", arguments: "{" } }),
      delta({ function_call: { arguments: "}" } }),
      delta({}, "function_call"),
    ]);
    expect([got.calls, got.finish]).toEqual([[{ id: "call_0", name: "one", input: {} }], "tool-calls"]);
  });

  test("announced but never sent: a warning, and the reply counts as ended", async () => {
    const got = await reply([delta({ content: "a" }), delta({}, "tool_calls")]);
    expect(got.finish).toBe("stop");
    expect(got.chunks).toContainEqual(expect.objectContaining({ type: "warning", code: "no_tool_calls" }));
  });
});

describe("the end", () => {
  test.each([
    ["stop", "stop"],
    ["length", "length"],
    ["content_filter", "content-filter"],
    ["eos", "stop"],
    ["MAX_TOKENS", "length"],
    ["something_new", "other"],
  ])("%s is %s", async (raw, reason) => {
    expect((await reply([delta({ content: "a" }, raw)])).chunks.at(-1)).toEqual({ type: "finish", reason, raw });
  });

  test("stop with collected calls is tool-calls", async () => {
    expect((await reply([call({ index: 0, id: "a", function: { name: "one", arguments: "{}" } }), delta({}, "stop")])).finish).toBe(
      "tool-calls",
    );
  });

  test("a refusal is text, and the reason", async () => {
    const got = await reply([delta({ refusal: "No" }), delta({ refusal: "." }), delta({}, "stop")]);
    expect([got.text, got.finish, got.raw]).toEqual(["No.", "refusal", "stop"]);
  });

  test.each(["error", "abort", "network_error", "insufficient_system_resource"])("%s is an error", async (raw) => {
    const got = await reply([delta({ content: "a" }), delta({}, raw)]);
    expect([got.text, got.error.code, got.error.retryable]).toEqual(["a", "stream_error", true]);
  });

  test("only the closing marker: truncated, even so", async () => {
    const got = await reply([delta({ content: "a" })]);
    expect([got.text, got.error.code]).toEqual(["a", "stream_truncated"]);
  });

  test("tool calls without a finish reason need marker, usage and whole arguments", async () => {
    const whole = call({ index: 0, id: "a", function: { name: "one", arguments: "{}" } });
    const half = call({ index: 0, id: "a", function: { name: "one", arguments: "{" } });
    const usage = { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } };
    expect((await reply([whole, usage])).finish).toBe("tool-calls");
    expect((await reply([whole])).error.code).toBe("stream_truncated");
    expect((await reply([half, usage])).error.code).toBe("stream_truncated");
    body = sse([whole, usage], false);
    expect((await collect(backend())).error.code).toBe("stream_truncated");
  });
});

describe("usage", () => {
  test("the last one wins, from wherever it stands", async () => {
    const got = await reply([
      { ...delta({ content: "a" }), usage: { prompt_tokens: 5, completion_tokens: 1 } },
      { ...delta({}, "stop"), x_groq: { usage: { prompt_tokens: 5, completion_tokens: 2 } } },
      { choices: [], usage: { prompt_tokens: 5, completion_tokens: 3, prompt_cache_hit_tokens: 4, reasoning_tokens: 1 } },
    ]);
    expect(got.usage).toEqual({ inputTokens: 5, outputTokens: 3, cachedInputTokens: 4, reasoningTokens: 1 });
  });

  test("comes before an error inside the stream, from the error's own event too", async () => {
    const failed = await reply([
      delta({ content: "a" }),
      { error: { message: "dead", code: 502 }, choices: [], usage: { prompt_tokens: 7, completion_tokens: 1 } },
    ]);
    expect(failed.usage).toEqual({ inputTokens: 7, outputTokens: 1 });
    expect(failed.error).toMatchObject({ code: "server_error", status: 502, retryable: true });
  });
});

describe("errors inside a 200 stream", () => {
  test.each([
    ["OpenAI's shape", { error: { message: "boom", type: "server_error", code: null } }, "server_error"],
    ["a text", { error: "boom" }, "stream_error"],
    ["old vLLM", { object: "error", message: "boom", type: "BadRequestError", code: 400 }, "bad_request"],
    ["FastAPI", { detail: "boom" }, "stream_error"],
    ["inside the choice", { choices: [{ index: 0, delta: {}, error: { message: "boom", code: 429 } }] }, "rate_limit"],
    ["not an object", "boom", "stream_error"],
  ])("%s", async (_, event, code) => {
    const got = await reply([delta({ content: "kept" }), event]);
    expect(got.text).toBe("kept");
    expect(got.error.code).toBe(code);
    expect(got.error.message).toContain("boom");
  });

  test("an event that is no JSON", async () => {
    type = "text/event-stream";
    body = `${sse([delta({ content: "kept" })], false)}data: {"choices": [\n\n${sse([delta({}, "stop")])}`;
    const got = await collect(backend());
    expect([got.text, got.error.code, got.error.retryable]).toEqual(["kept", "stream_error", true]);
  });
});

describe("odd streams", () => {
  test("comments, blank lines, event names, ids and retry fields", async () => {
    type = "text/event-stream";
    body = `: hello\n\n\n\nretry: 10\nid: 7\nevent: message\ndata: ${JSON.stringify(delta({ content: "a" }))}\n\n: keep-alive\n\n${sse([delta({ content: "b" }, "stop")])}`;
    expect((await collect(backend())).text).toBe("ab");
  });

  test("other choices, null and missing deltas, chunks without choices", async () => {
    const got = await reply([
      { choices: [] },
      { choices: null },
      {},
      { choices: [{ index: 0, delta: null }] },
      { choices: [{ index: 0 }] },
      { choices: [{ index: 1, delta: { content: "no" }, finish_reason: "length" }] },
      delta({ role: "assistant", content: null, refusal: null, function_call: null, tool_calls: null }),
      { choices: [{ delta: { content: "yes" }, finish_reason: "stop" }] },
    ]);
    expect([got.text, got.finish]).toEqual(["yes", "stop"]);
  });

  test("content as a list, and what is not read is said", async () => {
    const got = await reply([
      delta(
        { content: [{ type: "thinking", thinking: [{ type: "text", text: "t" }] }, { type: "text", text: "x" }, { type: "reference" }] },
        "stop",
      ),
    ]);
    expect([got.reasoning, got.text]).toEqual(["t", "x"]);
    expect(got.chunks).toContainEqual(expect.objectContaining({ type: "warning", code: "ignored_output" }));
  });

  test("citations once each, images as files", async () => {
    const cited = { annotations: [{ type: "url_citation", url_citation: { url: "http://a", title: "A", content: "q" } }] };
    const got = await reply([
      { ...delta(cited), citations: ["http://a", "http://b"] },
      delta({ ...cited, images: [{ image_url: { url: "data:image/png;base64,AAAA" } }, { image_url: { url: "http://i/x.png" } }] }, "stop"),
    ]);
    expect(got.sources.map((source) => source.url)).toEqual(["http://a", "http://b"]);
    expect(got.chunks.filter((chunk) => chunk.type === "file")).toEqual([
      { type: "file", mediaType: "image/png", data: "AAAA" },
      { type: "file", mediaType: "image/*", data: "http://i/x.png" },
    ]);
  });

  test("a plain JSON completion is understood", async () => {
    type = "application/json";
    const message = {
      role: "assistant",
      content: "hi",
      tool_calls: [{ id: "a", type: "function", function: { name: "one", arguments: "{}" } }],
    };
    body = JSON.stringify({
      id: "x",
      choices: [{ index: 0, message, finish_reason: "tool_calls" }],
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    });
    const got = await collect(backend());
    expect([got.text, got.calls, got.finish, got.usage]).toEqual([
      "hi",
      [{ id: "a", name: "one", input: {} }],
      "tool-calls",
      { inputTokens: 1, outputTokens: 2 },
    ]);
    body = body.slice(0, -20);
    expect((await collect(backend())).error.code).toBe("stream_truncated");
  });

  test("a web page is an error that points at the base URL", async () => {
    type = "text/html";
    body = "<html>login</html>";
    expect((await collect(backend())).error).toMatchObject({ code: "not_found", message: expect.stringMatching(/web page.*baseUrl/) });
  });
});

test("a reader that stops early ends the request", async () => {
  let closed = () => {};
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const slow = await serve((response) => {
    response.on("close", closed);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(sse([delta({ content: "a" })], false));
  });
  for await (const chunk of backend({ baseUrl: slow.url }).stream({ messages: [] })) if (chunk.type === "text-delta") break;
  await gone;
  await slow.close();
});

test("an abort ends the step with a typed error, closes the connection and leaves no listener", async () => {
  let closed = () => {};
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const slow = await serve((response) => {
    response.on("close", closed);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(sse([delta({ content: "a" })], false));
  });
  const controller = new AbortController();
  let added = 0;
  const { signal } = controller;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    added++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    added--;
    remove(...args);
  };
  const target = backend({ baseUrl: slow.url });
  let text = "";
  const run = async () => {
    for await (const chunk of target.stream({ messages: [] }, { signal })) {
      if (chunk.type !== "text-delta") continue;
      text += chunk.delta;
      controller.abort(new Error("enough"));
    }
  };
  await expect(run()).rejects.toMatchObject({ code: "aborted", retryable: false, cause: expect.objectContaining({ message: "enough" }) });
  await gone;
  expect([text, added]).toEqual(["a", 0]);
  await expect(target.stream({ messages: [] }, { signal }).next()).rejects.toMatchObject({ code: "aborted" });
  expect(slow.seen.length).toBe(1);
  await slow.close();
});

test("an abort before the headers", async () => {
  const controller = new AbortController();
  const silent = await serve(() => controller.abort());
  const got = await collect(backend({ baseUrl: silent.url }), {}, { signal: controller.signal });
  expect(got.error.code).toBe("aborted");
  await silent.close();
});

test("a connection that breaks before and inside the reply", async () => {
  const breaking = await serve((response, request) => {
    if (request.url.startsWith("/inside")) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(sse([delta({ content: "a" })], false), () => response.socket!.destroy());
    } else response.socket!.destroy();
  });
  const before = await collect(backend({ baseUrl: breaking.url }));
  expect(before.error).toMatchObject({ code: "connection", retryable: true });
  const inside = await collect(backend({ baseUrl: `${breaking.url}/inside` }));
  expect([inside.text, inside.error.code, inside.error.retryable]).toEqual(["a", "connection", true]);
  await breaking.close();
});

test("many steps at once do not mix", async () => {
  const echo = await serve((response, request) => sendSse(response, sse([delta({ content: request.body.messages[0].content }, "stop")])));
  const one = backend({ baseUrl: echo.url });
  const texts = await Promise.all(
    Array.from({ length: 50 }, async (_, i) => (await collect(one, { messages: [{ role: "user", content: `n${i}` }] })).text),
  );
  expect(texts).toEqual(Array.from({ length: 50 }, (_, i) => `n${i}`));
  await echo.close();
});

test("close ends the steps under way", async () => {
  const silent = await serve((response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(sse([delta({ content: "a" })], false));
  });
  const target = backend({ baseUrl: silent.url, longWaits: true });
  const seen: string[] = [];
  const run = (async () => {
    for await (const chunk of target.stream({ messages: [] })) {
      seen.push(chunk.type);
      if (chunk.type === "text-delta") void target.close();
    }
  })();
  await expect(run).rejects.toMatchObject({ code: "aborted" });
  expect(seen).toContain("text-delta");
  await silent.close();
});

test("longWaits streams through its own transport", async () => {
  const json = await serve((response, request) =>
    request.body ? sendSse(response, sse([delta({ content: "a" }, "stop")])) : sendJson(response, 200, { data: [] }),
  );
  const target = backend({ baseUrl: json.url, longWaits: true });
  expect((await collect(target)).text).toBe("a");
  await target.close();
  await json.close();
});

test("sound is one file, its transcript the text", async () => {
  const wav = Buffer.from("RIFF....WAVE");
  const piece = (from: number, to?: number) => delta({ audio: { id: "audio_1", data: wav.subarray(from, to).toString("base64") } });
  const got = await reply([
    delta({ audio: { id: "audio_1", transcript: "hel" } }),
    piece(0, 5),
    delta({ audio: { transcript: "lo" } }),
    piece(5),
    delta({}, "stop"),
  ]);
  expect([got.text, got.finish]).toEqual(["hello", "stop"]);
  expect(got.chunks.filter((chunk) => chunk.type === "file")).toEqual([
    { type: "file", mediaType: "audio/wav", data: wav.toString("base64") },
  ]);
});
