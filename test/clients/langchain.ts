import { type AIMessageChunk, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { weatherTeam } from "../server/clients/team.js";
import { member, startTeam } from "../server/helpers.js";

const getWeather = tool(({ city }: { city: string }) => `sunny in ${city}`, {
  name: "get_weather",
  description: "The weather of a city.",
  schema: z.object({ city: z.string() }),
});

/** LangChain types what a message says of its usage by the message's structure, of which a reply's type tells nothing. */
const tokensOf = (reply: { usage_metadata?: unknown } | undefined) =>
  (reply?.usage_metadata as { total_tokens: number } | undefined)?.total_tokens;

describe.each([false, true])("LangChain's ChatOpenAI, useResponsesApi: %s", (useResponsesApi) => {
  const modelOf = (url: string) =>
    new ChatOpenAI({ model: "team", apiKey: "none", maxRetries: 0, useResponsesApi, configuration: { baseURL: `${url}/v1` } });

  test("invoke", async () => {
    const { url } = await startTeam();
    const reply = await modelOf(url).invoke([new SystemMessage("Be brief."), new HumanMessage("Which index fits?")]);
    expect(reply.text).toBe("Final words of one.");
    expect(tokensOf(reply)).toBeGreaterThan(0);
  });

  test("stream", async () => {
    const { url } = await startTeam();
    let whole: AIMessageChunk | undefined;
    for await (const chunk of await modelOf(url).stream("Which index fits?")) whole = whole === undefined ? chunk : whole.concat(chunk);
    expect(whole?.text).toBe("Final words of one.");
    expect(tokensOf(whole)).toBeGreaterThan(0);
  });

  test.each(["invoke", "stream"] as const)("bindTools and %s", async (way) => {
    const { url, backends } = await weatherTeam(["Paris", "Rome"]);
    const model = modelOf(url).bindTools([getWeather]);
    const ask = async (messages: Parameters<typeof model.invoke>[0]) => {
      if (way === "invoke") return model.invoke(messages);
      let whole: AIMessageChunk | undefined;
      for await (const chunk of await model.stream(messages)) whole = whole === undefined ? chunk : whole.concat(chunk);
      return whole!;
    };
    const question = new HumanMessage("What is the weather?");
    const first = await ask([question]);
    expect(first.tool_calls?.map(({ args }) => args)).toEqual([{ city: "Paris" }, { city: "Rome" }]);
    const others = backends[1]!.requests.length;
    const results = first.tool_calls!.map(({ id, args }) => new ToolMessage({ tool_call_id: id!, content: `sunny in ${args.city}` }));
    const second = await ask([question, first, ...results]);
    expect(second.text).toBe("It is sunny in Paris, sunny in Rome.");
    expect(backends[1]!.requests).toHaveLength(others);
  });

  test("withStructuredOutput", async () => {
    const { url } = await startTeam([member("one", () => '{"city":"Paris"}'), member("two")]);
    const model = modelOf(url).withStructuredOutput(z.object({ city: z.string() }), { method: "jsonSchema" });
    expect(await model.invoke("Where?")).toEqual({ city: "Paris" });
  });

  test("errors", async () => {
    const { url } = await startTeam();
    const model = new ChatOpenAI({
      model: "nope",
      apiKey: "none",
      maxRetries: 0,
      useResponsesApi,
      configuration: { baseURL: `${url}/v1` },
    });
    await expect(model.invoke("Which?")).rejects.toMatchObject({ status: 404 });
  });
});
