import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { listedModel } from "../../src/backends/identity.js";
import { OpenAIResponsesBackend } from "../../src/backends/openai-responses/backend.js";
import { ConfigError } from "../../src/errors.js";
import type { Message } from "../../src/formatter/messages.js";
import { type Emulator, startEmulator } from "../../src/testing/emulator/emulator.js";
import { collect, type Seen, sendJson, sendSse, serve, type TestServer } from "./http.js";

type Json = Record<string, unknown>;

const LOOK = { name: "look", description: "d", inputSchema: { type: "object", properties: { at: { type: "string" } } } };

let emulator: Emulator;
beforeEach(async () => {
  for (const name of Object.keys(process.env)) if (/_API_KEY$|_BASE_URL$|^OPENAI_|^AZURE_/.test(name)) vi.stubEnv(name, undefined);
  emulator = await startEmulator({ strict: true, apiKey: "secret-key" });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await emulator.close();
});

function openai(config: Json = {}) {
  return createBackend({ type: "openai", model: "gpt-5.2", baseUrl: emulator.baseUrl, apiKey: "secret-key", ...config } as BackendConfig);
}

async function sent(config: Json = {}, request = {}): Promise<Json> {
  emulator.reply("ok");
  const reply = await collect(openai(config), request);
  expect(reply.error).toBeUndefined();
  return emulator.requests.at(-1)!.body as Json;
}

/** A fetch that notes where a request would have gone, and never lets it out. */
function noting(body: unknown = { object: "response", status: "completed", output: [] }) {
  const calls: { url: string; headers: Headers; body: Json }[] = [];
  const fetch = async (input: unknown, init: RequestInit = {}) => {
    calls.push({ url: String(input), headers: new Headers(init.headers), body: JSON.parse(String(init.body ?? "{}")) });
    return Response.json(body);
  };
  return { calls, fetch: fetch as typeof globalThis.fetch };
}

