import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, isStepCount, Output, streamText, tool } from "ai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { fail, say } from "../../src/testing/index.js";
import { weatherTeam } from "../server/clients/team.js";
import { member, startTeam } from "../server/helpers.js";

const modelOf = (url: string) =>
  createOpenAICompatible({ name: "massgen", baseURL: `${url}/v1`, includeUsage: true, supportsStructuredOutputs: true })("team");
const tools = {
  get_weather: tool({
    description: "The weather of a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `sunny in ${city}`,
  }),
};

describe("the AI SDK with @ai-sdk/openai-compatible", () => {
  test("generateText: text, reasoning and usage", async () => {
    const { url } = await startTeam();
    const { text, reasoningText, usage, finishReason } = await generateText({ model: modelOf(url), prompt: "Which index fits?" });
    expect(text).toBe("Final words of one.");
    expect(reasoningText).toContain("votes for gpt's answer agent1.1");
    expect(usage.totalTokens).toBeGreaterThan(0);
    expect(finishReason).toBe("stop");
  });

  test("streamText: reasoning first, then the text", async () => {
    const { url } = await startTeam();
    const { stream } = streamText({ model: modelOf(url), system: "Be brief.", prompt: "Which index fits?" });
    const order: string[] = [];
    let text = "";
    let usage: unknown;
    for await (const part of stream) {
      if (order.at(-1) !== part.type) order.push(part.type);
      if (part.type === "text-delta") text += part.text;
      if (part.type === "error") throw part.error;
      if (part.type === "finish") usage = part.totalUsage;
    }
    expect(text).toBe("Final words of one.");
    expect(order.indexOf("reasoning-delta")).toBeGreaterThan(-1);
    expect(order.indexOf("reasoning-delta")).toBeLessThan(order.indexOf("text-delta"));
    expect(order.at(-1)).toBe("finish");
    expect(usage).toMatchObject({ totalTokens: expect.any(Number) });
  });

  test.each(["generateText", "streamText"] as const)("%s carries tools out, in one run", async (way) => {
    const { url, backends } = await weatherTeam(["Paris", "Rome"]);
    const settings = { model: modelOf(url), prompt: "What is the weather?", tools, stopWhen: isStepCount(4) };
    const text = way === "generateText" ? (await generateText(settings)).text : await lastText(streamText(settings));
    expect(text).toBe("It is sunny in Paris, sunny in Rome.");
    // One draft and one vote: the result went to the presenter alone.
    expect(backends[1]!.requests).toHaveLength(2);
  });

  test("an object of a schema", async () => {
    const { url } = await startTeam([member("one", () => '{"city":"Paris"}'), member("two")]);
    const { output } = await generateText({
      model: modelOf(url),
      prompt: "Where?",
      output: Output.object({ schema: z.object({ city: z.string() }) }),
    });
    expect(output).toEqual({ city: "Paris" });
  });

  test("a failure within the stream is an error part", async () => {
    const { url } = await startTeam([member("one", () => [say("A beginning of some length."), fail("server_error")]), member("two")]);
    const errors: unknown[] = [];
    const { stream } = streamText({
      model: modelOf(url),
      prompt: "Which?",
      maxRetries: 0,
      onError: ({ error }) => void errors.push(error),
    });
    for await (const _ of stream);
    expect(String((errors[0] as { message?: string })?.message ?? errors[0])).toMatch(/failed after part of it/);
  });

  test("a refused field is an error with its message", async () => {
    const { url } = await startTeam();
    const asked = generateText({ model: modelOf(url), prompt: "Which?", maxRetries: 0, temperature: 9 });
    await expect(asked).rejects.toMatchObject({ statusCode: 400, message: expect.stringContaining("temperature") });
  });
});

async function lastText(result: { steps: PromiseLike<{ text: string }[]> }): Promise<string | undefined> {
  return (await result.steps).at(-1)?.text;
}
