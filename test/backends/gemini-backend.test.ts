import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BackendRequest } from "../../src/backends/backend.js";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { GeminiBackend } from "../../src/backends/gemini/backend.js";
import type { GeminiConfig } from "../../src/backends/gemini/config.js";
import { loadGemini } from "../../src/backends/gemini/sdk.js";
import { ConfigError } from "../../src/errors.js";
import type { Message } from "../../src/formatter/messages.js";
import { collect, type Seen, sendJson, serve, type TestServer } from "./http.js";

const event = (parts: unknown[], finishReason?: string) =>
  `data: ${JSON.stringify({ candidates: [{ content: { parts }, finishReason }] })}\n\n`;
const OK = event([{ text: "ok" }], "STOP");

let server: TestServer;
let bodies: string[] = [];
/** Answers instead of the stream, once set. */
let answer: { status: number; body: unknown; headers?: Record<string, string> } | undefined;

beforeEach(async () => {
  for (const name of Object.keys(process.env)) if (/^(GOOGLE|GEMINI)_/.test(name)) vi.stubEnv(name, undefined);
  bodies = [];
  answer = undefined;
  server = await serve((response) => {
    if (answer) return sendJson(response, answer.status, answer.body as object, answer.headers);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(bodies.shift() ?? OK);
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

const make = (config: Partial<GeminiConfig> = {}) =>
  createBackend({ type: "gemini", model: "gemini-3-flash-preview", baseUrl: server.url, ...config });

async function sent(config: Partial<GeminiConfig> = {}, request: Partial<BackendRequest> = {}, options = {}): Promise<Seen> {
  const reply = await collect(make(config), request, options);
  expect(reply.error).toBeUndefined();
  return server.seen.at(-1)!;
}

/** A fetch that notes where a request would have gone, and never lets it out. */
function noting() {
  const calls: { url: string; headers: Headers }[] = [];
  const fetch = async (input: unknown, init: RequestInit = {}) => {
    calls.push({ url: String(input), headers: new Headers(init.headers) });
    return new Response(OK, { headers: { "content-type": "text/event-stream" } });
  };
  return { calls, fetch: fetch as typeof globalThis.fetch };
}

const look = { name: "look", description: "d", inputSchema: { type: "object", properties: {} } };

describe("the request", () => {
  test("is a streamed generateContent of v1beta", async () => {
    const { url, method, body, headers } = await sent(
      { apiKey: "key-123456", params: { topK: 20, safety_settings: [{ category: "C", threshold: "BLOCK_NONE" }] } },
      { system: "be brief", settings: { maxOutputTokens: 10, temperature: 0.5, stop: ["x"], reasoningEffort: "low" } },
    );
    expect([method, url]).toEqual(["POST", "/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse"]);
    expect(headers["x-goog-api-key"]).toBe("key-123456");
    expect(body).toEqual({
      contents: [{ role: "user", parts: [{ text: "hi" }] }],
      systemInstruction: { role: "user", parts: [{ text: "be brief" }] },
      safetySettings: [{ category: "C", threshold: "BLOCK_NONE" }],
      generationConfig: {
        topK: 20,
        maxOutputTokens: 10,
        temperature: 0.5,
        stopSequences: ["x"],
        thinkingConfig: { includeThoughts: true, thinkingLevel: "LOW" },
      },
    });
  });

  test("carries tools, and the tool choice where it is not auto", async () => {
    const tools = [look];
    const { body } = await sent({}, { tools });
    expect(body.tools).toEqual([
      { functionDeclarations: [{ name: "look", description: "d", parametersJsonSchema: { type: "object", properties: {} } }] },
    ]);
    expect(body).not.toHaveProperty("toolConfig");
    const config = async (toolChoice: BackendRequest["toolChoice"]) =>
      (await sent({}, { tools, ...(toolChoice && { toolChoice }) })).body.toolConfig;
    expect(await config("required")).toEqual({ functionCallingConfig: { mode: "ANY" } });
    expect(await config("none")).toEqual({ functionCallingConfig: { mode: "NONE" } });
    expect(await config({ toolName: "look" })).toEqual({ functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["look"] } });
    expect((await sent({}, { toolChoice: "required" })).body).not.toHaveProperty("toolConfig");
  });

  test("built-in tools, beside functions where the model mixes them", async () => {
    const builtins = {
      enableWebSearch: true,
      enableCodeExecution: true,
      enableUrlContext: true,
      builtinTools: [{ googleMaps: {} }],
      params: { retrievalConfig: { languageCode: "de" } },
    };
    const own = [{ googleSearch: {} }, { codeExecution: {} }, { urlContext: {} }, { googleMaps: {} }];
    const alone = await sent({ ...builtins, model: "gemini-2.5-flash" });
    expect(alone.body.tools).toEqual(own);
    expect(alone.body.toolConfig).toEqual({ retrievalConfig: { languageCode: "de" } });
    const mixed = await sent(builtins, { tools: [look] });
    expect(mixed.body.tools.slice(0, 4)).toEqual(own);
    expect(mixed.body.tools[4].functionDeclarations.length).toBe(1);
    expect(mixed.body.toolConfig).toMatchObject({ includeServerSideToolInvocations: true });
    const reply = await collect(make({ enableWebSearch: true, model: "gemini-2.5-flash" }), { tools: [look] });
    expect(server.seen.at(-1)!.body.tools).toEqual([{ functionDeclarations: [expect.anything()] }]);
    expect(reply.chunks[0]).toMatchObject({
      type: "warning",
      code: "unsupported_setting",
      message: expect.stringContaining("googleSearch"),
    });
  });

  test("extraBody goes where no parameter reaches; nothing of ours reaches Google", async () => {
    const extraBody = {
      toolConfig: { functionCallingConfig: { streamFunctionCallArguments: true } },
      generationConfig: { novel: 1 },
      top: 2,
    };
    const { body } = await sent({ params: { extraBody, topP: 0.5 } }, { tools: [look], toolChoice: "required" });
    expect(body.toolConfig).toEqual({ functionCallingConfig: { mode: "ANY", streamFunctionCallArguments: true } });
    expect(body.generationConfig).toMatchObject({ novel: 1, topP: 0.5 });
    expect(Object.keys(body).sort()).toEqual(["contents", "generationConfig", "toolConfig", "tools", "top"]);
  });

  test("carries trace context and own headers", async () => {
    const { headers } = await sent({ headers: { "x-team": "a" } }, {}, { trace: { traceparent: "00-1", tracestate: "s=1" } });
    expect(headers).toMatchObject({ traceparent: "00-1", tracestate: "s=1", "x-team": "a", "content-type": "application/json" });
  });

  test("a second step carries the first one's parts back as they came, and the results", async () => {
    const parts = [
      { text: "hm", thought: true },
      { functionCall: { name: "look", args: { a: 1 } }, thoughtSignature: "sig", unknownToTheSdk: { deep: true } },
      { functionCall: { name: "look", args: { a: 2 }, unknownToTheSdk: 1 } },
    ];
    bodies = [event(parts) + event([{ text: "", thoughtSignature: "last" }], "STOP")];
    const backend = make();
    const first = await collect(backend, { tools: [look] });
    const messages: Message[] = [
      { role: "user", content: "hi" },
      first.message!,
      {
        role: "tool",
        content: first.calls.map(({ id }) => ({ type: "tool-result", toolCallId: id, toolName: "look", output: `result of ${id}` })),
      },
    ];
    await collect(backend, { tools: [look], messages: JSON.parse(JSON.stringify(messages)) });
    expect(server.seen.at(-1)!.body.contents).toEqual([
      { role: "user", parts: [{ text: "hi" }] },
      { role: "model", parts: [...parts, { text: "", thoughtSignature: "last" }] },
      {
        role: "user",
        parts: [
          { functionResponse: { name: "look", response: { output: "result of call_0" } } },
          { functionResponse: { name: "look", response: { output: "result of call_1" } } },
        ],
      },
    ]);
    await collect(make({ model: "gemini-3.1-pro-preview" }), { tools: [look], messages });
    expect(JSON.stringify(server.seen.at(-1)!.body)).not.toContain('"sig"');
  });

  test("a paused reply is continued under its token", async () => {
    bodies = [
      `data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text: "a" }] }, finishReason: "CONTINUATION", continuationToken: "tok" }] })}\n\n`,
    ];
    const backend = make();
    const first = await collect(backend);
    expect([first.finish, server.seen.length]).toEqual(["pause", 1]);
    await collect(backend, { messages: [{ role: "user", content: "hi" }, first.message!] });
    expect(server.seen.at(-1)!.body).toMatchObject({ continuationToken: "tok", contents: [{ role: "user", parts: [{ text: "hi" }] }] });
  });
});

describe("keys and base URLs", () => {
  test("an explicit key wins over GOOGLE_API_KEY, that over GEMINI_API_KEY; nothing is printed about it", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { calls, fetch } = noting();
    const key = async (config: Partial<GeminiConfig> = {}) => {
      await collect(new GeminiBackend({ type: "gemini", model: "m", fetch, ...config }));
      return calls.at(-1)!.headers.get("x-goog-api-key");
    };
    vi.stubEnv("GEMINI_API_KEY", "gemini-key");
    expect(await key()).toBe("gemini-key");
    vi.stubEnv("GOOGLE_API_KEY", "google-key");
    expect(await key()).toBe("google-key");
    expect(await key({ apiKey: "mine" })).toBe("mine");
    expect(calls[0]!.url).toBe("https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse");
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  test("the environment's key goes to Google and to the environment's base URL, to no other", async () => {
    vi.stubEnv("GOOGLE_API_KEY", "google-secret");
    const { calls, fetch } = noting();
    const foreign = await collect(new GeminiBackend({ type: "gemini", model: "m", baseUrl: "https://llm.example.com", fetch }));
    expect(foreign.error).toMatchObject({
      code: "missing_key",
      message: expect.stringMatching(/GOOGLE_API_KEY or GEMINI_API_KEY.*apiKey/),
    });
    expect(JSON.stringify((await sent()).headers)).not.toContain("secret");
    vi.stubEnv("GOOGLE_GEMINI_BASE_URL", "https://gateway.example.com/gemini/");
    await collect(new GeminiBackend({ type: "gemini", model: "m", fetch }));
    expect(calls.map((call) => [call.url, call.headers.get("x-goog-api-key")])).toEqual([
      ["https://gateway.example.com/gemini/v1beta/models/m:streamGenerateContent?alt=sse", "google-secret"],
    ]);
  });

  test("other settings of the SDK in the environment are not read", async () => {
    for (const [name, value] of Object.entries({
      GOOGLE_GENAI_USE_VERTEXAI: "true",
      GOOGLE_GENAI_USE_ENTERPRISE: "true",
      GOOGLE_CLOUD_PROJECT: "p",
      GOOGLE_CLOUD_LOCATION: "eu",
      GOOGLE_GENAI_API_VERSION: "v9",
      GOOGLE_VERTEX_BASE_URL: "http://127.0.0.1:1",
    })) {
      vi.stubEnv(name, value);
    }
    expect((await sent()).url).toBe("/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse");
  });

  test("a missing key shows at the first step, not before", async () => {
    const { calls, fetch } = noting();
    const backend = new GeminiBackend({ type: "gemini", model: "m", fetch });
    expect((await collect(backend)).error).toMatchObject({ code: "missing_key", retryable: false });
    await expect(backend.listModels()).rejects.toMatchObject({ code: "missing_key" });
    expect(calls).toEqual([]);
  });

  test.each([
    ["http://localhost:1", "http://localhost:1/v1beta/"],
    ["http://localhost:1/v1/", "http://localhost:1/v1/"],
    ["localhost:1/v1alpha", "http://localhost:1/v1alpha/"],
    ["https://gateway.example.com/x", "https://gateway.example.com/x/v1beta/"],
    ["https://aiplatform.googleapis.com/v1/publishers/google", "https://aiplatform.googleapis.com/v1/publishers/google/"],
  ])("%s is asked at %s", async (baseUrl, start) => {
    const { calls, fetch } = noting();
    await collect(new GeminiBackend({ type: "gemini", model: "m", baseUrl, apiKey: "k", fetch }));
    expect(calls[0]!.url).toBe(`${start}models/m:streamGenerateContent?alt=sse`);
  });
});

describe("config", () => {
  test.each([
    [{ modle: "m" }, "modle", /"model"/],
    [{ base_url: "x" }, "base_url", /"baseUrl"/],
    [{ temperature: 1 }, "temperature", /params/],
    [{ model: "" }, "model", /needs `model`/],
    [{ enableWebSearch: "yes" }, "enableWebSearch", /boolean/],
    [{ params: { temprature: 1 } }, "params.temprature", /"temperature"/],
    [{ baseUrl: "ftp://x" }, "baseUrl", /http/],
  ])("%j is refused", (config, path, message) => {
    const refused = () => createBackend({ type: "gemini", model: "m", ...config } as BackendConfig);
    expect(refused).toThrow(ConfigError);
    expect(refused).toThrow(message);
    expect(refused).toThrow(expect.objectContaining({ path }));
  });

  test("params of a request are checked too", async () => {
    const { error } = await collect(make(), { params: { nope: 1 } });
    expect(error).toMatchObject({ code: "unknown_key", path: "request.params.nope" });
    expect(server.seen).toEqual([]);
  });

  test("capabilities follow the model", () => {
    expect(make().capabilities).toMatchObject({
      toolChoice: { required: true, named: true },
      contextWindow: 1_048_576,
      maxOutputTokens: 65_536,
    });
    expect(make({ model: "gemini-2.5-flash-image" }).capabilities).toMatchObject({ tools: false, toolChoice: {} });
    expect(make({ model: "unknown" }).capabilities).not.toHaveProperty("contextWindow");
  });

  test("a missing SDK says what to install; another failure stays what it is", async () => {
    const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
    await expect(loadGemini(() => Promise.reject(missing))).rejects.toMatchObject({
      code: "missing_sdk",
      message: expect.stringContaining("npm i @google/genai"),
    });
    await expect(loadGemini(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  });
});

describe("errors", () => {
  const quota = (quotaId: string, message = "You exceeded your current quota, please check your plan and billing details.") => ({
    error: {
      code: 429,
      message,
      status: "RESOURCE_EXHAUSTED",
      details: [
        { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [{ quotaId }] },
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "36.5s" },
      ],
    },
  });
  const status = (code: number, name: string, message: string) => ({ error: { code, message, status: name } });

  test.each([
    [400, status(400, "INVALID_ARGUMENT", "Please use a valid role: user, model."), "bad_request", false, /valid role/],
    [
      400,
      status(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."),
      "authentication",
      false,
      /GOOGLE_API_KEY or GEMINI_API_KEY/,
    ],
    [403, status(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers"), "authentication", false, /apiKey/],
    [403, status(403, "PERMISSION_DENIED", "Your API key was reported as leaked."), "authentication", false, /leaked/],
    [403, status(403, "PERMISSION_DENIED", "You do not have permission"), "permission", false, /GOOGLE_API_KEY/],
    [404, status(404, "NOT_FOUND", "models/m is not found for API version v1beta"), "model_not_found", false, /listModels/],
    [
      400,
      status(400, "INVALID_ARGUMENT", "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."),
      "context_overflow",
      false,
      /Shorten/,
    ],
    [429, quota("GenerateRequestsPerMinutePerProjectPerModel"), "rate_limit", true, /current quota/],
    [429, quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"), "quota", false, /waiting/],
    [429, quota("PerMinute", "Quota exceeded for metric: x, limit: 0, model: m"), "quota", false, /limit: 0/],
    [500, status(500, "INTERNAL", "An internal error has occurred."), "server_error", true, /internal/],
    [503, status(503, "UNAVAILABLE", "The model is overloaded."), "overloaded", true, /overloaded/],
    [504, status(504, "DEADLINE_EXCEEDED", "Deadline expired"), "server_error", true, /Deadline/],
    [499, status(499, "CANCELLED", "The operation was cancelled."), "server_error", true, /cancelled/],
    [400, [status(400, "INVALID_ARGUMENT", "in a list")], "bad_request", false, /in a list/],
    [502, "<html><h1>Bad Gateway</h1></html>", "server_error", true, /Bad Gateway/],
    [404, "", "not_found", false, /baseUrl/],
  ])("%i %j is %s", async (code, body, expected, retryable, message) => {
    answer = { status: code, body };
    const { error, chunks } = await collect(make());
    expect(chunks).toEqual([]);
    expect(error).toMatchObject({
      name: "BackendError",
      code: expected,
      status: code,
      retryable,
      provider: "gemini",
      message: expect.stringMatching(message),
    });
    expect(server.seen.length).toBe(1);
  });

  test("how long to wait: the header, else RetryInfo", async () => {
    answer = { status: 429, body: quota("PerMinute") };
    expect((await collect(make())).error).toMatchObject({ retryAfterMs: 36_500 });
    answer.headers = { "retry-after": "2" };
    expect((await collect(make())).error).toMatchObject({ retryAfterMs: 2000 });
  });

  test("a key that a server repeats does not get into the message", async () => {
    answer = { status: 400, body: status(400, "INVALID_ARGUMENT", "bad key AIza-12345678") };
    expect((await collect(make({ apiKey: "AIza-12345678" }))).error.message).not.toContain("AIza-12345678");
  });

  test("a web page instead of a reply", async () => {
    answer = { status: 200, body: "<html></html>", headers: { "content-type": "text/html" } };
    expect((await collect(make())).error).toMatchObject({ code: "not_found", message: expect.stringMatching(/web page.*baseUrl/) });
  });

  test.each([
    [
      Object.assign(new TypeError("fetch failed"), { cause: Object.assign(new Error("x"), { code: "ECONNREFUSED" }) }),
      "connection",
      true,
      /ECONNREFUSED/,
    ],
    [
      Object.assign(new TypeError("fetch failed"), { cause: Object.assign(new Error("x"), { code: "ENOTFOUND" }) }),
      "connection",
      false,
      /ENOTFOUND/,
    ],
    [
      Object.assign(new TypeError("fetch failed"), { cause: Object.assign(new Error("x"), { code: "UND_ERR_HEADERS_TIMEOUT" }) }),
      "timeout",
      true,
      /longWaits/,
    ],
  ])("%s", async (failure, code, retryable, message) => {
    const { error } = await collect(make({ fetch: () => Promise.reject(failure) }));
    expect(error).toMatchObject({ code, retryable, message: expect.stringMatching(message) });
  });
});

describe("aborting", () => {
  test("before the step, while waiting and in the stream: the connection is freed, the listener gone", async () => {
    let left = 0;
    const slow = await serve((response, request) => {
      response.on("close", () => left++);
      if (request.url.includes("/wait")) return;
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(event([{ text: "a" }]));
    });
    const early = new AbortController();
    early.abort();
    expect((await collect(make(), {}, { signal: early.signal })).error.code).toBe("aborted");
    expect(server.seen).toEqual([]);

    const waiting = new AbortController();
    const silent = collect(make({ baseUrl: `${slow.url}/wait` }), {}, { signal: waiting.signal });
    await vi.waitFor(() => expect(slow.seen.length).toBe(1));
    waiting.abort(new Error("enough"));
    expect((await silent).error).toMatchObject({ code: "aborted", cause: expect.objectContaining({ message: "enough" }) });
    await vi.waitFor(() => expect(left).toBe(1));

    const midway = new AbortController();
    const remove = vi.spyOn(midway.signal, "removeEventListener");
    const stream = make({ baseUrl: slow.url }).stream({ messages: [{ role: "user", content: "x" }] }, { signal: midway.signal });
    for (let next = await stream[Symbol.asyncIterator]().next(); next.value?.type !== "text-delta"; )
      next = await stream[Symbol.asyncIterator]().next();
    midway.abort();
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "aborted" });
    expect(remove).toHaveBeenCalled();
    await vi.waitFor(() => expect(left).toBe(2));
    await slow.close();
  });

  test("a caller that stops reading frees the connection", async () => {
    let left = 0;
    const endless = await serve((response) => {
      response.on("close", () => left++);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(event([{ text: "a" }]));
    });
    for await (const chunk of make({ baseUrl: endless.url }).stream({ messages: [{ role: "user", content: "x" }] }, {})) {
      if (chunk.type === "text-delta") break;
    }
    await vi.waitFor(() => expect(left).toBe(1));
    await endless.close();
  });

  test("close ends what is under way", async () => {
    const slow = await serve(() => {});
    const backend = make({ baseUrl: slow.url, longWaits: true });
    const reply = collect(backend);
    await vi.waitFor(() => expect(slow.seen.length).toBe(1));
    await backend.close!();
    expect((await reply).error.code).toBe("aborted");
    await slow.close();
  });

  test("longWaits goes through a pool of its own", async () => {
    const global = vi.spyOn(globalThis, "fetch");
    const backend = make({ longWaits: true });
    expect((await collect(backend)).text).toBe("ok");
    expect(global).not.toHaveBeenCalled();
    global.mockRestore();
    await backend.close!();
  });
});

describe("other calls", () => {
  test("countTokens counts system message and tools as well", async () => {
    answer = { status: 200, body: { totalTokens: 42 } };
    const request: BackendRequest = {
      system: "be brief",
      messages: [{ role: "user", content: "hi" }],
      tools: [look],
      toolChoice: "required",
    };
    expect(await make().countTokens!(request, {})).toBe(42);
    const { url, body } = server.seen.at(-1)!;
    expect(url).toBe("/v1beta/models/gemini-3-flash-preview:countTokens");
    expect(body).toEqual({
      generateContentRequest: {
        model: "models/gemini-3-flash-preview",
        contents: [{ role: "user", parts: [{ text: "hi" }] }],
        systemInstruction: { parts: [{ text: "be brief" }] },
        tools: [{ functionDeclarations: [expect.objectContaining({ name: "look" })] }],
        toolConfig: { functionCallingConfig: { mode: "ANY" } },
      },
    });
    answer = { status: 404, body: { error: { code: 404, message: "models/x is not found", status: "NOT_FOUND" } } };
    await expect(make().countTokens!(request, {})).rejects.toMatchObject({ code: "model_not_found" });
    answer = { status: 200, body: {} };
    await expect(make().countTokens!(request, {})).rejects.toMatchObject({ code: "unknown" });
  });

  test("listModels gives those that generate content, over all pages", async () => {
    const pages: Record<string, unknown> = {
      "": {
        models: [
          { name: "models/gemini-a", inputTokenLimit: 100, supportedGenerationMethods: ["generateContent", "countTokens"] },
          { name: "models/embed", supportedGenerationMethods: ["embedContent"] },
        ],
        nextPageToken: "2",
      },
      "2": { models: [{ name: "models/gemini-b" }] },
    };
    const listing = await serve((response, request) => {
      sendJson(response, 200, pages[new URL(request.url, "http://x").searchParams.get("pageToken") ?? ""]);
    });
    expect(await make({ baseUrl: listing.url }).listModels!({})).toEqual([{ id: "gemini-a", contextWindow: 100 }, { id: "gemini-b" }]);
    await listing.close();
    answer = { status: 403, body: { error: { code: 403, message: "no", status: "PERMISSION_DENIED" } } };
    await expect(make().listModels!({})).rejects.toMatchObject({ code: "permission" });
    const aborted = new AbortController();
    aborted.abort();
    await expect(make().listModels!({ signal: aborted.signal })).rejects.toMatchObject({ code: "aborted" });
  });
});