describe("the request", () => {
  test("keeps nothing at the provider and asks for encrypted reasoning", async () => {
    const body = await sent(
      { params: { promptCacheKey: "k", text: { verbosity: "low" } } },
      { system: "be brief", tools: [LOOK], toolChoice: { toolName: "look" }, settings: { maxOutputTokens: 100 } },
    );
    expect(body).toEqual({
      model: "gpt-5.2",
      instructions: "be brief",
      input: [{ role: "user", content: "hi" }],
      stream: true,
      store: false,
      include: ["reasoning.encrypted_content"],
      reasoning: { effort: "medium" },
      prompt_cache_key: "k",
      text: { verbosity: "low" },
      max_output_tokens: 100,
      tools: [{ type: "function", name: "look", description: "d", parameters: LOOK.inputSchema, strict: false }],
      tool_choice: { type: "function", name: "look" },
    });
    expect(emulator.requests.at(-1)!.path).toBe("/v1/responses");
    expect(emulator.requests.at(-1)!.headers.authorization).toBe("Bearer secret-key");
  });

  test.each(["gpt-5.1", "gpt-5.2", "gpt-5.2-2025-12-11", "gpt-5.2-codex", "gpt-5.1-codex-max", "gpt-5.4", "gpt-5.6-luna", "gpt-5.2-pro"])(
    "%s reasons at medium effort unless told otherwise",
    async (model) => {
      expect((await sent({ model })).reasoning).toEqual({ effort: "medium" });
      expect((await sent({ model, params: { reasoning: { summary: "auto" } } })).reasoning).toEqual({ effort: "medium", summary: "auto" });
      expect((await sent({ model, params: { reasoning: { effort: "high" } } })).reasoning).toEqual({ effort: "high" });
      expect((await sent({ model }, { settings: { reasoningEffort: "high" } })).reasoning).toEqual({ effort: "high" });
    },
  );

  test("an explicit effort of none is respected where the model has it, else the nearest is taken and said", async () => {
    expect((await sent({ params: { reasoning: { effort: "none" } } })).reasoning).toEqual({ effort: "none" });
    emulator.reply("ok");
    const reply = await collect(openai({ model: "gpt-5.2-codex" }), { settings: { reasoningEffort: "none" } });
    expect((emulator.requests.at(-1)!.body as Json).reasoning).toEqual({ effort: "low" });
    expect(reply.chunks[0]).toMatchObject({ type: "warning", message: expect.stringContaining('"low" was sent') });
  });

  test.each(["gpt-5", "gpt-5-mini", "gpt-5-codex", "o4-mini", "gpt-5-pro"])("%s is left to its own default", async (model) => {
    const body = await sent({ model });
    expect(body).not.toHaveProperty("reasoning");
    expect(body.include).toEqual(["reasoning.encrypted_content"]);
  });

  test.each(["gpt-4o", "gpt-4.1-mini", "gpt-5.2-chat-latest", "gpt-5-chat-latest", "o1-mini"])("%s never gets reasoning", async (model) => {
    emulator.reply("ok");
    const reply = await collect(openai({ model, params: { reasoning: { effort: "high" } } }));
    expect(reply.error).toBeUndefined();
    const body = emulator.requests.at(-1)!.body as Json;
    expect(body).not.toHaveProperty("reasoning");
    expect(body).not.toHaveProperty("include");
    expect(reply.chunks[0]).toMatchObject({ type: "warning", code: "unsupported_setting" });
  });

  test("settings a model or the API does not take are left out, with a warning", async () => {
    emulator.reply("ok");
    const reply = await collect(openai(), { settings: { temperature: 0.3, stop: ["x"], seed: 1, maxOutputTokens: 3 } });
    const body = emulator.requests.at(-1)!.body as Json;
    expect(body.max_output_tokens).toBe(16);
    expect(Object.keys(body)).not.toContain("temperature");
    expect(reply.chunks.filter((chunk) => chunk.type === "warning")).toHaveLength(4);
    expect((await sent({ params: { reasoning: { effort: "none" } } }, { settings: { temperature: 0.3 } })).temperature).toBe(0.3);
  });

  test("built-in tools stand before those of the agent", async () => {
    const mcp = { type: "mcp", server_label: "a", server_url: "https://a.example" };
    const config = {
      enableWebSearch: { search_context_size: "low" },
      enableCodeInterpreter: true,
      enableImageGeneration: true,
      builtinTools: [mcp],
    };
    const { tools } = await sent(config, { tools: [LOOK] });
    expect((tools as Json[]).map((tool) => tool.type)).toEqual(["web_search", "code_interpreter", "image_generation", "mcp", "function"]);
    expect((tools as Json[])[0]).toEqual({ type: "web_search", search_context_size: "low" });
    expect((tools as Json[])[1]).toEqual({ type: "code_interpreter", container: { type: "auto" } });
  });

  test("a background reply is kept at the provider, and cancelled there when the step is aborted", async () => {
    const server = await serve((response, request) => {
      if (request.url.endsWith("/cancel")) return sendJson(response, 200, { id: "resp_1" });
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('data: {"type":"response.created","response":{"id":"resp_1","status":"queued"}}\n\n');
    });
    const backend = createBackend({ type: "openai", model: "gpt-5.2", baseUrl: server.url, params: { background: true } });
    const abort = new AbortController();
    const steps = backend.stream({ messages: [{ role: "user", content: "hi" }] }, { signal: abort.signal })[Symbol.asyncIterator]();
    await steps.next();
    abort.abort();
    await expect(steps.next()).rejects.toMatchObject({ code: "aborted" });
    await vi.waitFor(() => expect(server.seen.map((one) => one.url)).toContain("/v1/responses/resp_1/cancel"));
    expect(server.seen[0]!.body).toMatchObject({ background: true, store: true });
    await server.close();
  });

  test("codex models ask for short prompts", () => {
    expect(openai({ model: "gpt-5.2-codex" }).capabilities.shortPrompts).toBe(true);
    expect(openai({ model: "gpt-5-codex" }).capabilities.shortPrompts).toBe(true);
    expect(openai().capabilities.shortPrompts).toBeUndefined();
    expect(openai().capabilities).toMatchObject({ contextWindow: 400_000, maxOutputTokens: 128_000 });
  });

  test("only api.openai.com is told to leave out its padding", async () => {
    const { calls, fetch } = noting();
    await collect(createBackend({ type: "openai", model: "gpt-4o", apiKey: "k", fetch }));
    await collect(createBackend({ type: "grok", model: "grok-4", apiKey: "k", fetch }));
    expect(calls.map((call) => [call.url, call.body.stream_options])).toEqual([
      ["https://api.openai.com/v1/responses", { include_obfuscation: false }],
      ["https://api.x.ai/v1/responses", undefined],
    ]);
  });
});

