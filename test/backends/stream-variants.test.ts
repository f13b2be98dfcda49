import { describe, expect, test } from "vitest";
import type { BackendChunk } from "../../src/backends/backend.js";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { startEmulator } from "../../src/testing/index.js";
import { collect } from "./http.js";

type Json = Record<string, unknown>;

const RESPONSES = { type: "openai", model: "gpt-5.2" } as const;
const CHAT = { type: "chatcompletion", model: "m", baseUrl: "http://localhost:1/v1" } as const;
const CLAUDE = { type: "claude", model: "claude-sonnet-4-5", apiVersion: "2023-06-01" } as const;

const frames = (events: Json[]) =>
  events.map((event) => `${event.type ? `event: ${event.type}\n` : ""}data: ${JSON.stringify(event)}\n\n`).join("");
const chatFrames = (events: Json[]) => `${frames(events)}data: [DONE]\n\n`;

/** What a backend makes of a reply, without a server. */
async function read(config: BackendConfig, body: string, type = "text/event-stream") {
  const fetch = async () => new Response(body, { headers: { "content-type": type } });
  return collect(createBackend({ ...config, apiKey: "k", fetch } as BackendConfig));
}

const textOf = (chunks: BackendChunk[]) => chunks.map((chunk) => (chunk.type === "text-delta" ? chunk.delta : "")).join("");
const ofType = <T extends BackendChunk["type"]>(chunks: BackendChunk[], type: T) =>
  chunks.filter((chunk): chunk is Extract<BackendChunk, { type: T }> => chunk.type === type);

const call = (n: number, more: Json = {}) => ({
  type: "function_call",
  id: `fc_${n}`,
  call_id: `call_${n}`,
  name: `tool_${n}`,
  arguments: `{"n":${n}}`,
  status: "completed",
  ...more,
});

