import { describe, expect, it } from "vitest";
import { GeminiBackend } from "../../../src/backends/gemini/backend.js";
import type { GeminiConfig } from "../../../src/backends/gemini/config.js";
import { BackendError } from "../../../src/errors.js";
import type { Message } from "../../../src/formatter/messages.js";
import { Orchestrator } from "../../../src/index.js";
import { type Emulator, type EmulatorOptions, startEmulator } from "../../../src/testing/emulator/emulator.js";
import { collect } from "../../backends/http.js";
import { framesOf, type Json } from "./client.js";

const MODEL = "gemini-3-flash-preview";
const look = { name: "look", description: "d", inputSchema: { type: "object", properties: {} } };
const declared = [{ functionDeclarations: [{ name: "look", parametersJsonSchema: { type: "object", properties: {} } }] }];
const HELLO = { contents: [{ role: "user", parts: [{ text: "hello" }] }] };

async function run(test: (emulator: Emulator) => Promise<void>, options: EmulatorOptions = {}): Promise<void> {
  await using emulator = await startEmulator(options);
  await test(emulator);
}

const backend = (emulator: Emulator, config: Partial<GeminiConfig> = {}) =>
  new GeminiBackend({ type: "gemini", model: MODEL, baseUrl: emulator.url, ...config });

function post(emulator: Emulator, body: unknown, method = "streamGenerateContent?alt=sse", model = MODEL, headers = {}): Promise<Response> {
  return fetch(`${emulator.url}/v1beta/models/${model}:${method}`, { method: "POST", body: JSON.stringify(body), headers });
}

