import { describe, expect, test } from "vitest";
import { ClaudeBackend } from "../../src/backends/claude/backend.js";
import { BackendError } from "../../src/errors.js";
import type { ClaudeProviderData } from "../../src/formatter/claude.js";
import { collect, type Reply } from "./http.js";
import {
  eventEnds,
  expectBreakOffs,
  type Fixture,
  type Plan,
  placesInside,
  recordings,
  recordingsPresent,
  sample,
  testCuts,
  useReplay,
  wire,
} from "./recordings.js";

const all = recordings("anthropic");
const streams = all.filter((fixture) => fixture.httpStatus === 200);
const named = streams.map((fixture) => [fixture.id, fixture] as const);

const replay = useReplay();

function run(plan: Plan): Promise<Reply> {
  return replay.play(plan, (baseUrl) => collect(new ClaudeBackend({ type: "claude", baseUrl, apiKey: "k", model: "claude-sonnet-4-5" })));
}

const FINISH: Record<string, string> = {
  end_turn: "stop",
  tool_use: "tool-calls",
  max_tokens: "length",
  pause_turn: "pause",
  refusal: "refusal",
};

/** The raw figures as ours: cached input is part of the input, and every pass counts. */
function expectedUsage(raw: Fixture["expected"]["usage"]): Record<string, number> {
  type Pass = { input_tokens: number; output_tokens: number; cache_read_input_tokens: number; cache_creation_input_tokens: number };
  const passes: Pass[] = raw.iterations ?? [
    {
      input_tokens: raw.input,
      output_tokens: raw.output,
      cache_read_input_tokens: raw.cachedInput ?? 0,
      cache_creation_input_tokens: raw.cacheWrite ?? 0,
    },
  ];
  const sum = (key: keyof Pass) => passes.reduce((total, pass) => total + pass[key], 0);
  return {
    inputTokens: sum("input_tokens") + sum("cache_read_input_tokens") + sum("cache_creation_input_tokens"),
    outputTokens: sum("output_tokens"),
    ...(raw.serverToolUse?.web_search_requests && { webSearches: raw.serverToolUse.web_search_requests }),
    ...(raw.cachedInput !== null && { cachedInputTokens: sum("cache_read_input_tokens") }),
    ...(raw.cacheWrite !== null && { cacheWriteTokens: sum("cache_creation_input_tokens") }),
    ...(raw.reasoning !== null && { reasoningTokens: raw.reasoning }),
  };
}

function expectReply(reply: Reply, { expected }: Fixture): void {
  expect(reply.error).toBeUndefined();
  expect(reply.text).toBe(expected.text);
  expect(reply.reasoning).toBe(expected.reasoning ?? "");
  expect(reply.usage).toEqual(expectedUsage(expected.usage));
  expect(reply.raw).toBe(expected.finishReason);
  expect(reply.finish).toBe(FINISH[expected.finishReason!]);
  const seen = new Set<string>();
  const cited = expected.citations
    .map(({ url, title, cited_text: text }) => ({ url, title, text }))
    .filter((source) => !seen.has(JSON.stringify(source)) && seen.add(JSON.stringify(source)));
  expect(reply.sources).toEqual(cited);

  expect(reply.calls.map(({ id, name }) => [id, name])).toEqual(expected.toolCalls.map(({ id, name }) => [id, name]));
  for (const [i, call] of expected.toolCalls.entries()) {
    const got = reply.calls[i]!;
    if (call.argumentsJson !== null) expect([got.input, got.invalid]).toEqual([call.argumentsJson, undefined]);
    else expect([got.input, got.invalid]).toEqual([call.arguments, expect.stringContaining("the output limit cut the arguments off")]);
  }

  // The provider's own tools: every use and every result, with what they were given.
  const builtins = reply.chunks.filter((chunk) => chunk.type === "builtin-tool");
  const items = expected.serverItems.filter((item) => /tool_(use|result)$/.test(item.type));
  expect(builtins.map(({ id, state }) => [id, state === "started"])).toEqual(
    items.map((item) => [item.id ?? item.tool_use_id, item.type.endsWith("tool_use")]),
  );
  expect(builtins.filter((chunk) => chunk.state === "started").map(({ toolName, input }) => [toolName, input])).toEqual(
    items.filter((item) => item.type.endsWith("tool_use")).map((item) => [item.name, item.input]),
  );
  expect(builtins.every((chunk) => chunk.state === "started" || chunk.output !== undefined)).toBe(true);

  // All that Claude must get back is in the message: each opaque block, with its signature.
  const opaque = expected.serverItems.length > 0 && expected.finishReason !== "refusal";
  expect(reply.message !== undefined).toBe(opaque || cited.length > 0 || "caller" in (firstCallBlock(reply) ?? {}));
  if (!opaque) return;
  const blocks = dataOf(reply).content;
  for (const item of expected.serverItems) {
    const block = blocks.find((one) => one.type === item.type && (!item.id || one.id === item.id));
    expect(block, item.type).toBeDefined();
    if (item.signature) expect(block!.signature).toEqual(expect.stringMatching(/.{20}/));
    if (item.dataChars) expect(blocks.some((one) => String(one.data).length === item.dataChars)).toBe(true);
    if (item.contentChars) expect(String(block!.content).length).toBe(item.contentChars);
    if (item.input) expect(block!.input).toEqual(item.input);
  }
}

