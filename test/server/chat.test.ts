import { describe, expect, test } from "vitest";
import { callTool, fail, say, scriptedBackend } from "../../src/testing/index.js";
import { member, startTeam } from "./helpers.js";

const question = [{ role: "user" as const, content: "Which index fits?" }];

describe("a whole reply", () => {
  test("holds the winner's text, the deliberation and the usage", async () => {
    const { client } = await startTeam();
    const reply = await client.chat.completions.create({ model: "team", messages: question });
    const [choice] = reply.choices;
    expect(choice?.message.content).toBe("Final words of one.");
    expect(choice?.finish_reason).toBe("stop");
    expect((choice?.message as { reasoning_content?: string } | undefined)?.reasoning_content).toContain(
      "claude votes for gpt's answer agent1.1: two likes it.",
    );
    expect(reply.usage?.total_tokens).toBeGreaterThan(0);
    expect(reply).not.toHaveProperty("massgen_metadata");
  });

  test("holds how it came about when asked", async () => {
    const { client } = await startTeam();
    const reply = await client.chat.completions.create(
      { model: "team", messages: question },
      { headers: { "x-massgen-metadata": "true" } },
    );
    expect(reply).toHaveProperty("massgen_metadata.selected_agent", "gpt");
    expect(reply).toHaveProperty("massgen_metadata.vote_results.votes.length", 2);
  });
});

describe("a streamed reply", () => {
  test("opens with the role, tells the deliberation, then the text, the usage and [DONE]", async () => {
    const { client, url } = await startTeam();
    const stream = await client.chat.completions.create({
      model: "team",
      messages: question,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let told = "";
    let first: unknown;
    let usage: unknown;
    for await (const chunk of stream) {
      const delta = chunk.choices[0]?.delta as { content?: string; reasoning_content?: string } | undefined;
      first ??= delta;
      if (text !== "") expect(delta?.reasoning_content).toBeUndefined();
      text += delta?.content ?? "";
      told += delta?.reasoning_content ?? "";
      usage = chunk.usage ?? usage;
    }
    expect(first).toEqual({ role: "assistant", content: "" });
    expect(text).toBe("Final words of one.");
    expect(told).toContain("gpt writes:\nDraft of one.");
    expect(usage).toMatchObject({ total_tokens: expect.any(Number) });

    const raw = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "team", messages: question, stream: true }),
    });
    const body = await raw.text();
    expect(body.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(body).not.toContain('"choices":[]');
  });

  test("ends in an error frame when the presentation fails after content was sent", async () => {
    const { client } = await startTeam([
      member("one", () => [say("A beginning that is long enough."), fail("server_error")]),
      member("two"),
    ]);
    const stream = await client.chat.completions.create({ model: "team", messages: question, stream: true });
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow(/failed after part of it had been sent/);
  });
});

describe("client tools", () => {
  const tools = [
    {
      type: "function" as const,
      function: { name: "vote", description: "Reads a file.", parameters: { type: "object", properties: { path: { type: "string" } } } },
    },
  ];

  test("go out from the presenter, and the run goes on with the result", async () => {
    const one = member("one", (request) => {
      const last = request.messages.at(-1);
      return last?.role === "tool"
        ? `It says: ${JSON.stringify(last.content[0]?.output)}`
        : [say("Let me look."), callTool("client_vote", { path: "a.txt" })];
    });
    const { client, backends } = await startTeam([one, member("two")]);
    const reply = await client.chat.completions.create({ model: "team", messages: question, tools });
    const [choice] = reply.choices;
    expect(choice?.finish_reason).toBe("tool_calls");
    expect(choice?.message.content).toBe("Let me look.");
    const [call] = choice?.message.tool_calls ?? [];
    expect(call).toMatchObject({ type: "function", function: { name: "vote", arguments: '{"path":"a.txt"}' } });
    const before = backends[1]!.requests.length;
    const next = await client.chat.completions.create({
      model: "team",
      messages: [...question, choice!.message, { role: "tool", tool_call_id: call!.id, content: "hello" }],
      tools,
    });
    expect(next.choices[0]?.message.content).toBe('It says: "hello"');
    expect(backends[1]!.requests.length).toBe(before);
  });

  test("with an unknown token the conversation goes on as one presenting turn", async () => {
    const { client, backends } = await startTeam([scriptedBackend(["Nothing."]), scriptedBackend(["I see: done."])]);
    const id = `call_1_${"a".repeat(24)}_0`;
    const reply = await client.chat.completions.create({
      model: "team",
      messages: [
        ...question,
        { role: "assistant", tool_calls: [{ id, type: "function", function: { name: "vote", arguments: "{}" } }] },
        { role: "tool", tool_call_id: id, content: "hello" },
      ],
      tools,
    });
    expect(reply.choices[0]?.message.content).toBe("I see: done.");
    expect(backends[0]!.requests).toHaveLength(0);
  });
});

test("the Responses API: whole, streamed and with a tool", async () => {
  const { client } = await startTeam();
  const reply = await client.responses.create({ model: "team", input: "Which index fits?" });
  expect(reply.output_text).toBe("Final words of one.");
  const types: string[] = [];
  let text = "";
  for await (const event of await client.responses.create({ model: "team", input: "Which?", stream: true })) {
    types.push(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  expect(text).toBe("Final words of one.");
  expect(types.at(-1)).toBe("response.completed");
  const final = await client.responses.stream({ model: "team", input: "Which?" }).finalResponse();
  expect(final.output_text).toBe("Final words of one.");
});

test("models, health and errors", async () => {
  const { client, url } = await startTeam();
  const ids = (await client.models.list()).data.map(({ id }) => id);
  expect(ids).toEqual(["team", "massgen-agent-gpt", "massgen-agent-claude"]);
  await expect(client.chat.completions.create({ model: "nope", messages: question })).rejects.toMatchObject({
    status: 404,
    code: "model_not_found",
    param: "model",
  });
  await expect(client.chat.completions.create({ model: "team", messages: question, n: 2 })).rejects.toMatchObject({
    status: 400,
    param: "n",
  });
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: "ok" });
  expect(await (await fetch(`${url}/metrics`)).text()).toContain("massgen_requests_total");
});
