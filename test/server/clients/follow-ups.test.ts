import { describe, expect, test } from "vitest";
import { callTool, say, scriptedBackend } from "../../../src/testing/index.js";
import { member, startTeam } from "../helpers.js";

const messages = [{ role: "user" as const, content: "What is the weather in Paris?" }];
const tools = [{ type: "function" as const, function: { name: "get_weather", parameters: { type: "object" } } }];

/** A model that calls a tool whenever it is made to, as real ones do. */
const obedient = () =>
  scriptedBackend(({ toolChoice }) => (toolChoice !== undefined && toolChoice !== "auto" ? callTool("get_weather", {}) : "It is sunny."));

test.each(["required", { type: "function", function: { name: "get_weather" } }] as const)(
  "tool_choice %o holds until a tool is called: the run goes on freely, as the next request asks",
  async (choice) => {
    const { client } = await startTeam([obedient()]);
    const first = await client.chat.completions.create({ model: "team", messages, tools, tool_choice: choice });
    const message = first.choices[0]!.message;
    expect(message.tool_calls).toHaveLength(1);
    const next = [...messages, message, { role: "tool" as const, tool_call_id: message.tool_calls![0]!.id, content: "sunny" }];
    const second = await client.chat.completions.create({ model: "team", messages: next, tools });
    expect(second.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "It is sunny." } });
  },
);

test("each reply tells the tokens of its own steps, that of the calls too", async () => {
  const usage = [
    { inputTokens: 90, outputTokens: 10 },
    { inputTokens: 200, outputTokens: 30, cachedInputTokens: 90 },
  ];
  const backend = scriptedBackend([
    [callTool("get_weather", {}), { usage: usage[0]! }],
    [say("It is sunny."), { usage: usage[1]! }],
  ]);
  const { client } = await startTeam([backend]);
  const first = await client.chat.completions.create({ model: "team", messages, tools });
  expect(first.usage).toMatchObject({ prompt_tokens: 90, completion_tokens: 10 });
  const message = first.choices[0]!.message;
  const next = [...messages, message, { role: "tool" as const, tool_call_id: message.tool_calls![0]!.id, content: "sunny" }];
  const second = await client.chat.completions.create({ model: "team", messages: next, tools });
  expect(second.usage).toMatchObject({ prompt_tokens: 200, completion_tokens: 30, prompt_tokens_details: { cached_tokens: 90 } });
});

describe("a follow-up that asks for something else", () => {
  const schema = { type: "object", properties: { sky: { type: "string" } }, required: ["sky"] };
  test.each([
    ["no call at all", { tools, tool_choice: "none" as const }],
    ["other tools", { tools: [...tools, { type: "function" as const, function: { name: "get_time" } }] }],
    ["a format", { tools, response_format: { type: "json_schema" as const, json_schema: { name: "sky", schema } } }],
  ])("(%s) is answered from the transcript by the agent that made the call, in one turn", async (_name, more) => {
    const presenter = member("one", ({ messages: given }) =>
      given.at(-1)?.role === "tool" ? '{"sky":"sunny"}' : callTool("get_weather", {}),
    );
    const { client, backends } = await startTeam([presenter, member("two")]);
    const first = await client.chat.completions.create({ model: "team", messages, tools });
    const message = first.choices[0]!.message;
    const before = backends.map(({ requests }) => requests.length);
    const next = [...messages, message, { role: "tool" as const, tool_call_id: message.tool_calls![0]!.id, content: "sunny" }];
    const second = await client.chat.completions.create({ model: "team", messages: next, ...more });
    expect(second.choices[0]?.message.content).toBe('{"sky":"sunny"}');
    expect(backends.map(({ requests }) => requests.length)).toEqual([before[0]! + 1, before[1]]);
    const asked = backends[0]!.requests.at(-1)!;
    const offered = "tool_choice" in more ? [] : more.tools.map(({ function: { name } }) => name);
    expect((asked.tools ?? []).map(({ name }) => name)).toEqual(offered);
    if ("response_format" in more) expect(asked.settings?.responseFormat).toMatchObject({ type: "json-schema", schema });
  });
});

test("what the user adds to the results arrives, pictures too", async () => {
  const presenter = member("one", ({ messages: given }) => (given.at(-1)?.role === "tool" ? "I see." : callTool("get_weather", {})));
  const { client, backends } = await startTeam([presenter, member("two")]);
  const first = await client.chat.completions.create({ model: "team", messages, tools });
  const message = first.choices[0]!.message;
  const picture = { type: "image_url" as const, image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } };
  await client.chat.completions.create({
    model: "team",
    messages: [
      ...messages,
      message,
      { role: "tool", tool_call_id: message.tool_calls![0]!.id, content: "sunny" },
      { role: "user", content: [{ type: "text", text: "Compare." }, picture] },
    ],
    tools,
  });
  const [result] = backends[0]!.requests.at(-1)!.messages.at(-1)!.content as { output: unknown }[];
  expect(result?.output).toMatchObject([
    { type: "text", text: "sunny" },
    { type: "text", text: "\n\nThe user adds: " },
    { type: "text", text: "Compare." },
    { type: "file", mediaType: "image/png" },
  ]);
});
