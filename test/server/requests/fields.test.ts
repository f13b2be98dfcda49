import { describe, expect, test } from "vitest";
import type { BackendRequest } from "../../../src/backends/backend.js";
import { scriptedBackend } from "../../../src/testing/index.js";
import { member, startTeam } from "../helpers.js";
import { fieldsOf, schemasMissing } from "../schemas.js";

interface Seen {
  /** The first draft, and the presentation, as the providers behind them got it. */
  draft: BackendRequest;
  present: BackendRequest;
  reply: Record<string, unknown>;
  text: string;
}
type Honoured = [sent: unknown, check: (seen: Seen) => void];

const tool = { type: "function", function: { name: "look", parameters: { type: "object", properties: {} } } };
const flatTool = { type: "function", name: "look", parameters: { type: "object", properties: {} }, strict: false };
const json = { type: "object", properties: { a: { type: "number" } }, required: ["a"] };
const always =
  (settings: object) =>
  ({ draft, present }: Seen) => {
    expect(draft.settings).toMatchObject(settings);
    expect(present.settings).toMatchObject(settings);
  };
const atTheEnd =
  (settings: object) =>
  ({ draft, present }: Seen) => {
    expect(draft.settings ?? {}).not.toMatchObject(settings);
    expect(present.settings).toMatchObject(settings);
  };
const offered = ({ present }: Seen) => expect(present.tools?.map(({ name }) => name)).toContain("look");
const schemaAsked = atTheEnd({ responseFormat: { type: "json-schema", schema: json } });

/** What each field does. `with` is what it needs beside it. */
const chat = {
  honoured: {
    model: ["team", ({ reply }) => expect(reply.model).toBe("team")],
    messages: [[{ role: "user", content: "Hello." }], ({ draft }) => expect(JSON.stringify(draft.messages)).toContain("Hello.")],
    temperature: [0.3, always({ temperature: 0.3 })],
    top_p: [0.4, always({ topP: 0.4 })],
    seed: [7, always({ seed: 7 })],
    presence_penalty: [0.5, always({ presencePenalty: 0.5 })],
    frequency_penalty: [-0.5, always({ frequencyPenalty: -0.5 })],
    reasoning_effort: ["max", always({ reasoningEffort: "xhigh" })],
    max_tokens: [50, atTheEnd({ maxOutputTokens: 50 })],
    max_completion_tokens: [60, atTheEnd({ maxOutputTokens: 60 })],
    stop: ["END", atTheEnd({ stop: ["END"] })],
    response_format: [{ type: "json_schema", json_schema: { name: "x", schema: json } }, schemaAsked],
    tools: [[tool], offered],
    tool_choice: ["required", ({ present }) => expect(present.toolChoice).toBe("required")],
    stream: [true, ({ text }) => expect(text).toMatch(/^data: /)],
    stream_options: [{ include_usage: true }, ({ text }) => expect(text).toContain('"choices":[],"usage":{"prompt_tokens"')],
    verbosity: ["low", ({ draft, present }) => [draft, present].map(({ system }) => expect(system).toContain("concisely"))],
    n: [1, ({ reply }) => expect(reply.choices).toHaveLength(1)],
  } as Record<string, Honoured>,
  /** Elsewhere: parallel_tool_calls in clients/openai-sdk.ts; metadata and user below. */
  elsewhere: ["parallel_tool_calls", "metadata", "user"],
  with: { tool_choice: { tools: [tool] }, stream_options: { stream: true } } as Record<string, object>,
  refused: {
    n: 2,
    logprobs: true,
    top_logprobs: 3,
    logit_bias: { "50256": -100 },
    store: true,
    modalities: ["text", "audio"],
    audio: { voice: "alloy", format: "wav" },
    service_tier: "flex",
    web_search_options: {},
    moderation: { model: "omni-moderation-latest" },
    functions: [{ name: "look" }],
    function_call: "auto",
  } as Record<string, unknown>,
  /** Whatever they say, a reply may be the same. */
  hints: {
    safety_identifier: "ada-1",
    prompt_cache_key: "key",
    prompt_cache_retention: "24h",
    prompt_cache_options: { mode: "explicit" },
    prediction: { type: "content", content: "a" },
  } as Record<string, unknown>,
};

