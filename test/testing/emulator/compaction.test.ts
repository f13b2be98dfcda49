import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { type Emulator, type EmulatorOptions, startEmulator } from "../../../src/testing/emulator/emulator.js";
import type { Fault } from "../../../src/testing/emulator/reply.js";
import { encrypt } from "../../../src/testing/emulator/sealed.js";
import { thoughtSignature } from "../../../src/testing/emulator/thought-signature.js";
import { estimateTokens } from "../../../src/token-manager/estimate.js";
import { framesOf } from "./client.js";

type Json = Record<string, unknown>;

const MODEL = "claude-sonnet-5";
const SUMMARY = "They counted to four.";
const user = (content: unknown) => ({ role: "user", content });
const words = (tokens: number) => "and on ".repeat(Math.ceil((tokens * 4) / 7));
const ON_DEMAND = "compact-2026-09-04";
const AT_THRESHOLD = "compact-2026-01-12";

async function send(emulator: Emulator, path: string, body: Json, betas = "") {
  const headers = { "anthropic-version": "2023-06-01", ...(betas && { "anthropic-beta": betas }) };
  const response = await fetch(`${emulator.url}${path}`, { method: "POST", body: JSON.stringify(body), headers });
  const text = await response.text();
  return { status: response.status, text, body: (text.startsWith("{") ? JSON.parse(text) : {}) as Json };
}

const compact = (emulator: Emulator, body: Json = {}) => send(emulator, "/v1/responses/compact", { model: "m", input: "one", ...body });
const messages = (emulator: Emulator, body: Json = {}, betas = ON_DEMAND) =>
  send(emulator, "/v1/messages", { model: MODEL, max_tokens: 4096, messages: [user("one")], ...body }, betas);
const summarize = (emulator: Emulator, body: Json = {}) => messages(emulator, { compaction: { type: "summarize" }, ...body });
const edits = (value: number, more: Json = {}) => ({
  context_management: { edits: [{ type: "compact_20260112", trigger: { type: "input_tokens", value }, ...more }] },
});

describe("/responses/compact", () => {
  it("gives back the user's messages as they are and one item, which goes on as its summary", async () => {
    await using emulator = await startEmulator({ strict: true, respond: ({ messages: said }) => said.map(({ text }) => text).join("|") });
    emulator.replyToCompaction(SUMMARY);
    const sdk = new OpenAI({ baseURL: emulator.baseUrl, apiKey: "k", maxRetries: 0 });
    const input = [user("one, two"), { role: "assistant", content: "three" }, user([{ type: "input_text", text: "four" }])] as never;
    const { input_tokens } = await sdk.responses.inputTokens.count({ model: "m", input });
    const { object, output, usage } = await sdk.responses.compact({ model: "m", input });
    expect(object).toBe("response.compaction");
    expect(output).toMatchObject([
      { type: "message", role: "user", status: "completed", content: [{ type: "input_text", text: "one, two" }] },
      { type: "message", role: "user", content: [{ type: "input_text", text: "four" }] },
      { type: "compaction", encrypted_content: encrypt("m", SUMMARY) },
    ]);
    expect(usage).toMatchObject({ input_tokens: input_tokens + 96, output_tokens: estimateTokens(SUMMARY) });
    const next = { model: "m", store: false, input: [...output, user("five")] as never };
    expect((await sdk.responses.create(next)).output_text).toBe(`one, two|four|${SUMMARY}|five`);
    const other = sdk.responses.create({ ...next, model: "n" });
    await expect(other).rejects.toMatchObject({ status: 400, code: "invalid_encrypted_content" });
    emulator.assertComplete();
  });

  it("uses up no reply, and a summary that is left over is reported", async () => {
    await using emulator = await startEmulator();
    emulator.reply("later");
    expect((await compact(emulator)).status).toBe(200);
    expect(emulator.remaining).toBe(1);
    await send(emulator, "/v1/responses", { model: "m", input: "one" });
    emulator.replyToCompaction(SUMMARY);
    expect(() => emulator.assertComplete()).toThrow(expect.objectContaining({ code: "script_incomplete" }));
  });

  it("asks the rule where nothing is queued", async () => {
    await using emulator = await startEmulator({ compact: ({ messages: said }, { index }) => `${index}: ${said.length}` });
    for (const index of [0, 1]) expect((await compact(emulator)).text).toContain(encrypt("m", `${index}: 1`));
  });

  it("refuses what it does not take, and what does not fit", async () => {
    await using emulator = await startEmulator({ contextWindow: 200 });
    for (const key of ["tools", "store", "stream", "reasoning"]) {
      expect((await compact(emulator, { [key]: null })).body.error).toMatchObject({ code: "unknown_parameter", param: key });
    }
    expect((await compact(emulator, { input: words(90) })).status).toBe(200);
    const tooLong = await compact(emulator, { input: words(110) });
    expect(tooLong.body.error).toMatchObject({ code: "context_length_exceeded" });
  });
});