describe("Gemini over the emulator", () => {
  it("reads text, thoughts, calls and usage, however they are framed", () =>
    run(async (emulator) => {
      for (const framing of [{}, { crlf: true }, { comments: true }, { bytesPerWrite: 1, crlf: true }]) {
        emulator.reply({
          reasoning: "thinking it over",
          text: "Hello 😀 there",
          toolCalls: [
            { name: "look", input: { a: "\n\n" } },
            { name: "look", input: {}, id: "own" },
          ],
          usage: { inputTokens: 10, outputTokens: 20, cachedInputTokens: 4, reasoningTokens: 5 },
          chunkSize: 3,
          framing,
        });
        const reply = await collect(backend(emulator), { tools: [look] });
        expect(reply).toMatchObject({
          text: "Hello 😀 there",
          reasoning: "thinking it over",
          calls: [
            { id: "call_0", name: "look", input: { a: "\n\n" } },
            { id: "own", name: "look", input: {} },
          ],
          usage: { inputTokens: 10, outputTokens: 20, cachedInputTokens: 4, reasoningTokens: 5 },
          finish: "tool-calls",
          raw: "STOP",
        });
      }
    }));

  it("takes two steps with tools, and the signatures back; another model's calls as well", () =>
    run(async (emulator) => {
      emulator.reply(
        {
          text: "let me see",
          toolCalls: [
            { name: "look", input: { a: 1 } },
            { name: "look", input: { a: 2 } },
          ],
        },
        "done",
        "done too",
      );
      const ask: Message = { role: "user", content: "hi" };
      const first = await collect(backend(emulator), { messages: [ask], tools: [look] });
      const results: Message = {
        role: "tool",
        content: first.calls.map(({ id }) => ({ type: "tool-result", toolCallId: id, toolName: "look", output: `saw ${id}` })),
      };
      const messages = [ask, first.message!, results];
      const second = await collect(backend(emulator), { messages, tools: [look] });
      expect([second.text, second.error]).toEqual(["done", undefined]);
      const { contents } = emulator.requests[1]!.body as { contents: { parts: { thoughtSignature?: string }[] }[] };
      expect(contents[1]!.parts.map((part) => part.thoughtSignature !== undefined)).toEqual([false, true, false]);
      const other = await collect(backend(emulator, { model: "gemini-3.1-pro-preview" }), { messages, tools: [look] });
      expect([other.text, other.error]).toEqual(["done too", undefined]);

      // Without its signature, or with another, the same conversation is refused.
      const stripped = JSON.parse(JSON.stringify(contents), (key, value) => (key === "thoughtSignature" ? undefined : value));
      const forged = JSON.parse(JSON.stringify(contents), (key, value) => (key === "thoughtSignature" ? "AAAA" : value));
      for (const [body, message] of [
        [stripped, /missing a thought_signature/],
        [forged, /signature is not valid/],
      ] as const) {
        const response = await post(emulator, { contents: body, tools: declared });
        expect(response.status).toBe(400);
        expect(((await response.json()) as { error: Json }).error.message).toMatch(message);
      }
    }));

  it("fails in the ways that a provider does", () =>
    run(async (emulator) => {
      emulator.reply(
        { text: "half of it", fault: { type: "end", afterChunks: 1 } },
        { text: "half of it", fault: { type: "reset", afterChunks: 1 } },
        { text: "x", fault: { type: "no-finish" } },
        { text: "x", fault: { type: "garbage" } },
        { text: "half of it", fault: { type: "truncated-json", afterChunks: 1 } },
        { text: "x", fault: { type: "error-event", message: "broke" } },
        { fault: { type: "status", status: 429, retryAfter: 3 } },
        { fault: { type: "status", status: 503 } },
        { toolCalls: [{ name: "look", arguments: "{bad" }] },
        { text: "x", finishReason: "SAFETY" },
      );
      const codes: unknown[] = [];
      for (let i = 0; i < 9; i++) {
        const { error, finish } = await collect(backend(emulator), { tools: [look] });
        expect(error).toBeInstanceOf(BackendError);
        expect(finish).toBeUndefined();
        codes.push([error.code, error.retryable, error.retryAfterMs]);
      }
      expect(codes).toEqual([
        ["stream_truncated", true, undefined],
        ["connection", true, undefined],
        ["stream_truncated", true, undefined],
        ["stream_error", true, undefined],
        ["stream_error", true, undefined],
        ["server_error", true, undefined],
        ["rate_limit", true, 3000],
        ["overloaded", true, undefined],
        ["stream_error", true, undefined],
      ]);
      expect((await collect(backend(emulator))).finish).toBe("content-filter");
    }));

  it("counts, lists, and knows keys and models", () =>
    run(
      async (emulator) => {
        const good = backend(emulator, { apiKey: "right-key" });
        expect(
          await good.countTokens({ system: "s", messages: [{ role: "user", content: "a long question" }], tools: [look] }),
        ).toBeGreaterThan(10);
        expect(await good.listModels()).toEqual([{ id: MODEL, contextWindow: 1_048_576 }]);
        expect((await collect(backend(emulator, { apiKey: "wrong-key" }))).error).toMatchObject({ code: "authentication", status: 400 });
        const missing = await post(emulator, HELLO);
        expect([missing.status, await missing.json()]).toMatchObject([403, { error: { status: "PERMISSION_DENIED" } }]);
        const { error } = await collect(backend(emulator, { apiKey: "right-key", model: "gemini-9" }));
        expect(error).toMatchObject({
          code: "model_not_found",
          status: 404,
          message: expect.stringContaining("models/gemini-9 is not found"),
        });
      },
      { apiKey: "right-key", models: [MODEL] },
    ));

  it("answers in one piece when not asked to stream", () =>
    run(async (emulator) => {
      emulator.reply({ text: "hi", reasoning: "hidden", toolCalls: [{ name: "look" }] });
      const body = (await (await post(emulator, HELLO, "generateContent")).json()) as Json;
      expect(body).toMatchObject({
        candidates: [
          { content: { role: "model", parts: [{ text: "hi" }, { functionCall: { name: "look", args: {} } }] }, finishReason: "STOP" },
        ],
        usageMetadata: { promptTokenCount: expect.any(Number), thoughtsTokenCount: expect.any(Number) },
      });
      emulator.reply("streamed");
      const frames = framesOf(await (await post(emulator, HELLO)).text());
      expect(frames.at(-1)).toMatchObject({
        candidates: [{ finishReason: "STOP", content: { parts: [{ text: "", thoughtSignature: expect.any(String) }] } }],
      });
    }));

  it("shows rules the conversation in no dialect's words", () =>
    run(async (emulator) => {
      const seen: unknown[] = [];
      emulator.reply((prompt) => {
        seen.push(prompt.messages, prompt.tools, prompt.toolChoice, prompt.model);
        return "ok";
      });
      const messages: Message[] = [
        { role: "user", content: "hi" },
        {
          role: "assistant",
          content: [
            { type: "text", text: "t" },
            { type: "tool-call", toolCallId: "c1", toolName: "look", input: { a: 1 } },
          ],
        },
        { role: "tool", content: [{ type: "tool-result", toolCallId: "c1", toolName: "look", output: "r" }] },
      ];
      await collect(backend(emulator), { system: "sys", messages, tools: [look], toolChoice: { toolName: "look" } });
      expect(seen).toEqual([
        [
          { role: "system", text: "sys", toolCalls: [] },
          { role: "user", text: "hi", toolCalls: [] },
          { role: "assistant", text: "t", toolCalls: [{ id: "c1", name: "look", arguments: '{"a":1}' }] },
          { role: "tool", text: "r", toolCalls: [], toolCallId: "c1" },
        ],
        [look].map((tool) => ({ ...tool })),
        { toolName: "look" },
        MODEL,
      ]);
    }));

  it("takes a run of one agent to its answer, and of two to consensus", () =>
    run(
      async (emulator) => {
        const agent = (id: string) => ({ id, backend: { type: "gemini" as const, model: MODEL, baseUrl: emulator.url } });
        const alone = new Orchestrator({ agents: [agent("solo")] });
        expect(await alone.run("What is 6 times 7?").result).toMatchObject({ text: "42", reason: "single" });
        const team = new Orchestrator({ agents: [agent("a"), agent("b")] });
        expect(await team.run("What is 6 times 7?").result).toMatchObject({ text: "42", reason: "consensus" });
        expect(emulator.requests.every((request) => request.status === 200)).toBe(true);
      },
      {
        respond: (prompt) => {
          const offers = (name: string) => prompt.tools.some((tool) => tool.name === name);
          const votes = prompt.tools.find((tool) => tool.name === "vote");
          if (votes) return { toolCalls: [{ name: "vote", input: { agent_id: "agent1", reason: "right" } }] };
          return offers("new_answer") ? { toolCalls: [{ name: "new_answer", input: { content: "It is 42, as 6 times 7 is 42." } }] } : "42";
        },
      },
    ));
});

