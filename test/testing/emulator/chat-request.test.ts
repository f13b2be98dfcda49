import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkChatRequest } from "../../../src/testing/emulator/chat-request.js";
import { type Emulator, startEmulator } from "../../../src/testing/emulator/emulator.js";
import { FUNCTION, type Json, post } from "./client.js";

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ respond: () => "ok" });
});
afterAll(() => emulator.close());

const user = { role: "user", content: "hi" };
const call = (id: string, args: unknown = "{}") => ({ id, type: "function", function: { name: "look", arguments: args } });
const calling = (...ids: string[]) => ({ role: "assistant", content: null, tool_calls: ids.map((id) => call(id)) });
const result = (id: string) => ({ role: "tool", tool_call_id: id, content: "found" });
const tools = [FUNCTION];
const schema = { type: "json_schema", json_schema: { name: "x", schema: {} } };

describe("what OpenAI takes", () => {
  const accepted: [string, Json][] = [
    [
      "every role",
      {
        messages: [{ role: "system", content: "s" }, { role: "developer", content: "d" }, user, { role: "assistant", content: "a" }, user],
      },
    ],
    ["parallel calls answered in any order", { messages: [user, calling("a", "b"), result("b"), result("a"), user] }],
    ["two rounds of calls", { messages: [user, calling("a"), result("a"), calling("b"), result("b")] }],
    ["ids used again in a later round", { messages: [user, calling("a"), result("a"), calling("a"), result("a")] }],
    [
      "parts",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "t" },
              { type: "image_url", image_url: { url: "data:," } },
            ],
          },
        ],
      },
    ],
    ["a refusal sent back", { messages: [user, { role: "assistant", refusal: "no" }, user] }],
    ["tools and every choice", { tools, tool_choice: "required" }],
    ["a named choice", { tools, tool_choice: { type: "function", function: { name: "look" } } }],
    ["no choice without tools", { tool_choice: "none" }],
    ["settings", { temperature: 0, top_p: 1, max_completion_tokens: 5, stop: ["a"], seed: 1, response_format: schema }],
    ["nulls for what is not set", { temperature: null, stop: null, stream: null, response_format: null }],
    ["parameters of other servers", { top_k: 4 }],
    ["built-in tools of other servers", { tools: [FUNCTION, { type: "openrouter:web_search" }] }],
  ];
  it.each(accepted)("%s", async (_, body) => {
    const response = await post(emulator, body);
    expect([response.status, response.status === 200 ? "" : await response.text()]).toEqual([200, ""]);
  });
});