describe("context_management of the Responses API", () => {
  const managed = (compact_threshold: unknown, type = "compaction") => ({ context_management: [{ type, compact_threshold }] });

  it("compacts at its threshold, after the reply, streamed and not", async () => {
    await using emulator = await startEmulator({ respond: () => "hello", compact: () => SUMMARY });
    const ask = (tokens: number, more: Json = {}) =>
      send(emulator, "/v1/responses", { model: "m", input: words(tokens), ...managed(1000), ...more });
    expect((await ask(900)).body.output).toMatchObject([{ type: "message" }]);
    const { output, usage } = (await ask(1100)).body;
    expect(output).toMatchObject([{ type: "message" }, { type: "compaction", encrypted_content: encrypt("m", SUMMARY) }]);
    expect(usage).toMatchObject({ output_tokens: estimateTokens("hello") + estimateTokens(SUMMARY) });
    const events = framesOf((await ask(1100, { stream: true })).text) as { type: string; item?: Json; response?: { output: Json[] } }[];
    const told = events.map(({ type }) => type).slice(-4);
    const begun = ["response.output_item.added", "response.compaction.compacting"];
    expect(told).toEqual([...begun, "response.output_item.done", "response.completed"]);
    expect(events.at(-1)!.response!.output.map(({ type }) => type)).toEqual(["message", "compaction"]);
  });

  it("refuses another type, and a threshold below 1000", async () => {
    await using emulator = await startEmulator({ respond: () => "hello" });
    const wrong = (body: Json) => send(emulator, "/v1/responses", { model: "m", input: "x", ...body });
    const low = (await wrong(managed(999))).body.error;
    expect(low).toMatchObject({ code: "integer_below_min_value", param: "context_management[0].compact_threshold" });
    expect((await wrong(managed(1000, "trim"))).body.error).toMatchObject({ code: "invalid_value" });
    expect((await wrong(managed(null))).status).toBe(200);
  });
});

