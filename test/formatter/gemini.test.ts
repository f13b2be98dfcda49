import { describe, expect, test } from "vitest";
import { BackendError, ConfigError } from "../../src/errors.js";
import {
  continuationOf,
  fromGeminiParts,
  type GeminiTarget,
  toGeminiContents,
  toGeminiToolChoice,
  toGeminiTools,
} from "../../src/formatter/gemini.js";
import type { AssistantPart, Message } from "../../src/formatter/messages.js";

const target: GeminiTarget = { provider: "gemini", endpoint: "https://g", model: "m" };
const strict: GeminiTarget = { ...target, signatures: true };
const call = (id: string, name = "look", input: unknown = { a: 1 }) =>
  ({ type: "tool-call", toolCallId: id, toolName: name, input }) as const;
const result = (id: string, output: string, name = "look") => ({ type: "tool-result", toolCallId: id, toolName: name, output }) as const;

describe("messages", () => {
  test("of users and assistants", () => {
    const messages: Message[] = [
      { role: "user", content: "hi" },
      { role: "assistant", content: "hello" },
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "not sent" },
          { type: "text", text: "" },
        ],
      },
    ];
    expect(toGeminiContents(messages, target)).toEqual([
      { role: "user", parts: [{ text: "hi" }] },
      { role: "model", parts: [{ text: "hello" }] },
      { role: "user", parts: [{ text: "a" }, { text: "b" }] },
    ]);
  });

  test("results of one step go together, in the order of its calls", () => {
    const messages: Message[] = [
      { role: "assistant", content: [{ type: "text", text: "ok" }, call("x"), call("y", "peek", null)] },
      { role: "tool", content: [result("y", "second", "peek")] },
      { role: "tool", content: [{ ...result("x", "first"), isError: true }] },
      { role: "user", content: "go on" },
    ];
    expect(toGeminiContents(messages, target)).toEqual([
      {
        role: "model",
        parts: [
          { text: "ok" },
          { functionCall: { id: "x", name: "look", args: { a: 1 } } },
          { functionCall: { id: "y", name: "peek", args: {} } },
        ],
      },
      {
        role: "user",
        parts: [
          { functionResponse: { id: "x", name: "look", response: { error: "first" } } },
          { functionResponse: { id: "y", name: "peek", response: { output: "second" } } },
        ],
      },
      { role: "user", parts: [{ text: "go on" }] },
    ]);
  });

  test("arguments that never parsed go back inside an object", () => {
    const [content] = toGeminiContents([{ role: "assistant", content: [{ ...call("x"), input: "{bad", invalid: "why" }] }], target);
    expect(content!.parts).toEqual([{ functionCall: { id: "x", name: "look", args: { invalid_json: "{bad" } } }]);
  });

  test("files, by bytes, data URL and URL", () => {
    const file = (mediaType: string, data: string) => ({ type: "file", mediaType, data }) as const;
    const [content] = toGeminiContents(
      [
        {
          role: "user",
          content: [
            file("image/png", "AAAA"),
            file("audio/wav", "data:audio/x-wav;base64,BBBB"),
            file("text/plain", "data:text/plain,a%20b"),
            file("video/mp4", "https://www.youtube.com/watch?v=1"),
            file("application/pdf", "gs://bucket/a.pdf"),
          ],
        },
      ],
      target,
    );
    expect(content!.parts).toEqual([
      { inlineData: { mimeType: "image/png", data: "AAAA" } },
      { inlineData: { mimeType: "audio/wav", data: "BBBB" } },
      { inlineData: { mimeType: "text/plain", data: Buffer.from("a b").toString("base64") } },
      { fileData: { mimeType: "video/mp4", fileUri: "https://www.youtube.com/watch?v=1" } },
      { fileData: { mimeType: "application/pdf", fileUri: "gs://bucket/a.pdf" } },
    ]);
  });

  test("a file that Gemini cannot read is named", () => {
    const messages: Message[] = [
      { role: "user", content: [{ type: "file", mediaType: "application/zip", data: "AA", filename: "a.zip" }] },
    ];
    expect(() => toGeminiContents(messages, target)).toThrow(BackendError);
    expect(() => toGeminiContents(messages, target)).toThrow(/application\/zip "a\.zip".*messages\[0\]\.content\[0\]/);
  });

  test("files of a tool follow its result", () => {
    const output = [{ type: "text", text: "seen" } as const, { type: "file", mediaType: "image/png", data: "AA" } as const];
    expect(
      toGeminiContents(
        [
          { role: "assistant", content: [call("x")] },
          { role: "tool", content: [{ ...result("x", ""), output }] },
        ],
        target,
      ).slice(1),
    ).toEqual([
      {
        role: "user",
        parts: [{ functionResponse: { id: "x", name: "look", response: { output: "seen\n(files follow in the next message)" } } }],
      },
      { role: "user", parts: [{ text: "Returned by look (x):" }, { inlineData: { mimeType: "image/png", data: "AA" } }] },
    ]);
  });
});