const responses: typeof chat = {
  honoured: {
    model: ["team", ({ reply }) => expect(reply.model).toBe("team")],
    input: [
      [{ role: "user", content: [{ type: "input_text", text: "Hello." }] }],
      ({ draft }) => expect(JSON.stringify(draft.messages)).toContain("Hello."),
    ],
    instructions: [
      "Be brief.",
      ({ draft, reply }) => {
        expect(draft.system).toContain("Be brief.");
        expect(reply.instructions).toBe("Be brief.");
      },
    ],
    temperature: [0.3, always({ temperature: 0.3 })],
    top_p: [0.4, always({ topP: 0.4 })],
    reasoning: [{ effort: "low" }, always({ reasoningEffort: "low" })],
    max_output_tokens: [50, atTheEnd({ maxOutputTokens: 50 })],
    text: [{ format: { type: "json_schema", name: "x", schema: json } }, schemaAsked],
    tools: [[flatTool], offered],
    tool_choice: ["required", ({ present }) => expect(present.toolChoice).toBe("required")],
    stream: [true, ({ text }) => expect(text).toMatch(/^event: response.created/)],
    metadata: [{ job: "a" }, ({ reply }) => expect(reply.metadata).toEqual({ job: "a" })],
    user: ["ada", ({ reply }) => expect(reply.user).toBe("ada")],
    truncation: ["auto", ({ reply }) => expect(reply.truncation).toBe("auto")],
    parallel_tool_calls: [false, ({ reply }) => expect(reply.parallel_tool_calls).toBe(false)],
  },
  elsewhere: [],
  with: { tool_choice: { tools: [flatTool] } },
  refused: {
    store: true,
    previous_response_id: "resp_1",
    conversation: "conv_1",
    prompt: { id: "pmpt_1" },
    background: true,
    service_tier: "flex",
    max_tool_calls: 3,
    top_logprobs: 3,
    include: ["message.output_text.logprobs"],
    context_management: [{ type: "compaction" }],
    moderation: { model: "omni-moderation-latest" },
  },
  hints: {
    safety_identifier: "ada-1",
    prompt_cache_key: "key",
    prompt_cache_retention: "24h",
    prompt_cache_options: { mode: "explicit" },
    stream_options: { include_obfuscation: false },
    include: ["reasoning.encrypted_content"],
  },
};

describe.each([
  { api: "chat" as const, path: "/v1/chat/completions", table: chat, definition: "CreateChatCompletionRequest" },
  { api: "responses" as const, path: "/v1/responses", table: responses, definition: "CreateResponse" },
])("$path", ({ api, path, table, definition }) => {
  const question = api === "chat" ? { messages: [{ role: "user", content: "Which?" }] } : { input: "Which?" };

  async function ask(body: object) {
    const { url, backends } = await startTeam([member("one", () => '{"a":1}'), member("two")]);
    const response = await fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "team", ...question, ...body }),
    });
    const text = await response.text();
    return { status: response.status, text, backends };
  }

  test.skipIf(schemasMissing !== "")("each field that there is has its place in this table", () => {
    const known = [...Object.keys(table.honoured), ...Object.keys(table.refused), ...Object.keys(table.hints), ...table.elsewhere];
    expect([...new Set(known)].sort()).toEqual(fieldsOf(api, definition).sort());
  });

  test.each(Object.entries(table.honoured))("%s is honoured", async (field, [sent, check]) => {
    const { status, text, backends } = await ask({ ...table.with[field], [field]: sent });
    expect(status, text).toBe(200);
    const reply = text.startsWith("{") ? JSON.parse(text) : {};
    check({ draft: backends[1]!.requests[0]!, present: backends[0]!.requests.at(-1)!, reply, text });
  });

  test.each(Object.entries(table.refused))("%s is refused by its name", async (field, sent) => {
    const { status, text, backends } = await ask({ [field]: sent });
    expect(status).toBe(400);
    expect(JSON.parse(text).error.param).toMatch(new RegExp(`^${field}\\b`));
    expect(backends[0]!.requests).toEqual([]);
  });

  test.each(Object.entries(table.hints))("%s is taken without an effect", async (field, sent) => {
    expect(await ask({ [field]: sent })).toMatchObject({ status: 200 });
  });

  test("an unknown field is refused, with the one that may have been meant", async () => {
    const { status, text } = await ask({ temprature: 1 });
    expect(status).toBe(400);
    expect(JSON.parse(text).error).toMatchObject({
      param: "temprature",
      code: "unknown_parameter",
      message: expect.stringContaining("`temperature`"),
    });
  });

  test("metadata and user reach the tools of the agents, as the context of the run", async () => {
    let context: unknown;
    const note = {
      name: "note",
      description: "Notes.",
      inputSchema: { type: "object" },
      execute: async (_input: unknown, options: { context?: unknown }) => {
        context = options.context;
        return "noted";
      },
    };
    const backend = scriptedBackend((request) =>
      request.messages.at(-1)?.role === "tool" ? "Done." : { toolCall: { name: "note", input: {} } },
    );
    const { url } = await startTeam([], {}, { agents: [{ id: "solo", backend, tools: [note] }] });
    await fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": "req_1" },
      body: JSON.stringify({ model: "team", ...question, metadata: { job: "a" }, user: "ada" }),
    });
    expect(context).toEqual({ requestId: "req_1", user: "ada", metadata: { job: "a" } });
  });
});
