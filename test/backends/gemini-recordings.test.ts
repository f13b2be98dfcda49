import { describe, expect, test } from "vitest";
import { GeminiBackend } from "../../src/backends/gemini/backend.js";
import type { GeminiPart, GeminiProviderData } from "../../src/formatter/gemini.js";
import { collect, type Reply } from "./http.js";
import {
  eventEnds,
  expectBreakOffs,
  type Fixture,
  named,
  type Plan,
  placesInside,
  recordings,
  recordingsPresent,
  testCuts,
  useReplay,
  wire,
} from "./recordings.js";

const all = recordings("gemini");
const replies = all.filter((fixture) => fixture.httpStatus === 200);
const streams = replies.filter((fixture) => fixture.framing === "sse" || fixture.framing === "jsonl");

const replay = useReplay();

function run(plan: Plan): Promise<Reply> {
  return replay.play(plan, (baseUrl) => collect(new GeminiBackend({ type: "gemini", model: "gemini-test", baseUrl })));
}

function expectReply(reply: Reply, { expected }: Fixture): void {
  expect(reply.text).toBe(expected.text);
  expect(reply.reasoning).toBe(expected.reasoning ?? "");
  const { webSearches: _, ...tokens } = reply.usage ?? {};
  expect(reply.usage ? tokens : null).toEqual(expectedUsage(expected.usage));
  expect(reply.sources.map(({ url, title }) => ({ uri: url, title }))).toEqual(expected.citations);
  if (expected.error) {
    const { blockReason, blockReasonMessage } = expected.error as Record<string, string>;
    expect(reply.error).toMatchObject({ name: "BackendError", code: "content_filter", retryable: false });
    expect(reply.error.message).toContain(blockReason);
    expect(reply.error.message).toContain(blockReasonMessage);
    expect(reply.finish).toBeUndefined();
    return;
  }
  expect(reply.error).toBeUndefined();
  expect(reply.calls).toEqual(
    expected.toolCalls.map((call, i) => ({ id: call.id ?? `call_${i}`, name: call.name, input: call.argumentsJson })),
  );
  for (const [i, call] of expected.toolCalls.entries()) expect(reply.streamedInputs[call.id ?? `call_${i}`]).toBe(call.arguments);
  expect(reply.raw).toBe(expected.finishReason);
  expect(reply.finish).toBe(expected.toolCalls.length > 0 ? "tool-calls" : "stop");
  const builtins = reply.chunks.flatMap((chunk) =>
    chunk.type === "builtin-tool" && chunk.toolName === "code_execution" ? [chunk.state] : [],
  );
  const items = expected.serverItems.map((item) => (item.type === "executableCode" ? "started" : "finished"));
  expect(builtins).toEqual(items);
}

function expectedUsage(raw: Fixture["expected"]["usage"]): unknown {
  if (!raw || raw.input === null) return null;
  return {
    inputTokens: raw.input + (raw.toolUsePrompt ?? 0),
    outputTokens: (raw.output ?? 0) + (raw.reasoning ?? 0),
    ...(raw.cachedInput !== null && { cachedInputTokens: raw.cachedInput }),
    ...(raw.reasoning !== null && { reasoningTokens: raw.reasoning }),
  };
}

describe.skipIf(!recordingsPresent)("recorded replies of Gemini", () => {
  test("there are as many as the manifest had when this was written", () => {
    expect(all.length).toBeGreaterThanOrEqual(11);
  });

  testCuts(replies, async (plan) => expectReply(await run(plan), plan.fixture));

  test.each(named(streams))("%s hands back every signature, on the part that it came on", async (_, fixture) => {
    const reply = await run({ fixture });
    const sent = partsIn(wire(fixture));
    const signed = sent.filter((part) => part.thoughtSignature);
    const back = partsOf(reply);
    expect(back.filter((part) => part.thoughtSignature).map((part) => part.thoughtSignature)).toEqual(
      signed.map((part) => part.thoughtSignature),
    );
    if (fixture.id.startsWith("gemini/stream-args")) return;
    // Whole parts go back as they came; only empty texts without a signature have nothing to bring.
    if (signed.length > 0 || sent.some((part) => part.functionCall)) {
      expect(back).toEqual(sent.filter((part) => part.text !== "" || part.thoughtSignature));
    }
  });

  test("streamed arguments go back as the call that they make", async () => {
    const fixture = all.find((one) => one.id === "gemini/stream-args")!;
    const back = partsOf(await run({ fixture }));
    expect(back).toEqual([
      { functionCall: { name: "getWeather", args: { location: "Boston" } }, thoughtSignature: expect.stringMatching(/^CiMBjz1rX25/) },
      { functionCall: { name: "getWeather", args: { location: "San Francisco" } } },
    ]);
  });
});

