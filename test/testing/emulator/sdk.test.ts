import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { startEmulator } from "../../../src/testing/emulator/emulator.js";
import { FUNCTION } from "./client.js";

/** What the emulator sends must be what the vendor's own client understands. */
describe("the OpenAI SDK against the emulator", () => {
  const request = { model: "m", messages: [{ role: "user" as const, content: "hello" }] };

  it("streams, calls tools, sends results back, lists models, and types errors", async () => {
    await using emulator = await startEmulator({ apiKey: "key", models: ["m"], strict: true });
    const client = new OpenAI({
      baseURL: emulator.baseUrl,
      apiKey: "key",
      organization: null,
      project: null,
      maxRetries: 0,
      logLevel: "off",
    });
    const tools = [FUNCTION] as OpenAI.ChatCompletionTool[];

    emulator.reply({
      text: "One moment.",
      toolCalls: [{ name: "look", input: { where: "north" } }],
      usage: { inputTokens: 1, outputTokens: 2 },
    });
    const stream = client.chat.completions.stream({ ...request, tools, stream_options: { include_usage: true } });
    const completion = await stream.finalChatCompletion();
    const message = completion.choices[0]?.message;
    expect(message).toMatchObject({ content: "One moment.", tool_calls: [{ function: { name: "look", arguments: '{"where":"north"}' } }] });
    expect(completion.choices[0]?.finish_reason).toBe("tool_calls");
    expect(completion.usage?.total_tokens).toBe(3);

    emulator.reply("North it is.");
    const result = { role: "tool" as const, tool_call_id: message?.tool_calls?.[0]?.id ?? "", content: "trees" };
    const { role, content, tool_calls } = message ?? {};
    const sentBack = { role, content, tool_calls } as OpenAI.ChatCompletionAssistantMessageParam;
    const next = await client.chat.completions.create({ ...request, messages: [...request.messages, sentBack, result], tools });
    expect(next.choices[0]).toMatchObject({ message: { content: "North it is." }, finish_reason: "stop" });

    const models = [];
    for await (const model of client.models.list()) models.push(model.id);
    expect(models).toEqual(["m"]);

    emulator.reply({ fault: { type: "status", status: 429, retryAfter: 7 } });
    const limited = await client.chat.completions.create(request).catch((error) => error);
    expect(limited).toBeInstanceOf(OpenAI.RateLimitError);
    expect(limited.headers.get("retry-after")).toBe("7");
    await expect(client.chat.completions.create({ ...request, model: "other" })).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(client.chat.completions.create({ ...request, messages: [] })).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(client.withOptions({ apiKey: "no" }).chat.completions.create(request)).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    emulator.assertComplete();
  });

  it("meets the faults of a stream", async () => {
    await using emulator = await startEmulator();
    const client = new OpenAI({
      baseURL: emulator.baseUrl,
      apiKey: "none",
      organization: null,
      project: null,
      maxRetries: 0,
      logLevel: "off",
    });
    const read = async () => {
      for await (const _ of await client.chat.completions.create({ ...request, stream: true }));
    };
    emulator.reply({ text: "abc", fault: { type: "error-event", message: "busy" } });
    await expect(read()).rejects.toBeInstanceOf(OpenAI.APIError);
    emulator.reply({ text: "abc", fault: { type: "truncated-json" } });
    await expect(read()).rejects.toBeInstanceOf(SyntaxError);
    emulator.reply({ text: "abc", fault: { type: "reset" } });
    await expect(read()).rejects.toThrow();
    emulator.reply({ text: "abc", fault: { type: "end" } });
    await read();
  });
});
