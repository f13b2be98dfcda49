import { describe, expect, test, vi } from "vitest";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { BackendError } from "../../src/errors.js";
import { collect, delta, sendJson, sendSse, serve, sse } from "./http.js";

type Json = Record<string, unknown>;

const wires = {
  chat: { type: "chatcompletion", model: "m", baseUrl: "http://localhost:1/v1" },
  responses: { type: "openai", model: "gpt-5.2", baseUrl: "http://localhost:1/v1" },
  claude: { type: "claude", model: "claude-sonnet-4-5", apiVersion: "2023-06-01", baseUrl: "http://localhost:1" },
  gemini: { type: "gemini", model: "gemini-2.5-flash", baseUrl: "http://localhost:1" },
} as const satisfies Record<string, BackendConfig>;
const names = Object.keys(wires) as (keyof typeof wires)[];

/** A small reply of everything, on each wire. */
const replies: Record<keyof typeof wires, Json[]> = {
  chat: [
    { id: "1", model: "m", choices: [{ index: 0, delta: { role: "assistant", content: "a", reasoning_content: "b" } }] },
    {
      id: "1",
      choices: [{ index: 0, delta: { reasoning_details: [{ type: "t", text: "x" }], annotations: [{ url_citation: { url: "u" } }] } }],
    },
    {
      id: "1",
      choices: [{ index: 0, delta: { content: [{ type: "thinking", thinking: [{ text: "x" }] }], images: [{ image_url: { url: "u" } }] } }],
    },
    { id: "1", choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: "c", function: { name: "f", arguments: "{}" } }] } }] },
    {
      id: "1",
      choices: [{ index: 0, message: { content: "ab", audio: { data: "AAAA", transcript: "x" } } }],
      search_results: [{ url: "v" }],
    },
    { id: "1", choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }], citations: ["w"] },
    { id: "1", choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 1 } } },
  ],
  responses: [
    { type: "response.created", response: { id: "r", model: "m" } },
    { type: "response.output_item.added", output_index: 0, item: { type: "reasoning", id: "rs", summary: [{ text: "x" }] } },
    { type: "response.reasoning_summary_text.delta", output_index: 0, summary_index: 0, delta: "x" },
    {
      type: "response.output_item.done",
      output_index: 0,
      item: { type: "reasoning", id: "rs", summary: [{ text: "x" }], content: [{ text: "y" }] },
    },
    { type: "response.output_item.added", output_index: 1, item: { type: "function_call", id: "fc", call_id: "c", name: "f" } },
    { type: "response.function_call_arguments.delta", output_index: 1, delta: "{}" },
    {
      type: "response.output_item.done",
      output_index: 1,
      item: { type: "function_call", id: "fc", call_id: "c", name: "f", arguments: "{}" },
    },
    {
      type: "response.output_item.done",
      output_index: 2,
      item: { type: "web_search_call", id: "ws", action: { type: "search", sources: [] } },
    },
    { type: "response.output_text.annotation.added", output_index: 3, annotation: { url: "u", title: "t" } },
    { type: "response.output_text.done", output_index: 3, content_index: 0, text: "a" },
    {
      type: "response.completed",
      response: {
        id: "r",
        status: "completed",
        output: [
          { type: "reasoning" },
          { type: "function_call" },
          { type: "web_search_call" },
          { type: "message" },
          { type: "message", content: [{ type: "output_text", text: "z", annotations: [{ url: "u" }] }] },
        ],
        usage: { input_tokens: 1, output_tokens: 2, output_tokens_details: { reasoning_tokens: 1 } },
        citations: ["u"],
      },
    },
  ],
  claude: [
    { type: "message_start", message: { id: "m", model: "m", content: [], usage: { input_tokens: 1, output_tokens: 1 } } },
    { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "x" } },
    { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "s" } },
    { type: "content_block_stop", index: 0 },
    { type: "content_block_start", index: 1, content_block: { type: "text", text: "", citations: [{ type: "c", url: "u" }] } },
    { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "a" } },
    { type: "content_block_delta", index: 1, delta: { type: "citations_delta", citation: { url: "v" } } },
    { type: "content_block_stop", index: 1 },
    { type: "content_block_start", index: 2, content_block: { type: "server_tool_use", id: "s", name: "web_search", input: {} } },
    { type: "content_block_start", index: 3, content_block: { type: "web_search_tool_result", tool_use_id: "s", content: [] } },
    {
      type: "content_block_start",
      index: 4,
      content_block: { type: "tool_use", id: "c", name: "f", input: {}, caller: { type: "direct" } },
    },
    { type: "content_block_delta", index: 4, delta: { type: "input_json_delta", partial_json: "{}" } },
    {
      type: "message_delta",
      delta: { stop_reason: "tool_use", stop_details: { category: "x" } },
      usage: { output_tokens: 2, iterations: [{ type: "advisor_message", model: "o", input_tokens: 1 }] },
    },
    { type: "message_stop" },
  ],
  gemini: [
    {
      responseId: "r",
      modelVersion: "m",
      candidates: [
        {
          content: {
            role: "model",
            parts: [
              { text: "x", thought: true },
              { text: "a", thoughtSignature: "s" },
            ],
          },
        },
      ],
    },
    {
      candidates: [
        {
          content: {
            parts: [
              { functionCall: { name: "f", args: { a: 1 } } },
              { inlineData: { mimeType: "image/png", data: "AAAA" } },
              { executableCode: { code: "1" } },
            ],
          },
        },
      ],
    },
    {
      candidates: [
        {
          content: { parts: [] },
          finishReason: "STOP",
          groundingMetadata: { groundingChunks: [{ web: { uri: "u" } }], webSearchQueries: ["q"] },
        },
      ],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2, promptTokensDetails: [{ modality: "TEXT", tokenCount: 1 }] },
    },
  ],
};

