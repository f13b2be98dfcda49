import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { weatherTeam } from "../server/clients/team.js";
import { startTeam } from "../server/helpers.js";

setTracingDisabled(true);

const getWeather = tool({
  name: "get_weather",
  description: "The weather of a city.",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

describe.each(["chat", "responses"] as const)("@openai/agents over %s", (api) => {
  const agentOf = (url: string, tools: (typeof getWeather)[] = []) => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 }) as never;
    const model = api === "chat" ? new OpenAIChatCompletionsModel(client, "team") : new OpenAIResponsesModel(client, "team");
    return new Agent({ name: "Weather", instructions: "Use the tools.", model, tools });
  };
  const runner = new Runner({ tracingDisabled: true });

  test("without tools", async () => {
    const { url } = await startTeam();
    const result = await runner.run(agentOf(url), "Which index fits?");
    expect(result.finalOutput).toBe("Final words of one.");
  });

  test.each([false, true])("with a tool, stream: %s", async (stream) => {
    const { url, backends } = await weatherTeam(["Paris", "Rome"]);
    const agent = agentOf(url, [getWeather]);
    let output: string | undefined;
    if (stream) {
      const result = await runner.run(agent, "What is the weather?", { stream: true });
      for await (const _ of result);
      await result.completed;
      output = result.finalOutput;
    } else output = (await runner.run(agent, "What is the weather?")).finalOutput;
    expect(output).toBe("It is sunny in Paris, sunny in Rome.");
    expect(backends[1]!.requests).toHaveLength(2);
  });
});