describe("what the Gemini API refuses, the emulator refuses", () => {
  const user = (...parts: unknown[]) => ({ role: "user", parts });
  const model = (...parts: unknown[]) => ({ role: "model", parts });
  const call = { functionCall: { name: "look", args: {} }, thoughtSignature: "skip_thought_signature_validator" };
  const response = { functionResponse: { name: "look", response: { output: "x" } } };
  const hi = user({ text: "hi" });
  const config = (functionCallingConfig: unknown, tools: unknown = declared) => ({
    ...HELLO,
    tools,
    toolConfig: { functionCallingConfig },
  });

  it.each<[string, unknown, RegExp, string?]>([
    ["no contents", {}, /contents is not specified/],
    ["empty contents", { contents: [] }, /contents is not specified/],
    ["a role it does not have", { contents: [{ role: "assistant", parts: [{ text: "x" }] }] }, /valid role: user, model/],
    ["no parts", { contents: [user()] }, /contents\[0\]\.parts: contents\.parts must not be empty/],
    ["an empty part", { contents: [user({})] }, /required oneof field 'data'/],
    ["a part of two kinds", { contents: [user({ text: "x", inlineData: { mimeType: "image/png", data: "AA" } })] }, /oneof/],
    ["an unknown field of a part", { contents: [user({ text: "x", cache: 1 })] }, /Unknown name "cache" at 'contents\[0\]\.parts\[0\]'/],
    ["an unknown parameter", { ...HELLO, temperature: 1 }, /Unknown name "temperature": Cannot find field/],
    [
      "an unknown generation parameter",
      { ...HELLO, generationConfig: { maxTokens: 1 } },
      /Unknown name "max_tokens" at 'generation_config'/,
    ],
    [
      "bytes that are not base64",
      { contents: [user({ inlineData: { mimeType: "image/png", data: "data:x" } })] },
      /Base64 decoding failed/,
    ],
    ["a call without an answer", { contents: [hi, model(call)] }, /number of function response parts/],
    ["fewer answers than calls", { contents: [hi, model(call, call), user(response)] }, /number of function response parts/],
    ["an answer without a call", { contents: [hi, user(response)] }, /function response turn comes immediately after a function call/],
    ["a call first", { contents: [model(call), user(response)] }, /function call turn comes immediately after/],
    [
      "a response that is no object",
      { contents: [hi, model(call), user({ functionResponse: { name: "look", response: "x" } })] },
      /Struct/,
    ],
    ["a response without a name", { contents: [hi, model(call), user({ functionResponse: { response: {} } })] }, /Name cannot be empty/],
    [
      "a call without a signature",
      { contents: [hi, model({ functionCall: call.functionCall }), user(response)] },
      /missing a thought_signature/,
    ],
    ["a bad tool name", { ...HELLO, tools: [{ functionDeclarations: [{ name: "1 x" }] }] }, /Invalid function name/],
    ["a tool twice", { ...HELLO, tools: [...declared, ...declared] }, /Duplicate function declaration/],
    ["a tool of another API", { ...HELLO, tools: [{ type: "function" }] }, /Unknown name "type" at 'tools\[0\]'/],
    [
      "built-in tools beside functions, unasked",
      { ...HELLO, tools: [...declared, { googleSearch: {} }] },
      /include_server_side_tool_invocations/,
    ],
    ["built-in tools beside functions", { ...HELLO, tools: [...declared, { googleSearch: {} }] }, /unsupported/, "gemini-2.5-flash"],
    ["functions of a model for pictures", { ...HELLO, tools: declared }, /not enabled/, "gemini-2.5-flash-image"],
    ["a mode it does not have", config({ mode: "REQUIRED" }), /mode/],
    ["a mode without functions", config({ mode: "ANY" }, [{ codeExecution: {} }]), /without function_declarations/],
    ["names beside AUTO", config({ mode: "AUTO", allowedFunctionNames: ["look"] }), /only when the mode is ANY/],
    ["names that are not declared", config({ mode: "ANY", allowedFunctionNames: ["peek"] }), /"peek"/],
    ["streamed arguments", config({ streamFunctionCallArguments: true }), /Unknown name "stream_function_call_arguments"/],
    ["an unknown word on thinking", { ...HELLO, generationConfig: { thinkingConfig: { budget: 1 } } }, /"budget" at 'generation_config/],
    ["a level and a budget", { ...HELLO, generationConfig: { thinkingConfig: { thinkingLevel: "LOW", thinkingBudget: 1 } } }, /only one/],
    [
      "a level of 2.5",
      { ...HELLO, generationConfig: { thinkingConfig: { thinkingLevel: "LOW" } } },
      /level is not supported/,
      "gemini-2.5-pro",
    ],
    [
      "no thinking of 2.5 Pro",
      { ...HELLO, generationConfig: { thinkingConfig: { thinkingBudget: 0 } } },
      /only works in thinking mode/,
      "gemini-2.5-pro",
    ],
    [
      "too large a budget",
      { ...HELLO, generationConfig: { thinkingConfig: { thinkingBudget: 99_999 } } },
      /between 0 and 24576/,
      "gemini-2.5-flash",
    ],
    ["thinking of 2.0", { ...HELLO, generationConfig: { thinkingConfig: { includeThoughts: true } } }, /not enabled/, "gemini-2.0-flash"],
    ["a temperature out of range", { ...HELLO, generationConfig: { temperature: 3 } }, /temperature value of 3/],
    ["a schema without JSON", { ...HELLO, generationConfig: { responseJsonSchema: {} } }, /response mime type/],
    ["a safety category it does not have", { ...HELLO, safetySettings: [{ category: "C", threshold: "OFF" }] }, /category/],
    ["an unknown field of the system message", { ...HELLO, systemInstruction: { text: "x" } }, /system_instruction/],
  ])("%s", (_, body, message, id) =>
    run(async (emulator) => {
      const refused = await post(emulator, body, undefined, id);
      expect(refused.status).toBe(400);
      const { error } = (await refused.json()) as { error: Json };
      expect(error).toMatchObject({ code: 400, status: "INVALID_ARGUMENT", message: expect.stringMatching(message) });
    }),
  );

  it("both spellings and nulls are taken", () =>
    run(async (emulator) => {
      emulator.reply("ok");
      const body = {
        contents: [hi],
        system_instruction: null,
        generation_config: { max_output_tokens: 5, topP: null },
        tool_config: { function_calling_config: { mode: "ANY" } },
        tools: [{ function_declarations: [{ name: "look" }] }],
      };
      expect((await post(emulator, body)).status).toBe(200);
    }));

  it("a count is of a request or of contents, not of both", () =>
    run(async (emulator) => {
      expect((await post(emulator, HELLO, "countTokens")).status).toBe(200);
      const both = await post(emulator, { ...HELLO, generateContentRequest: { model: "models/m", ...HELLO } }, "countTokens");
      expect(((await both.json()) as { error: Json }).error.message).toMatch(/mutually exclusive/);
      const nameless = await post(emulator, { generateContentRequest: HELLO }, "countTokens");
      expect(nameless.status).toBe(400);
    }));
});