const body = (wire: keyof typeof wires, events: Json[]) => {
  const frames = events.map((event) => `${wire === "claude" ? `event: ${event.type}\n` : ""}data: ${JSON.stringify(event)}\n\n`).join("");
  return wire === "chat" ? `${frames}data: [DONE]\n\n` : frames;
};

const read = (wire: keyof typeof wires, make: () => string | ReadableStream<Uint8Array>, type = "text/event-stream") => {
  const fetch = async () => new Response(make(), { headers: { "content-type": type } });
  return collect(createBackend({ ...wires[wire], apiKey: "k", fetch } as BackendConfig));
};

/** Every copy of a value in which one field has become something else. */
function* mutants(value: unknown): Generator<unknown> {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    const copyWith = (field: unknown) => {
      const copy = (Array.isArray(value) ? [...value] : { ...value }) as Json;
      copy[key] = field;
      return copy;
    };
    for (const other of [null, 7, "x", [], [null], {}, true]) yield copyWith(other);
    for (const inner of mutants((value as Json)[key])) yield copyWith(inner);
  }
}

describe.each(names)("%s", (wire) => {
  test("a whole reply reads", async () => {
    const { error, calls } = await read(wire, () => body(wire, replies[wire]));
    expect(error).toBeUndefined();
    expect(calls).toHaveLength(1);
  });

  test("an event of a shape that the API does not have is no bug of ours, nor a broken connection", async () => {
    const wrong: string[] = [];
    let count = 0;
    for (const events of mutants(replies[wire]) as Generator<Json[]>) {
      count++;
      const { error } = await read(wire, () =>
        body(wire, Array.isArray(events) ? events.filter((event) => typeof event === "object" && event) : []),
      );
      if (error === undefined || (error instanceof BackendError && error.code !== "connection")) continue;
      wrong.push(`${error} ${JSON.stringify(events)}`);
    }
    expect(count).toBeGreaterThan(100);
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  test("a stream that says it is JSON, and pieces without bytes", async () => {
    const whole = body(wire, replies[wire]);
    const { error, calls } = await read(wire, () => whole, "application/json");
    expect(error).toBeUndefined();
    expect(calls).toHaveLength(1);
    const pieces = [new Uint8Array(0), new TextEncoder().encode(JSON.stringify(wholeReply[wire]))];
    const stream = () =>
      new ReadableStream({ pull: (controller) => (pieces.length > 0 ? controller.enqueue(pieces.shift()) : controller.close()) });
    const reply = await read(wire, stream);
    expect([reply.error, reply.text]).toEqual([undefined, "hi"]);
  });

  test("a request that its reader leaves before the answer is ended", async () => {
    let gone = 0;
    const server = await serve((response) => void response.on("close", () => gone++));
    const own = { ...wires[wire], baseUrl: wires[wire].baseUrl.replace("http://localhost:1", server.url), apiKey: "k" } as BackendConfig;
    const backend = createBackend(own);
    const chunks = backend.stream({ messages: [{ role: "user", content: "hi" }] }, {})[Symbol.asyncIterator]();
    const first = chunks.next();
    await vi.waitFor(() => expect(server.seen).toHaveLength(1));
    await chunks.return!();
    await vi.waitFor(() => expect(gone).toBe(1));
    expect(await first).toEqual({ done: true, value: undefined });
    await server.close();
  });
});

const wholeReply: Record<keyof typeof wires, Json> = {
  chat: { id: "1", choices: [{ message: { role: "assistant", content: "hi" }, finish_reason: "stop" }] },
  responses: { object: "response", status: "completed", output: [{ type: "message", content: [{ type: "output_text", text: "hi" }] }] },
  claude: { type: "message", id: "m", content: [{ type: "text", text: "hi" }], stop_reason: "end_turn" },
  gemini: { candidates: [{ content: { parts: [{ text: "hi" }] }, finishReason: "STOP" }] },
};

test("what breaks after [DONE] breaks nothing", async () => {
  const pieces = [sse([delta({ content: "hi" }, "stop")])];
  const stream = () =>
    new ReadableStream({
      pull(controller) {
        const piece = pieces.shift();
        if (piece) controller.enqueue(new TextEncoder().encode(piece));
        else controller.error(new TypeError("terminated"));
      },
    });
  const { error, text, finish } = await read("chat", stream);
  expect([error, text, finish]).toEqual([undefined, "hi", "stop"]);
});

test("a step that comes right after the last one that waited for the model's name was aborted gets it", async () => {
  let asked = 0;
  const server = await serve((response, { url }) => {
    if (!url.endsWith("/models")) return sendSse(response, sse([delta({ content: "hi" }, "stop")]));
    // The first look-up never ends by itself.
    if (++asked > 1) sendJson(response, 200, { data: [{ id: "only" }] });
  });
  const backend = createBackend({ type: "vllm", baseUrl: `${server.url}/v1` });
  const abort = new AbortController();
  const first = backend.stream({ messages: [] }, { signal: abort.signal })[Symbol.asyncIterator]();
  const failed = first.next().then(
    () => undefined,
    (error) => {
      // At once, before anything else has heard of the abort.
      return [error.code, collect(backend)] as const;
    },
  );
  await vi.waitFor(() => expect(asked).toBe(1));
  abort.abort();
  const [code, second] = (await failed)!;
  expect(code).toBe("aborted");
  const { error, text } = await second;
  expect([error, text]).toEqual([undefined, "hi"]);
  await server.close();
});

test.each(["left", "broken"])("a background reply that is %s is cancelled at the provider", async (how) => {
  const created = { type: "response.created", response: { id: "resp_1", model: "m" } };
  const server = await serve((response, { url }) => {
    if (url.endsWith("/cancel")) return sendJson(response, 200, {});
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(sse([created], false));
    if (how === "broken") response.end();
  });
  const backend = createBackend({ ...wires.responses, baseUrl: `${server.url}/v1`, apiKey: "k", params: { background: true } });
  const chunks = backend.stream({ messages: [{ role: "user", content: "hi" }] }, {})[Symbol.asyncIterator]();
  expect((await chunks.next()).value).toMatchObject({ type: "response-metadata", id: "resp_1" });
  if (how === "left") await chunks.return!();
  else await expect(chunks.next()).rejects.toMatchObject({ code: "stream_truncated" });
  await vi.waitFor(() => expect(server.seen.at(-1)!.url).toBe("/v1/responses/resp_1/cancel"));
  await server.close();
});
