import { describe, expect, test } from "vitest";
import type { Message } from "../../src/formatter/messages.js";
import { fromResponsesItems, toResponsesInput, toResponsesToolChoice, toResponsesTools } from "../../src/formatter/openai-responses.js";

const target = { provider: "openai", endpoint: "https://e/v1", model: "m" };
const state = (items: object[], own = target) => ({ type: "provider" as const, ...own, data: { items } });
const assistant = (content: unknown[]): Message => ({ role: "assistant", content }) as Message;

describe("messages as input", () => {
  test("texts, calls and results", () => {
    const messages: Message[] = [
      { role: "user", content: [{ type: "text", text: "hi" }] },
      assistant([
        { type: "reasoning", text: "not sent" },
        { type: "text", text: "a" },
        { type: "tool-call", toolCallId: "c", toolName: "t", input: { x: 1 } },
        { type: "tool-call", toolCallId: "d", toolName: "t", input: "{", invalid: "no JSON" },
        { type: "text", text: "b" },
      ]),
      { role: "tool", content: [{ type: "tool-result", toolCallId: "c", toolName: "t", output: [{ type: "text", text: "r" }] }] },
    ];
    expect(toResponsesInput(messages, target)).toEqual([
      { role: "user", content: "hi" },
      { role: "assistant", content: "a" },
      { type: "function_call", call_id: "c", name: "t", arguments: '{"x":1}' },
      { type: "function_call", call_id: "d", name: "t", arguments: '{"invalid_json":"{"}' },
      { role: "assistant", content: "b" },
      { type: "function_call_output", call_id: "c", output: "r" },
    ]);
  });

  test("files by bytes and URL, in messages and in results", () => {
    const parts = [
      { type: "file" as const, mediaType: "image/png", data: "AAAA" },
      { type: "file" as const, mediaType: "image/png", data: "https://a/b.png" },
      { type: "file" as const, mediaType: "application/pdf", data: "AAAA" },
      { type: "file" as const, mediaType: "application/pdf", data: "https://a/b.pdf" },
      { type: "file" as const, mediaType: "text/plain", data: "AAAA", filename: "n.txt" },
      { type: "file" as const, mediaType: "audio/wav", data: "data:audio/wav;base64,AAAA" },
    ];
    const sent = [
      { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "auto" },
      { type: "input_image", image_url: "https://a/b.png", detail: "auto" },
      { type: "input_file", filename: "document.pdf", file_data: "data:application/pdf;base64,AAAA" },
      { type: "input_file", file_url: "https://a/b.pdf" },
      { type: "input_file", filename: "n.txt", file_data: "data:text/plain;base64,AAAA" },
      { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
    ];
    expect(toResponsesInput([{ role: "user", content: parts }], target)).toEqual([{ role: "user", content: sent }]);
    const result = { type: "tool-result" as const, toolCallId: "c", toolName: "t", output: [parts[0]!], isError: true };
    expect(toResponsesInput([{ role: "tool", content: [result] }], target)).toEqual([
      { type: "function_call_output", call_id: "c", output: [{ type: "input_text", text: "Error:" }, sent[0]] },
    ]);
  });

  test.each([
    ["video/mp4", "AAAA", /video\/mp4 file at messages\[0\]\.content\[0\]/],
    ["audio/wav", "https://a/b.wav", /send it as base64/],
    ["audio/ogg", "AAAA", /audio\/ogg/],
  ])("a %s part is refused by name", (mediaType, data, message) => {
    const messages: Message[] = [{ role: "user", content: [{ type: "file", mediaType, data }] }];
    expect(() => toResponsesInput(messages, target)).toThrow(message);
  });

  test("an assistant's file is refused by name", () => {
    const messages = [assistant([{ type: "file", mediaType: "image/png", data: "AAAA" }])];
    expect(() => toResponsesInput(messages, target)).toThrow(/image\/png file of an assistant \(messages\[0\]\.content\[0\]\)/);
  });
});

describe("state of the provider", () => {
  const reasoning = { type: "reasoning", id: "rs", encrypted_content: "e", summary: [] };
  const message = { type: "message", id: "msg", role: "assistant", phase: "commentary", content: [{ type: "output_text", text: "a" }] };
  const call = { type: "function_call", id: "fc", call_id: "c", name: "t", arguments: "{}" };
  const callPart = { type: "tool-call", toolCallId: "c", toolName: "t", input: {} };

  test("goes back as it came, instead of the neutral parts", () => {
    const compaction = { type: "compaction", id: "cmp", encrypted_content: "e" };
    const search = { type: "web_search_call", id: "ws", status: "completed", action: { type: "search", query: "q" } };
    const items = [reasoning, message, search, compaction, call];
    expect(toResponsesInput([assistant([{ type: "text", text: "a" }, callPart, state(items)])], target)).toEqual(items);
  });

  test.each([{ provider: "grok" }, { endpoint: "https://f" }, { model: "n" }])("is dropped where %j differs", (other) => {
    const parts = [{ type: "text", text: "a" }, callPart, state([reasoning, message, call])];
    expect(toResponsesInput([assistant(parts)], { ...target, ...other })).toEqual([
      { role: "assistant", content: "a" },
      { type: "function_call", call_id: "c", name: "t", arguments: "{}" },
    ]);
  });

  test("reasoning that carries nothing is left out, unless the provider has kept it", () => {
    const bare = { type: "reasoning", id: "rs", summary: [] };
    const raw = { type: "reasoning", id: "rs2", summary: [], content: [{ type: "reasoning_text", text: "t" }] };
    const messages = [assistant([state([bare, raw, message])])];
    expect(toResponsesInput(messages, target)).toEqual([raw, message]);
    expect(toResponsesInput(messages, { ...target, stored: true })).toEqual([bare, raw, message]);
  });

  test("calls follow the message: renamed, dropped, added, mended", () => {
    const second = { ...call, id: "fc2", name: "u" };
    const parts = [
      { ...callPart, toolCallId: "new" },
      { ...callPart, toolCallId: "extra", toolName: "v" },
    ];
    expect(toResponsesInput([assistant([...parts, state([call, second])])], target)).toEqual([
      { ...call, call_id: "new" },
      { type: "function_call", call_id: "extra", name: "v", arguments: "{}" },
    ]);
    const broken = { type: "tool-call", toolCallId: "c", toolName: "t", input: "{", invalid: "cut" };
    expect(toResponsesInput([assistant([broken, state([{ ...call, arguments: "{" }])])], target)).toEqual([
      { type: "function_call", call_id: "c", name: "t", arguments: '{"invalid_json":"{"}' },
    ]);
  });

  test("calls that nobody carries out are answered", () => {
    const items = [
      { type: "apply_patch_call", id: "a", call_id: "c1", operation: {} },
      { type: "shell_call", id: "s", call_id: "c3", environment: { type: "local" } },
      { type: "shell_call", id: "h", call_id: "c4", environment: { type: "container_reference" } },
    ];
    const types = toResponsesInput([assistant([state(items)])], target).map((item) => item.type);
    expect(types).toEqual(["apply_patch_call", "apply_patch_call_output", "shell_call", "shell_call_output", "shell_call"]);
  });

  test("custom tools get results of their kind", () => {
    const custom = { type: "custom_tool_call", id: "b", call_id: "c", name: "t", input: "x = 1" };
    const part = { ...callPart, input: "x = 1" };
    const result = { type: "tool-result" as const, toolCallId: "c", toolName: "t", output: "ok" };
    const messages: Message[] = [assistant([part, state([custom])]), { role: "tool", content: [result] }];
    expect(toResponsesInput(messages, target)).toEqual([custom, { type: "custom_tool_call_output", call_id: "c", output: "ok" }]);
    expect(toResponsesInput(messages, { ...target, model: "n" })).toEqual([
      { type: "function_call", call_id: "c", name: "t", arguments: '{"input":"x = 1"}' },
      { type: "function_call_output", call_id: "c", output: "ok" },
    ]);
  });

  test("what compaction gave becomes messages and goes back as it was", () => {
    const compaction = { type: "compaction", id: "cmp", encrypted_content: "e" };
    const user = { type: "message", id: "m", role: "user", content: [{ type: "input_text", text: "task" }] };
    const messages = fromResponsesItems([user, compaction], target);
    expect(messages[0]).toEqual({ role: "user", content: [{ type: "text", text: "task" }] });
    expect(toResponsesInput(messages, target)).toEqual([{ role: "user", content: "task" }, compaction]);
    const elsewhere = toResponsesInput(messages, { ...target, model: "n" });
    expect(elsewhere[1]).toMatchObject({ role: "assistant", content: expect.stringContaining("compacted") });
  });
});

test("tools are flat, loose, and named as the API allows", () => {
  const tool = { name: "t", description: "d", inputSchema: { properties: { a: {} } } };
  expect(toResponsesTools([tool])).toEqual([
    { type: "function", name: "t", description: "d", parameters: { type: "object", properties: { a: {} } }, strict: false },
  ]);
  expect(() => toResponsesTools([{ ...tool, name: "a b" }])).toThrow(/"a b" must be/);
  expect([toResponsesToolChoice("required"), toResponsesToolChoice({ toolName: "t" })]).toEqual([
    "required",
    { type: "function", name: "t" },
  ]);
});
