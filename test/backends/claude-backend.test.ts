import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ClaudeBackend } from "../../src/backends/claude/backend.js";
import type { ClaudeConfig } from "../../src/backends/claude/config.js";
import { loadAnthropic } from "../../src/backends/claude/sdk.js";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { BackendError, ConfigError } from "../../src/errors.js";
import type { AssistantMessage, Message } from "../../src/formatter/messages.js";
import { type Emulator, startEmulator } from "../../src/testing/emulator/emulator.js";
import { collect, sendJson, sendSse, serve } from "./http.js";

let emulator: Emulator;
beforeEach(async () => {
  for (const name of Object.keys(process.env)) if (/^ANTHROPIC_/.test(name)) vi.stubEnv(name, undefined);
  emulator = await startEmulator({
    apiKey: "key",
    models: ["claude-sonnet-4-5", "claude-opus-5-5", "claude-sonnet-4-6"],
    respond: () => "ok",
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await emulator.close();
});

const claude = (config: Partial<ClaudeConfig> = {}) =>
  new ClaudeBackend({ type: "claude", model: "claude-sonnet-4-5", baseUrl: emulator.url, apiKey: "key", ...config });

// biome-ignore lint/suspicious/noExplicitAny: tests look into bodies freely
async function sent(config: Partial<ClaudeConfig>, request = {}): Promise<{ body: any; headers: Record<string, string>; path: string }> {
  const reply = await collect(claude(config), request);
  expect(reply.error).toBeUndefined();
  // biome-ignore lint/suspicious/noExplicitAny: as above
  return emulator.requests.at(-1) as any;
}

/** A fetch that notes where a request would have gone, and never lets it out. */
function noting() {
  const calls: { url: string; headers: Headers; body: Record<string, unknown> }[] = [];
  const fetch = async (input: unknown, init: RequestInit = {}) => {
    calls.push({ url: String(input), headers: new Headers(init.headers), body: JSON.parse(String(init.body ?? "{}")) });
    return new Response('event: message_stop\ndata: {"type":"message_stop"}\n\n', { headers: { "content-type": "text/event-stream" } });
  };
  return { calls, fetch: fetch as typeof globalThis.fetch };
}

const look = { name: "look", description: "Looks.", inputSchema: { type: "object", properties: { at: { type: "string" } } } };
const hi: Message[] = [{ role: "user", content: "hi" }];

describe("the request", () => {
  test("is a streamed message with the stable beginning marked for the cache", async () => {
    const { body, path, headers } = await sent(
      { params: { stopSequences: ["x"], metadata: { user_id: "u" } } },
      { system: "be brief", tools: [look], settings: { maxOutputTokens: 100 } },
    );
    expect(path).toBe("/v1/messages");
    expect(headers["anthropic-version"]).toBe("2023-06-01");
    expect(headers["x-api-key"]).toBe("key");
    expect(headers).not.toHaveProperty("authorization");
    expect(body).toEqual({
      model: "claude-sonnet-4-5",
      max_tokens: 100,
      stop_sequences: ["x"],
      metadata: { user_id: "u" },
      system: [{ type: "text", text: "be brief", cache_control: { type: "ephemeral" } }],
      messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }],
      tools: [{ name: "look", description: "Looks.", input_schema: look.inputSchema }],
      stream: true,
    });
  });

  test("at api.anthropic.com carries the key as a bearer token, with the newest version", async () => {
    vi.stubEnv("ANTHROPIC_API_KEY", "env-key");
    const { calls, fetch } = noting();
    await collect(new ClaudeBackend({ type: "claude", model: "claude-opus-5-5", fetch }));
    await collect(new ClaudeBackend({ type: "claude", model: "claude-opus-4-6", fetch, apiVersion: "2023-06-01" }));
    const [newest, older] = calls;
    expect(newest!.url).toBe("https://api.anthropic.com/v1/messages");
    expect([newest!.headers.get("authorization"), newest!.headers.get("x-api-key")]).toEqual(["Bearer env-key", null]);
    expect(newest!.headers.get("anthropic-version")).toBe("2026-10-21");
    expect([older!.headers.get("authorization"), older!.headers.get("x-api-key")]).toEqual([null, "env-key"]);
    expect(older!.headers.get("anthropic-version")).toBe("2023-06-01");
  });

  test("takes neither key nor headers of the environment to another host", async () => {
    vi.stubEnv("ANTHROPIC_API_KEY", "env-key");
    vi.stubEnv("ANTHROPIC_AUTH_TOKEN", "token");
    vi.stubEnv("ANTHROPIC_CUSTOM_HEADERS", "x-secret: s");
    const { calls, fetch } = noting();
    const elsewhere = await collect(new ClaudeBackend({ type: "claude", model: "m", baseUrl: "https://gateway.example/anthropic", fetch }));
    expect(elsewhere.error).toMatchObject({
      code: "missing_key",
      message: expect.stringMatching(/^gateway\.example needs a key.*`apiKey`/),
    });
    await collect(
      new ClaudeBackend({ type: "claude", model: "m", baseUrl: "https://gateway.example/anthropic/v1/", apiKey: "own", fetch }),
    );
    expect(calls.map((call) => call.url)).toEqual(["https://gateway.example/anthropic/v1/messages"]);
    expect(calls[0]!.headers.get("x-api-key")).toBe("own");
    expect(calls[0]!.headers.get("authorization")).toBeNull();
    expect(calls[0]!.headers.get("x-secret")).toBeNull();
    vi.stubEnv("ANTHROPIC_BASE_URL", "https://paired.example");
    await collect(new ClaudeBackend({ type: "claude", model: "m", fetch }));
    expect(calls[1]!.url).toBe("https://paired.example/v1/messages");
    expect(calls[1]!.headers.get("x-api-key")).toBe("env-key");
  });

  test("own headers and the trace context go along", async () => {
    const backend = claude({ headers: { "x-team": "a" } });
    await collect(backend, {}, { trace: { traceparent: "00-1", tracestate: "s=1" } });
    expect(emulator.requests.at(-1)!.headers).toMatchObject({ traceparent: "00-1", tracestate: "s=1", "x-team": "a" });
  });

  test("several system parts stay several, the user's first", async () => {
    const parts = [
      { type: "text", text: "one" },
      { type: "text", text: "two" },
    ];
    const { body } = await sent({ params: { system: parts }, promptCaching: false }, { system: "three" });
    expect(body.system).toEqual([...parts, { type: "text", text: "three" }]);
    expect((await sent({ params: { system: "one" }, promptCaching: false }, { system: "two" })).body.system).toHaveLength(2);
  });

  test("server tools come after the agent's own, betas from what needs them and from the user", async () => {
    const server = { type: "url", name: "docs", url: "https://mcp.example" };
    const { body, headers } = await sent(
      {
        enableWebSearch: true,
        enableCodeExecution: true,
        builtinTools: [{ type: "memory_20250818", name: "memory" }],
        params: { betas: ["my-beta"], mcpServers: [server] },
      },
      { tools: [look] },
    );
    expect(body.tools.map((tool: { type?: string; name?: string }) => tool.type ?? tool.name)).toEqual([
      "look",
      "web_search_20250305",
      "code_execution_20250825",
      "memory_20250818",
      "mcp_toolset",
    ]);
    expect(body.tools[4]).toEqual({ type: "mcp_toolset", mcp_server_name: "docs" });
    expect(headers["anthropic-beta"]).toBe("my-beta,mcp-client-2025-11-20");
    expect(body).not.toHaveProperty("betas");
  });

  test("tool choices, and one call at a time", async () => {
    const choice = async (toolChoice: unknown, config = {}) => (await sent(config, { tools: [look], toolChoice })).body.tool_choice;
    expect(await choice("auto")).toBeUndefined();
    expect(await choice("none")).toEqual({ type: "none" });
    expect(await choice("required")).toEqual({ type: "any" });
    expect(await choice({ toolName: "look" })).toEqual({ type: "tool", name: "look" });
    expect(await choice("auto", { params: { disableParallelToolUse: true } })).toEqual({ type: "auto", disable_parallel_tool_use: true });
    expect((await sent({}, { toolChoice: "required" })).body).not.toHaveProperty("tool_choice");
  });

  test("a choice that the model refuses is weakened, with a warning", async () => {
    const always = claude({ model: "claude-opus-5-5" });
    expect(always.capabilities).toMatchObject({ toolChoice: { required: false, named: false }, contextWindow: 1_000_000 });
    const reply = await collect(always, { tools: [look], toolChoice: "required" });
    expect(reply.error).toBeUndefined();
    expect(emulator.requests.at(-1)!.body).not.toHaveProperty("tool_choice");
    expect(reply.chunks[0]).toMatchObject({ type: "warning", message: expect.stringContaining("claude-opus-5-5") });
    const thinking = claude({ params: { thinking: { type: "enabled", budget_tokens: 2000 } } });
    expect(thinking.capabilities.toolChoice).toEqual({ required: false, named: false });
    expect((await collect(thinking, { tools: [look], toolChoice: { toolName: "look" } })).chunks[0]).toMatchObject({ type: "warning" });
  });
});