describe("two steps with tools", () => {
  test.each(["openai", "azure_openai", "grok"])("%s sends the state back as it came", async (type) => {
    const model = type === "grok" ? "grok-4" : "gpt-5.2";
    const baseUrl = type === "azure_openai" ? emulator.url : emulator.baseUrl;
    const backend = createBackend({ type, model, baseUrl, apiKey: "secret-key" } as BackendConfig);
    emulator.reply({ reasoning: "hm", text: "One moment.", toolCalls: [{ name: "look", input: { at: "x" } }] });
    const messages: Message[] = [{ role: "user", content: "go" }];
    const first = await collect(backend, { messages, tools: [LOOK] });
    expect(first.error).toBeUndefined();
    expect([first.text, first.reasoning, first.finish]).toEqual(["One moment.", "hm", "tool-calls"]);
    const [call] = first.calls;
    emulator.reply("done");
    const result = { type: "tool-result" as const, toolCallId: call!.id, toolName: "look", output: "trees" };
    const conversation = [...messages, first.message!, { role: "tool" as const, content: [result] }];
    const second = await collect(backend, { messages: conversation, tools: [LOOK] });
    expect([second.error, second.text, second.finish]).toEqual([undefined, "done", "stop"]);
    const { input } = emulator.requests.at(-1)!.body as { input: Json[] };
    expect(input.map((item) => item.type ?? item.role)).toEqual(["user", "reasoning", "message", "function_call", "function_call_output"]);
    expect(input[1]!.encrypted_content).toMatch(/^emulated\./);
    expect(input[4]).toEqual({ type: "function_call_output", call_id: call!.id, output: "trees" });

    // Another model gets the words, not the state.
    emulator.reply("fresh");
    const other = createBackend({ type, model: `${model}-mini`, baseUrl, apiKey: "secret-key" } as BackendConfig);
    expect((await collect(other, { messages: conversation, tools: [LOOK] })).text).toBe("fresh");
    const dropped = (emulator.requests.at(-1)!.body as { input: Json[] }).input;
    expect(dropped.map((item) => item.type ?? item.role)).toEqual(["user", "assistant", "function_call", "function_call_output"]);
    emulator.assertComplete();
  });

  test("ids that the turn has renamed are renamed in the state as well", async () => {
    const backend = openai();
    emulator.reply({ reasoning: "hm", toolCalls: [{ name: "look", id: "call_0" }] });
    const { message } = await collect(backend, { tools: [LOOK] });
    const content = (message!.content as unknown as Json[]).map((part) =>
      part.type === "tool-call" ? { ...part, toolCallId: "call_1" } : part,
    );
    emulator.reply("done");
    const messages = [
      { role: "user", content: "go" },
      { role: "assistant", content },
      { role: "tool", content: [{ type: "tool-result", toolCallId: "call_1", toolName: "look", output: "x", isError: true }] },
    ] as Message[];
    expect((await collect(backend, { messages, tools: [LOOK] })).error).toBeUndefined();
    const { input } = emulator.requests.at(-1)!.body as { input: Json[] };
    expect(input.slice(2)).toMatchObject([{ call_id: "call_1" }, { call_id: "call_1", output: "Error: x" }]);
  });
});