describe("what OpenAI refuses", () => {
  const refused: [string, Json | string, RegExp][] = [
    ["no JSON", "{", /parse the JSON/],
    ["no object", "[]", /parse the JSON/],
    ["no model", { model: undefined }, /model parameter/],
    ["no messages", { messages: undefined }, /Missing required parameter: 'messages'/],
    ["messages of another type", { messages: "hi" }, /Invalid type for 'messages'/],
    ["empty messages", { messages: [] }, /empty array/],
    ["a message that is no object", { messages: ["hi"] }, /messages\[0\]/],
    ["an unknown role", { messages: [{ role: "robot", content: "x" }] }, /'robot'/],
    ["no content", { messages: [{ role: "user" }] }, /content/],
    ["an assistant with nothing", { messages: [user, { role: "assistant", content: null }] }, /content/],
    ["empty parts", { messages: [{ role: "user", content: [] }] }, /empty array/],
    ["an unknown part", { messages: [{ role: "user", content: [{ type: "tool-result" }] }] }, /'tool-result'/],
    [
      "an image from the system",
      { messages: [{ role: "system", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
      /'image_url'/,
    ],
    ["a part without its value", { messages: [{ role: "user", content: [{ type: "text" }] }] }, /content\[0\]\.text/],
    ["a result without a call", { messages: [user, result("a")] }, /must be a response to a preceding message/],
    ["a result for another call", { messages: [user, calling("a"), result("b")] }, /must be a response/],
    ["two results for one call", { messages: [user, calling("a"), result("a"), result("a")] }, /must be a response/],
    ["a result after other talk", { messages: [user, calling("a"), user, result("a")] }, /must be followed by tool messages.*: a$/],
    ["a call without a result", { messages: [user, calling("a", "b"), result("a")] }, /did not have response messages: b$/],
    ["a result without an id", { messages: [user, calling("a"), { role: "tool", content: "x" }] }, /tool_call_id/],
    ["empty calls", { messages: [user, { role: "assistant", content: "x", tool_calls: [] }] }, /empty array/],
    ["calls of another type", { messages: [user, { role: "assistant", content: "x", tool_calls: {} }] }, /Invalid type/],
    ["a call without an id", { messages: [user, { role: "assistant", content: "x", tool_calls: [{}] }] }, /\.id/],
    ["a call twice", { messages: [user, calling("a", "a"), result("a")] }, /Duplicate/],
    [
      "a call of no function",
      { messages: [user, { role: "assistant", content: "x", tool_calls: [{ id: "a", type: "x" }] }] },
      /\.type|'x'/,
    ],
    [
      "arguments as an object",
      { messages: [user, { role: "assistant", content: null, tool_calls: [call("a", {})] }, result("a")] },
      /arguments/,
    ],
    ["empty tools", { tools: [] }, /empty array/],
    ["tools of another shape", { tools: [{ name: "look", input_schema: {} }] }, /tools\[0\]\.type/],
    ["a tool without a name", { tools: [{ type: "function", function: {} }] }, /function\.name/],
    ["a bad tool name", { tools: [{ type: "function", function: { name: "a b" } }] }, /pattern/],
    ["a schema of no object", { tools: [{ type: "function", function: { name: "a", parameters: { type: "string" } } }] }, /Invalid schema/],
    ["a choice without tools", { tool_choice: "required" }, /only allowed when 'tools'/],
    ["parallel calls without tools", { parallel_tool_calls: false }, /only allowed when 'tools'/],
    ["an unknown choice", { tools, tool_choice: "any" }, /"any"/],
    ["a choice of a tool it has not", { tools, tool_choice: { type: "function", function: { name: "listen" } } }, /'listen' not found/],
    ["stream options without a stream", { stream_options: { include_usage: true } }, /only allowed when 'stream'/],
    ["a stream that is no boolean", { stream: "yes" }, /'stream'/],
    ["both token limits", { max_tokens: 1, max_completion_tokens: 1 }, /same time/],
    ["a temperature too high", { temperature: 2.5 }, /temperature/],
    ["a temperature of another type", { temperature: "1" }, /temperature/],
    ["more than one choice", { n: 2 }, /takes 1 only/],
    ["five stops", { stop: ["1", "2", "3", "4", "5"] }, /stop/],
    ["an unknown format", { response_format: { type: "xml" } }, /'xml'/],
    ["a schema without a name", { response_format: { type: "json_schema", json_schema: {} } }, /json_schema\.name/],
  ];
  it.each(refused)("%s", async (_, body, message) => {
    const response = await post(emulator, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      error: expect.objectContaining({ message: expect.stringMatching(message), type: "invalid_request_error" }),
    });
  });

  it("parameters and tools it does not know, when strict", () => {
    const body = { model: "m", messages: [user] };
    expect(checkChatRequest({ ...body, top_k: 4 }, true)?.message).toBe("Unrecognized request argument supplied: top_k");
    expect(checkChatRequest({ ...body, verbosity: "low", tools }, true)).toBeUndefined();
    expect(checkChatRequest({ ...body, tools: [{ type: "browser_search" }] }, true)?.param).toBe("tools[0].type");
  });
});

describe("what OpenAI's models refuse, when strict", () => {
  it.each<[string, Json, string | null]>([
    ["gpt-5-mini", { temperature: 0.2 }, "temperature"],
    ["gpt-5-mini", { max_tokens: 5 }, "max_tokens"],
    ["gpt-5", { reasoning_effort: "none" }, "reasoning_effort"],
    ["gpt-5.2", { reasoning_effort: "medium", top_p: 0.2 }, "top_p"],
    ["gpt-4o", { reasoning_effort: "low" }, null],
    ["gpt-4o", { verbosity: "low" }, "verbosity"],
    ["o3", { presence_penalty: 1 }, "presence_penalty"],
    ["gpt-5.4", { reasoning_effort: "low", tools }, "reasoning_effort"],
    ["gpt-6-astra", { temperature: 0.2 }, "temperature"],
    ["gpt-5.2-codex", {}, "model"],
  ])("%s with %j", (model, body, param) => {
    expect(checkChatRequest({ model, messages: [user], ...body }, true)).toMatchObject({
      status: model.endsWith("codex") ? 404 : 400,
      param,
    });
    // The same words to a server of one's own mean nothing.
    expect(checkChatRequest({ model: `my/${model}`, messages: [user], ...body }, true)).toBeUndefined();
    expect(checkChatRequest({ model, messages: [user], ...body }, false)).toBeUndefined();
  });

  it.each<[string, Json]>([
    ["gpt-5-mini", { temperature: 1, max_completion_tokens: 5, verbosity: "low", reasoning_effort: "minimal" }],
    ["gpt-5.2", { temperature: 0.2 }],
    ["gpt-5.2", { reasoning_effort: "low", tools }],
    ["gpt-5.4", { reasoning_effort: "none", tools }],
    ["gpt-5-chat-latest", { temperature: 0.2 }],
    ["gpt-4o", { temperature: 0.2, max_tokens: 5, verbosity: "medium" }],
  ])("%s takes %j", (model, body) => {
    expect(checkChatRequest({ model, messages: [user], ...body }, true)).toBeUndefined();
  });
});

describe("recorded requests", () => {
  const folder = new URL("../../../../shared/recordings/", import.meta.url);
  const present = existsSync(new URL("manifest.json", folder));
  if (!present) console.info("Skipped: recorded requests. ../shared/recordings is not here.");

  it.skipIf(!present)("that a provider answered with 200 are taken", () => {
    interface Entry {
      id: string;
      request?: string;
      format: string;
      httpStatus: number;
    }
    const { fixtures } = JSON.parse(readFileSync(new URL("manifest.json", folder), "utf8")) as { fixtures: Entry[] };
    const refused: string[] = [];
    let checked = 0;
    for (const { id, request, format, httpStatus } of fixtures) {
      if (format !== "openai-chat" || httpStatus !== 200 || typeof request !== "string") continue;
      const recorded = JSON.parse(readFileSync(new URL(request, folder), "utf8")) as Json;
      const body = (typeof recorded.body === "object" && recorded.body !== null ? recorded.body : recorded) as Json;
      checked++;
      const refusal = checkChatRequest(body, false);
      if (refusal) refused.push(`${id}: ${refusal.message}`);
    }
    expect(checked).toBeGreaterThan(0);
    expect(refused).toEqual([]);
  });
});