describe("prompt cache", () => {
  const results: Message[] = [
    ...hi,
    { role: "assistant", content: [{ type: "tool-call", toolCallId: "a", toolName: "look", input: {} }] },
    { role: "tool", content: [{ type: "tool-result", toolCallId: "a", toolName: "look", output: "trees" }] },
  ];

  test("in a tool loop the last result is marked too, and nothing else", async () => {
    const { body } = await sent({ promptCaching: "1h" }, { messages: results, tools: [look] });
    const mark = { type: "ephemeral", ttl: "1h" };
    expect(body.tools[0].cache_control).toEqual(mark);
    expect(body.messages[2].content[0].cache_control).toEqual(mark);
    expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(2);
  });

  test("the user's own marks count, and switch ours off at the top level", async () => {
    const part = (text: string) => ({ type: "text", text, cache_control: { type: "ephemeral" } });
    const full = await sent({ params: { system: ["1", "2", "3", "4"].map(part) } }, { system: "s", messages: results });
    expect(JSON.stringify(full.body).match(/cache_control/g)).toHaveLength(4);
    const own = await sent({ params: { cacheControl: { type: "ephemeral" } } }, { system: "s" });
    expect(own.body.system[0]).not.toHaveProperty("cache_control");
    expect(JSON.stringify((await sent({ promptCaching: false }, { system: "s" })).body)).not.toContain("cache_control");
  });
});