describe("what a reply may be", () => {
  test("cut by its limit, with a call that is incomplete", async () => {
    emulator.reply({ toolCalls: [{ name: "look", arguments: '{"at":' }], finishReason: "max_output_tokens" });
    const reply = await collect(openai(), { tools: [LOOK] });
    expect([reply.finish, reply.raw]).toEqual(["length", "max_output_tokens"]);
    expect(reply.calls).toMatchObject([{ name: "look", input: '{"at":', invalid: expect.any(String) }]);
  });

  test("filtered, refused, failed", async () => {
    emulator.reply({ text: "so", finishReason: "content_filter" }, { refusal: "I will not." }, { text: "so", finishReason: "failed" });
    expect((await collect(openai())).finish).toBe("content-filter");
    expect(await collect(openai())).toMatchObject({ text: "I will not.", finish: "refusal" });
    const failed = await collect(openai());
    expect(failed.error).toMatchObject({ code: "server_error", retryable: true });
    expect([failed.text, failed.usage?.outputTokens]).toEqual(["so", expect.any(Number)]);
  });

  test("an error inside the stream, whatever its form", async () => {
    emulator.reply({ text: "abcdef", fault: { type: "error-event", code: "rate_limit_exceeded", message: "Slow down" } });
    const nested = await collect(openai());
    expect(nested.error).toMatchObject({ code: "rate_limit", retryable: true, message: expect.stringContaining("Slow down") });
    const flat = await served('event: error\ndata: {"type":"error","code":"invalid_prompt","message":"flagged","param":null}\n\n');
    expect(flat.error).toMatchObject({ code: "content_filter", retryable: false, message: expect.stringContaining("flagged") });
    const untyped = await served('data: {"error":{"message":"boom","code":"server_error"}}\n\n');
    expect(untyped.error).toMatchObject({ code: "server_error", message: expect.stringContaining("boom") });
    const cancelled = await served('data: {"type":"response.cancelled","response":{"status":"cancelled","error":null}}\n\n');
    expect(cancelled.error).toMatchObject({ code: "stream_error", message: expect.stringContaining("cancelled") });
  });

  test("pictures, whole and in the making, and sound", async () => {
    const item = { type: "image_generation_call", id: "ig_1", status: "completed", result: "iVBORw0KGgo=", revised_prompt: "a cat" };
    const wav = Buffer.from("RIFF....WAVE");
    const reply = await served(
      frames([
        { type: "response.output_item.added", output_index: 0, item: { ...item, result: null, status: "in_progress" } },
        { type: "response.image_generation_call.partial_image", output_index: 0, partial_image_b64: "/9j/xx", partial_image_index: 0 },
        { type: "response.output_item.done", output_index: 0, item },
        { type: "response.audio.delta", delta: wav.subarray(0, 3).toString("base64") },
        { type: "response.audio.delta", delta: wav.subarray(3).toString("base64") },
        { type: "response.completed", response: { status: "completed" } },
      ]),
    );
    expect(reply.chunks.filter((chunk) => chunk.type === "file")).toEqual([
      { type: "file", mediaType: "image/jpeg", data: "/9j/xx", partial: true },
      { type: "file", mediaType: "image/png", data: "iVBORw0KGgo=" },
      { type: "file", mediaType: "audio/wav", data: wav.toString("base64") },
    ]);
    expect(reply.chunks).toContainEqual({
      type: "builtin-tool",
      id: "ig_1",
      toolName: "image_generation",
      state: "finished",
      input: { prompt: "a cat" },
    });
  });

  test("events that nobody knows are passed over; deltas that contradict the end are told of", async () => {
    const reply = await served(
      frames([
        { type: "response.something.new", output_index: 0 },
        { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "abc" },
        { type: "response.output_text.done", output_index: 0, content_index: 0, text: "xyz" },
        { type: "response.completed", response: { status: "completed" } },
      ]),
    );
    expect([reply.text, reply.finish]).toEqual(["abc", "stop"]);
    expect(reply.chunks).toContainEqual(expect.objectContaining({ type: "warning", code: "text_mismatch" }));
  });

  test("a custom tool is called with text as it is", async () => {
    const item = { type: "custom_tool_call", id: "ctc_1", call_id: "c", name: "code", input: "" };
    const reply = await served(
      frames([
        { type: "response.output_item.added", output_index: 0, item },
        { type: "response.custom_tool_call_input.delta", output_index: 0, delta: "x = " },
        { type: "response.custom_tool_call_input.delta", output_index: 0, delta: "1" },
        { type: "response.custom_tool_call_input.done", output_index: 0, input: "x = 1" },
        { type: "response.output_item.done", output_index: 0, item: { ...item, input: "x = 1" } },
        { type: "response.completed", response: { status: "completed" } },
      ]),
    );
    expect(reply.calls).toEqual([{ id: "c", name: "code", input: "x = 1" }]);
    expect([reply.streamedInputs.c, reply.finish]).toEqual(["x = 1", "tool-calls"]);
  });

  test("equal or missing call ids are told apart", async () => {
    const call = (index: number, call_id: string) => ({
      type: "response.output_item.done",
      output_index: index,
      item: { type: "function_call", id: `fc_${index}`, call_id, name: "look", arguments: `{"at":"${index}"}` },
    });
    const end = { type: "response.completed", response: { status: "completed" } };
    const reply = await served(frames([call(0, "c"), call(1, "c"), call(2, ""), end]));
    expect(new Set(reply.calls.map(({ id }) => id)).size).toBe(3);
    expect(reply.calls.map(({ input }) => input)).toEqual([{ at: "0" }, { at: "1" }, { at: "2" }]);
  });
});

function frames(events: Json[]): string {
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}

async function served(body: string) {
  const server = await serve((response) => sendSse(response, body));
  const reply = await collect(createBackend({ type: "openai", model: "m", baseUrl: server.url }));
  await server.close();
  return reply;
}