function dataOf(reply: Reply): ClaudeProviderData {
  const part = (reply.message!.content as { type: string; data?: unknown }[]).find((one) => one.type === "provider");
  return part?.data as ClaudeProviderData;
}

function firstCallBlock(reply: Reply) {
  return reply.message && dataOf(reply).content.find((block) => block.type === "tool_use");
}

describe.skipIf(!recordingsPresent)("recorded replies", () => {
  test("there are as many as the manifest had when this was written", () => {
    expect(all.length).toBeGreaterThanOrEqual(23);
  });

  testCuts(streams, async (plan) => expectReply(await run(plan), plan.fixture));

  test.each(named)("%s without `event:` lines", async (_, fixture) => {
    const body = Buffer.from(wire(fixture).replace(/^event:.*\r?\n/gm, ""));
    expectReply(await run({ fixture, body }), fixture);
  });

  test("the tokens that compacting cost are counted and told", async () => {
    const fixture = all.find(({ id }) => id === "anthropic/compaction-cache-usage")!;
    const reply = await run({ fixture });
    expect(reply.usage).toEqual({ inputTokens: 55_377, outputTokens: 91, cachedInputTokens: 55_096, cacheWriteTokens: 0 });
    expect(reply.chunks).toContainEqual({ type: "compaction", method: "claude", tokensBefore: 55_196, tokensAfter: 181 });
  });

  test("a refusal says why", async () => {
    const reply = await run({ fixture: all.find(({ id }) => id === "anthropic/refusal")! });
    expect(reply.chunks).toContainEqual({ type: "warning", code: "refusal", message: expect.stringContaining("(cyber): This request") });
  });
});

describe.skipIf(!recordingsPresent)("recorded replies that break off", () => {
  test.each(named)("%s at its events and inside them", { timeout: 60_000 }, async (_, fixture) => {
    const body = Buffer.from(wire(fixture));
    const ends = eventEnds(body);
    // The blank line after the last event may be missing.
    const complete = body.lastIndexOf("}") + 1;
    expectReply(await run({ fixture, body, until: complete }), fixture);
    const boundaries = sample(
      [0, ...ends].filter((end) => end < complete),
      30,
    );
    const places = [...boundaries, ...placesInside(complete - 1, 24), complete - 1];
    await expectBreakOffs({ fixture, body }, places, run, (reply, where) => {
      expect(reply.message, where).toBeUndefined();
    });
    // What came whole before the end is all there: as much as the same events give when the server finishes after them.
    const end = Buffer.from('event: message_stop\ndata: {"type":"message_stop"}\n\n');
    for (const until of sample(boundaries.slice(1), 6)) {
      const cut = await run({ fixture, body, until });
      const ended = await run({ fixture, body: Buffer.concat([body.subarray(0, until), end]) });
      expect([cut.text, cut.reasoning, cut.streamedInputs, cut.usage]).toEqual([
        ended.text,
        ended.reasoning,
        ended.streamedInputs,
        ended.usage,
      ]);
    }
  });
});

describe.skipIf(!recordingsPresent)("a recorded refusal to answer", () => {
  test("the wrong key", async () => {
    const { error, chunks } = await run({ fixture: all.find((fixture) => fixture.httpStatus === 401)! });
    expect(chunks).toEqual([]);
    expect(error).toBeInstanceOf(BackendError);
    expect(error).toMatchObject({ code: "authentication", status: 401, retryable: false });
    expect(error.message).toContain("invalid x-api-key");
    expect(error.message).toContain("`apiKey`");
  });
});
