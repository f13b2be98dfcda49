import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GeminiBackend } from "../../src/backends/gemini/backend.js";
import type { GeminiProviderData } from "../../src/formatter/gemini.js";
import { collect, type Reply, serve, type TestServer } from "./http.js";

let server: TestServer;
let body = "";
let contentType = "text/event-stream";
/** Bytes per write. */
let step = 1e6;

beforeEach(async () => {
  contentType = "text/event-stream";
  step = 1e6;
  server = await serve(async (response) => {
    response.writeHead(200, { "content-type": contentType });
    for (let at = 0; at < body.length; at += step) {
      response.write(body.slice(at, at + step));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  });
});
afterEach(() => server.close());

/** A chunk of one candidate. */
function chunk(parts: unknown[], fields: Record<string, unknown> = {}): unknown {
  return { candidates: [{ content: { role: "model", parts }, ...fields }], modelVersion: "m-1", responseId: "r1" };
}

function read(chunks: unknown[], model = "gemini-test"): Promise<Reply> {
  body = chunks.map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`).join("");
  return collect(new GeminiBackend({ type: "gemini", model, baseUrl: server.url }));
}

const STOP = { finishReason: "STOP" };

describe("replies", () => {
  test("name their id and model first", async () => {
    const { chunks } = await read([chunk([{ text: "a" }], STOP)]);
    expect(chunks[0]).toEqual({ type: "response-metadata", id: "r1", model: "m-1" });
  });

  test("thoughts are reasoning, the rest is text; other candidates are not read", async () => {
    const reply = await read([
      chunk([{ text: "hm", thought: true }, { text: "a" }]),
      { candidates: [{ index: 1, content: { parts: [{ text: "other" }] }, finishReason: "SAFETY" }] },
      chunk([{ text: "b", thoughtSignature: "s" }], STOP),
    ]);
    expect([reply.text, reply.reasoning, reply.finish, reply.raw]).toEqual(["ab", "hm", "stop", "STOP"]);
    expect(reply.chunks.find((one) => one.type === "reasoning-delta")).toMatchObject({ kind: "summary" });
    expect(reply.message).toEqual({
      role: "assistant",
      content: [
        { type: "reasoning", text: "hm", kind: "summary" },
        { type: "text", text: "ab" },
        {
          type: "provider",
          provider: "gemini",
          endpoint: server.url,
          model: "gemini-test",
          data: { parts: [{ text: "hm", thought: true }, { text: "a" }, { text: "b", thoughtSignature: "s" }] },
        },
      ],
    });
  });

  test("calls keep their ids where these are good, and get one where they are not", async () => {
    const call = (id?: string) => ({ functionCall: { ...(id && { id }), name: "look", args: { a: 1 } } });
    const reply = await read([chunk([call("x"), call(), call("x")]), chunk([], STOP)]);
    expect(reply.calls.map(({ id }) => id)).toEqual(["x", "call_0", "call_1"]);
    expect(reply.finish).toBe("tool-calls");
    expect(reply.chunks.filter((one) => one.type.startsWith("tool-input")).length).toBe(6);
  });

  test("generated ids count on from the calls of the conversation", async () => {
    body = `data: ${JSON.stringify(chunk([{ functionCall: { name: "look" } }], STOP))}\n\n`;
    const messages = [
      { role: "assistant" as const, content: [{ type: "tool-call" as const, toolCallId: "call_0", toolName: "look", input: {} }] },
    ];
    const reply = await collect(new GeminiBackend({ type: "gemini", model: "m", baseUrl: server.url }), { messages });
    expect(reply.calls).toEqual([{ id: "call_1", name: "look", input: {} }]);
  });

  test("a call without a name is invalid, not lost", async () => {
    const { calls } = await read([chunk([{ functionCall: { args: { a: 1 } } }], STOP)]);
    expect(calls).toEqual([{ id: "call_0", name: "", input: '{"a":1}', invalid: expect.stringContaining("name") }]);
  });

  test("pictures are files, sound is one file, thought pictures are sketches", async () => {
    const sound = (bytes: string) => ({ inlineData: { mimeType: "audio/L16;rate=24000", data: Buffer.from(bytes).toString("base64") } });
    const reply = await read([
      chunk([{ inlineData: { mimeType: "image/png", data: "SKETCH" }, thought: true }]),
      chunk([{ text: "look: " }, { inlineData: { mimeType: "image/png", data: "AAAA" }, thoughtSignature: "s" }]),
      chunk([sound("ab")]),
      chunk([sound("c")]),
      chunk([{ text: "done" }, { fileData: { mimeType: "video/mp4", fileUri: "https://f/1" } }], STOP),
    ]);
    const files = reply.chunks.filter((one) => one.type === "file");
    expect(files).toEqual([
      { type: "file", mediaType: "image/png", data: "AAAA" },
      { type: "file", mediaType: "audio/L16;rate=24000", data: Buffer.from("abc").toString("base64") },
      { type: "file", mediaType: "video/mp4", data: "https://f/1" },
    ]);
    const content = reply.message!.content as { type: string }[];
    expect(content.map((part) => part.type)).toEqual(["text", "file", "file", "text", "file", "provider"]);
    expect((content.at(-1) as unknown as { data: GeminiProviderData }).data.parts.length).toBe(7);
  });

  test("sound that breaks off is told all the same", async () => {
    const { chunks, error } = await read([chunk([{ inlineData: { mimeType: "audio/wav", data: "QUJD" } }])]);
    expect(chunks.at(-1)).toEqual({ type: "file", mediaType: "audio/wav", data: "QUJD" });
    expect(error.code).toBe("stream_truncated");
  });

  test("code that Google ran, its failure, and tools of the server", async () => {
    const { chunks } = await read([
      chunk([
        { executableCode: { language: "PYTHON", code: "1/0" } },
        { codeExecutionResult: { outcome: "OUTCOME_FAILED", output: "div" } },
      ]),
      chunk([
        { toolCall: { id: "t1", toolType: "GOOGLE_SEARCH_WEB", args: { queries: ["q"] } } },
        { toolResponse: { id: "t1", toolType: "GOOGLE_SEARCH_WEB", response: { ok: 1 } } },
      ]),
      chunk([{ text: "x" }], { ...STOP, groundingMetadata: { webSearchQueries: ["q"] } }),
    ]);
    expect(chunks.filter((one) => one.type === "builtin-tool")).toEqual([
      {
        type: "builtin-tool",
        id: "code_execution:1",
        toolName: "code_execution",
        state: "started",
        input: { language: "python", code: "1/0" },
      },
      {
        type: "builtin-tool",
        id: "code_execution:1",
        toolName: "code_execution",
        state: "failed",
        output: { outcome: "OUTCOME_FAILED", output: "div" },
      },
      { type: "builtin-tool", id: "t1", toolName: "google_search_web", state: "started", input: { queries: ["q"] } },
      { type: "builtin-tool", id: "t1", toolName: "google_search_web", state: "finished", output: { ok: 1 } },
    ]);
  });

  test("sources of all kinds, each once; a search is told as a built-in tool", async () => {
    const grounding = {
      webSearchQueries: ["q1", "q2"],
      groundingChunks: [
        { web: { uri: "https://a", title: "A" } },
        { web: { uri: "https://a", title: "A" } },
        { retrievedContext: { uri: "files/1", title: "F", text: "quote" } },
        { maps: { uri: "https://maps/1", title: "M" } },
        { image: { sourceUri: "https://i", title: "I" } },
      ],
    };
    const reply = await read([
      chunk([{ text: "x" }], { groundingMetadata: grounding }),
      chunk([], {
        ...STOP,
        groundingMetadata: grounding,
        citationMetadata: { citationSources: [{ uri: "https://c", title: "C" }] },
        urlContextMetadata: {
          urlMetadata: [
            { retrievedUrl: "https://u", urlRetrievalStatus: "URL_RETRIEVAL_STATUS_SUCCESS" },
            { retrievedUrl: "https://v", urlRetrievalStatus: "URL_RETRIEVAL_STATUS_ERROR" },
          ],
        },
      }),
    ]);
    expect(reply.sources).toEqual([
      { url: "https://a", title: "A" },
      { url: "files/1", title: "F", text: "quote" },
      { url: "https://maps/1", title: "M" },
      { url: "https://i", title: "I" },
      { url: "https://c", title: "C" },
      { url: "https://u" },
    ]);
    expect(reply.chunks.filter((one) => one.type === "builtin-tool")).toEqual([
      { type: "builtin-tool", id: "google_search:r1", toolName: "google_search", state: "finished", input: { queries: ["q1", "q2"] } },
    ]);
  });

  test("usage: thoughts are output, what tools brought is input, the last word of each figure counts", async () => {
    const { usage } = await read([
      { usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 4, thoughtsTokenCount: 3 } },
      { usageMetadata: { promptTokenCount: 10, trafficType: "ON_DEMAND" } },
      {
        ...(chunk([{ text: "x" }], STOP) as object),
        usageMetadata: { promptTokenCount: 12, toolUsePromptTokenCount: 5, cachedContentTokenCount: 6 },
      },
    ]);
    expect(usage).toEqual({ inputTokens: 17, outputTokens: 7, cachedInputTokens: 6, reasoningTokens: 3 });
  });

  test("what is not known is warned about once, and goes back", async () => {
    const hologram = { hologram: { a: 1 } };
    const { chunks, message } = await read([chunk([hologram, hologram]), { novel: true }, chunk([{ text: "x" }], STOP)]);
    expect(chunks.filter((one) => one.type === "warning")).toEqual([
      { type: "warning", code: "ignored_output", message: expect.stringContaining('"hologram"') },
    ]);
    expect(JSON.stringify(message)).toContain('"parts":[{"hologram":{"a":1}},{"hologram":{"a":1}},{"text":"x"}]');
  });
});

describe("streamed arguments", () => {
  const begin = chunk([{ functionCall: { name: "write", willContinue: true }, thoughtSignature: "s" }]);
  const piece = (jsonPath: string, value: object, willContinue?: boolean) =>
    chunk([{ functionCall: { partialArgs: [{ jsonPath, ...value }], ...(willContinue && { willContinue }) } }]);

  test("come as they are written", async () => {
    const reply = await read([
      begin,
      piece("$.content", { stringValue: "Hel", willContinue: true }, true),
      piece("$.content", { stringValue: "lo", willContinue: true }, true),
      piece("$.content", { stringValue: "" }, true),
      chunk([{ functionCall: {} }]),
      chunk([{ text: "" }], STOP),
    ]);
    const deltas = reply.chunks.flatMap((one) => (one.type === "tool-input-delta" ? [one.delta] : []));
    expect(deltas).toEqual(['{"content":"Hel', "lo", '"', "}"]);
    expect(reply.calls).toEqual([{ id: "call_0", name: "write", input: { content: "Hello" } }]);
  });

  test("cut by the output limit are invalid, and go back as valid JSON", async () => {
    const reply = await read([
      begin,
      piece("$.a", { stringValue: "He", willContinue: true }, true),
      chunk([], { finishReason: "MAX_TOKENS" }),
    ]);
    expect(reply.finish).toBe("length");
    expect(reply.calls).toEqual([{ id: "call_0", name: "write", input: '{"a":"He"}', invalid: expect.stringContaining("output limit") }]);
    expect(JSON.stringify(reply.message)).toContain('"functionCall":{"name":"write","args":{"invalid_json":"{\\"a\\":\\"He\\"}"}}');
  });

  test("that break off, or cannot be placed, are invalid too", async () => {
    const broken = await read([begin, piece("$.a", { stringValue: "He", willContinue: true }, true), chunk([], STOP)]);
    expect(broken.calls[0]).toMatchObject({ invalid: expect.stringContaining("broke off") });
    const astray = await read([begin, piece("a", { numberValue: 1 }, true), chunk([{ functionCall: {} }], STOP)]);
    expect(astray.calls[0]).toMatchObject({ invalid: expect.stringContaining('"a"') });
  });

  test("text ends a call that was not ended", async () => {
    const reply = await read([begin, piece("$.a", { numberValue: 1 }, true), chunk([{ text: "so" }], STOP)]);
    expect(reply.calls).toEqual([{ id: "call_0", name: "write", input: { a: 1 } }]);
    expect(reply.streamedInputs.call_0).toBe('{"a":1}');
    expect(reply.text).toBe("so");
  });

  test("whole arguments after an opened call belong to it", async () => {
    const reply = await read([begin, chunk([{ functionCall: { args: { a: { b: 1 } } } }], STOP)]);
    expect(reply.calls).toEqual([{ id: "call_0", name: "write", input: { a: { b: 1 } } }]);
    expect(reply.streamedInputs.call_0).toBe('{"a":{"b":1}}');
  });
});

describe("ends", () => {
  test.each([
    ["MAX_TOKENS", "length"],
    ["OTHER", "other"],
    ["SOMETHING_NEW", "other"],
    ["CONTINUATION", "pause"],
  ])("%s is %s", async (finishReason, finish) => {
    expect(await read([chunk([{ text: "x" }], { finishReason })])).toMatchObject({ finish, raw: finishReason });
  });

  test.each(["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY"])(
    "%s is a filter, and says what it stopped",
    async (finishReason) => {
      const safetyRatings = [{ category: "HARM_CATEGORY_X", blocked: true }, { category: "HARM_CATEGORY_Y" }];
      const reply = await read([chunk([{ text: "x" }], { finishReason, safetyRatings, finishMessage: "Not this." })]);
      expect([reply.text, reply.finish]).toEqual(["x", "content-filter"]);
      const warning = reply.chunks.find((one) => one.type === "warning");
      expect(warning).toMatchObject({
        code: "content_filter",
        message: expect.stringMatching(`${finishReason}.*Not this.*HARM_CATEGORY_X`),
      });
      expect(JSON.stringify(warning)).not.toContain("HARM_CATEGORY_Y");
    },
  );

  test.each([
    ["MALFORMED_FUNCTION_CALL", "stream_error", true],
    ["UNEXPECTED_TOOL_CALL", "stream_error", true],
    ["MISSING_THOUGHT_SIGNATURE", "bad_request", false],
  ])("%s is an error", async (finishReason, code, retryable) => {
    const { error, finish, usage } = await read([
      { ...(chunk([], { finishReason, finishMessage: "look(" }) as object), usageMetadata: { promptTokenCount: 1 } },
    ]);
    expect(error).toMatchObject({ code, retryable, message: expect.stringMatching(`${finishReason}.*look\\(`) });
    expect(finish).toBeUndefined();
    expect(usage).toEqual({ inputTokens: 1, outputTokens: 0 });
  });

  test("a paused reply brings its token along", async () => {
    const { message } = await read([chunk([{ text: "x" }], { finishReason: "CONTINUATION", continuationToken: "tok" })]);
    expect(JSON.stringify(message)).toContain('"continuationToken":"tok"');
  });

  test.each([
    ["with a status", { error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } }, "overloaded", true],
    [
      "quota",
      { error: { code: 429, message: "slow", status: "RESOURCE_EXHAUSTED", details: [{ retryDelay: "2.5s" }] } },
      "rate_limit",
      true,
    ],
    ["with a code the SDK does not know", { error: { code: 13, message: "internal thing", status: "INTERNAL" } }, "stream_error", true],
  ])("an error inside the stream, %s", async (_, event, code, retryable) => {
    const { error, text } = await read([chunk([{ text: "x" }]), event]);
    expect(text).toBe("x");
    expect(error).toMatchObject({ name: "BackendError", code, retryable, message: expect.stringContaining(event.error.message) });
    if (code === "rate_limit") expect(error.retryAfterMs).toBe(2500);
  });

  test("an event that is not JSON", async () => {
    const { error, text } = await read([chunk([{ text: "x" }]), "{oops}", chunk([], STOP)]);
    expect(text).toBe("x");
    expect(error).toMatchObject({ code: "stream_error", retryable: true });
  });

  test("nothing at all", async () => {
    expect((await read([])).error).toMatchObject({ code: "stream_truncated", retryable: true });
  });
});

describe("other framings", () => {
  const answer = [chunk([{ text: 'a "}] ' }]), chunk([{ text: "b\\" }], STOP)];

  test("a JSON array, with and without room", async () => {
    contentType = "application/json; charset=UTF-8";
    for (const text of [
      JSON.stringify(answer),
      JSON.stringify(answer, null, 2),
      `\n[\n${answer.map((one) => JSON.stringify(one)).join("\n,\n\n")}]\n`,
    ]) {
      body = text;
      const reply = await collect(new GeminiBackend({ type: "gemini", model: "m", baseUrl: server.url }));
      expect([reply.text, reply.finish, reply.error]).toEqual(['a "}] b\\', "stop", undefined]);
    }
  });

  test("one JSON object", async () => {
    contentType = "application/json";
    body = JSON.stringify(chunk([{ text: "whole" }], STOP), null, 1);
    expect(await collect(new GeminiBackend({ type: "gemini", model: "m", baseUrl: server.url }))).toMatchObject({
      text: "whole",
      finish: "stop",
    });
  });

  test("an error inside a JSON array", async () => {
    contentType = "application/json";
    body = JSON.stringify([chunk([{ text: "x" }]), { error: { code: 500, message: "oops", status: "INTERNAL" } }]);
    const { error } = await collect(new GeminiBackend({ type: "gemini", model: "m", baseUrl: server.url }));
    expect(error).toMatchObject({ code: "server_error", message: expect.stringContaining("oops") });
  });

  test.each([
    ["comments and blank lines between events", (data: string) => `: more\n\n\n\ndata: ${data}\n\n\n\n`],
    ["comments, names and ids inside events", (data: string) => `: ping\nevent: message\nid: 1\ndata: ${data}\n\n`],
    ["nothing after the colon, lone carriage returns", (data: string) => `event: x\rdata:${data}\r\r`],
    ["data over several lines", (data: string) => `event: x\ndata: ${data.slice(0, 15)}\ndata: ${data.slice(15)}\n\n`],
  ])("%s", async (_, frame) => {
    for (const size of [1e6, 1]) {
      body = answer.map((one) => frame(JSON.stringify(one))).join("");
      step = size;
      const reply = await collect(new GeminiBackend({ type: "gemini", model: "m", baseUrl: server.url }));
      expect([reply.text, reply.finish, reply.error]).toEqual(['a "}] b\\', "stop", undefined]);
      body = body.trimEnd();
      expect((await collect(new GeminiBackend({ type: "gemini", model: "m", baseUrl: server.url }))).finish).toBe("stop");
      body = body.slice(0, -1);
      const cut = await collect(new GeminiBackend({ type: "gemini", model: "m", baseUrl: server.url }));
      expect([cut.text, cut.error?.code]).toEqual(['a "}] ', "stream_truncated"]);
    }
  });
});
