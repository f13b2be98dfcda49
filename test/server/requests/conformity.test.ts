import { describe, expect, test } from "vitest";
import { conformityCheck } from "../../../src/server/conformity.js";
import { scriptedBackend } from "../../../src/testing/index.js";
import { member, phaseOf, startTeam } from "../helpers.js";

const schema = { type: "object", properties: { a: { type: "number" } }, required: ["a"], additionalProperties: false };
const question = { model: "team", messages: [{ role: "user" as const, content: "Which?" }] };
const asked = { type: "json_schema" as const, json_schema: { name: "x", schema } };
const presenting = (text: string) => [member("one", () => text), member("two")];

describe("a schema is checked", () => {
  const field = { type: "number", default: 3 };
  test.each([
    ["with a default", { type: "object", properties: { a: field }, required: ["a"] }, '{"a":1}', "{}"],
    ["without a type", { properties: { a: { type: "number" } }, required: ["a"] }, '{"a":1}', '{"a":"x"}'],
    ["with a property called default", { type: "object", properties: { default: { type: "number" } } }, '{"default":1}', '{"default":"x"}'],
    ["that refers to itself", { type: "object", properties: { of: { type: "array", items: { $ref: "#" } } } }, '{"of":[{}]}', '{"of":[1]}'],
    ["of one thing or another", { anyOf: [{ type: "string" }, { type: "null" }] }, "null", "1"],
    ["with values of its own", { enum: ["a", 1] }, "1", '"b"'],
  ])("%s", (_name, schema, good, bad) => {
    const check = conformityCheck({ type: "json-schema", schema }, "response_format")!;
    expect(() => check(good)).not.toThrow();
    expect(() => check(bad)).toThrow(/does not conform/);
  });
});

describe("response_format", () => {
  test.each([
    ['{"a":"one"}', /expected number/],
    ['{"b":1}', /expected number|required/i],
    ["Here: {}", /not valid JSON/],
  ])("of a schema: %s is an error that says why", async (text, why) => {
    const { client } = await startTeam(presenting(text));
    await expect(client.chat.completions.create({ ...question, response_format: asked })).rejects.toMatchObject({
      status: 502,
      code: "response_format_not_met",
      message: expect.stringMatching(why),
    });
  });

  test("streamed: an error frame after the text", async () => {
    const { client } = await startTeam(presenting('{"a":"one"}'));
    let content = "";
    const read = async () => {
      for await (const { choices } of await client.chat.completions.create({ ...question, response_format: asked, stream: true })) {
        content += choices[0]?.delta.content ?? "";
      }
    };
    await expect(read()).rejects.toThrow(/does not conform/);
    expect(content).toBe('{"a":"one"}');
  });

  test("of JSON: any JSON will do, and nothing else", async () => {
    const fine = await startTeam(presenting("[1]"));
    const reply = await fine.client.chat.completions.create({ ...question, response_format: { type: "json_object" } });
    expect(reply.choices[0]?.message.content).toBe("[1]");
    const wrong = await startTeam(presenting("One."));
    await expect(wrong.client.chat.completions.create({ ...question, response_format: { type: "json_object" } })).rejects.toMatchObject({
      code: "response_format_not_met",
    });
  });

  test("with a call of a client's tool, what is said before it need not conform", async () => {
    const backend = scriptedBackend((request) =>
      request.messages.at(-1)?.role === "tool" ? '{"a":1}' : ["Let me look.", { toolCall: { name: "look", input: {} } }],
    );
    const { client } = await startTeam([backend]);
    const tools = [{ type: "function" as const, function: { name: "look" } }];
    const first = await client.chat.completions.create({ ...question, tools, response_format: asked });
    const message = first.choices[0]!.message;
    expect(first.choices[0]?.finish_reason).toBe("tool_calls");
    const messages = [...question.messages, message, { role: "tool" as const, tool_call_id: message.tool_calls![0]!.id, content: "x" }];
    const second = await client.chat.completions.create({ ...question, messages, tools, response_format: asked });
    expect(second.choices[0]?.message.content).toBe('{"a":1}');
  });

  test.each(["chat", "responses"] as const)("a schema that cannot be checked is refused before a run (%s)", async (api) => {
    const { client, backends } = await startTeam();
    const bad = { type: "object", properties: { a: { $ref: "https://example.com/other.json" } } };
    const sent =
      api === "chat"
        ? client.chat.completions.create({ ...question, response_format: { type: "json_schema", json_schema: { name: "x", schema: bad } } })
        : client.responses.create({ model: "team", input: "Which?", text: { format: { type: "json_schema", name: "x", schema: bad } } });
    await expect(sent).rejects.toMatchObject({ status: 400, param: api === "chat" ? "response_format" : "text.format" });
    expect(backends[0]!.requests).toEqual([]);
  });
});

test("with reviews, only the text that was accepted is said, and judged", async () => {
  let presented = 0;
  const one = scriptedBackend((request) => {
    const names = (request.tools ?? []).map(({ name }) => name);
    if (names.includes("submit")) return presented === 1 ? restart() : { toolCall: { name: "submit", input: { confirmed: true } } };
    const phase = phaseOf(request.tools);
    if (phase === "draft") return { toolCall: { name: "new_answer", input: { content: `Draft ${presented}.` } } };
    if (phase === "evaluate") return { toolCall: { name: "vote", input: { agent_id: "agent1", reason: "" } } };
    presented++;
    return presented === 1 ? "Not JSON at all." : '{"a":1}';
  });
  const { client } = await startTeam([one, member("two")], {}, { maxRestarts: 1 });
  let content = "";
  for await (const { choices } of await client.chat.completions.create({ ...question, response_format: asked, stream: true })) {
    content += choices[0]?.delta.content ?? "";
  }
  expect(presented).toBe(2);
  expect(content).toBe('{"a":1}');
});

const restart = () => ({
  toolCall: { name: "restart_orchestration", input: { reason: "No JSON.", instructions: "Write JSON.", feedback: "Write JSON." } },
});