describe("errors", () => {
  const cases: [string, number, unknown, Json][] = [
    [
      "a wrong key",
      401,
      { error: { message: "Incorrect API key provided: secret-key.", type: "invalid_request_error", code: "invalid_api_key" } },
      { code: "authentication", retryable: false, message: expect.stringContaining("`apiKey` of the backend") },
    ],
    [
      "an unknown model",
      404,
      { error: { message: "The model `gpt-9` does not exist or you do not have access to it.", code: "model_not_found" } },
      { code: "model_not_found", message: expect.stringContaining("listModels()") },
    ],
    [
      "too long an input",
      400,
      {
        error: {
          message: "Your input exceeds the context window of this model. Please adjust your input and try again.",
          type: "invalid_request_error",
          param: "input",
          code: "context_length_exceeded",
        },
      },
      { code: "context_overflow", message: expect.stringContaining("Shorten the input") },
    ],
    [
      "a spent account",
      429,
      { error: { message: "You exceeded your current quota.", type: "insufficient_quota", code: "insufficient_quota" } },
      { code: "quota", retryable: false },
    ],
    [
      "Azure's filter",
      400,
      {
        error: {
          message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
          param: "prompt",
          code: "content_filter",
          status: 400,
          innererror: { code: "ResponsibleAIPolicyViolation" },
        },
      },
      { code: "content_filter", retryable: false, message: expect.stringContaining("change what it says") },
    ],
    [
      "Azure without the deployment",
      404,
      { error: { code: "DeploymentNotFound", message: "The API deployment for this resource does not exist." } },
      { code: "model_not_found" },
    ],
    [
      "xAI's text body",
      400,
      { code: "Client specified an invalid argument", error: "Incorrect API key provided" },
      { code: "authentication" },
    ],
  ];
  test.each(cases)("%s", async (_, status, body, expected) => {
    const server = await serve((response) => sendJson(response, status, body as object));
    const { error } = await collect(createBackend({ type: "openai", model: "gpt-5.2", baseUrl: server.url, apiKey: "secret-key" }));
    expect(error).toMatchObject({ status, ...expected });
    expect(error.message).not.toContain("secret-key");
    await server.close();
  });

  test("no key, and none of another provider's", async () => {
    vi.stubEnv("OPENAI_API_KEY", "sk-openai");
    const { calls, fetch } = noting();
    const reply = await collect(createBackend({ type: "openai", model: "m", baseUrl: "https://elsewhere.example/v1", fetch }));
    expect(reply.error).toMatchObject({ code: "missing_key" });
    expect((await collect(createBackend({ type: "grok", model: "grok-4", fetch }))).error.message).toContain("XAI_API_KEY");
    expect(calls).toEqual([]);
    await collect(createBackend({ type: "openai", model: "m", fetch }));
    expect(calls[0]!.headers.get("authorization")).toBe("Bearer sk-openai");
  });

  test("an aborted step says so and frees the connection", async () => {
    emulator.reply({ text: "abcdef", fault: { type: "stall", afterChunks: 3 } });
    const abort = new AbortController();
    const backend = openai();
    const steps = backend.stream({ messages: [{ role: "user", content: "hi" }] }, { signal: abort.signal })[Symbol.asyncIterator]();
    for (let next = await steps.next(); next.value?.type !== "text-delta"; next = await steps.next());
    abort.abort();
    await expect(steps.next()).rejects.toMatchObject({ code: "aborted" });
    expect(await emulator.requests[0]!.closed).toBe("client-left");
  });
});