describe("two steps over the emulator", () => {
  test("thoughts and calls go back as they came, and only to the same model", async () => {
    const backend = claude({ params: { thinking: { type: "enabled", budget_tokens: 2000 } } });
    emulator.reply({
      reasoning: "I should look.",
      text: "One moment.",
      toolCalls: [{ name: "look", input: { at: "n" } }, { name: "look" }],
    });
    const first = await collect(backend, { tools: [look] });
    expect([first.error, first.reasoning, first.text, first.finish]).toEqual([undefined, "I should look.", "One moment.", "tool-calls"]);
    expect(first.calls.map((call) => call.input)).toEqual([{ at: "n" }, {}]);
    const messages: Message[] = [
      ...hi,
      first.message!,
      {
        role: "tool",
        content: first.calls.map(({ id }) => ({ type: "tool-result", toolCallId: id, toolName: "look", output: "trees", isError: true })),
      },
      { role: "user", content: "and now?" },
    ];
    emulator.reply("Trees.");
    const second = await collect(backend, { messages, tools: [look] });
    expect([second.error, second.text]).toEqual([undefined, "Trees."]);
    // biome-ignore lint/suspicious/noExplicitAny: looked into freely
    const [, assistant, user] = (emulator.requests.at(-1)!.body as any).messages;
    expect(assistant.content.map((block: { type: string }) => block.type)).toEqual(["thinking", "text", "tool_use", "tool_use"]);
    expect(assistant.content[0]).toMatchObject({ thinking: "I should look.", signature: expect.stringMatching(/.{20}/) });
    expect(user.content.map((block: { type: string }) => block.type)).toEqual(["tool_result", "tool_result", "text"]);
    expect(user.content[0]).toMatchObject({ tool_use_id: first.calls[0]!.id, is_error: true });

    emulator.reply("Still trees.");
    const other = await collect(claude({ model: "claude-sonnet-4-6" }), { messages, tools: [look] });
    expect(other.error).toBeUndefined();
    // biome-ignore lint/suspicious/noExplicitAny: as above
    expect((emulator.requests.at(-1)!.body as any).messages[1].content.map((block: { type: string }) => block.type)).toEqual([
      "text",
      "tool_use",
      "tool_use",
    ]);
  });

  test("a thought that was changed is refused: the emulator would have noticed", async () => {
    emulator.reply({ reasoning: "true", text: "t" });
    const { message } = await collect(claude());
    const changed = JSON.parse(JSON.stringify(message).replaceAll('"thinking":"true"', '"thinking":"false"'));
    const { error } = await collect(claude(), { messages: [...hi, changed, ...hi] });
    expect(error).toMatchObject({ code: "bad_request", message: expect.stringContaining("Invalid `signature`") });
  });

  test("calls that were given other ids meanwhile keep them", async () => {
    emulator.reply({ reasoning: "r", toolCalls: [{ name: "look", id: "toolu_1" }] });
    const { message } = await collect(claude(), { tools: [look] });
    const content = (message as AssistantMessage).content as Exclude<AssistantMessage["content"], string>;
    const renamed = content.map((part) => (part.type === "tool-call" ? { ...part, toolCallId: "call|2" } : part));
    const messages: Message[] = [
      ...hi,
      { role: "assistant", content: renamed },
      { role: "tool", content: [{ type: "tool-result", toolCallId: "call|2", toolName: "look", output: "x" }] },
    ];
    expect((await collect(claude(), { messages, tools: [look] })).error).toBeUndefined();
    // biome-ignore lint/suspicious/noExplicitAny: looked into freely
    const [, assistant, user] = (emulator.requests.at(-1)!.body as any).messages;
    expect([assistant.content[1].id, user.content[0].tool_use_id]).toEqual(["call_2", "call_2"]);
  });

  test("a pause goes on with the reply so far", async () => {
    emulator.reply({ reasoning: "r", text: "Searching", finishReason: "pause_turn" });
    const first = await collect(claude());
    expect([first.finish, first.raw]).toEqual(["pause", "pause_turn"]);
    const second = await collect(claude(), { messages: [...hi, first.message!] });
    expect([second.error, second.text]).toEqual([undefined, "ok"]);
  });
});

