import { describe, expect, test } from "vitest";
import { Orchestrator } from "../../../src/index.js";
import { serve } from "../../../src/server/index.js";
import { scriptedBackend, startEmulator } from "../../../src/testing/index.js";
import { startTeam } from "../helpers.js";

const PIXEL = "data:image/png;base64,iVBORw0KGgo=";
const call = (id: string, name = "look") => ({ id, type: "function", function: { name, arguments: "{}" } });

/** What a lone agent gets, and what the client is told. */
async function send(body: object, path = "/v1/chat/completions") {
  const { url, backends } = await startTeam([scriptedBackend(() => "Fine.")]);
  const response = await fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "team", ...body }),
  });
  const reply = (await response.json()) as { error?: { param: string; message: string; code: string } };
  return { status: response.status, error: reply.error, request: backends[0]!.requests[0] };
}

describe("messages", () => {
  test("of system and developer are gathered in their order, wherever they stand", async () => {
    const { request } = await send({
      messages: [
        { role: "system", content: "One." },
        { role: "user", content: "Hi." },
        { role: "developer", content: [{ type: "text", text: "Two." }] },
        { role: "assistant", content: "Hello." },
        { role: "system", content: "Three." },
        { role: "user", content: "Go." },
      ],
    });
    expect(request?.system).toBe("One.\n\nTwo.\n\nThree.");
    expect(request?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
  });

  test("of the system alone are the task", async () => {
    const { request } = await send({ messages: [{ role: "system", content: "Say hi." }] });
    expect(request).toMatchObject({ messages: [{ role: "user", content: "Say hi." }] });
    expect(request?.system).toBeUndefined();
  });

  test("keep names, refusals, pictures, sound and files", async () => {
    const { request } = await send({
      messages: [
        { role: "user", name: "ada", content: "Hi." },
        { role: "assistant", content: null, refusal: "I will not." },
        {
          role: "user",
          name: "ben",
          content: [
            { type: "text", text: "Look." },
            { type: "image_url", image_url: { url: PIXEL } },
            { type: "image_url", image_url: { url: "https://example.com/a.jpg" } },
            { type: "input_audio", input_audio: { data: "UklGRg==", format: "mp3" } },
            { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" } },
          ],
        },
      ],
    });
    expect(request?.messages).toEqual([
      { role: "user", content: "ada: Hi." },
      { role: "assistant", content: [{ type: "text", text: "I will not." }] },
      {
        role: "user",
        content: [
          { type: "text", text: "ben: " },
          { type: "text", text: "Look." },
          { type: "file", mediaType: "image/png", data: PIXEL },
          { type: "file", mediaType: "image/jpeg", data: "https://example.com/a.jpg" },
          { type: "file", mediaType: "audio/mpeg", data: "UklGRg==" },
          { type: "file", mediaType: "application/pdf", data: "data:application/pdf;base64,JVBERi0=", filename: "a.pdf" },
        ],
      },
    ]);
  });

  test("parallel results stand in one message, and an id may come again in a later turn", async () => {
    const turn = [
      { role: "assistant", content: null, tool_calls: [call("a"), call("b")] },
      { role: "tool", tool_call_id: "b", content: "B" },
      { role: "tool", tool_call_id: "a", content: [{ type: "text", text: "A" }] },
    ];
    const { request } = await send({ messages: [{ role: "user", content: "Go." }, ...turn, ...turn] });
    expect(request?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant", "tool"]);
    expect(request?.messages.at(-1)?.content).toMatchObject([{ toolCallId: "b", output: "B" }, { toolCallId: "a" }]);
  });

  test("arguments that are no JSON arrive as they are", async () => {
    const broken = { id: "a", type: "function", function: { name: "look", arguments: "{oops" } };
    const { request } = await send({
      messages: [
        { role: "user", content: "Go." },
        { role: "assistant", tool_calls: [broken] },
        { role: "tool", tool_call_id: "a", content: "" },
      ],
    });
    expect(request?.messages[1]?.content).toMatchObject([{ type: "tool-call", input: "{oops", invalid: expect.any(String) }]);
  });

  const user = { role: "user", content: "Go." };
  const calls = { role: "assistant", tool_calls: [call("a"), call("b")] };
  const result = (id: string) => ({ role: "tool", tool_call_id: id, content: "x" });
  test.each([
    ["a result without its call", [user, result("a")], "messages[1].tool_call_id"],
    ["a result that is missing at the end", [user, calls, result("a")], "messages"],
    ["a result that is missing before the user goes on", [user, calls, result("a"), user], "messages[3].content"],
    [
      "a result that is missing before the assistant goes on",
      [user, calls, result("a"), { role: "assistant", content: "Hm." }, user],
      "messages[3]",
    ],
    ["a result given twice", [user, calls, result("a"), result("b"), result("a")], "messages[4].tool_call_id"],
    ["one id of two calls", [user, { role: "assistant", tool_calls: [call("a"), call("a")] }, result("a")], "messages[1]"],
    ["an end that is the assistant's", [user, { role: "assistant", content: "Hm." }], "messages"],
    ["an end without a word", [{ role: "user", content: "" }], "messages"],
    [
      "a file that the server would have to keep",
      [{ role: "user", content: [{ type: "file", file: { file_id: "file_1" } }] }],
      "messages[0].content[0].file.file_id",
    ],
    [
      "a link to something on the host",
      [{ role: "user", content: [{ type: "image_url", image_url: { url: "file:///etc/passwd" } }] }],
      "messages[0].content[0].image_url.url",
    ],
    ["an old function message", [user, { role: "function", name: "look", content: "x" }], "messages[1].role"],
  ])("%s is refused by its place", async (_name, messages, param) => {
    const { status, error, request } = await send({ messages });
    expect(status).toBe(400);
    expect(error?.param).toBe(param);
    expect(request).toBeUndefined();
  });
});

test("a long history arrives whole at every provider, in its own spelling", async () => {
  const respond = (_prompt: unknown) => "A reply that answers.";
  await using emulator = await startEmulator({ respond });
  const agents = (["chatcompletion", "openai", "claude"] as const).map((type) => ({
    id: type,
    backend: {
      type,
      model: type === "claude" ? "claude-sonnet-4-5" : "any",
      baseUrl: type === "claude" ? emulator.url : emulator.baseUrl,
      apiKey: "key",
    },
  }));
  const history = Array.from({ length: 200 }, (_, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content: `Message ${i}.` }));
  await using orchestrator = new Orchestrator({ agents: agents as never });
  const server = await serve({ models: { team: orchestrator }, port: 0, drainMs: 0 });
  try {
    for (const { id } of agents) {
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          model: `massgen-agent-${id}`,
          messages: [
            { role: "system", content: "Rules." },
            ...history,
            { role: "user", content: "Look." },
            { role: "assistant", content: "I look.", tool_calls: [call("call_a"), call("call_b")] },
            { role: "tool", tool_call_id: "call_a", content: "Result A." },
            { role: "tool", tool_call_id: "call_b", content: "Result B." },
            {
              role: "user",
              content: [
                { type: "text", text: "And this?" },
                { type: "image_url", image_url: { url: PIXEL } },
              ],
            },
          ],
          tools: [{ type: "function", function: { name: "look" } }],
        }),
      });
      expect(response.status, await response.text()).toBe(200);
      const sent = JSON.stringify(emulator.requests.at(-1)?.body);
      const places = [
        "Rules.",
        ...history.map(({ content }) => `"${content}"`),
        "I look.",
        "Result A.",
        "Result B.",
        "And this?",
        "iVBORw0KGgo=",
      ].map((part) => sent.indexOf(part.startsWith('"') ? part.slice(1, -1) : part));
      expect(places, id).not.toContain(-1);
      expect(sent.split("call_a").length, id).toBe(3);
    }
  } finally {
    await server.stop();
  }
});
