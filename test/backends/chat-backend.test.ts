import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ChatCompletionsBackend } from "../../src/backends/chat-completions/backend.js";
import type { ChatCompletionsConfig } from "../../src/backends/chat-completions/config.js";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { loadOpenAI } from "../../src/backends/openai-sdk.js";
import { ConfigError } from "../../src/errors.js";
import { collect, delta, type Seen, sendJson, sendSse, serve, sse, type TestServer } from "./http.js";

const OK = sse([delta({ content: "ok" }, "stop")]);

let server: TestServer;
let models: unknown = { object: "list", data: [{ id: "only", object: "model", max_model_len: 4096, created: 5 }] };
/** Answers instead of the stream, once set. */
let answer: { status: number; body: unknown; headers?: Record<string, string> } | undefined;

beforeEach(async () => {
  for (const name of Object.keys(process.env)) if (/_API_KEY$|_BASE_URL$|^OPENAI_/.test(name)) vi.stubEnv(name, undefined);
  models = { object: "list", data: [{ id: "only", object: "model", max_model_len: 4096, created: 5 }] };
  answer = undefined;
  server = await serve((response, request) => {
    if (request.url.endsWith("/models")) sendJson(response, 200, models);
    else if (answer) sendJson(response, answer.status, answer.body as object, answer.headers);
    else sendSse(response, OK);
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

async function sent(config: Record<string, unknown>, request = {}): Promise<Seen> {
  const backend = createBackend({ model: "m", baseUrl: server.url, ...config } as BackendConfig);
  const reply = await collect(backend, request);
  expect(reply.error).toBeUndefined();
  return server.seen.at(-1)!;
}

/** A fetch that notes where a request would have gone, and never lets it out. */
function noting() {
  const calls: { url: string; headers: Headers; body: Record<string, unknown> }[] = [];
  const fetch = async (input: unknown, init: RequestInit = {}) => {
    calls.push({ url: String(input), headers: new Headers(init.headers), body: JSON.parse(String(init.body ?? "{}")) });
    return new Response(OK, { headers: { "content-type": "text/event-stream" } });
  };
  return { calls, fetch: fetch as typeof globalThis.fetch };
}

describe("the request", () => {
  test("is a streamed chat completion with usage asked for", async () => {
    const { url, method, body, headers } = await sent(
      { type: "vllm", params: { topK: 20, repetition_penalty: 1.1, chat_template_kwargs: { enable_thinking: true } } },
      { system: "be brief", settings: { maxOutputTokens: 10, temperature: 0.5, stop: ["x"] } },
    );
    expect([method, url]).toEqual(["POST", "/v1/chat/completions"]);
    expect(headers.authorization).toBe("Bearer EMPTY");
    expect(body).toEqual({
      model: "m",
      messages: [
        { role: "system", content: "be brief" },
        { role: "user", content: "hi" },
      ],
      stream: true,
      stream_options: { include_usage: true },
      top_k: 20,
      repetition_penalty: 1.1,
      chat_template_kwargs: { enable_thinking: true },
      max_tokens: 10,
      temperature: 0.5,
      stop: ["x"],
    });
  });

  test("carries tools, and the tool choice where it is not auto", async () => {
    const tools = [{ name: "vote", description: "d", inputSchema: { type: "object", properties: {} } }];
    const auto = await sent({ type: "vllm", params: { parallel_tool_calls: false } }, { tools, toolChoice: "auto" });
    expect(auto.body.tools).toEqual([
      { type: "function", function: { name: "vote", description: "d", parameters: { type: "object", properties: {} } } },
    ]);
    expect(auto.body.tool_choice).toBeUndefined();
    expect(auto.body.parallel_tool_calls).toBe(false);
    expect((await sent({ type: "vllm" }, { tools, toolChoice: "required" })).body.tool_choice).toBe("required");
    expect((await sent({ type: "vllm" }, { tools, toolChoice: { toolName: "vote" } })).body.tool_choice).toEqual({
      type: "function",
      function: { name: "vote" },
    });
    const none = await sent({ type: "vllm", params: { parallel_tool_calls: false } }, { toolChoice: "required" });
    expect(none.body).not.toHaveProperty("tool_choice");
    expect(none.body).not.toHaveProperty("parallel_tool_calls");
  });

  test("a choice the server cannot be forced to is weakened, with a warning", async () => {
    const tools = [{ name: "vote", description: "d", inputSchema: { type: "object" } }];
    const backend = createBackend({ type: "moonshot", model: "m", baseUrl: server.url });
    expect(backend.capabilities.toolChoice).toEqual({ required: false, named: false });
    const reply = await collect(backend, { tools, toolChoice: "required" });
    expect(server.seen.at(-1)!.body).not.toHaveProperty("tool_choice");
    expect(reply.chunks[0]).toMatchObject({ type: "warning", code: "unsupported_setting", message: expect.stringContaining("required") });
    await collect(createBackend({ type: "lmstudio", model: "m", baseUrl: server.url }), { tools, toolChoice: { toolName: "vote" } });
    expect(server.seen.at(-1)!.body.tool_choice).toBe("required");
  });

  test("stream_options: null leaves them out, an object adds to them", async () => {
    expect((await sent({ type: "vllm", params: { stream_options: null } })).body).not.toHaveProperty("stream_options");
    expect((await sent({ type: "vllm", params: { streamOptions: { continuous_usage_stats: true } } })).body.stream_options).toEqual({
      include_usage: true,
      continuous_usage_stats: true,
    });
  });

  test("carries trace context and own headers", async () => {
    const backend = createBackend({ type: "vllm", model: "m", baseUrl: server.url, headers: { "x-team": "a" } });
    await collect(backend, {}, { trace: { traceparent: "00-1", tracestate: "s=1" } });
    expect(server.seen.at(-1)!.headers).toMatchObject({ traceparent: "00-1", tracestate: "s=1", "x-team": "a" });
  });

  test("only api.openai.com is told to leave out its padding", async () => {
    const { calls, fetch } = noting();
    await collect(createBackend({ type: "chatcompletion", model: "m", apiKey: "k", fetch }));
    await collect(createBackend({ type: "groq", model: "m", apiKey: "k", fetch }));
    expect(calls.map((call) => [call.url, call.body.stream_options])).toEqual([
      ["https://api.openai.com/v1/chat/completions", { include_usage: true, include_obfuscation: false }],
      ["https://api.groq.com/openai/v1/chat/completions", { include_usage: true }],
    ]);
  });

  test("DeepSeek and Kimi get the reasoning of tool calls back, others do not", async () => {
    const messages = [
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "why" },
          { type: "tool-call", toolCallId: "a", toolName: "t", input: {} },
        ],
      },
      { role: "tool", content: [{ type: "tool-result", toolCallId: "a", toolName: "t", output: "r" }] },
    ];
    expect((await sent({ type: "deepseek" }, { messages })).body.messages[0].reasoning_content).toBe("why");
    expect((await sent({ type: "moonshot" }, { messages })).body.messages[0].reasoning_content).toBe("why");
    expect((await sent({ type: "vllm" }, { messages })).body.messages[0]).not.toHaveProperty("reasoning_content");
  });
});

describe("keys", () => {
  test("an explicit key wins over the environment", async () => {
    vi.stubEnv("GROQ_API_KEY", "from-env");
    expect((await sent({ type: "groq" })).headers.authorization).toBe("Bearer from-env");
    expect((await sent({ type: "groq", apiKey: "mine" })).headers.authorization).toBe("Bearer mine");
  });

  test("an empty key is none: local servers get a dummy", async () => {
    expect((await sent({ type: "vllm", apiKey: "" })).headers.authorization).toBe("Bearer EMPTY");
  });

  test("a missing one is named at the first step, not before", async () => {
    const { calls, fetch } = noting();
    const backend = createBackend({ type: "moonshot", model: "m", fetch });
    const { error } = await collect(backend);
    expect(error).toMatchObject({
      code: "missing_key",
      retryable: false,
      message: expect.stringMatching(/MOONSHOT_API_KEY or KIMI_API_KEY.*apiKey/),
    });
    await expect(backend.listModels!({})).rejects.toMatchObject({ code: "missing_key" });
    expect(calls).toEqual([]);
  });

  test("nothing of OpenAI's goes to another host", async () => {
    for (const [name, value] of Object.entries({
      OPENAI_API_KEY: "sk-secret",
      OPENAI_ADMIN_KEY: "admin-secret",
      OPENAI_ORG_ID: "org-secret",
      OPENAI_PROJECT_ID: "proj-secret",
      OPENAI_CUSTOM_HEADERS: "x-secret: header-secret\nAuthorization: Bearer sneaky-secret",
    })) {
      vi.stubEnv(name, value);
    }
    for (const type of ["vllm", "chatcompletion", "groq"]) {
      const { headers } = await sent({ type });
      expect(JSON.stringify(headers)).not.toContain("secret");
    }
    const { calls, fetch } = noting();
    const foreign = await collect(createBackend({ type: "chatcompletion", model: "m", baseUrl: "https://llm.example.com/v1", fetch }));
    expect(foreign.error.code).toBe("missing_key");
    await collect(createBackend({ type: "chatcompletion", model: "m", fetch }));
    expect(calls.map((call) => call.headers.get("x-secret"))).toEqual(["header-secret"]);
  });

  test("OPENAI_API_KEY goes to the host of OPENAI_BASE_URL beside it, and to api.openai.com", async () => {
    vi.stubEnv("OPENAI_API_KEY", "sk-1");
    const { calls, fetch } = noting();
    await collect(createBackend({ type: "chatcompletion", model: "m", fetch }));
    vi.stubEnv("OPENAI_BASE_URL", "https://gateway.example.com/v1/");
    await collect(createBackend({ type: "chatcompletion", model: "m", fetch }));
    expect(calls.map((call) => [call.url, call.headers.get("authorization")])).toEqual([
      ["https://api.openai.com/v1/chat/completions", "Bearer sk-1"],
      ["https://gateway.example.com/v1/chat/completions", "Bearer sk-1"],
    ]);
  });

  test("a known host brings its own key and ways", async () => {
    vi.stubEnv("CEREBRAS_API_KEY", "c-1");
    const { calls, fetch } = noting();
    const config = {
      type: "chatcompletion",
      model: "m",
      baseUrl: "https://api.cerebras.ai/v1",
      params: { disable_reasoning: true },
      fetch,
    } as const;
    await collect(createBackend(config), { settings: { maxOutputTokens: 5 } });
    expect(calls[0]!.headers.get("authorization")).toBe("Bearer c-1");
    expect(calls[0]!.body).toMatchObject({ max_completion_tokens: 5, disable_reasoning: true });
  });
});

describe("base URLs", () => {
  test.each([
    ["VLLM_BASE_URL", "vllm"],
    ["SGLANG_BASE_URL", "sglang"],
    ["OPENAI_BASE_URL", "chatcompletion"],
  ])("%s is read, `baseUrl` wins", async (name, type) => {
    vi.stubEnv(name, server.url);
    await collect(createBackend({ type, model: "m" } as BackendConfig));
    expect(server.seen.map((seen) => seen.url)).toEqual(["/v1/chat/completions"]);
    const other = new ChatCompletionsBackend({ type, model: "m", baseUrl: "http://10.0.0.1:1/x" } as ChatCompletionsConfig);
    expect(other.baseUrl).toBe("http://10.0.0.1:1/x");
  });

  test.each([
    ["http://localhost:8000", "http://localhost:8000/v1"],
    ["http://localhost:8000/", "http://localhost:8000/v1"],
    ["http://localhost:8000/v1//", "http://localhost:8000/v1"],
    ["localhost:8000", "http://localhost:8000/v1"],
    ["http://localhost:8000/v1/chat/completions", "http://localhost:8000/v1"],
    ["http://192.168.1.5:8000", "http://192.168.1.5:8000/v1"],
    ["http://gpu-box:8000", "http://gpu-box:8000/v1"],
    ["http://[::1]:8000", "http://[::1]:8000/v1"],
    ["http://localhost:8000/api", "http://localhost:8000/api"],
    ["https://api.deepseek.com", "https://api.deepseek.com"],
    ["api.example.com/v1", "https://api.example.com/v1"],
  ])("%s becomes %s", (given, baseUrl) => {
    expect(new ChatCompletionsBackend({ type: "vllm", baseUrl: given }).baseUrl).toBe(baseUrl);
  });

  test.each(["ftp://x/v1", "http://", "http://u:p@host/v1", "http://host/v1?x=1"])("%s is refused", (baseUrl) => {
    expect(() => createBackend({ type: "vllm", baseUrl })).toThrow(ConfigError);
  });
});

describe("config", () => {
  test("chat_completions with a provider is that preset", () => {
    const a = new ChatCompletionsBackend({ type: "chat_completions", provider: "poe", model: "m" });
    const b = new ChatCompletionsBackend({ type: "poe", model: "m" });
    expect([a.type, a.baseUrl]).toEqual([b.type, b.baseUrl]);
    expect(b.baseUrl).toBe("https://api.poe.com/v1");
  });

  test.each([
    [{ type: "vlm" }, "type", /"vllm"/],
    [{ type: "vllm", modle: "m" }, "modle", /"model"/],
    [{ type: "vllm", base_url: "x" }, "base_url", /"baseUrl"/],
    [{ type: "vllm", provider: "poe" }, "provider", /not a key/],
    [{ type: "chat_completions", provider: "peo" }, "provider", /"poe"/],
    [{ type: "vllm", model: 4 }, "model", /string/],
    [{ type: "vllm", inlineThinking: "yes" }, "inlineThinking", /already-open/],
    [{ type: "vllm", params: { temprature: 1 } }, "params.temprature", /"temperature"/],
  ])("%j is refused", (config, path, message) => {
    const make = () => createBackend(config as unknown as BackendConfig);
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ path }));
  });

  test("params of a request are checked too", async () => {
    const { error } = await collect(createBackend({ type: "vllm", model: "m", baseUrl: server.url }), { params: { nope: 1 } });
    expect(error).toMatchObject({ code: "unknown_key", path: "request.params.nope" });
    expect(server.seen).toEqual([]);
  });

  test("a missing SDK says what to install; another failure stays what it is", async () => {
    const missing = Object.assign(new Error("Cannot find package 'openai'"), { code: "ERR_MODULE_NOT_FOUND" });
    await expect(loadOpenAI(() => Promise.reject(missing))).rejects.toMatchObject({
      code: "missing_sdk",
      message: expect.stringContaining("npm i openai"),
    });
    await expect(loadOpenAI(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  });
});