describe("other calls", () => {
  test("tokens are counted by the provider, with all that would be sent", async () => {
    const backend = claude({ params: { thinking: { type: "enabled", budget_tokens: 2000 } } });
    const few = await backend.countTokens({ messages: hi });
    const more = await backend.countTokens({
      messages: hi,
      system: "long ".repeat(100),
      tools: [look],
      settings: { maxOutputTokens: 3000 },
    });
    expect(more).toBeGreaterThan(few + 100);
    expect(emulator.requests.at(-1)!.path).toBe("/v1/messages/count_tokens");
  });

  test("a conversation is compacted, and goes on from there", async () => {
    const backend = claude({ model: "claude-sonnet-4-6" });
    emulator.replyToCompaction({ text: "They said hi.", usage: { inputTokens: 60, outputTokens: 6 } });
    const { messages, usage } = await backend.compact({ messages: [...hi, { role: "assistant", content: "hello" }, ...hi] });
    const request = emulator.requests.at(-1)!;
    expect(request.body).toMatchObject({ compaction: { type: "summarize" } });
    expect(request.headers["anthropic-beta"]).toBe("compact-2026-09-04");
    expect(usage).toMatchObject({ inputTokens: 60, outputTokens: 6 });
    expect((await collect(backend, { messages: [...messages, ...hi] })).error).toBeUndefined();
    expect(emulator.requests.at(-1)!.body).toMatchObject({
      messages: [{ role: "assistant", content: [{ type: "compaction", content: "They said hi.", signature: expect.any(String) }] }, {}],
    });
    expect(emulator.requests.at(-1)!.headers["anthropic-beta"]).toBe("compact-2026-09-04");
    // Another model reads the summary as text, after a user who begins.
    expect((await collect(claude(), { messages: [...messages, ...hi] })).error).toBeUndefined();
    expect(emulator.requests.at(-1)!.body).toMatchObject({
      messages: [{ role: "user" }, { role: "assistant", content: [{ type: "text", text: "They said hi." }] }, { role: "user" }],
    });
  });

  test("models are listed, page by page", async () => {
    expect((await claude().listModels()).map((model) => model.id)).toEqual(["claude-sonnet-4-5", "claude-opus-5-5", "claude-sonnet-4-6"]);
    const server = await serve((response, { url }) => {
      const second = url.includes("after_id=a");
      const model = { id: second ? "b" : "a", created_at: "2025-01-01T00:00:00Z", max_input_tokens: 200_000 };
      sendJson(response, 200, { data: [model], has_more: !second, last_id: model.id });
    });
    const created = Date.UTC(2025, 0, 1) / 1000;
    expect(await claude({ baseUrl: server.url }).listModels()).toEqual([
      { id: "a", contextWindow: 200_000, created },
      { id: "b", contextWindow: 200_000, created },
    ]);
    await server.close();
  });

  test("a missing SDK says how to get it", async () => {
    const missing = loadAnthropic(() => Promise.reject(Object.assign(new Error("no"), { code: "ERR_MODULE_NOT_FOUND" })));
    await expect(missing).rejects.toMatchObject({ code: "missing_sdk", message: expect.stringContaining("npm i @anthropic-ai/sdk") });
  });
});