describe("beside steps", () => {
  test("counts tokens with the provider and lists its models", async () => {
    const backend = openai();
    const count = await backend.countTokens!({ system: "s", messages: [{ role: "user", content: "hi" }], tools: [LOOK] }, {});
    expect(count).toBeGreaterThan(5);
    const { path, body } = emulator.requests.at(-1)!;
    expect(path).toBe("/v1/responses/input_tokens");
    expect(Object.keys(body as Json).sort()).toEqual(["input", "instructions", "model", "reasoning", "tools"]);
    expect(await backend.listModels!({})).toEqual([{ id: "emulated-model", created: 1_700_000_000 }]);
    expect(createBackend({ type: "grok", model: "grok-4" }).countTokens).toBeUndefined();
  });

  test("compacts a conversation into messages that go on", async () => {
    const backend = openai();
    const messages: Message[] = [
      { role: "user", content: "one" },
      { role: "assistant", content: "two" },
      { role: "user", content: "three" },
    ];
    const compacted = await backend.compact!({ messages }, {});
    expect(compacted.usage?.inputTokens).toBeGreaterThan(0);
    expect(compacted.messages.map((message) => message.role)).toEqual(["user", "user", "assistant"]);
    emulator.reply("on we go");
    expect((await collect(backend, { messages: [...compacted.messages, { role: "user", content: "four" }] })).text).toBe("on we go");
    const { input } = emulator.requests.at(-1)!.body as { input: Json[] };
    expect(input.map((item) => item.type ?? item.role)).toEqual(["user", "user", "compaction", "user"]);
  });

  test("errors of a count are typed", async () => {
    await expect(openai({ apiKey: "wrong" }).countTokens!({ messages: [] }, {})).rejects.toMatchObject({ code: "authentication" });
    const abort = new AbortController();
    abort.abort();
    await expect(openai().countTokens!({ messages: [] }, { signal: abort.signal })).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("azure", () => {
  let azure: TestServer;
  beforeEach(async () => {
    azure = await serve((response, request: Seen) => {
      const responses = /responses/.test(request.url);
      if (request.method === "GET") sendJson(response, 200, { data: [{ id: "gpt-4o" }] });
      else if (responses) sendJson(response, 200, { object: "response", status: "completed", output: [] });
      else
        sendSse(
          response,
          'data: {"choices":[],"id":""}\n\ndata: {"choices":[{"index":0,"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\n',
        );
    });
  });
  afterEach(() => azure.close());

  const last = () => azure.seen.at(-1)!;
  const make = (config: Json) =>
    createBackend({ type: "azure_openai", model: "my dep", apiKey: "k", baseUrl: azure.url, ...config } as never);

  test.each([
    [{}, "/openai/v1/responses"],
    [{ apiVersion: "preview" }, "/openai/v1/responses?api-version=preview"],
    [{ wire: "chat" }, "/openai/v1/chat/completions"],
    [{ apiVersion: "2025-04-01-preview" }, "/openai/responses?api-version=2025-04-01-preview"],
    [{ apiVersion: "2024-10-21" }, "/openai/deployments/my%20dep/chat/completions?api-version=2024-10-21"],
  ])("%j goes to %s", async (config, url) => {
    for (const suffix of ["", "/openai", "/openai/v1/"]) {
      const reply = await collect(make({ ...config, baseUrl: azure.url + suffix }));
      expect(reply.error).toBeUndefined();
      expect(last().url).toBe(url);
      expect(last().headers["api-key"]).toBe("k");
      expect(last().headers).not.toHaveProperty("authorization");
      expect(last().body.model).toBe("my dep");
    }
  });

  test("takes the endpoint, key and version from the environment, and tokens of Entra", async () => {
    vi.stubEnv("AZURE_OPENAI_ENDPOINT", `${azure.url}/`);
    vi.stubEnv("AZURE_OPENAI_API_KEY", "from-env");
    vi.stubEnv("AZURE_OPENAI_API_VERSION", "2024-10-21");
    const { error, text } = await collect(createBackend({ type: "azure_openai", model: "d" }));
    expect([error, text]).toEqual([undefined, "ok"]);
    expect([last().url, last().headers["api-key"]]).toEqual(["/openai/deployments/d/chat/completions?api-version=2024-10-21", "from-env"]);
    const models = await createBackend({ type: "azure_openai", model: "d" }).listModels!({});
    expect([models, last().url]).toEqual([[{ id: "gpt-4o" }], "/openai/models?api-version=2024-10-21"]);
    const backend = createBackend({ type: "azure_openai", model: "d", tokenProvider: async () => "entra" });
    expect((await collect(backend)).error).toBeUndefined();
    expect(last().headers.authorization).toBe("Bearer entra");
    expect(last().headers).not.toHaveProperty("api-key");
  });

  test("the model behind a deployment decides what it takes", async () => {
    await collect(make({ baseModel: "gpt-5.2" }));
    expect(last().body).toMatchObject({ reasoning: { effort: "medium" }, include: ["reasoning.encrypted_content"] });
    await collect(make({}));
    expect(last().body).not.toHaveProperty("reasoning");
    await collect(make({ wire: "chat", baseModel: "gpt-35-turbo" }), { settings: { maxOutputTokens: 9 } });
    expect(last().body.max_tokens).toBe(9);
  });

  test.each(["responses", "chat"] as const)("the model behind a deployment gives its price and its window (%s)", (wire) => {
    const backend = make({ wire, model: "gpt-4o", baseModel: "gpt-5.2" });
    expect(listedModel(backend)).toBe("gpt-5.2");
    expect(backend.capabilities.contextWindow).toBe(400_000);
    expect(listedModel(make({ wire, model: "gpt-4o" }))).toBe("gpt-4o");
    expect(listedModel(make({ wire, model: "gpt-4o", baseModel: "gpt-5.2", rateLimits: { concurrent: 1 } }))).toBe("gpt-5.2");
  });

  test("over the emulator, on both wires and with its own words for what is wrong", async () => {
    const config = { type: "azure_openai", model: "dep", baseUrl: emulator.url, apiKey: "secret-key" } as const;
    emulator.reply("one", "two", "three");
    const texts = [];
    for (const own of [{}, { wire: "chat" }, { apiVersion: "2024-10-21" }])
      texts.push((await collect(createBackend({ ...config, ...own } as never))).text);
    expect(texts).toEqual(["one", "two", "three"]);
    const wrong = await collect(createBackend({ ...config, apiKey: "no" }));
    expect(wrong.error).toMatchObject({ code: "authentication", message: expect.stringContaining("Access denied") });
  });
});

describe("GPT-5.x on chat completions", () => {
  const chat = (model: string, own: Json = {}, fetch?: typeof globalThis.fetch) =>
    createBackend({ type: "chatcompletion", model, apiKey: "k", fetch, ...own } as never);

  test("reasons at medium effort unless told otherwise, at OpenAI and Azure, and at no unknown server", async () => {
    const { calls, fetch } = noting({ choices: [{ message: { content: "ok" }, finish_reason: "stop" }] });
    await collect(chat("gpt-5.2", {}, fetch));
    await collect(chat("gpt-5.1-2025-11-13", { params: { reasoningEffort: "none" } }, fetch));
    await collect(chat("gpt-5.2", {}, fetch), { settings: { reasoningEffort: "high" } });
    await collect(chat("gpt-5.2", { params: { reasoning_effort: null } }, fetch));
    await collect(chat("gpt-4o", {}, fetch));
    await collect(chat("gpt-5.2", { baseUrl: "https://elsewhere.example/v1" }, fetch));
    const azure = { type: "azure_openai", wire: "chat", model: "d", baseModel: "gpt-5.2", baseUrl: "https://r.openai.azure.com" };
    await collect(chat("d", azure, fetch));
    expect(calls.map((call) => call.body.reasoning_effort)).toEqual(["medium", "none", "high", undefined, undefined, undefined, "medium"]);
  });

  test.each(["gpt-6-astra", "gpt-6.1-sol"])("%s takes tools on the Responses API only", (model) => {
    const refusal = expect.objectContaining({
      code: "wrong_wire",
      message: expect.stringContaining("takes tools on the Responses API only"),
    });
    expect(() => chat(model)).toThrow(refusal);
    const azure = { type: "azure_openai", wire: "chat", baseUrl: "https://r.openai.azure.com" };
    expect(() => chat("d", { ...azure, baseModel: model })).toThrow(refusal);
    expect(chat(model, { baseUrl: "https://elsewhere.example/v1" }).model).toBe(model);
  });

  test("sellers of OpenAI's models ask for the effort that these want, each in its own words", async () => {
    const { fetch, calls } = noting({ choices: [{ message: { content: "ok" }, finish_reason: "stop" }] });
    const router = { type: "openrouter" };
    for (const [model, config, settings] of [
      ["openai/gpt-5.2:online", router, {}],
      ["openai/gpt-5", router, {}],
      ["anthropic/claude-sonnet-4.5", router, {}],
      ["openai/gpt-5.4", router, { reasoningEffort: "none" }],
      ["openai/gpt-5.4", { ...router, params: { reasoning: null } }, {}],
      ["openai/gpt-5.4", { ...router, params: { reasoning: { max_tokens: 9 } } }, {}],
      ["openai/gpt-5.4", { ...router, params: { reasoning_effort: "low" } }, {}],
      ["gpt-6-sol", { baseUrl: "https://openrouter.ai/api/v1" }, {}],
      ["GPT-5.1", { type: "poe" }, {}],
      ["GPT-5.1", { type: "poe" }, { reasoningEffort: "high" }],
      ["Claude-Sonnet-4.5", { type: "poe" }, {}],
    ] as const) {
      await collect(chat(model, config, fetch), { settings });
    }
    expect(calls.map(({ body: { reasoning, reasoning_effort } }) => reasoning ?? reasoning_effort)).toEqual([
      { effort: "medium" },
      undefined,
      undefined,
      { enabled: false },
      undefined,
      { max_tokens: 9 },
      "low",
      { effort: "medium" },
      "medium",
      "high",
      undefined,
    ]);
  });

  test("codex models are sent to the Responses API", () => {
    expect(() => chat("gpt-5.2-codex")).toThrow(/`type: "openai"`/);
    const azure = { type: "azure_openai", wire: "chat", baseUrl: "https://r.openai.azure.com" };
    expect(() => chat("gpt-5-codex", azure)).toThrow(/wire: "responses"/);
    expect(chat("gpt-5.2-codex", { baseUrl: "https://elsewhere.example/v1" }).model).toBe("gpt-5.2-codex");
  });
});

describe("grok on chat", () => {
  test("searches live, cites, and leaves out what its models refuse", async () => {
    const { calls, fetch } = noting({ choices: [{ message: { content: "ok" }, finish_reason: "stop" }], citations: ["https://a.example"] });
    const config = { type: "grok", wire: "chat", model: "grok-4", apiKey: "k", enableWebSearch: { mode: "on" }, fetch } as const;
    const reply = await collect(createBackend(config), { settings: { reasoningEffort: "low", maxOutputTokens: 5 } });
    expect([reply.error, reply.text, reply.sources]).toEqual([undefined, "ok", [{ url: "https://a.example" }]]);
    expect(calls[0]!.url).toBe("https://api.x.ai/v1/chat/completions");
    expect(calls[0]!.body).toMatchObject({ search_parameters: { mode: "on", return_citations: true }, max_completion_tokens: 5 });
    expect(calls[0]!.body).not.toHaveProperty("reasoning_effort");
    await collect(createBackend({ ...config, model: "grok-3-mini" }), { settings: { reasoningEffort: "medium" } });
    expect(calls[1]!.body.reasoning_effort).toBe("low");
  });

  test("searches on the Responses API, too", async () => {
    const { calls, fetch } = noting();
    await collect(createBackend({ type: "grok", model: "grok-4", apiKey: "k", enableWebSearch: true, fetch }));
    expect(calls[0]!.body).toMatchObject({ tools: [{ type: "web_search" }], include: ["reasoning.encrypted_content"], store: false });
  });
});

describe("configs that cannot work", () => {
  test.each([
    [{ type: "openai", model: "m", modle: "x" }, "modle", 'Did you mean "model"?'],
    [{ type: "openai", model: "m", params: { temprature: 1 } }, "params.temprature", 'Did you mean "temperature"?'],
    [{ type: "openai", model: "m", params: { max_tokens: 1 } }, "params.max_tokens", "max_output_tokens"],
    [{ type: "openai", model: "m", params: { previousResponseId: "r" } }, "params.previousResponseId", "set by massgen"],
    [{ type: "openai", model: "m", params: { store: "yes" } }, "params.store", "must be a boolean"],
    [{ type: "openai", model: "m", params: { top_p: 1, topP: 1 } }, "params.topP", "given twice"],
    [{ type: "openai", model: "m", params: { extra_body: { input: 1 } } }, "params.extra_body.input", "set by massgen"],
    [{ type: "openai", model: "" }, "model", "id of the model"],
    [{ type: "openai", model: "m", enableWebSearch: "yes" }, "enableWebSearch", "boolean or object"],
    [{ type: "openai", model: "m", builtinTools: [{ type: "function" }] }, "builtinTools[0].type", "under `tools` of the agent"],
    [{ type: "openai", model: "m", uploadFiles: [{ videoPath: "a.mp4" }] }, "uploadFiles[0]", "not sent video"],
    [{ type: "openai", model: "m", uploadFiles: [{ filePath: "a.exe" }] }, "uploadFiles[0]", "no document"],
    [{ type: "grok", model: "m", wire: "smoke" }, "wire", '"responses" or "chat"'],
    [{ type: "grok", model: "m", uploadFiles: [] }, "uploadFiles", "not a key of a grok backend"],
    [{ type: "azure_openai", model: "d" }, "baseUrl", "AZURE_OPENAI_ENDPOINT"],
    [{ type: "azure_openai", model: "d", baseUrl: "https://r.openai.azure.com", apiVersion: "latest-ish" }, "apiVersion", "no API version"],
  ])("%j", (config, path, message) => {
    const error = (() => {
      try {
        createBackend(config as unknown as BackendConfig);
        return undefined;
      } catch (thrown) {
        return thrown as ConfigError;
      }
    })();
    expect(error).toBeInstanceOf(ConfigError);
    expect(error!.path).toBe(path);
    expect(error!.message).toContain(message);
  });

  test("the class takes a config of its own wire only", () => {
    expect(new OpenAIResponsesBackend({ type: "openai", model: "m" }).baseUrl).toBe("https://api.openai.com/v1");
    expect(() => new OpenAIResponsesBackend({ type: "grok", wire: "chat", model: "m" })).toThrow(/createBackend/);
  });
});
