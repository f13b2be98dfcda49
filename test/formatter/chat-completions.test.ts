import { describe, expect, test } from "vitest";
import { BackendError, ConfigError } from "../../src/errors.js";
import { toChatMessages, toChatToolChoice, toChatTools } from "../../src/formatter/chat-completions.js";
import type { AssistantPart, Message, UserPart } from "../../src/formatter/messages.js";

const target = { provider: "vllm", endpoint: "http://localhost:8000/v1", model: "m" };
const format = (messages: Message[], options = {}) => toChatMessages(undefined, messages, { ...target, ...options });
const user = (...content: UserPart[]) => format([{ role: "user", content }])[0]!.content;
const assistant = (...content: AssistantPart[]) => format([{ role: "assistant", content }])[0]!;

test("a conversation with tools", () => {
  const messages: Message[] = [
    { role: "user", content: "weather?" },
    {
      role: "assistant",
      content: [
        { type: "reasoning", text: "hm" },
        { type: "text", text: "Let me " },
        { type: "text", text: "see." },
        { type: "tool-call", toolCallId: "a", toolName: "get", input: { city: "Bern" } },
        { type: "tool-call", toolCallId: "b", toolName: "get", input: {} },
      ],
    },
    {
      role: "tool",
      content: [
        { type: "tool-result", toolCallId: "a", toolName: "get", output: "sunny" },
        { type: "tool-result", toolCallId: "b", toolName: "get", output: "no city", isError: true },
      ],
    },
    { role: "assistant", content: "Sunny." },
  ];
  expect(toChatMessages("be brief", messages, target)).toEqual([
    { role: "system", content: "be brief" },
    { role: "user", content: "weather?" },
    {
      role: "assistant",
      content: "Let me see.",
      tool_calls: [
        { id: "a", type: "function", function: { name: "get", arguments: '{"city":"Bern"}' } },
        { id: "b", type: "function", function: { name: "get", arguments: "{}" } },
      ],
    },
    { role: "tool", tool_call_id: "a", content: "sunny" },
    { role: "tool", tool_call_id: "b", content: "Error: no city" },
    { role: "assistant", content: "Sunny." },
  ]);
});

test("an assistant that only called has null content, one that said nothing has none to give", () => {
  expect(assistant({ type: "tool-call", toolCallId: "a", toolName: "t", input: {} }).content).toBeNull();
  expect(assistant({ type: "reasoning", text: "hm" })).toEqual({ role: "assistant", content: "" });
});

test("arguments that never parsed go back inside valid JSON", () => {
  const { tool_calls } = assistant({ type: "tool-call", toolCallId: "a", toolName: "t", input: '{"x', invalid: "cut" }) as unknown as {
    tool_calls: { function: { arguments: string } }[];
  };
  expect(JSON.parse(tool_calls[0]!.function.arguments)).toEqual({ invalid_json: '{"x' });
});

test("reasoning goes back only with tool calls, and only where it is wanted", () => {
  const calling: Message = { role: "assistant", content: [{ type: "tool-call", toolCallId: "a", toolName: "t", input: {} }] };
  const thinking: Message = {
    role: "assistant",
    content: [
      { type: "reasoning", text: "hm" },
      { type: "text", text: "x" },
    ],
  };
  expect(format([calling], { reasoningBack: true })[0]).toHaveProperty("reasoning_content", "");
  expect(format([thinking], { reasoningBack: true })[0]).not.toHaveProperty("reasoning_content");
  expect(format([calling])[0]).not.toHaveProperty("reasoning_content");
});

test("what the user says in a row is one message, as many chat templates demand", () => {
  const image: UserPart = { type: "file", mediaType: "image/png", data: "AAAA" };
  const text = (said: string) => ({ type: "text", text: said });
  const messages: Message[] = [
    { role: "user", content: "one" },
    { role: "user", content: "two" },
    { role: "assistant", content: "yes" },
    { role: "user", content: "three" },
    { role: "user", content: [image] },
    { role: "user", content: "four" },
  ];
  const url = { url: "data:image/png;base64,AAAA" };
  expect(format(messages)).toEqual([
    { role: "user", content: "one\n\ntwo" },
    { role: "assistant", content: "yes" },
    { role: "user", content: [text("three"), { type: "image_url", image_url: url }, text("four")] },
  ]);
});

describe("files", () => {
  test("in a user message", () => {
    expect(
      user(
        { type: "text", text: "look" },
        { type: "file", mediaType: "image/png", data: "AAAA" },
        { type: "file", mediaType: "image/png", data: "https://x/y.png" },
        { type: "file", mediaType: "video/mp4", data: "AAAA" },
        { type: "file", mediaType: "audio/mpeg", data: "data:audio/mpeg;base64,BBBB" },
        { type: "file", mediaType: "application/pdf", data: "CCCC", filename: "a.pdf" },
      ),
    ).toEqual([
      { type: "text", text: "look" },
      { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
      { type: "image_url", image_url: { url: "https://x/y.png" } },
      { type: "video_url", video_url: { url: "data:video/mp4;base64,AAAA" } },
      { type: "input_audio", input_audio: { data: "BBBB", format: "mp3" } },
      { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,CCCC" } },
    ]);
  });

  test("one text is a plain string", () => {
    expect(user({ type: "text", text: "look" })).toBe("look");
  });

  test("from a tool follow its results as a user message", () => {
    const image = { type: "file", mediaType: "image/png", data: "AAAA" } as const;
    const out = format([
      {
        role: "tool",
        content: [{ type: "tool-result", toolCallId: "a", toolName: "shot", output: [{ type: "text", text: "done" }, image] }],
      },
      { role: "tool", content: [{ type: "tool-result", toolCallId: "b", toolName: "t", output: "x" }] },
      { role: "assistant", content: "ok" },
    ]);
    expect(out.map((message) => message.role)).toEqual(["tool", "tool", "user", "assistant"]);
    expect(out[0]!.content).toMatch(/^done\n\(files follow/);
    expect(out[2]!.content).toEqual([
      { type: "text", text: "Returned by shot (a):" },
      { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
    ]);
  });

  test.each([
    [
      { role: "user", content: [{ type: "file", mediaType: "application/zip", data: "AA", filename: "a.zip" }] },
      /application\/zip "a\.zip" file at messages\[0\]\.content\[0\]/,
    ],
    [{ role: "user", content: [{ type: "file", mediaType: "audio/wav", data: "https://x/a.wav" }] }, /send it as base64/],
    [{ role: "user", content: [{ type: "file", mediaType: "audio/ogg", data: "AA" }] }, /audio\/ogg/],
    [{ role: "assistant", content: [{ type: "file", mediaType: "image/png", data: "AA" }] }, /of an assistant/],
  ] as [Message, RegExp][])("that cannot be sent are named", (message, words) => {
    expect(() => format([message])).toThrow(BackendError);
    expect(() => format([message])).toThrow(words);
  });
});

test("tools, and a tool name the API would refuse", () => {
  expect(toChatTools([{ name: "a", description: "d", inputSchema: {} }])).toEqual([
    { type: "function", function: { name: "a", description: "d", parameters: { type: "object", properties: {} } } },
  ]);
  expect(() => toChatTools([{ name: "a b", description: "", inputSchema: {} }])).toThrow(ConfigError);
  expect([toChatToolChoice("none"), toChatToolChoice({ toolName: "a" })]).toEqual(["none", { type: "function", function: { name: "a" } }]);
});
