import { describe, expect, test } from "vitest";
import { callTool, scriptedBackend } from "../../../src/testing/index.js";
import { member, startTeam } from "../helpers.js";
import { published, schemasMissing } from "../schemas.js";
import * as bodies from "./bodies.js";
import { resultIn } from "./team.js";

interface Chunk {
  object: string;
  choices: { delta: Delta; finish_reason: string | null }[];
  usage?: { total_tokens: number } | null;
}
interface Delta {
  content?: string;
  reasoning_content?: string;
  tool_calls?: { index: number; id?: string; type?: string; function?: { name?: string; arguments?: string } }[];
}

async function post(url: string, body: object): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer x", "x-api-key": "x" },
    body: JSON.stringify(body),
  });
}

/** A stream as these clients put it together. */
async function stream(url: string, body: object) {
  const response = await post(url, body);
  const text = await response.text();
  expect(response.status, text).toBe(200);
  const frames = text.split("\n\n").filter((frame) => frame.startsWith("data: "));
  expect(frames.pop()).toBe("data: [DONE]");
  const chunks = frames.map((frame) => JSON.parse(frame.slice(6)) as Chunk);
  const calls: { id: string; type: string; name: string; arguments: string }[] = [];
  let content = "";
  let reasoning = "";
  for (const chunk of chunks) {
    if (schemasMissing === "") expect(published("chat", "CreateChatCompletionStreamResponse")(chunk), JSON.stringify(chunk)).toBe(true);
    expect(Array.isArray(chunk.choices)).toBe(true);
    const delta = chunk.choices[0]?.delta;
    content += delta?.content ?? "";
    reasoning += delta?.reasoning_content ?? "";
    for (const call of delta?.tool_calls ?? []) {
      calls[call.index] ??= { id: call.id!, type: call.type!, name: call.function!.name!, arguments: "" };
      calls[call.index]!.arguments += call.function?.arguments ?? "";
    }
  }
  const finish = chunks.map(({ choices }) => choices[0]?.finish_reason).find((reason) => reason);
  return { content, reasoning, calls, finish, usage: chunks.at(-1)?.usage };
}

const PATCH = '*** Begin Patch\n*** Add File: "hello".py\n+def hello(): pass\n*** End Patch';

/** A team whose presenter patches a file, and says what came of it. */
function patchingTeam() {
  const one = member("one", (request) => {
    const result = resultIn(request);
    return result === undefined || result.startsWith("print") ? callTool("ApplyPatch", { input: PATCH }) : `Patched: ${result}.`;
  });
  return startTeam([one, member("two")]);
}

describe("Cursor", () => {
  test("Ask: a flat custom tool comes back as a function with the raw text, and the next turn goes on with the run", async () => {
    const { url, backends } = await patchingTeam();
    const first = await stream(url, bodies.cursorAsk);
    expect(first.finish).toBe("tool_calls");
    expect(first.calls).toMatchObject([{ type: "function", name: "ApplyPatch", arguments: PATCH }]);
    expect(backends[0]!.requests.at(-1)?.tools?.find(({ name }) => name === "ApplyPatch")?.inputSchema).toMatchObject({
      properties: { input: { description: expect.stringContaining("begin_patch hunk end_patch") } },
    });
    const { id, name, arguments: args } = first.calls[0]!;
    const others = backends[1]!.requests.length;
    const second = await stream(url, {
      ...bodies.cursorAsk,
      messages: [
        ...bodies.cursorAsk.messages,
        { role: "assistant", content: null, tool_calls: [{ id, type: "function", function: { name, arguments: args } }] },
        { role: "tool", tool_call_id: id, content: "Success." },
      ],
    });
    expect(second).toMatchObject({ content: "Patched: Success..", finish: "stop" });
    expect(backends[1]!.requests).toHaveLength(others);
  });

  test("Agent: a body of the Responses API is answered in chunks, its custom call as a function", async () => {
    const one = scriptedBackend((request) => {
      const [last] = (request.messages.at(-1)?.content ?? []) as { toolName: string; output: string }[];
      return last?.toolName === "ApplyPatch" ? `Patched: ${last.output}` : callTool("ApplyPatch", { input: PATCH });
    });
    const { url } = await startTeam([one, member("two")]);
    const first = await stream(url, bodies.cursorAgent);
    expect(first.calls).toMatchObject([{ type: "function", name: "ApplyPatch", arguments: PATCH }]);
    expect(first.usage).toMatchObject({ total_tokens: expect.any(Number) });
    const [request] = one.requests;
    expect(request).toMatchObject({
      system: expect.stringContaining("You are a coding assistant in Cursor."),
      settings: { reasoningEffort: "medium" },
    });
    expect(request?.system).toContain("concisely");
    expect(request?.messages).toMatchObject([
      { role: "user", content: [{ type: "text", text: "Add hello() to main.py" }] },
      { role: "assistant", content: [{ type: "tool-call", toolCallId: "call_a", toolName: "read_file", input: { path: "main.py" } }] },
      { role: "tool", content: [{ toolCallId: "call_a", output: "print(1)" }] },
    ]);

    // Cursor gives the function it was handed back, as the custom call it knows or as that function.
    for (const call of [
      { type: "custom_tool_call", call_id: first.calls[0]!.id, name: "ApplyPatch", input: PATCH },
      { type: "function_call", call_id: first.calls[0]!.id, name: "ApplyPatch", arguments: PATCH },
    ]) {
      const output = { type: `${call.type}_output`, call_id: call.call_id, output: "Success." };
      expect(await stream(url, { ...bodies.cursorAgent, input: [...bodies.cursorAgent.input, call, output] })).toMatchObject({
        content: "Patched: Success.",
      });
    }
    expect(one.requests.at(-1)?.messages.at(-2)).toMatchObject({ content: [{ toolName: "ApplyPatch", input: { input: PATCH } }] });
  });

  test("blocks of Anthropic's are read as what they are", async () => {
    const { url, backends } = await startTeam();
    expect((await stream(url, bodies.cursorBlocks)).content).toBe("Final words of one.");
    const draft = backends[0]!.requests[0]!;
    expect(draft.system).toContain("You are a coding assistant in Cursor.");
    expect(draft.messages.slice(0, 3)).toMatchObject([
      { role: "user", content: [{ type: "text", text: "Add hello() to main.py" }] },
      { role: "assistant", content: [{ text: "Reading." }, { type: "tool-call", toolName: "read_file", input: { path: "main.py" } }] },
      { role: "tool", content: [{ toolCallId: "toolu_1", output: [{ text: "print(1)" }] }] },
    ]);
    expect(JSON.stringify(draft.messages[3])).toContain("Go on.");
  });
});

