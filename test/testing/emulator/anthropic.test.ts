import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { startEmulator } from "../../../src/testing/emulator/emulator.js";

type Json = Record<string, unknown>;

const MODEL = "claude-haiku-4-5";
const HELLO = { model: MODEL, max_tokens: 100, messages: [{ role: "user", content: "hello" }] };
const TOOL = { name: "look", input_schema: { type: "object" } };
const USE = { role: "assistant", content: [{ type: "tool_use", id: "a", name: "look", input: {} }] };
const [hello] = HELLO.messages;

/** What the Messages API answers, by the words of its error. */
const refused: [string, Json, RegExp][] = [
  ["no model", { model: undefined }, /^model: Field required/],
  ["no limit", { max_tokens: undefined }, /^max_tokens: Field required/],
  ["a limit above the model's", { max_tokens: 200_000 }, /^max_tokens: 200000 > 64000, which is the maximum/],
  ["no messages", { messages: [] }, /^messages: at least one message is required/],
  ["an unknown role", { messages: [{ role: "system", content: "x" }] }, /^messages\.0\.role: Input should be 'user' or 'assistant'/],
  ["an empty message", { messages: [{ role: "user", content: [] }] }, /^messages\.0: all messages must have non-empty content/],
  ["an empty text", { messages: [{ role: "user", content: [{ type: "text", text: "" }] }] }, /text content blocks must be non-empty/],
  ["blank text", { messages: [{ role: "user", content: " " }] }, /must contain non-whitespace text/],
  [
    "an unknown block",
    { messages: [{ role: "user", content: [{ type: "image_url" }] }] },
    /^messages\.0\.content\.0: Input tag 'image_url'/,
  ],
  [
    "a call without its result",
    { messages: [hello, USE, hello] },
    /`tool_use` ids were found without `tool_result` blocks immediately after: a\./,
  ],
  [
    "a result without its call",
    { messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "b", content: "x" }] }] },
    /unexpected `tool_use_id` found in `tool_result` blocks: b/,
  ],
  [
    "a result that is not first",
    {
      messages: [
        hello,
        USE,
        {
          role: "user",
          content: [
            { type: "text", text: "x" },
            { type: "tool_result", tool_use_id: "a" },
          ],
        },
      ],
    },
    /unexpected `tool_use_id`/,
  ],
  [
    "arguments that are no object",
    { messages: [hello, { role: "assistant", content: [{ ...USE.content[0], input: "{}" }] }] },
    /tool_use\.input: Input should be a valid dictionary/,
  ],
  ["a foreign id", { messages: [hello, { role: "assistant", content: [{ ...USE.content[0], id: "a|b" }] }] }, /should match pattern/],
  [
    "a forged thought",
    { messages: [hello, { role: "assistant", content: [{ type: "thinking", thinking: "x", signature: "y" }] }] },
    /Invalid `signature` in `thinking` block/,
  ],
  ["a reply that ends in white space", { messages: [hello, { role: "assistant", content: "so " }] }, /cannot end with trailing whitespace/],
  ["an unknown parameter", { max_completion_tokens: 5 }, /^max_completion_tokens: Extra inputs are not permitted/],
  ["a beta's parameter without the beta", { mcp_servers: [] }, /^mcp_servers: Extra inputs are not permitted/],
  ["temperature out of range", { temperature: 1.5 }, /^temperature: range: 0\.\.1/],
  [
    "temperature while thinking",
    { temperature: 0.5, max_tokens: 3000, thinking: { type: "enabled", budget_tokens: 2000 } },
    /only be set to 1/,
  ],
  ["both ways of sampling", { temperature: 0.5, top_p: 0.5 }, /cannot both be specified/],
  ["a small budget", { max_tokens: 3000, thinking: { type: "enabled", budget_tokens: 500 } }, /greater than or equal to 1024/],
  [
    "a word on thinking it does not know",
    { max_tokens: 3000, thinking: { type: "enabled", budget_tokens: 2000, budgetTokens: 1 } },
    /thinking\.enabled\.budgetTokens: Extra inputs/,
  ],
  ["a speed without its beta", { speed: "fast" }, /speed: Extra inputs/],
  ["a budget above the limit", { thinking: { type: "enabled", budget_tokens: 2000 } }, /`max_tokens` must be greater/],
  ["a way of thinking it lacks", { thinking: { type: "adaptive" } }, /adaptive thinking is not supported/],
  [
    "a budget where there are none",
    { model: "claude-opus-5-5", thinking: { type: "enabled", budget_tokens: 2000 } },
    /thinking\.type\.enabled/,
  ],
  ["an effort it lacks", { output_config: { effort: "high" } }, /does not support the effort parameter/],
  [
    "a thought left out of a tool loop",
    {
      max_tokens: 3000,
      thinking: { type: "enabled", budget_tokens: 2000 },
      messages: [hello, USE, { role: "user", content: [{ type: "tool_result", tool_use_id: "a" }] }],
    },
    /Expected `thinking` or `redacted_thinking`, but found `tool_use`/,
  ],
  [
    "a forced tool while thinking",
    { max_tokens: 3000, thinking: { type: "enabled", budget_tokens: 2000 }, tools: [TOOL], tool_choice: { type: "any" } },
    /Thinking may not be enabled/,
  ],
  [
    "a forced tool on a model that refuses",
    { model: "claude-opus-5-5", tools: [TOOL], tool_choice: { type: "any" } },
    /not supported for this model/,
  ],
  ["a choice without tools", { tool_choice: { type: "auto" } }, /only be specified while providing `tools`/],
  ["a tool that is not there", { tools: [TOOL], tool_choice: { type: "tool", name: "x" } }, /Tool 'x' not found/],
  ["a tool twice", { tools: [TOOL, TOOL] }, /Tool names must be unique/],
  ["a bad tool name", { tools: [{ ...TOOL, name: "a b" }] }, /^tools\.0\.custom\.name: String should match/],
  ["a schema that is no object", { tools: [{ name: "x", input_schema: {} }] }, /input_schema\.type: Field required/],
  ["an OpenAI tool", { tools: [{ type: "function", function: { name: "x" } }] }, /^tools\.0\.function\.name: Field required/],
  [
    "five marks for the cache",
    { system: Array(5).fill({ type: "text", text: "x", cache_control: { type: "ephemeral" } }) },
    /A maximum of 4 blocks/,
  ],
  ["a blank stop", { stop_sequences: [" "] }, /must contain non-whitespace/],
];

