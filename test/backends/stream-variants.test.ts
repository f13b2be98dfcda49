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

  // Known gap: the second item takes the place of the first.
  test.fails.each([[[call(1), call(2)]], [[]]])("a proxy that gives every item the place 0 loses no call", async (output) => {
    const { chunks } = await read(RESPONSES, frames(samePlace(output)));
    expect(ofType(chunks, "tool-call").map(({ toolCallId, toolName, input }) => [toolCallId, toolName, input])).toEqual([
      ["call_1", "tool_1", { n: 1 }],
      ["call_2", "tool_2", { n: 2 }],
    ]);
  });

  // Known gap: they are counted in the closing event alone.
  test.fails("searches count where the closing event repeats no output", async () => {
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

  // Known gap: it is taken for an empty reply.
  test.fails.each(["queued", "in_progress"])("a whole reply that is %s is not over", async (status) => {
    const { error } = await read(RESPONSES, JSON.stringify({ object: "response", id: "r", status, output: [] }), "application/json");
    expect(error).toMatchObject({ code: "stream_truncated", retryable: true });
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
  // Known gap: nothing of it is read, and the reply seems to be empty.
  test.fails("an event that holds the whole message loses none of it", async () => {
    const message = { role: "assistant", content: "whole" };
    const { chunks } = await read(CHAT, chatFrames([{ id: "1", choices: [{ index: 0, message, finish_reason: "stop" }] }]));
    expect(textOf(chunks)).toBe("whole");
  });

  // Known gap: Perplexity's newer name of its citations.
  test.fails("search results are sources", async () => {
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

  // Known gap: the table of OpenAI's models is not asked on this wire.
  test.fails("OpenAI's models are not sent what they refuse", async () => {
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
  // Known gap: a reply that comes whole has them in its message, not in a delta.
  test.fails("a refusal that comes whole says why", async () => {
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
