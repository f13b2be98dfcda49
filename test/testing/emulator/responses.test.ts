import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { startEmulator } from "../../../src/testing/emulator/emulator.js";
import { checkResponsesRequest } from "../../../src/testing/emulator/responses-request.js";
import { encrypt } from "../../../src/testing/emulator/sealed.js";
import { framesOf } from "./client.js";

type Json = Record<string, unknown>;

const HELLO = { model: "m", input: "hello" };
const TOOL = { type: "function", name: "look", parameters: { type: "object", properties: {} }, strict: false };
const CALL = { type: "function_call", call_id: "c", name: "look", arguments: "{}" };
const RESULT = { type: "function_call_output", call_id: "c", output: "trees" };
const user = (content: unknown) => ({ role: "user", content });

describe("what the Responses API refuses", () => {
  const sealed = encrypt("m", "thought");
  const wrong: [string, Json, Json][] = [
    ["no model", { model: undefined }, { code: "missing_required_parameter", param: "model" }],
    ["no input", { input: undefined }, { code: "missing_required_parameter" }],
    ["input of another type", { input: 1 }, { code: "invalid_type", param: "input" }],
    ["messages", { messages: [] }, { code: "unsupported_parameter", param: "messages" }],
    ["max_tokens", { max_tokens: 100 }, { code: "unsupported_parameter", message: expect.stringContaining("max_output_tokens") }],
    ["an earlier response", { previous_response_id: "resp_1" }, { code: "previous_response_not_found" }],
    ["a role", { input: [{ role: "tool", content: "x" }] }, { code: "invalid_value", param: "input[0].role" }],
    [
      "a part of another role",
      { input: [user([{ type: "output_text", text: "x" }])] },
      { code: "invalid_value", param: "input[0].content[0].type" },
    ],
    ["a result without its call", { input: [RESULT] }, { message: "No tool call found for function call output with call_id c." }],
    ["a call without its result", { input: [CALL] }, { message: "No tool output found for function call c." }],
    ["a call without arguments", { input: [{ ...CALL, arguments: undefined }] }, { param: "input[0].arguments" }],
    [
      "reasoning on its own",
      { input: [{ type: "reasoning", id: "rs", summary: [], encrypted_content: sealed }, user("x")] },
      { message: expect.stringContaining("without its required following item") },
    ],
    [
      "reasoning that is not kept",
      { store: false, input: [{ type: "reasoning", id: "rs_1", summary: [] }, CALL, RESULT] },
      { status: 404, message: expect.stringContaining("'rs_1' not found. Items are not persisted") },
    ],
    [
      "reasoning of another model",
      { model: "n", input: [{ type: "reasoning", id: "rs", summary: [], encrypted_content: sealed }, CALL, RESULT] },
      { code: "invalid_encrypted_content" },
    ],
    ["a tool in the shape of chat", { tools: [{ type: "function", function: TOOL }] }, { param: "tools[0].name" }],
    ["a strict tool with an open schema", { tools: [{ ...TOOL, strict: true }] }, { code: "invalid_function_parameters" }],
    ["a choice of no tool", { tools: [TOOL], tool_choice: { type: "function", name: "x" } }, { param: "tool_choice" }],
    ["stream options without a stream", { stream_options: {} }, { param: "stream_options" }],
    [
      "a temperature below zero",
      { temperature: -1 },
      { code: "decimal_below_min_value", message: expect.stringContaining("but got -1 instead") },
    ],
    ["too low a limit", { max_output_tokens: 5 }, { code: "integer_below_min_value" }],
    [
      "reasoning for a model without",
      { model: "gpt-4o", reasoning: { effort: "low" } },
      { code: "unsupported_parameter", param: "reasoning.effort" },
    ],
    ["an effort the model lacks", { model: "gpt-5", reasoning: { effort: "none" } }, { code: "unsupported_value" }],
    ["encrypted reasoning for a model without", { model: "gpt-4o", include: ["reasoning.encrypted_content"] }, { param: "include" }],
    ["temperature for a model that reasons", { model: "gpt-5.2", reasoning: { effort: "low" }, temperature: 1 }, { param: "temperature" }],
  ];
  it.each(wrong)("%s", (_, body, expected) => {
    expect(checkResponsesRequest({ ...HELLO, ...body }, false)).toMatchObject({
      status: 400,
      errorType: "invalid_request_error",
      ...expected,
    });
  });

  it("parameters it does not know, when strict", () => {
    const body = { ...HELLO, foo: 1 };
    expect(checkResponsesRequest(body, false)).toBeUndefined();
    expect(checkResponsesRequest(body, true)).toMatchObject({ code: "unknown_parameter", param: "foo" });
  });

  it("and takes what is right", () => {
    const input = [
      user("a"),
      { type: "reasoning", id: "rs", summary: [], encrypted_content: sealed },
      CALL,
      RESULT,
      { role: "assistant", content: "b" },
    ];
    expect(checkResponsesRequest({ ...HELLO, store: false, input, tools: [TOOL] }, true)).toBeUndefined();
    expect(checkResponsesRequest({ model: "gpt-5.2", input: "x", temperature: 1 }, true)).toBeUndefined();
  });
});