function partsIn(body: string): GeminiPart[] {
  return body
    .split(/\r?\n/)
    .filter((line) => line.startsWith("data: "))
    .flatMap((line) => JSON.parse(line.slice(6)).candidates?.[0]?.content?.parts ?? []);
}

function partsOf(reply: Reply): GeminiPart[] {
  const content = reply.message?.content ?? [];
  if (typeof content === "string") return [];
  return content.flatMap((part) => (part.type === "provider" ? (part.data as GeminiProviderData).parts : []));
}

/** Where the JSON of the event with the finish reason ends: the blank line after it may be missing. */
function completeAt(body: Buffer): number {
  const text = body.toString("latin1");
  const at = text.lastIndexOf('"finishReason"');
  const end = /\r?\n/g;
  end.lastIndex = at;
  return end.exec(text)!.index;
}

describe.skipIf(!recordingsPresent)("recorded replies of Gemini that break off", () => {
  test.each(named(streams))("%s at its events and inside them", { timeout: 60_000 }, async (_, fixture) => {
    const body = Buffer.from(wire(fixture));
    const complete = completeAt(body);
    const boundaries = [0, ...eventEnds(body)].filter((end) => end < complete);
    const places = [...boundaries, ...placesInside(complete - 1, 24), complete - 1];
    await expectBreakOffs({ fixture, body }, places, run, (reply, where) => {
      for (const [id, streamed] of Object.entries(reply.streamedInputs)) {
        const call = fixture.expected.toolCalls[Number(id.slice("call_".length))]!;
        expect(call.arguments.startsWith(streamed), `${where}: ${streamed}`).toBe(true);
      }
    });
    // What came whole before the end is all there: as much as the same events give when the server finishes after them.
    const end = Buffer.from('data: {"candidates":[{"content":{"parts":[]},"finishReason":"MAX_TOKENS"}]}\n\n');
    for (const until of boundaries) {
      const cut = await run({ fixture, body, until });
      const ended = await run({ fixture, body: Buffer.concat([body.subarray(0, until), end]) });
      expect([cut.text, cut.reasoning, cut.usage, cut.sources]).toEqual([ended.text, ended.reasoning, ended.usage, ended.sources]);
    }
  });

  test("the blank line after the last event may be missing", async () => {
    for (const fixture of streams) {
      const body = Buffer.from(wire(fixture));
      expectReply(await run({ fixture, body, until: completeAt(body) }), fixture);
    }
  });

  test("a JSON array that breaks off", async () => {
    const fixture = all.find((one) => one.framing === "json-array")!;
    const body = Buffer.from(wire(fixture));
    const last = body.toString("latin1").lastIndexOf("}");
    for (const until of [0, 1, 200, Math.floor(last / 2), last]) {
      const { error, finish, text } = await run({ fixture, body, until });
      expect(error, String(until)).toMatchObject({ code: "stream_truncated", retryable: true });
      expect(finish).toBeUndefined();
      expect(fixture.expected.text.startsWith(text)).toBe(true);
    }
    expectReply(await run({ fixture, body, until: last + 1 }), fixture);
  });
});

describe.skipIf(!recordingsPresent)("recorded refusals of Gemini", () => {
  test("a wrong key", async () => {
    const fixture = all.find((one) => one.id === "gemini/nonstream-400-key")!;
    const { error, chunks } = await run({ fixture });
    expect(chunks).toEqual([]);
    expect(error).toMatchObject({ name: "BackendError", code: "authentication", status: 400, retryable: false, provider: "gemini" });
    expect(error.message).toMatch(/API key not valid.*GOOGLE_API_KEY or GEMINI_API_KEY/);
  });
});