describe("what must go back", () => {
  const parts = [
    { text: "thinking", thought: true },
    { text: "a" },
    { text: "b", thoughtSignature: "s0" },
    { functionCall: { name: "look", args: { a: 1 }, newField: 1 }, thoughtSignature: "s1", newField: { x: 1 } },
    { functionCall: { id: "theirs", name: "look", args: { a: 2 } } },
  ];
  const content: AssistantPart[] = [
    { type: "reasoning", text: "thinking", kind: "summary" },
    { type: "text", text: "ab" },
    call("call_0"),
    call("renamed", "look", { a: 2 }),
  ];
  const message = fromGeminiParts(content, parts, target);
  const results: Message = { role: "tool", content: [result("renamed", "two"), result("call_0", "one")] };

  test("goes back as it came, the results under the ids it came with", () => {
    expect(toGeminiContents([message, results], target)).toEqual([
      { role: "model", parts },
      {
        role: "user",
        parts: [
          { functionResponse: { name: "look", response: { output: "one" } } },
          { functionResponse: { id: "theirs", name: "look", response: { output: "two" } } },
        ],
      },
    ]);
    expect(JSON.parse(JSON.stringify(message))).toEqual(message);
  });

  test.each([
    ["model", { ...target, model: "other" }],
    ["endpoint", { ...target, endpoint: "https://other" }],
    ["provider", { ...target, provider: "other" }],
  ])("is dropped for another %s", (_, other) => {
    const [model, user] = toGeminiContents([message, results], other);
    expect(model!.parts).toEqual([
      { text: "ab" },
      { functionCall: { id: "call_0", name: "look", args: { a: 1 } } },
      { functionCall: { id: "renamed", name: "look", args: { a: 2 } } },
    ]);
    expect(user!.parts.map((part) => part.functionResponse!.id)).toEqual(["call_0", "renamed"]);
  });

  test("calls of another model get the signature that stands for none, where the model wants one", () => {
    const [model] = toGeminiContents([message, results], { ...strict, model: "other" });
    expect(model!.parts.filter((part) => part.functionCall).map((part) => part.thoughtSignature)).toEqual([
      "skip_thought_signature_validator",
      "skip_thought_signature_validator",
    ]);
  });

  test("is not used for a message whose calls have been changed", () => {
    const changed = { ...message, content: (message.content as AssistantPart[]).filter((part) => part !== content[3]) };
    expect(toGeminiContents([changed], target)[0]!.parts).toEqual([
      { text: "ab" },
      { functionCall: { id: "call_0", name: "look", args: { a: 1 } } },
    ]);
  });

  test("text alone needs no provider part", () => {
    expect(fromGeminiParts([{ type: "text", text: "a" }], [{ text: "a" }], target).content).toEqual([{ type: "text", text: "a" }]);
  });

  test("a reply that is not over names its token, to its own model and in last place only", () => {
    const unfinished = fromGeminiParts([{ type: "text", text: "a" }], [{ text: "a" }], target, "tok");
    expect(continuationOf([{ role: "user", content: "q" }, unfinished], target)).toBe("tok");
    expect(continuationOf([unfinished, { role: "user", content: "q" }], target)).toBeUndefined();
    expect(continuationOf([unfinished], { ...target, model: "other" })).toBeUndefined();
  });
});

describe("tools", () => {
  test("carry their JSON schema", () => {
    const inputSchema = { $schema: "x", type: "object", properties: { a: { anyOf: [{ type: "string" }, { type: "null" }] } } };
    expect(
      toGeminiTools([
        { name: "look", description: "d", inputSchema },
        { name: "a.b", description: "", inputSchema: {} },
      ]),
    ).toEqual([
      { name: "look", description: "d", parametersJsonSchema: { type: "object", properties: inputSchema.properties } },
      { name: "a.b", description: "", parametersJsonSchema: { type: "object", properties: {} } },
    ]);
  });

  test.each(["", "1a", "a b", "x".repeat(129)])("the name %j is refused", (name) => {
    expect(() => toGeminiTools([{ name, description: "", inputSchema: {} }])).toThrow(ConfigError);
  });

  test("choices", () => {
    expect([
      toGeminiToolChoice("auto"),
      toGeminiToolChoice("none"),
      toGeminiToolChoice("required"),
      toGeminiToolChoice({ toolName: "vote" }),
    ]).toEqual([undefined, { mode: "NONE" }, { mode: "ANY" }, { mode: "ANY", allowedFunctionNames: ["vote"] }]);
  });
});