describe("the OpenAI SDK against the emulated Responses API", () => {
  const client = (baseURL: string) =>
    new OpenAI({ baseURL, apiKey: "key", organization: null, project: null, maxRetries: 0, logLevel: "off" });

  it("streams, calls tools, goes on, counts and compacts", async () => {
    await using emulator = await startEmulator({ strict: true });
    const sdk = client(emulator.baseUrl);
    emulator.reply({ reasoning: "hm", text: "One moment.", toolCalls: [{ name: "look", input: { at: "n" } }] }, "North it is.");
    const request = { model: "gpt-5.2", store: false, include: ["reasoning.encrypted_content" as const], tools: [TOOL as never] };
    const first = await sdk.responses.stream({ ...request, input: "go" }).finalResponse();
    expect(first.output.map((item) => item.type)).toEqual(["reasoning", "message", "function_call"]);
    expect([first.output_text, first.status]).toEqual(["One moment.", "completed"]);
    const call = first.output[2] as { call_id: string; arguments: string };
    expect(call.arguments).toBe('{"at":"n"}');
    const input = [user("go"), ...first.output, { ...RESULT, call_id: call.call_id }] as never;
    expect((await sdk.responses.create({ ...request, input })).output_text).toBe("North it is.");
    expect((await sdk.responses.inputTokens.count({ model: "gpt-5.2", input })).input_tokens).toBeGreaterThan(10);
    const compacted = await sdk.responses.compact({ model: "gpt-5.2", input });
    expect(compacted.output.map((item) => item.type)).toEqual(["message", "compaction"]);
    emulator.assertComplete();
  });

  it("speaks of each event by name, counts them without gaps, and can fail inside the stream", async () => {
    await using emulator = await startEmulator();
    emulator.reply({ text: "abc", chunkSize: 1 }, { text: "abc", fault: { type: "error-event", message: "busy" } });
    const post = () => fetch(`${emulator.baseUrl}/responses`, { method: "POST", body: JSON.stringify({ ...HELLO, stream: true }) });
    const body = await (await post()).text();
    const events = framesOf(body) as { type: string; sequence_number: number }[];
    expect([...body.matchAll(/^event: (.*)$/gm)].map(([, name]) => name)).toEqual(events.map((event) => event.type));
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
    expect(events.filter((event) => event.type === "response.output_text.delta")).toHaveLength(3);
    expect(framesOf(await (await post()).text()).at(-1)).toMatchObject({ type: "error", error: { message: "busy" } });
  });

  it("has Azure's paths and words", async () => {
    await using emulator = await startEmulator({ models: ["dep"], respond: () => "ok", apiKey: "key" });
    const ask = async (path: string, body: Json, key = "key") => {
      const response = await fetch(emulator.url + path, { method: "POST", body: JSON.stringify(body), headers: { "api-key": key } });
      return [response.status, ((await response.json()) as { error?: { code: string } }).error?.code];
    };
    const messages = [user("x")];
    expect(await ask("/openai/v1/responses", { model: "dep", input: "x" })).toEqual([200, undefined]);
    expect(await ask("/openai/responses?api-version=2025-04-01-preview", { model: "dep", input: "x" })).toEqual([200, undefined]);
    expect(await ask("/openai/responses", { model: "dep", input: "x" })).toEqual([404, "unknown_url"]);
    expect(await ask("/openai/v1/chat/completions", { model: "dep", messages })).toEqual([200, undefined]);
    expect(await ask("/openai/deployments/dep/chat/completions?api-version=2024-10-21", { messages })).toEqual([200, undefined]);
    expect(await ask("/openai/deployments/no/chat/completions?api-version=2024-10-21", { messages })).toEqual([404, "DeploymentNotFound"]);
    expect(await ask("/openai/v1/responses", { model: "dep", input: "x" }, "no")).toEqual([401, "401"]);
  });
});