describe("the model", () => {
  test("is the only one the server lists, asked for once", async () => {
    const backend = createBackend({ type: "vllm", baseUrl: server.url });
    expect(backend.model).toBe("");
    await Promise.all([collect(backend), collect(backend), collect(backend)]);
    await collect(backend);
    expect(server.seen.filter((seen) => seen.url === "/v1/models").length).toBe(1);
    expect(server.seen.filter((seen) => seen.body).map((seen) => seen.body.model)).toEqual(["only", "only", "only", "only"]);
    expect(backend.model).toBe("only");
    expect(backend.capabilities.contextWindow).toBe(4096);
  });

  test.each([
    [{ data: [{ id: "a" }, { id: "b" }] }, /serves 2 models.*"a", "b"/],
    [{ data: [] }, /lists no model/],
    [[{ id: "a" }, { id: "b" }], /"a", "b"/],
  ])("is asked for where the server lists %j", async (listed, message) => {
    models = listed;
    const { error } = await collect(createBackend({ type: "vllm", baseUrl: server.url }));
    expect(error).toMatchObject({ code: "model_not_found", message: expect.stringMatching(message) });
  });

  test("one step's abort leaves the others their answer", async () => {
    const slow = await serve(() => {});
    const controller = new AbortController();
    const backend = createBackend({ type: "vllm", baseUrl: slow.url });
    const aborted = collect(backend, {}, { signal: controller.signal });
    const other = new AbortController();
    const waiting = collect(backend, {}, { signal: other.signal });
    await vi.waitFor(() => expect(slow.seen.length).toBe(1));
    controller.abort();
    expect((await aborted).error.code).toBe("aborted");
    other.abort();
    expect((await waiting).error.code).toBe("aborted");
    await slow.close();
  });

  test("that is not there: the message tells what is", async () => {
    answer = { status: 404, body: { object: "error", message: "The model `m` does not exist.", type: "NotFoundError", code: 404 } };
    const { error } = await collect(createBackend({ type: "vllm", model: "m", baseUrl: server.url }));
    expect(error).toMatchObject({ code: "model_not_found", status: 404, message: expect.stringContaining('It serves "only".') });
  });

  test("listModels reads what servers tell", async () => {
    models = { data: [{ id: "a", max_model_len: 10 }, { id: "b", context_length: 20, created: 3 }, { name: "c" }, {}] };
    expect(await createBackend({ type: "vllm", baseUrl: server.url }).listModels!({})).toEqual([
      { id: "a", contextWindow: 10 },
      { id: "b", contextWindow: 20, created: 3 },
      { id: "c" },
    ]);
  });
});