describe("compaction of the Messages API on demand", () => {
  it("gives a signed block alone, whole in its first event, and its usage apart", async () => {
    await using emulator = await startEmulator({ respond: ({ messages: said }) => said.map(({ text }) => text).join("|") });
    emulator.replyToCompaction(SUMMARY, SUMMARY);
    const block = { type: "compaction", content: SUMMARY, signature: thoughtSignature(SUMMARY) };
    const whole = (await summarize(emulator)).body;
    expect(whole).toMatchObject({ content: [block], stop_reason: "compaction", usage: { input_tokens: 0, output_tokens: 0 } });
    const { iterations } = whole.usage as { iterations: Json[] };
    expect(iterations).toMatchObject([{ type: "compaction", output_tokens: estimateTokens(SUMMARY) }]);
    const events = framesOf((await summarize(emulator, { stream: true })).text) as { type: string; content_block?: Json }[];
    expect(events.map(({ type }) => type)).toEqual([
      "message_start",
      "ping",
      "content_block_start",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    expect(events[2]!.content_block).toEqual(block);
    const next = { messages: [{ role: "assistant", content: [block] }, user("two")] };
    expect((await messages(emulator, next)).body.content).toMatchObject([{ text: `${SUMMARY}|two` }]);
  });

  it("reads with the official SDK", async () => {
    await using emulator = await startEmulator({ compact: () => SUMMARY });
    const sdk = new Anthropic({ baseURL: emulator.url, apiKey: "k", maxRetries: 0 });
    const stream = sdk.beta.messages.stream({
      model: MODEL,
      max_tokens: 4096,
      betas: [ON_DEMAND],
      messages: [{ role: "user", content: "one" }],
      compaction: { type: "summarize" },
    });
    expect(await stream.finalMessage()).toMatchObject({ content: [{ type: "compaction", content: SUMMARY }], stop_reason: "compaction" });
  });

  const block = { type: "compaction", content: SUMMARY, signature: thoughtSignature(SUMMARY) };
  const carrying = (blocks: Json[], ...before: Json[]) => ({
    messages: [...before, { role: "assistant", content: blocks }, user("go on")],
  });
  const code = (error_code: string) => ({ details: { error_code } });
  it.each<[string, Json, string, Json]>([
    ["no beta", { compaction: { type: "summarize" } }, "", { message: expect.stringContaining(`requires anthropic-beta: ${ON_DEMAND}`) }],
    ["a block without its beta", carrying([block]), AT_THRESHOLD, { message: expect.stringContaining("'compaction' found using 'type'") }],
    ["what was summarized before the block", carrying([block], user("one")), ON_DEMAND, code("compaction_block_misplaced")],
    ["two blocks", carrying([block, block]), ON_DEMAND, code("compaction_block_ambiguous")],
    ["another text", carrying([{ ...block, content: "x" }]), ON_DEMAND, code("compaction_signature_invalid")],
    [
      "fields of our own",
      carrying([{ ...block, citations: null }]),
      ON_DEMAND,
      { message: expect.stringContaining("citations: Extra inputs") },
    ],
    ["a threshold beside the block", { ...carrying([block]), ...edits(50_000) }, `${ON_DEMAND},${AT_THRESHOLD}`, {}],
    ["a threshold beside the parameter", { compaction: { type: "summarize" }, ...edits(50_000) }, `${ON_DEMAND},${AT_THRESHOLD}`, {}],
    ["stop sequences", { compaction: { type: "summarize" }, stop_sequences: ["x"] }, ON_DEMAND, {}],
    ["a format", { compaction: { type: "summarize" }, output_config: { format: { type: "json_schema" } } }, ON_DEMAND, {}],
    ["a model without", { model: "claude-sonnet-4-5", compaction: { type: "summarize" } }, ON_DEMAND, {}],
    ["another type", { compaction: { type: "trim" } }, ON_DEMAND, {}],
  ])("refuses %s", async (_, body, betas, error) => {
    await using emulator = await startEmulator({ respond: () => "ok" });
    const refused = await messages(emulator, body, betas);
    expect([refused.status, refused.body.error]).toMatchObject([400, { type: "invalid_request_error", ...error }]);
  });
});

describe("compaction of the Messages API at a threshold", () => {
  const LONG = words(50_100);

  it("comes before the reply, and what is before the block is read no more", async () => {
    await using emulator = await startEmulator({ respond: ({ messages: said }) => `${said.length}`, compact: () => SUMMARY });
    expect((await messages(emulator, edits(50_000), AT_THRESHOLD)).body.content).toEqual([{ type: "text", text: "1" }]);
    const reply = (await messages(emulator, { messages: [user(LONG)], ...edits(50_000) }, AT_THRESHOLD)).body;
    const block = { type: "compaction", content: SUMMARY, encrypted_content: expect.any(String) };
    expect(reply.content).toEqual([block, { type: "text", text: "1" }]);
    const { iterations, ...top } = reply.usage as { iterations: Json[]; input_tokens: number };
    expect(iterations.map(({ type }) => type)).toEqual(["compaction", "message"]);
    expect(iterations[0]!.input_tokens).toBeGreaterThan(50_000);
    expect(top.input_tokens).toBeLessThan(20);
    expect(iterations[1]).toMatchObject(top);
    const next = [user(LONG), { role: "assistant", content: reply.content }, user("two")];
    const counted = await send(emulator, "/v1/messages/count_tokens", { model: MODEL, messages: next }, AT_THRESHOLD);
    expect(counted.body.input_tokens).toBeLessThan(100);
    expect((await messages(emulator, { messages: next }, AT_THRESHOLD)).body.content).toMatchObject([{ text: "2" }]);
    const streamed = await messages(emulator, { messages: [user(LONG)], stream: true, ...edits(50_000) }, AT_THRESHOLD);
    expect(streamed.text).toContain(`{"type":"compaction_delta","content":${JSON.stringify(SUMMARY)}`);
  });

  it("pauses after it when asked to, and uses up no reply", async () => {
    await using emulator = await startEmulator({ compact: () => SUMMARY });
    const paused = await messages(emulator, { messages: [user(LONG)], ...edits(50_000, { pause_after_compaction: true }) }, AT_THRESHOLD);
    expect(paused.body).toMatchObject({ content: [{ type: "compaction", content: SUMMARY }], stop_reason: "compaction" });
  });

  it("refuses a trigger below 50,000", async () => {
    await using emulator = await startEmulator({ respond: () => "ok" });
    const refused = await messages(emulator, edits(49_999), AT_THRESHOLD);
    expect(refused.body.error).toMatchObject({ message: expect.stringContaining("greater than or equal to 50000") });
  });
});

describe("what goes wrong with a compaction", () => {
  const both = [
    ["Responses", compact],
    ["Messages", summarize],
  ] as const;
  const failing = async (ask: (emulator: Emulator) => ReturnType<typeof send>, fault: Fault, options: EmulatorOptions = {}) => {
    await using emulator = await startEmulator(options);
    emulator.replyToCompaction({ text: SUMMARY, fault });
    const failed = await ask(emulator).catch((error: unknown) => ({ error }));
    const again = await ask(emulator);
    expect(again.status).toBe(200);
    return failed as Awaited<ReturnType<typeof send>>;
  };

  it.each(both)("%s: a status, nonsense, a cut connection", async (_, ask) => {
    for (const status of [403, 404, 500]) expect((await failing(ask, { type: "status", status })).status).toBe(status);
    expect((await failing(ask, { type: "garbage", bytes: "<oops>" })).text).toBe("<oops>");
    expect(await failing(ask, { type: "reset", before: "headers" })).toMatchObject({ error: expect.any(TypeError) });
  });

  it.each(both)("%s: silence until the client leaves", async (_, ask) => {
    await using emulator = await startEmulator();
    emulator.replyToCompaction({ fault: { type: "stall", before: "headers" } });
    const asked = ask(emulator).catch((error: unknown) => error);
    const request = await emulator.nextRequest();
    await emulator.close();
    expect(await asked).toBeInstanceOf(TypeError);
    expect(await request.closed).toBe("emulator-closed");
  });

  it.each(both)("%s: a summary longer than what it stands for", async (_, ask) => {
    const grown = await failing((emulator) => ask(emulator), { type: "grown-summary" });
    const { iterations, ...top } = grown.body.usage as { iterations?: Json[] };
    const { input_tokens, output_tokens } = (iterations?.[0] ?? top) as { input_tokens: number; output_tokens: number };
    // The Responses API counts its own words, too.
    expect(output_tokens).toBeGreaterThan(iterations ? 1.9 * input_tokens : 1.9 * (input_tokens - 96));
  });

  it("no summary: an output without an item, a reply without a block, a block of null", async () => {
    expect((await failing(compact, { type: "no-summary" })).body.output).toMatchObject([{ role: "user" }]);
    expect((await failing(summarize, { type: "no-summary" })).body).toMatchObject({ content: [], stop_reason: "end_turn" });
    await using emulator = await startEmulator({ respond: () => "ok" });
    emulator.replyToCompaction({ fault: { type: "no-summary" } });
    const long = await messages(emulator, { messages: [user(words(50_100))], ...edits(50_000) }, AT_THRESHOLD);
    expect(long.body.content).toMatchObject([
      { type: "compaction", content: null },
      { type: "text", text: "ok" },
    ]);
  });

  it("a server without", async () => {
    await using emulator = await startEmulator({ compact: false, respond: () => "ok" });
    expect(await compact(emulator)).toMatchObject({
      status: 404,
      body: { error: { message: "Invalid URL (POST /v1/responses/compact)" } },
    });
    expect((await summarize(emulator)).body.error).toMatchObject({ message: "compaction: Extra inputs are not permitted" });
    const managed = { model: "m", input: "x", context_management: [{ type: "compaction", compact_threshold: 1000 }] };
    expect((await send(emulator, "/v1/responses", managed)).body.error).toMatchObject({ code: "unknown_parameter" });
    expect((await messages(emulator, edits(50_000), AT_THRESHOLD)).status).toBe(400);
    expect((await messages(emulator)).status).toBe(200);
  });
});