describe("Responses", () => {
  /** Two calls, whose events all name the same place. */
  const samePlace = (output: Json[]) => [
    { type: "response.created", response: { id: "r" } },
    ...[1, 2].flatMap((n) => [
      { type: "response.output_item.added", output_index: 0, item: call(n, { arguments: "", status: "in_progress" }) },
      { type: "response.function_call_arguments.delta", output_index: 0, delta: `{"n":${n}}` },
      { type: "response.output_item.done", output_index: 0, item: call(n) },
    ]),
    { type: "response.completed", response: { id: "r", status: "completed", output, usage: { input_tokens: 1, output_tokens: 2 } } },
  ];
  const search = { type: "web_search_call", id: "ws", status: "completed", action: { type: "search", query: "q" } };
  const said = {
    type: "message",
    id: "m",
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text: "hi", annotations: [] }],
  };

  test.each([[[call(1), call(2)]], [[]]])("a proxy that gives every item the place 0 loses no call", async (output) => {
    const { chunks } = await read(RESPONSES, frames(samePlace(output)));
    expect(ofType(chunks, "tool-call").map(({ toolCallId, toolName, input }) => [toolCallId, toolName, input])).toEqual([
      ["call_1", "tool_1", { n: 1 }],
      ["call_2", "tool_2", { n: 2 }],
    ]);
  });

  test("searches count where the closing event repeats no output", async () => {
    const { chunks } = await read(
      RESPONSES,
      frames([
        { type: "response.output_item.done", output_index: 0, item: search },
        { type: "response.output_item.done", output_index: 1, item: said },
        {
          type: "response.completed",
          response: { id: "r", status: "completed", output: [], usage: { input_tokens: 1, output_tokens: 2 } },
        },
      ]),
    );
    expect(ofType(chunks, "usage")[0]!.usage).toEqual({ inputTokens: 1, outputTokens: 2, webSearches: 1 });
  });

  test.each(["queued", "in_progress"])("a whole reply that is %s is not over", async (status) => {
    const { error } = await read(RESPONSES, JSON.stringify({ object: "response", id: "r", status, output: [] }), "application/json");
    expect(error).toMatchObject({ code: "stream_truncated", retryable: true });
  });

  test("items that share a place and overlap are told apart by their ids", async () => {
    const { chunks } = await read(
      RESPONSES,
      frames([
        ...[1, 2].map((n) => ({
          type: "response.output_item.added",
          output_index: 0,
          item: call(n, { arguments: "", status: "in_progress" }),
        })),
        ...[1, 2].map((n) => ({
          type: "response.function_call_arguments.delta",
          output_index: 0,
          item_id: `fc_${n}`,
          delta: `{"n":${n}}`,
        })),
        ...[1, 2].map((n) => ({ type: "response.output_item.done", output_index: 0, item: call(n) })),
        // Only the end tells the third.
        { type: "response.completed", response: { id: "r", status: "completed", output: [call(1), call(2), call(3)] } },
      ]),
    );
    expect(ofType(chunks, "tool-call").map(({ toolName, input }) => [toolName, input])).toEqual([
      ["tool_1", { n: 1 }],
      ["tool_2", { n: 2 }],
      ["tool_3", { n: 3 }],
    ]);
    expect(ofType(chunks, "warning")).toEqual([]);
  });

  test("texts that share a place are all told, once", async () => {
    const text = (n: number) => ({ ...said, id: `m${n}`, content: [{ type: "output_text", text: `part ${n}`, annotations: [] }] });
    const { chunks } = await read(
      RESPONSES,
      frames([
        ...[1, 2].flatMap((n) => [
          { type: "response.output_item.added", output_index: 0, item: { ...text(n), content: [] } },
          { type: "response.output_text.delta", output_index: 0, content_index: 0, item_id: `m${n}`, delta: `part ${n}` },
          { type: "response.output_item.done", output_index: 0, item: text(n) },
        ]),
        { type: "response.completed", response: { id: "r", status: "completed", output: [text(1), text(2)] } },
      ]),
    );
    expect(textOf(chunks)).toBe("part 1part 2");
    expect(ofType(chunks, "warning")).toEqual([]);
  });

  test("an item whose id changes from event to event stays one", async () => {
    const { chunks } = await read(
      RESPONSES,
      frames([
        { type: "response.output_item.added", output_index: 0, item: { ...said, id: "a", content: [] } },
        { type: "response.output_text.delta", output_index: 0, content_index: 0, item_id: "b", delta: "hi" },
        { type: "response.output_item.done", output_index: 0, item: { ...said, id: "c" } },
        { type: "response.completed", response: { id: "r", status: "completed", output: [{ ...said, id: "d" }] } },
      ]),
    );
    expect(textOf(chunks)).toBe("hi");
  });

  test("a computer that nobody here operates ends the step with what to do", async () => {
    const use = { type: "computer_call", id: "cu", call_id: "c", status: "completed", action: { type: "screenshot" } };
    const { error, chunks } = await read(
      RESPONSES,
      frames([
        { type: "response.output_item.done", output_index: 0, item: use },
        { type: "response.completed", response: { status: "completed", output: [use], usage: { input_tokens: 1, output_tokens: 2 } } },
      ]),
    );
    expect(error).toMatchObject({ code: "unsupported", retryable: false, message: expect.stringContaining("Leave that tool out") });
    expect(ofType(chunks, "usage")).toHaveLength(1);
    for (const type of ["computer_use_preview", "computer"]) {
      expect(() => createBackend({ ...RESPONSES, builtinTools: [{ type }] })).toThrow(
        expect.objectContaining({ code: "unsupported_tool", path: "builtinTools[0].type" }),
      );
    }
  });

  test("a call that the limit cut off", async () => {
    const cut = call(1, { arguments: '{"n":', status: "incomplete" });
    const { chunks } = await read(
      RESPONSES,
      frames([
        { type: "response.output_item.added", output_index: 0, item: call(1, { arguments: "" }) },
        { type: "response.function_call_arguments.delta", output_index: 0, delta: '{"n":' },
        { type: "response.output_item.done", output_index: 0, item: cut },
        {
          type: "response.incomplete",
          response: { status: "incomplete", incomplete_details: { reason: "max_output_tokens" }, output: [cut] },
        },
      ]),
    );
    expect(ofType(chunks, "tool-call")).toEqual([expect.objectContaining({ input: '{"n":', invalid: expect.stringContaining("limit") })]);
    expect(chunks.at(-1)).toEqual({ type: "finish", reason: "length", raw: "max_output_tokens" });
  });

  test("a text that only its end tells is told once", async () => {
    const { chunks } = await read(
      RESPONSES,
      frames([
        { type: "response.output_text.done", output_index: 0, content_index: 0, text: "hi" },
        { type: "response.completed", response: { status: "completed", output: [said] } },
      ]),
    );
    expect(textOf(chunks)).toBe("hi");
  });

  test("an error event has its code at the top", async () => {
    const { error } = await read(RESPONSES, frames([{ type: "error", code: "rate_limit_exceeded", message: "Slow down.", param: null }]));
    expect(error).toMatchObject({ code: "rate_limit", retryable: true });
  });
});