describe("errors", () => {
  const failing = async (status: number, body: unknown, headers: Record<string, string> = {}, config: Record<string, unknown> = {}) => {
    answer = { status, body, headers };
    return (
      await collect(createBackend({ type: "groq", model: "m", baseUrl: server.url, apiKey: "gsk_12345678", ...config } as BackendConfig))
    ).error;
  };

  test.each([
    [401, { error: { message: "bad key" } }, "authentication", false, /GROQ_API_KEY/],
    [402, { error: { message: "pay" } }, "quota", false, /credit/],
    [403, { error: { message: "no" } }, "permission", false, /GROQ_API_KEY/],
    [404, { detail: "Not Found" }, "not_found", false, /baseUrl/],
    [404, { error: { message: "The model `m` does not exist" } }, "model_not_found", false, /listModels/],
    [408, "", "timeout", true, /408/],
    [413, { error: { message: "Request too large", code: "rate_limit_exceeded" } }, "rate_limit", false, /large/],
    [429, { error: { message: "slow down", type: "tokens" } }, "rate_limit", true, /slow down/],
    [429, { error: { message: "You exceeded your current quota", code: "insufficient_quota" } }, "quota", false, /waiting/],
    [
      400,
      { error: { message: "This model's maximum context length is 4096 tokens. However, you requested 5000" } },
      "context_overflow",
      false,
      /Shorten/,
    ],
    [400, { object: "error", message: "prompt is too long: input length 9 exceeds", code: 400 }, "context_overflow", false, /Shorten/],
    [400, { error: { message: "m is not a valid model ID", code: 400 } }, "model_not_found", false, /listModels/],
    [400, { error: { message: "filtered", code: "content_filter" } }, "content_filter", false, /filtered/],
    [400, { error: "just text" }, "bad_request", false, /just text/],
    [422, { detail: [{ loc: ["body", "messages", 0], msg: "Field required" }] }, "bad_request", false, /body\.messages\.0: Field required/],
    [500, { error: { message: "oops" } }, "server_error", true, /oops/],
    [502, "<html><h1>Bad Gateway</h1></html>", "server_error", true, /Bad Gateway/],
    [503, { error: { message: "busy" } }, "overloaded", true, /busy/],
    [529, {}, "overloaded", true, /529/],
    [
      429,
      { error: { message: "Provider returned error", code: 429, metadata: { raw: '{"error":{"message":"inner reason"}}' } } },
      "rate_limit",
      true,
      /inner reason/,
    ],
  ])("%i %j is %s", async (status, body, code, retryable, message) => {
    const error = await failing(status, body);
    expect(error).toMatchObject({
      name: "BackendError",
      code,
      status,
      retryable,
      provider: "groq",
      message: expect.stringMatching(message),
    });
    expect(server.seen.filter((seen) => seen.body).length).toBe(1);
  });

  test("how long to wait: milliseconds, seconds or a date; the server's word on retrying counts", async () => {
    expect(await failing(429, {}, { "retry-after": "2" })).toMatchObject({ retryAfterMs: 2000 });
    expect(await failing(429, {}, { "retry-after": "2", "retry-after-ms": "150" })).toMatchObject({ retryAfterMs: 150 });
    const { retryAfterMs } = await failing(503, {}, { "retry-after": new Date(Date.now() + 60_000).toUTCString() });
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    expect((await failing(429, {}, {})).retryAfterMs).toBeUndefined();
    expect((await failing(500, {}, { "x-should-retry": "false" })).retryable).toBe(false);
  });

  test("a key that a server repeats does not get into the message", async () => {
    const error = await failing(401, { error: { message: "Incorrect API key: gsk_12345678" } });
    expect(error.message).not.toContain("gsk_12345678");
  });

  test("nothing listening: which URL, and how to start it", async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, "127.0.0.1", resolve));
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));
    const { error } = await collect(createBackend({ type: "vllm", model: "m", baseUrl: `http://127.0.0.1:${port}` }));
    expect(error).toMatchObject({
      code: "connection",
      retryable: true,
      message: expect.stringMatching(`127.0.0.1:${port}/v1.*ECONNREFUSED.*vllm serve`),
    });
  });

  test("a host that does not exist is not tried again", async () => {
    const missing = Object.assign(new TypeError("fetch failed"), { cause: Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" }) });
    const { error } = await collect(createBackend({ type: "groq", model: "m", apiKey: "k", fetch: () => Promise.reject(missing) }));
    expect(error).toMatchObject({ code: "connection", retryable: false, message: expect.stringMatching(/api\.groq\.com.*ENOTFOUND/) });
  });

  test("Node's own limit on silence names the way out", async () => {
    const silent = Object.assign(new TypeError("fetch failed"), {
      cause: Object.assign(new Error("Headers Timeout"), { code: "UND_ERR_HEADERS_TIMEOUT" }),
    });
    const { error } = await collect(createBackend({ type: "groq", model: "m", apiKey: "k", fetch: () => Promise.reject(silent) }));
    expect(error).toMatchObject({ code: "timeout", retryable: true, message: expect.stringContaining("longWaits") });
  });

  test("nothing is printed", async () => {
    const spies = (["log", "info", "warn", "error", "debug"] as const).map((name) => vi.spyOn(console, name).mockImplementation(() => {}));
    vi.stubEnv("OPENAI_LOG", "debug");
    await failing(500, {});
    for (const spy of spies) {
      expect(spy).not.toHaveBeenCalled();
      spy.mockRestore();
    }
  });
});