describe("errors", () => {
  const cases: [string, number, string, string, string, string][] = [
    ["wrong key", 401, "authentication_error", "invalid x-api-key", "authentication", "`apiKey`"],
    [
      "no access",
      403,
      "permission_error",
      "Your API key does not have permission to use the specified resource.",
      "permission",
      "may not use",
    ],
    ["no such model", 404, "not_found_error", "model: claude-nope", "model_not_found", "listModels()"],
    ["too long", 400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", "context_overflow", "Shorten"],
    [
      "no room for the reply",
      400,
      "invalid_request_error",
      "input length and `max_tokens` exceed context limit: 198000 + 8192 > 200000",
      "context_overflow",
      "Shorten",
    ],
    ["filtered", 400, "invalid_request_error", "Output blocked by content filtering policy", "content_filter", "filtering"],
    ["no credit", 400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", "quota", "credit"],
    [
      "spend limit",
      400,
      "invalid_request_error",
      "You have reached your specified API usage limits. You will regain access on 2026-12-01.",
      "quota",
      "credit",
    ],
    ["billing", 402, "billing_error", "There's an issue with your billing or payment information.", "quota", "credit"],
    ["too big", 413, "request_too_large", "Request exceeds the maximum size", "context_overflow", "maximum size"],
    [
      "rate",
      429,
      "rate_limit_error",
      "This request would exceed your organization's rate limit of 50 requests per minute.",
      "rate_limit",
      "rate limit",
    ],
    ["internal", 500, "api_error", "Internal server error", "server_error", "Internal"],
    ["overloaded", 529, "overloaded_error", "Overloaded", "overloaded", "Overloaded"],
  ];
  test.each(cases)("%s", async (_, status, errorType, message, code, hint) => {
    emulator.reply({ fault: { type: "status", status, errorType, message, retryAfter: 7 } });
    const { error, chunks } = await collect(claude());
    expect(chunks).toEqual([]);
    expect(error).toBeInstanceOf(BackendError);
    expect(error).toMatchObject({ code, status, retryable: status === 429 || status >= 500, provider: "claude", retryAfterMs: 7000 });
    expect(error.message).toContain(hint);
  });

  test("an error inside the stream keeps what came", async () => {
    emulator.reply({
      text: "some text that goes on",
      fault: { type: "error-event", afterChunks: 2, errorType: "overloaded_error", message: "Overloaded" },
    });
    const { error, text, usage } = await collect(claude());
    expect(text).toBe("some text that g");
    expect(usage).toMatchObject({ outputTokens: 1 });
    expect(error).toMatchObject({ code: "overloaded", retryable: true, message: expect.stringContaining("inside the stream") });
  });

  test.each(["reset", "end", "truncated-json", "no-done"] as const)("%s", async (type) => {
    emulator.reply({ text: "some text that goes on", fault: type === "no-done" ? { type } : { type, afterChunks: 2 } });
    const { error, text, finish } = await collect(claude());
    expect(text.startsWith("some text that g")).toBe(true);
    expect(finish).toBeUndefined();
    expect(error).toBeInstanceOf(BackendError);
    expect(error.retryable).toBe(true);
  });

  test("a whole reply instead of a stream is read, JSON that is none is an error", async () => {
    let body: unknown = {
      type: "message",
      id: "m1",
      content: [
        { type: "text", text: "whole" },
        { type: "tool_use", id: "t", name: "look", input: { at: "n" } },
      ],
      stop_reason: "tool_use",
      usage: { input_tokens: 3, output_tokens: 4 },
    };
    const server = await serve((response) => sendJson(response, 200, body as object));
    const reply = await collect(claude({ baseUrl: server.url }));
    expect([reply.error, reply.text, reply.finish, reply.usage]).toEqual([
      undefined,
      "whole",
      "tool-calls",
      { inputTokens: 3, outputTokens: 4 },
    ]);
    expect(reply.calls).toEqual([{ id: "t", name: "look", input: { at: "n" } }]);
    body = { choices: [] };
    expect((await collect(claude({ baseUrl: server.url }))).error).toMatchObject({ code: "stream_error" });
    await server.close();
  });

  test.each([
    [
      "overloaded",
      'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
      "Overloaded",
      true,
    ],
    ["words alone", "event: error\ndata: upstream is\ndata: gone\n\n", "upstream is gone", true],
    ["without a name", 'data: {"error":{"type":"api_error","message":"Sorry"}}\n\n', "Sorry", true],
    [
      "another API",
      'data: {"object":"chat.completion.chunk","choices":[]}\n\ndata: [DONE]\n\n',
      "not of the Messages API. Check `baseUrl`",
      false,
    ],
  ])("as the only event: %s", async (_, body, message, retryable) => {
    const server = await serve((response) => sendSse(response, body));
    const { error, chunks } = await collect(claude({ baseUrl: server.url }));
    expect(chunks).toEqual([]);
    expect(error).toMatchObject({ name: "BackendError", retryable, message: expect.stringContaining(message) });
    await server.close();
  });

  test("nothing listens: the address is named", async () => {
    const server = await serve(() => {});
    await server.close();
    const { error } = await collect(claude({ baseUrl: server.url }));
    expect(error).toMatchObject({ code: "connection", message: expect.stringContaining(server.url) });
  });
});

test("a ping shows that the stream lives, and text that looks like one stays as it is", async () => {
  const sayings = "event: ping\\n and\\nevent: ping";
  const reads = [
    'event: message_start\ndata: {"type":"message_start","message":{"id":"m"}}\n\n',
    'event: ping\ndata: {"type": "ping"}\n\n',
    `event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"`,
    `${sayings}"}}\n\n`,
    'event: ping\r\ndata: {"type": "ping"}\r\n\r\n',
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  ];
  let cut = reads;
  const fetch = async () => {
    const encoder = new TextEncoder();
    const body = ReadableStream.from(cut.map((read) => encoder.encode(read)));
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  const own = claude({ fetch: fetch as typeof globalThis.fetch });
  const { chunks, text, finish } = await collect(own);
  expect(chunks.map((chunk) => chunk.type)).toEqual([
    "response-metadata",
    "response-metadata",
    "text-delta",
    "response-metadata",
    "finish",
  ]);
  expect([text, finish]).toEqual([JSON.parse(`"${sayings}"`), "other"]);
  cut = [...reads.join("")];
  expect((await collect(own)).chunks).toEqual(chunks);
});

describe("abort", () => {
  test("before and during a reply ends it with `aborted`, and frees the connection", async () => {
    const already = await collect(claude(), {}, { signal: AbortSignal.abort("no") });
    expect(already.error).toMatchObject({ code: "aborted", cause: "no" });
    expect(emulator.requests).toHaveLength(0);

    const abort = new AbortController();
    emulator.reply({ text: "some text that goes on", hold: { afterChunks: 2, until: new Promise(() => {}) } });
    const pending = collect(claude(), {}, { signal: abort.signal });
    await emulator.until((requests) => (requests[0]?.chunksSent ?? 0) >= 2);
    abort.abort("enough");
    const { error, finish } = await pending;
    expect([error.code, error.cause, finish]).toEqual(["aborted", "enough", undefined]);
    expect(await emulator.requests[0]!.closed).toBe("client-left");
  });

  test("close ends what is under way", async () => {
    const backend = claude({ longWaits: true });
    emulator.reply({ text: "some text that goes on", hold: { afterChunks: 2, until: new Promise(() => {}) } });
    const pending = collect(backend);
    await emulator.until((requests) => (requests[0]?.chunksSent ?? 0) >= 2);
    await backend.close();
    expect((await pending).error).toMatchObject({ code: "aborted" });
    expect((await collect(backend)).text).toBe("ok");
    await backend.close();
  });
});

describe("config", () => {
  test("createBackend makes one, and the type is told", () => {
    const backend = createBackend({ type: "claude", model: "claude-sonnet-5-5", params: { thinking: { type: "adaptive" } } });
    expect([backend.type, backend.model]).toEqual(["claude", "claude-sonnet-5-5"]);
  });

  test.each([
    [{ modle: "m" }, "unknown_key", 'Did you mean "model"?'],
    [{ model: undefined }, "missing_model", "Set `model`"],
    [{ apiVersion: "2024-01-01" }, "invalid_value", "2026-10-21"],
    [{ promptCaching: "2h" }, "invalid_value", '"1h"'],
    [{ enableWebSearch: "yes" }, "invalid_value", "boolean"],
    [{ params: { max_output_tokens: 5 } }, "unknown_key", 'Did you mean "max_tokens"?'],
    [{ params: { thinkin: {} } }, "unknown_key", 'Did you mean "thinking"?'],
    [{ params: { messages: [] } }, "reserved_key", "the input of the run"],
    [{ params: { extraBody: { stream: false } } }, "reserved_key", "always streamed"],
    [{ builtinTools: [{ name: "x" }] }, "invalid_value", "`tools` of the agent"],
    [{ params: { tools: [] } }, "reserved_key", "`builtinTools` of the backend"],
    [{ params: { temperature: 1 } }, "unsupported_param", '`apiVersion: "2023-06-01"`'],
    [{ params: { maxTokens: "5" } }, "invalid_value", "number"],
  ])("%j is refused", (config, code, message) => {
    const make = () => createBackend({ type: "claude", model: "m", ...config } as unknown as BackendConfig);
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });
});