describe("chat completions", () => {
  test("an event that holds the whole message loses none of it", async () => {
    const message = { role: "assistant", content: "whole" };
    const { chunks } = await read(CHAT, chatFrames([{ id: "1", choices: [{ index: 0, message, finish_reason: "stop" }] }]));
    expect(textOf(chunks)).toBe("whole");
  });

  describe("messages in place of deltas", () => {
    type Choice = Json & { message?: Json; delta?: Json };
    const reply = async (choices: Choice[], config: BackendConfig = CHAT) => {
      const { chunks, error } = await read(config, chatFrames(choices.map((choice) => ({ id: "1", choices: [{ index: 0, ...choice }] }))));
      expect(error).toBeUndefined();
      const reasoning = ofType(chunks, "reasoning-delta").map(({ delta }) => delta);
      return {
        text: textOf(chunks),
        reasoning: reasoning.join(""),
        calls: ofType(chunks, "tool-call"),
        warnings: ofType(chunks, "warning"),
      };
    };
    const said = (content: string, more: Json = {}) => ({ message: { role: "assistant", content, ...more } });
    const stop = { delta: {}, finish_reason: "stop" };

    test("that repeat the deltas tell what these left out", async () => {
      const begun = [{ delta: { content: "Hel", reasoning_content: "why" } }, { delta: { content: "lo" } }];
      for (const [content, text] of [
        ["Hello", "Hello"],
        ["Hello there", "Hello there"],
        [" Hello\n", "Hello"],
      ] as const) {
        const { warnings, ...rest } = await reply([...begun, { ...said(content, { reasoning_content: "why" }), finish_reason: "stop" }]);
        expect(rest).toEqual({ text, reasoning: "why", calls: [] });
        expect(warnings).toEqual([]);
      }
      const other = await reply([...begun, { ...said("Goodbye"), finish_reason: "stop" }]);
      expect([other.text, other.warnings.map(({ code }) => code)]).toEqual(["Hello", ["text_mismatch"]]);
    });

    test("that grow, or come in pieces", async () => {
      expect((await reply([said("He"), said("Hello"), stop])).text).toBe("Hello");
      expect((await reply([said("He"), said("llo"), stop])).text).toBe("Hello");
    });

    test("with calls and thoughts", async () => {
      const tool_calls = [{ id: "c", type: "function", function: { name: "look", arguments: '{"a":1}' } }];
      const whole = { ...said("<think>why</think>Look.", { tool_calls }), finish_reason: "tool_calls" };
      for (const begun of [[], [{ delta: { content: "<think>why</think>Look." } }, { delta: { tool_calls } }]]) {
        const { text, reasoning, calls } = await reply([...begun, whole], { ...CHAT, inlineThinking: true });
        expect({ text, reasoning }).toEqual({ text: "Look.", reasoning: "why" });
        expect(calls.map(({ toolName, input }) => [toolName, input])).toEqual([["look", { a: 1 }]]);
      }
    });

    test("that stand beside deltas are not read", async () => {
      const both = [
        { delta: { content: "He" }, ...said("He") },
        { delta: { content: "llo" }, ...said("Hello") },
      ];
      expect((await reply([...both, { ...stop, ...said("Hello") }])).text).toBe("Hello");
    });
  });

  test("search results are sources", async () => {
    const search_results = [{ title: "T", url: "https://a.example", date: "2026-01-01" }];
    const { chunks } = await read(
      CHAT,
      chatFrames([
        { id: "1", choices: [{ index: 0, delta: { content: "A[1]" } }], search_results },
        { id: "1", choices: [{ index: 0, delta: {}, finish_reason: "stop" }], search_results },
      ]),
    );
    expect(ofType(chunks, "source")).toEqual([{ type: "source", url: "https://a.example", title: "T" }]);
  });

  test("a mark of bytes, comments, ids, data over two lines", async () => {
    const event = 'data: {"id":"1","choices":[{"index":0,"delta":{"content":"a"},\r\ndata: "finish_reason":"stop"}]}';
    const { chunks } = await read(CHAT, `\uFEFF: hi\r\nretry: 3\r\nid: 1\r\nevent: message\r\n${event}\r\n\r\ndata: [DONE]\r\n\r\n`);
    expect(textOf(chunks)).toBe("a");
    expect(chunks.at(-1)).toEqual({ type: "finish", reason: "stop", raw: "stop" });
  });

  test("a call that the model botched ends a stream of Groq's, which may be tried again", async () => {
    const botched = { error: { message: "Failed to call a function.", code: "tool_use_failed", failed_generation: "<function=" } };
    const { error } = await read(CHAT, chatFrames([{ id: "1", choices: [{ index: 0, delta: { content: "a" } }] }, botched]));
    expect(error).toMatchObject({ code: "stream_error", retryable: true });
  });

  test("usage that stands in x_groq alone, and reasoning under both of its names", async () => {
    const { chunks } = await read(
      CHAT,
      chatFrames([
        { id: "1", choices: [{ index: 0, delta: { reasoning: "t", reasoning_content: "t" } }] },
        {
          id: "1",
          choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
          x_groq: { usage: { prompt_tokens: 5, completion_tokens: 3 } },
        },
      ]),
    );
    expect(ofType(chunks, "reasoning-delta").map(({ delta }) => delta)).toEqual(["t"]);
    expect(ofType(chunks, "usage")[0]!.usage).toEqual({ inputTokens: 5, outputTokens: 3 });
  });

  test("OpenAI's models are not sent what they refuse", async () => {
    await using emulator = await startEmulator({ respond: () => "hi", strict: true });
    // The same host as OpenAI's, as far as the backend can tell.
    const fetch = (async (url: string, init: RequestInit) =>
      globalThis.fetch(url.replace("https://api.openai.com/v1", emulator.baseUrl), init)) as typeof globalThis.fetch;
    for (const [model, settings] of [
      ["gpt-5-mini", { temperature: 0.2 }],
      ["gpt-4o", { reasoningEffort: "medium" }],
      ["gpt-5", { reasoningEffort: "none" }],
    ] as const) {
      const backend = createBackend({ type: "chatcompletion", model, baseUrl: "https://api.openai.com/v1", apiKey: "k", fetch });
      const { error, chunks } = await collect(backend, { messages: [{ role: "user", content: "hi" }], settings });
      expect(error).toBeUndefined();
      expect(ofType(chunks, "warning")).toHaveLength(1);
    }
  });
});

describe("Claude", () => {
  test("a refusal that comes whole says why", async () => {
    const stop_details = { type: "refusal", category: "cyber", explanation: "This cannot be done." };
    const reply = {
      type: "message",
      id: "m",
      role: "assistant",
      content: [],
      stop_reason: "refusal",
      stop_details,
      usage: { input_tokens: 3 },
    };
    const { chunks } = await read(CLAUDE, JSON.stringify(reply), "application/json");
    expect(ofType(chunks, "warning")[0]!.message).toContain("(cyber): This cannot be done.");
  });

  test("an error inside the stream keeps what was spent", async () => {
    const { error, chunks } = await read(
      CLAUDE,
      frames([
        { type: "message_start", message: { id: "m", content: [], usage: { input_tokens: 10, output_tokens: 1 } } },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "ok" } },
        { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
      ]),
    );
    expect(error).toMatchObject({ code: "overloaded", retryable: true });
    expect(ofType(chunks, "usage")[0]!.usage).toEqual({ inputTokens: 10, outputTokens: 1 });
  });
});
