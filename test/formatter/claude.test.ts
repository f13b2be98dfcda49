import { describe, expect, test } from "vitest";
import { fromClaudeBlocks, toClaudeMessages, toClaudeTools } from "../../src/formatter/claude.js";
import type { Message } from "../../src/formatter/messages.js";

const target = { provider: "claude", endpoint: "https://api.anthropic.com", model: "m" };
const sent = (messages: Message[]) => toClaudeMessages(messages, target);

describe("user messages", () => {
  test("files of every kind it takes", () => {
    const content = [
      { type: "text" as const, text: "see" },
      { type: "file" as const, mediaType: "image/png", data: "aGk=" },
      { type: "file" as const, mediaType: "image/webp", data: "https://x/y.webp" },
      { type: "file" as const, mediaType: "application/pdf", data: "data:application/pdf;base64,aGk=", filename: "a.pdf" },
      { type: "file" as const, mediaType: "text/csv", data: "YSxi", filename: "a.csv" },
    ];
    expect(sent([{ role: "user", content }])[0]!.content).toEqual([
      { type: "text", text: "see" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } },
      { type: "image", source: { type: "url", url: "https://x/y.webp" } },
      { type: "document", source: { type: "base64", media_type: "application/pdf", data: "aGk=" }, title: "a.pdf" },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "a,b" }, title: "a.csv" },
    ]);
  });

  test.each([
    ["audio/wav", "aGk=", /audio\/wav "a" file at messages\[0\]\.content\[0\]/],
    ["image/svg+xml", "aGk=", /image\/svg/],
    ["text/plain", "https://x/y.txt", /text as base64/],
  ])("%s is refused by name", (mediaType, data, message) => {
    expect(() => sent([{ role: "user", content: [{ type: "file", mediaType, data, filename: "a" }] }])).toThrow(message);
  });

  test("messages of one side become one, blank text disappears", () => {
    expect(
      sent([
        { role: "user", content: "a" },
        { role: "assistant", content: " " },
        {
          role: "user",
          content: [
            { type: "text", text: "" },
            { type: "text", text: "b" },
          ],
        },
      ]),
    ).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
    ]);
  });
});

describe("tool calls and results", () => {
  test("go as blocks; a call that never parsed inside an object; files inside the result", () => {
    const messages: Message[] = [
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "unsigned" },
          { type: "tool-call", toolCallId: "a|1", toolName: "t", input: '{"x', invalid: "cut" },
          { type: "tool-call", toolCallId: "b", toolName: "t", input: [1] },
        ],
      },
      {
        role: "tool",
        content: [
          { type: "tool-result", toolCallId: "a|1", toolName: "t", output: "no", isError: true },
          { type: "tool-result", toolCallId: "b", toolName: "t", output: [{ type: "file", mediaType: "image/png", data: "aGk=" }] },
        ],
      },
      { role: "user", content: "go on" },
    ];
    expect(sent(messages)).toEqual([
      {
        role: "assistant",
        content: [
          { type: "tool_use", id: "a_1", name: "t", input: { invalid_json: '{"x' } },
          { type: "tool_use", id: "b", name: "t", input: { value: [1] } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "a_1", content: "no", is_error: true },
          {
            type: "tool_result",
            tool_use_id: "b",
            content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } }],
          },
          { type: "text", text: "go on" },
        ],
      },
    ]);
  });

  test("an empty result has no content", () => {
    const result = { type: "tool-result" as const, toolCallId: "a", toolName: "t", output: "" };
    expect(sent([{ role: "tool", content: [result] }])[0]!.content).toEqual([{ type: "tool_result", tool_use_id: "a" }]);
  });

  test("tools without a schema type are objects, and bad names are refused", () => {
    expect(toClaudeTools([{ name: "t", description: "", inputSchema: {} }])).toEqual([{ name: "t", input_schema: { type: "object" } }]);
    expect(() => toClaudeTools([{ name: "a b", description: "", inputSchema: {} }])).toThrow('"a b"');
  });
});

describe("the provider's own blocks", () => {
  const content = [
    { type: "thinking", thinking: "why", signature: "s" },
    { type: "redacted_thinking", data: "x" },
    { type: "text", text: "so", citations: [{ type: "char_location", cited_text: "c" }] },
    { type: "tool_use", id: "a", name: "t", input: { x: 1 } },
  ];
  const neutral = fromClaudeBlocks(content).content as Exclude<Message["content"], string>;
  const message = (over = {}): Message => ({
    role: "assistant",
    content: [...neutral, { type: "provider", ...target, data: { content }, ...over }] as never,
  });

  test("go back as they came, in neutral parts to anyone else", () => {
    expect(sent([message()])).toEqual([{ role: "assistant", content }]);
    for (const over of [{ model: "n" }, { endpoint: "e" }, { provider: "p" }]) {
      expect(sent([message(over)])[0]!.content).toEqual([
        { type: "text", text: "so" },
        { type: "tool_use", id: "a", name: "t", input: { x: 1 } },
      ]);
    }
  });

  test("a reply that is to be gone on with does not end in white space", () => {
    expect(sent([{ role: "assistant", content: "so far \n" }])).toEqual([
      { role: "assistant", content: [{ type: "text", text: "so far" }] },
    ]);
  });
});
