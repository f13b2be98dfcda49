import type OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { fail, hang, say, scriptedBackend } from "../../../src/testing/index.js";
import { member, startTeam } from "../helpers.js";
import { weatherTeam } from "./team.js";

const messages = [{ role: "user" as const, content: "What is the weather in Paris?" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const chatTool = { type: "function" as const, function: { name: "get_weather", description: "The weather of a city.", parameters } };
const flatTool = { type: "function" as const, name: "get_weather", description: "The weather of a city.", parameters, strict: false };

/** What the official SDK does with the server, whichever of its lines it is. */
export function openaiSdkTests(Client: typeof OpenAI): void {
  const clientOf = (url: string) => new Client({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });

  describe("chat completions", () => {
    test("a streamed tool call is put together, and the result goes on with the run", async () => {
      const { url, backends } = await weatherTeam(["Paris", "Rome"]);
      const client = clientOf(url);
      const first = await client.chat.completions.stream({ model: "team", messages, tools: [chatTool] }).finalChatCompletion();
      const message = first.choices[0]!.message;
      expect(first.choices[0]!.finish_reason).toBe("tool_calls");
      expect(message.content).toBe("Let me see.");
      expect(message.tool_calls?.map((call) => call.type === "function" && call.function)).toMatchObject([
        { name: "get_weather", arguments: '{"city":"Paris"}' },
        { name: "get_weather", arguments: '{"city":"Rome"}' },
      ]);
      const others = backends[1]!.requests.length;
      const results = message.tool_calls!.map(({ id }, i) => ({ role: "tool" as const, tool_call_id: id, content: ["sunny", "wet"][i]! }));
      const second = await client.chat.completions
        .stream({ model: "team", messages: [...messages, message, ...results], tools: [chatTool] })
        .finalContent();
      expect(second).toBe("It is sunny, wet.");
      expect(backends[1]!.requests).toHaveLength(others);
    });

    test("runTools carries the calls out by itself", async () => {
      const { url } = await weatherTeam();
      const runner = clientOf(url).chat.completions.runTools({
        model: "team",
        messages,
        tools: [
          {
            type: "function",
            function: { ...chatTool.function, parse: JSON.parse, function: ({ city }: { city: string }) => `sunny in ${city}` },
          },
        ],
      });
      expect(await runner.finalContent()).toBe("It is sunny in Paris.");
    });

    test("parallel_tool_calls: false hands over one call at a time", async () => {
      const { url } = await weatherTeam(["Paris", "Rome"]);
      const client = clientOf(url);
      const ask = async (more: OpenAI.ChatCompletionMessageParam[]) => {
        const { choices } = await client.chat.completions.create({
          model: "team",
          messages: [...messages, ...more],
          tools: [chatTool],
          parallel_tool_calls: false,
        });
        return choices[0]!.message;
      };
      const first = await ask([]);
      expect(first.tool_calls).toHaveLength(1);
      const one = [first, { role: "tool" as const, tool_call_id: first.tool_calls![0]!.id, content: "sunny" }];
      const second = await ask(one);
      expect(second.tool_calls).toHaveLength(1);
      const third = await ask([...one, second, { role: "tool", tool_call_id: second.tool_calls![0]!.id, content: "wet" }]);
      expect(third.content).toBe("It is sunny, wet.");
    });

    test("parse gives the object of a json_schema", async () => {
      const { url } = await startTeam([member("one", () => '{"city":"Paris"}'), member("two")]);
      const reply = await clientOf(url).chat.completions.parse({
        model: "team",
        messages,
        response_format: { type: "json_schema", json_schema: { name: "place", strict: true, schema: parameters } },
      });
      expect(reply.choices[0]?.message.parsed).toEqual({ city: "Paris" });
    });

    test("an abort reaches every agent", async () => {
      const { url, backends } = await startTeam([member("one", () => [say("A beginning of some length."), hang()]), member("two")]);
      const stop = new AbortController();
      const stream = await clientOf(url).chat.completions.create({ model: "team", messages, stream: true }, { signal: stop.signal });
      for await (const { choices } of stream) if (choices[0]?.delta.content) stop.abort();
      await expect.poll(() => backends.map(({ active }) => active)).toEqual([0, 0]);
    });

    test("errors carry status, code and param, streamed or not", async () => {
      const failing = () => scriptedBackend(() => fail("rate_limit", { status: 429, retryable: false, retryAfterMs: 3_000 }));
      const { url } = await startTeam([failing(), failing()]);
      const client = clientOf(url);
      await expect(client.chat.completions.create({ model: "team", messages })).rejects.toMatchObject({
        status: 429,
        type: "rate_limit_error",
        requestID: expect.stringMatching(/^req_/),
        headers: expect.toSatisfy((headers: Headers) => headers.get("retry-after") === "3"),
      });
      await expect(client.chat.completions.stream({ model: "team", messages }).done()).rejects.toThrow(/rate_limit/);
      const small = () => scriptedBackend(() => fail("context_overflow", { status: 400 }));
      const tooLong = clientOf((await startTeam([small(), small()])).url);
      await expect(tooLong.chat.completions.create({ model: "team", messages })).rejects.toMatchObject({
        status: 400,
        code: "context_length_exceeded",
      });
      await expect(client.chat.completions.create({ model: "team", messages, logprobs: true })).rejects.toMatchObject({
        status: 400,
        param: "logprobs",
        type: "invalid_request_error",
      });
    });
  });

  describe("responses", () => {
    test("a function call is streamed, and its output goes on with the run", async () => {
      const { url, backends } = await weatherTeam();
      const client = clientOf(url);
      const input: OpenAI.Responses.ResponseInput = [{ role: "user", content: "What is the weather in Paris?" }];
      const first = await client.responses.stream({ model: "team", input, tools: [flatTool] }).finalResponse();
      const call = first.output.find((item) => item.type === "function_call");
      expect(call).toMatchObject({ name: "get_weather", arguments: '{"city":"Paris"}' });
      expect(first.output_text).toBe("Let me see.");
      const others = backends[1]!.requests.length;
      const second = await client.responses.create({
        model: "team",
        input: [
          ...input,
          ...(first.output as OpenAI.Responses.ResponseInput),
          { type: "function_call_output", call_id: call!.call_id, output: "sunny" },
        ],
        tools: [flatTool],
      });
      expect(second.output_text).toBe("It is sunny.");
      expect(second.output.map(({ type }) => type)).toContain("message");
      expect(backends[1]!.requests).toHaveLength(others);
    });

    test("progress is the summary of a reasoning item", async () => {
      const { url } = await startTeam();
      const reply = await clientOf(url).responses.create({ model: "team", input: "Which?" });
      const [reasoning] = reply.output;
      expect(reasoning).toMatchObject({
        type: "reasoning",
        summary: [{ type: "summary_text", text: expect.stringContaining("votes for") }],
      });
    });

    test("text.format gives the object of a schema", async () => {
      const { url } = await startTeam([member("one", () => '{"city":"Paris"}'), member("two")]);
      const reply = await clientOf(url).responses.parse({
        model: "team",
        input: "Where?",
        text: { format: { type: "json_schema", name: "place", schema: parameters } },
      });
      expect(reply.output_parsed).toEqual({ city: "Paris" });
    });

    test("a failure within the stream is response.failed, then an error", async () => {
      const { url } = await startTeam([member("one", () => [say("A beginning of some length."), fail("server_error")]), member("two")]);
      const types: string[] = [];
      const read = async () => {
        for await (const event of await clientOf(url).responses.create({ model: "team", input: "Which?", stream: true }))
          types.push(event.type);
      };
      await expect(read()).rejects.toThrow(/failed after part of it/);
      expect(types.at(-1)).toBe("response.failed");
    });
  });

  test("models", async () => {
    const { url } = await startTeam();
    expect(await clientOf(url).models.retrieve("team")).toMatchObject({ id: "team", object: "model" });
  });
}
