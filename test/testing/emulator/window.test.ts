import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { type Emulator, type EmulatorOptions, startEmulator } from "../../../src/testing/emulator/emulator.js";
import { encrypt } from "../../../src/testing/emulator/sealed.js";
import { tokensOf } from "../../../src/testing/emulator/window.js";
import { estimateTokens, TOKENS_PER_FILE } from "../../../src/token-manager/estimate.js";

type Json = Record<string, unknown>;

/** Some thousand tokens. */
const LONG = "a word or two ".repeat(300);
const user = (content: unknown) => ({ role: "user", content });

async function send(emulator: Emulator, path: string, body: Json, headers: Record<string, string> = {}) {
  const response = await fetch(`${emulator.url}${path}`, { method: "POST", body: JSON.stringify(body), headers });
  return { status: response.status, body: (await response.json()) as Json };
}

const anthropic = { "anthropic-version": "2023-06-01" };
const askers: Record<string, (emulator: Emulator, text: string, model?: string) => ReturnType<typeof send>> = {
  chat: (emulator, text, model = "m") => send(emulator, "/v1/chat/completions", { model, messages: [user(text)] }),
  azure: (emulator, text, model = "m") => send(emulator, "/openai/v1/chat/completions", { model, messages: [user(text)] }),
  responses: (emulator, text, model = "m") => send(emulator, "/v1/responses", { model, input: text }),
  anthropic: (emulator, text, model = "m") =>
    send(emulator, "/v1/messages", { model, max_tokens: 9000, messages: [user(text)] }, anthropic),
  gemini: (emulator, text, model = "m") =>
    send(emulator, `/v1beta/models/${model}:generateContent`, { contents: [{ role: "user", parts: [{ text }] }] }),
};