const { continueAgent, cline, aider, openWebUi, libreChat } = bodies;

describe("a chat", () => {
  test.each(Object.entries({ continueAgent, cline, aider, openWebUi, libreChat }))(
    "of %s is streamed, the deliberation apart",
    async (_name, body) => {
      const { url, backends } = await startTeam();
      const reply = await stream(url, body);
      expect(reply).toMatchObject({ content: "Final words of one.", finish: "stop", reasoning: expect.stringContaining("votes for") });
      expect(reply.usage === undefined).toBe(!("stream_options" in body));
      // All that was said arrives, whoever drafts and whoever presents.
      for (const request of [backends[1]!.requests[0]!, backends[0]!.requests.at(-1)!]) {
        const arrived = JSON.stringify([request.system, request.messages]);
        for (const { content } of body.messages) {
          for (const text of typeof content === "string" ? [content] : content.map((part) => ("text" in part ? part.text : "image/png")))
            expect(arrived).toContain(JSON.stringify(text).slice(1, -1));
        }
      }
    },
  );

  test("of LibreChat's carries its penalties to the agents", async () => {
    const { url, backends } = await startTeam();
    await stream(url, bodies.libreChat);
    for (const { settings } of backends.flatMap(({ requests }) => requests)) {
      expect(settings).toMatchObject({ presencePenalty: 0.5, frequencyPenalty: 0.25, temperature: 0.7, topP: 1 });
    }
  });
});

describe("titles, tags and the like", () => {
  const jobs = {
    "Continue's title": { ...bodies.continueTitle, stream: false },
    "LibreChat's title": bodies.libreChatTitles.completion,
    ...Object.fromEntries(Object.entries(bodies.openWebUiTasks).map(([name, body]) => [`Open WebUI's ${name}`, body])),
  };

  test.each(Object.entries(jobs))("%s goes to one agent, which nothing is told about", async (_name, body) => {
    const { url, backends } = await startTeam([scriptedBackend(["A Title"]), scriptedBackend([])]);
    const reply = (await (await post(url, body)).json()) as { choices: { message: object }[] };
    expect(reply.choices[0]?.message).toEqual({ role: "assistant", content: "A Title", refusal: null });
    expect(backends[1]!.requests).toEqual([]);
  });

  test("LibreChat's structured title too, whose form is a tool", async () => {
    const form = { language: "English", title: "A Title" };
    const { url, backends } = await startTeam([scriptedBackend([callTool("extract", form)]), scriptedBackend([])]);
    const reply = (await (await post(url, bodies.libreChatTitles.structured)).json()) as {
      choices: { message: { tool_calls: { function: { arguments: string } }[] } }[];
    };
    expect(JSON.parse(reply.choices[0]!.message.tool_calls[0]!.function.arguments)).toEqual(form);
    expect(backends[1]!.requests).toEqual([]);
  });

  test("but not a question about titles, nor where it is turned off", async () => {
    const asked = await startTeam();
    await post(asked.url, { model: "team", messages: [{ role: "user", content: "Generate a title for my novel about a chat." }] });
    expect(asked.backends[1]!.requests.length).toBeGreaterThan(0);
    const off = await startTeam(undefined, { backgroundJobs: false });
    await post(off.url, bodies.libreChatTitles.completion);
    expect(off.backends[1]!.requests.length).toBeGreaterThan(0);
  });
});