describe("Anthropic Messages on the emulator", () => {
  it.each(refused)("refuses %s", async (_, over, message) => {
    await using emulator = await startEmulator({ respond: () => "ok" });
    const headers = { "content-type": "application/json", "anthropic-version": "2023-06-01" };
    const ask = (body: Json) => fetch(`${emulator.baseUrl}/messages`, { method: "POST", headers, body: JSON.stringify(body) });
    const response = await ask({ ...HELLO, ...over });
    expect(response.status).toBe(400);
    const body = (await response.json()) as { error: { message: string } };
    expect(body).toMatchObject({ type: "error", error: { type: "invalid_request_error", message: expect.stringMatching(message) } });
    expect((await ask(HELLO)).status).toBe(200);
  });

  it("wants a version, and takes no sampling with the newest", async () => {
    await using emulator = await startEmulator({ respond: () => "ok" });
    const ask = async (version: string | undefined, over: Json = {}) => {
      const headers = { "content-type": "application/json", ...(version && { "anthropic-version": version }) };
      const response = await fetch(`${emulator.baseUrl}/messages`, {
        method: "POST",
        headers,
        body: JSON.stringify({ ...HELLO, ...over }),
      });
      return ((await response.json()) as { error?: { message: string } }).error?.message;
    };
    expect(await ask(undefined)).toBe("anthropic-version: header is required");
    expect(await ask("1999-01-01")).toContain("not a valid version");
    expect(await ask("2026-10-21", { temperature: 1 })).toBe("temperature: Extra inputs are not permitted");
    expect(await ask("2023-06-01", { temperature: 1 })).toBeUndefined();
  });

  it("is understood by the vendor's own client", async () => {
    await using emulator = await startEmulator({ apiKey: "key", models: [MODEL] });
    const client = new Anthropic({ baseURL: emulator.url, apiKey: "key", maxRetries: 0, logLevel: "off" });
    emulator.reply({
      reasoning: "Where?",
      text: "One moment.",
      toolCalls: [{ name: "look", input: { where: "north" } }],
      usage: { inputTokens: 10, outputTokens: 5, cachedInputTokens: 4 },
    });
    const request = { ...HELLO, tools: [TOOL] } as unknown as Anthropic.MessageCreateParamsNonStreaming;
    const message = await client.messages.stream(request).finalMessage();
    expect(message.content).toMatchObject([
      { type: "thinking", thinking: "Where?" },
      { type: "text", text: "One moment." },
      { type: "tool_use", name: "look", input: { where: "north" } },
    ]);
    expect(message).toMatchObject({ stop_reason: "tool_use", usage: { input_tokens: 6, cache_read_input_tokens: 4, output_tokens: 5 } });

    emulator.reply("North it is.");
    const result = { type: "tool_result" as const, tool_use_id: (message.content[2] as { id: string }).id, content: "trees" };
    const messages = [...request.messages, { role: "assistant", content: message.content }, { role: "user", content: [result] }];
    const next = await client.messages.create({ ...request, messages: messages as Anthropic.MessageParam[] });
    expect(next).toMatchObject({ content: [{ type: "text", text: "North it is." }], stop_reason: "end_turn" });

    const { input_tokens } = await client.messages.countTokens({ model: MODEL, messages: request.messages });
    expect(input_tokens).toBeGreaterThan(0);
    const models = [];
    for await (const model of client.models.list()) models.push(model.id);
    expect(models).toEqual([MODEL]);

    await expect(client.messages.create({ ...request, model: "other" })).rejects.toMatchObject({
      status: 404,
      type: "not_found_error",
      apiMessage: "model: other",
    });
    await expect(client.withOptions({ apiKey: "no" }).messages.create(request)).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    emulator.reply({ fault: { type: "status", status: 529 } });
    await expect(client.messages.create(request)).rejects.toMatchObject({ status: 529, type: "overloaded_error" });
    emulator.reply({ text: "x".repeat(100), fault: { type: "error-event" } });
    await expect(client.messages.stream(request).finalMessage()).rejects.toMatchObject({ type: "api_error" });
    emulator.assertComplete();
  });
});
