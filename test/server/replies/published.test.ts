import { describe, expect, test } from "vitest";
import { callTool, fail, finish, say } from "../../../src/testing/index.js";
import { resultIn } from "../clients/team.js";
import { member, startTeam } from "../helpers.js";
import { document, published, schemasMissing } from "../schemas.js";

const functionTool = { type: "function", function: { name: "look", parameters: { type: "object", properties: {} } } };
const customTool = { type: "custom", custom: { name: "say" } };
const flatTools = [
  { type: "function", name: "look", parameters: { type: "object", properties: {} }, strict: false },
  { type: "custom", name: "say" },
];

const callingTeam = () =>
  startTeam([
    member("one", (request) =>
      resultIn(request) === undefined ? [say("Let me look."), callTool("look"), callTool("say", { input: "+a" })] : "Done.",
    ),
    member("two"),
  ]);

/** Replies of every kind: who answers, and what is asked beside the question. */
const kinds = {
  plain: { team: () => startTeam(), chat: {}, responses: {} },
  "with all that can be told": {
    team: () => startTeam(),
    chat: { stream_options: { include_usage: true }, massgen_metadata: true },
    responses: {
      massgen_metadata: true,
      instructions: "Be brief.",
      temperature: 0.5,
      max_output_tokens: 100,
      reasoning: { effort: "low" },
      metadata: { a: "b" },
      text: { verbosity: "low" },
      user: "ada",
    },
  },
  "with calls of tools": {
    team: callingTeam,
    chat: { tools: [functionTool, customTool] },
    responses: { tools: flatTools },
  },
  "cut at its limit": {
    team: () => startTeam([member("one", () => [say("Some"), finish("length")]), member("two")]),
    chat: { max_completion_tokens: 16 },
    responses: { max_output_tokens: 16 },
  },
  "of JSON": {
    team: () => startTeam([member("one", () => '{"a":1}'), member("two")]),
    chat: { response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: "object" } } } },
    responses: { text: { format: { type: "json_schema", name: "x", schema: { type: "object" } } } },
  },
};

function conforms(api: "chat" | "responses", name: string, value: unknown): void {
  const valid = published(api, name);
  if (!valid(value)) expect.unreachable(`${name}: ${JSON.stringify(valid.errors?.slice(0, 5))}\n${JSON.stringify(value)}`);
}

/** The definition of an event by its type: against the union of all of them an error says nothing. */
function definitionOf(type: string): string {
  const found = Object.entries(document("responses").$defs).find(
    ([name, { properties }]) => name.endsWith("Event") && (properties?.type as { enum?: string[] } | undefined)?.enum?.includes(type),
  );
  expect(found, type).toBeDefined();
  return found![0];
}

async function post(url: string, path: string, body: object): Promise<Response> {
  return fetch(`${url}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

async function frames(response: Response): Promise<string[]> {
  const text = await response.text();
  expect(response.status, text).toBe(200);
  expect(text.endsWith("\n\n")).toBe(true);
  return text.slice(0, -2).split("\n\n");
}

const messages = [{ role: "user", content: "Which?" }];

describe.skipIf(schemasMissing !== "").each(Object.entries(kinds))("a reply %s is as published", (_name, { team, chat, responses }) => {
  test("chat completions", async () => {
    const { url } = await team();
    const { stream_options: _only, ...whole } = chat as { stream_options?: object };
    const reply = await post(url, "/v1/chat/completions", { model: "team", messages, ...whole });
    expect(reply.status).toBe(200);
    conforms("chat", "CreateChatCompletionResponse", await reply.json());

    const data = await frames(await post(url, "/v1/chat/completions", { model: "team", messages, ...chat, stream: true }));
    expect(data.pop()).toBe("data: [DONE]");
    const chunks = data.map((frame) => JSON.parse(frame.slice(6)));
    for (const chunk of chunks) {
      // Custom calls are streamed as such by the API, and read so by its SDK; the document has not caught up.
      const [call] = chunk.choices[0]?.delta.tool_calls ?? [];
      if (call?.type === "custom") expect(call).toMatchObject({ id: expect.any(String), custom: { name: "say", input: "+a" } });
      else conforms("chat", "CreateChatCompletionStreamResponse", chunk);
    }
    expect(new Set(chunks.map(({ id, created, model, object }) => JSON.stringify([id, created, model, object]))).size).toBe(1);
  });

  test("Responses", async () => {
    const { url } = await team();
    const body = { model: "team", input: "Which?", ...responses };
    const reply = await post(url, "/v1/responses", body);
    const whole = (await reply.json()) as { output: { type: string }[] };
    expect(reply.status, JSON.stringify(whole)).toBe(200);
    conforms("responses", "Response", whole);

    const events = (await frames(await post(url, "/v1/responses", { ...body, stream: true }))).map((frame) => {
      const [name, data] = frame.split("\n");
      const event = JSON.parse(data!.slice("data: ".length));
      expect(name).toBe(`event: ${event.type}`);
      return event;
    });
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, i) => i));
    for (const event of events) {
      // The API says `usage: null` while it writes, although the document has no null there.
      const { usage, ...response } = event.response ?? {};
      const judged = event.response === undefined || usage !== null ? event : { ...event, response };
      conforms("responses", definitionOf(event.type), judged);
    }
    // What the deltas add up to, the items say once more, and the reply that was not streamed said the same.
    const last = events.at(-1).response;
    expect(last.output).toEqual(events.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item));
    const shape = (output: { type: string }[]) => output.map(({ type }) => type);
    expect(shape(last.output)).toEqual(shape(whole.output));
  });
});

describe.skipIf(schemasMissing !== "")("beside replies", () => {
  test("models", async () => {
    const { url } = await startTeam();
    conforms("chat", "ListModelsResponse", await (await fetch(`${url}/v1/models`)).json());
    conforms("chat", "Model", await (await fetch(`${url}/v1/models/team`)).json());
  });

  test.each([
    ["an unknown model", "/v1/chat/completions", { model: "nope", messages }, 404],
    ["a refused field", "/v1/chat/completions", { model: "team", messages, logprobs: true }, 400],
    ["a wrong field of Responses", "/v1/responses", { model: "team", input: "x", temperature: "hot" }, 400],
    ["an unknown address", "/v1/embeddings", {}, 404],
    ["a wrong method", "/health", {}, 405],
  ])("%s is an error as published", async (_name, path, body, status) => {
    const { url } = await startTeam();
    const response = await post(url, path, body);
    expect(response.status).toBe(status);
    conforms("chat", "ErrorResponse", await response.json());
  });

  test("a failure before and within a stream too", async () => {
    const { url } = await startTeam([member("one", () => [say("A beginning of some length."), fail("server_error")]), member("two")]);
    const whole = await frames(await post(url, "/v1/chat/completions", { model: "team", messages, stream: true }));
    conforms("chat", "ErrorResponse", JSON.parse(whole.at(-1)!.slice(6)));
    const events = await frames(await post(url, "/v1/responses", { model: "team", input: "x", stream: true }));
    const failed = events.map((frame) => frame.split("\n").at(-1)!.slice(6)).map((data) => JSON.parse(data));
    expect(failed.at(-2)).toMatchObject({
      type: "response.failed",
      response: { status: "failed", error: { message: expect.any(String) } },
    });
    conforms("chat", "ErrorResponse", failed.at(-1));
  });
});