describe("a request beyond the window", () => {
  const refusals: [string, EmulatorOptions, RegExp, Json][] = [
    [
      "chat",
      {},
      /^This model's maximum context length is 500 tokens\. However, your messages resulted in \d{4} tokens\. Please reduce the length of the messages\.$/,
      { type: "invalid_request_error", param: "messages", code: "context_length_exceeded" },
    ],
    ["azure", {}, /^This model's maximum context length is 500 tokens\./, { param: "messages", code: "context_length_exceeded" }],
    [
      "chat",
      { overflowWords: "vllm" },
      /^This model's maximum context length is 500 tokens\. However, your request has \d{4} input tokens\. Please reduce/,
      { type: "BadRequestError", param: null, code: 400 },
    ],
    ["responses", {}, /^Your input exceeds the context window of this model\./, { param: "input", code: "context_length_exceeded" }],
    ["anthropic", {}, /^prompt is too long: \d{4} tokens > 500 maximum$/, { type: "invalid_request_error" }],
    [
      "gemini",
      {},
      /^The input token count \(\d{4}\) exceeds the maximum number of tokens allowed \(500\)\.$/,
      { code: 400, status: "INVALID_ARGUMENT" },
    ],
  ];

  it.each(refusals)("%s %j", async (api, options, message, error) => {
    await using emulator = await startEmulator({ ...options, contextWindow: 500, respond: () => "ok" });
    const ask = askers[api]!;
    const refused = await ask(emulator, LONG);
    expect(refused.status).toBe(400);
    expect(refused.body.error).toMatchObject({ ...error, message: expect.stringMatching(message) });
    expect((await ask(emulator, "short")).status).toBe(200);
  });

  it("uses up no scripted reply", async () => {
    await using emulator = await startEmulator({ contextWindow: 500 });
    emulator.reply("ok");
    await askers.chat!(emulator, LONG);
    expect(emulator.remaining).toBe(1);
  });

  it("may be one for each model", async () => {
    await using emulator = await startEmulator({ contextWindow: { small: 500 }, respond: () => "ok" });
    for (const ask of Object.values(askers)) {
      expect((await ask(emulator, LONG, "small")).status).toBe(400);
      expect((await ask(emulator, LONG, "large")).status).toBe(200);
    }
  });

  it.each([
    ["openai", /you requested \d+ tokens \(\d+ in the messages, 490 in the completion\)/],
    ["vllm", /is too large: 490\. This model's maximum context length is 500 tokens and your request has \d+ input tokens/],
  ] as const)("counts what chat completions are to write, in the words of %s", async (overflowWords, message) => {
    await using emulator = await startEmulator({ contextWindow: 500, overflowWords, respond: () => "ok" });
    const body = { model: "m", messages: [user("A short question about nothing much.")] };
    expect((await send(emulator, "/v1/chat/completions", { ...body, max_tokens: 100 })).status).toBe(200);
    const refused = await send(emulator, "/v1/chat/completions", { ...body, max_completion_tokens: 490 });
    expect(refused.body.error).toMatchObject({ message: expect.stringMatching(message) });
  });

  it("is listed where the API lists it", async () => {
    await using emulator = await startEmulator({ contextWindow: 500, models: ["m"] });
    const list = async (path: string, headers = {}) => (await fetch(`${emulator.url}${path}`, { headers })).json();
    expect(await list("/v1beta/models")).toMatchObject({ models: [{ inputTokenLimit: 500 }] });
    expect(await list("/v1/models", anthropic)).toMatchObject({ data: [{ max_input_tokens: 500 }] });
  });
});

describe("what is counted", () => {
  it("is the same in usage, in counts and at the window", async () => {
    await using emulator = await startEmulator({ respond: () => "ok" });
    const openai = new OpenAI({ baseURL: emulator.baseUrl, apiKey: "k", maxRetries: 0 });
    const claude = new Anthropic({ baseURL: emulator.url, apiKey: "k", maxRetries: 0 });
    const input = [user(LONG)] as never;
    const counted = (await openai.responses.inputTokens.count({ model: "m", input })).input_tokens;
    expect((await openai.responses.create({ model: "m", input })).usage!.input_tokens).toBe(counted);
    const messages = [{ role: "user" as const, content: LONG }];
    const { input_tokens } = await claude.messages.countTokens({ model: "claude-sonnet-5", messages });
    const { usage } = await claude.messages.create({ model: "claude-sonnet-5", max_tokens: 10, messages });
    expect(usage.input_tokens).toBe(input_tokens);
    const contents = [{ role: "user", parts: [{ text: LONG }] }];
    const total = (await send(emulator, "/v1beta/models/m:countTokens", { contents })).body.totalTokens;
    const { usageMetadata } = (await send(emulator, "/v1beta/models/m:generateContent", { contents })).body as { usageMetadata: Json };
    expect(usageMetadata.promptTokenCount).toBe(total);
    const chat = await openai.chat.completions.create({ model: "m", messages });
    for (const tokens of [counted, input_tokens, total as number, chat.usage!.prompt_tokens]) {
      expect(Math.abs(tokens - estimateTokens(LONG))).toBeLessThan(40);
    }
    await using exact = await startEmulator({ contextWindow: counted, respond: () => "ok" });
    expect((await send(exact, "/v1/responses", { model: "m", input })).status).toBe(200);
    await using less = await startEmulator({ contextWindow: counted - 1, respond: () => "ok" });
    expect((await send(less, "/v1/responses", { model: "m", input })).status).toBe(400);
  });

  it("takes ciphers for what they stand for, files for a thousand, signatures for nothing", () => {
    const sealed = (encrypted_content: string) => tokensOf([{ type: "compaction", encrypted_content }]);
    expect(sealed(encrypt("m", "short"))).toBe(tokensOf([{ type: "compaction", encrypted_content: "short" }]));
    expect(sealed(encrypt("m", LONG)) - sealed(encrypt("m", ""))).toBe(estimateTokens(LONG));
    const bytes = "A".repeat(400_000);
    const files = [
      { type: "image", source: { type: "base64", media_type: "image/png", data: bytes } },
      { type: "input_image", image_url: `data:image/png;base64,${bytes}` },
      { type: "image_url", image_url: { url: `data:image/png;base64,${bytes}` } },
      { inlineData: { mimeType: "image/png", data: bytes } },
      { type: "input_file", filename: "a.pdf", file_data: bytes },
    ];
    for (const file of files) {
      expect(tokensOf(file)).toBeGreaterThanOrEqual(TOKENS_PER_FILE);
      expect(tokensOf(file)).toBeLessThan(TOKENS_PER_FILE + 30);
    }
    expect(tokensOf({ type: "text", media_type: "text/plain", data: LONG })).toBeGreaterThan(estimateTokens(LONG));
    expect(tokensOf({ thinking: "hm", signature: bytes })).toBe(tokensOf({ thinking: "hm" }));
  });
});
