import { describe, expect, test } from "vitest";
import { ChatCompletionsBackend } from "../../src/backends/chat-completions/backend.js";
import { BackendError } from "../../src/errors.js";
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
  sample,
  testCuts,
  useReplay,
  wire,
} from "./recordings.js";

const chat = recordings("openai-chat");
const replies = chat.filter((fixture) => fixture.httpStatus === 200);
const streams = replies.filter((fixture) => fixture.framing !== "json");
const refused = chat.filter((fixture) => fixture.httpStatus >= 400);

const replay = useReplay();

function run(plan: Plan): Promise<Reply> {
  const names = new Set(plan.fixture.expected.toolCalls.map((call) => call.name));
  const tools = [...names].map((name) => ({ name, description: "", inputSchema: {} }));
  return replay.play(plan, (baseUrl) => collect(new ChatCompletionsBackend({ type: "chatcompletion", baseUrl, model: "m" }), { tools }));
}

const FINISH: Record<string, string> = { stop: "stop", length: "length", tool_calls: "tool-calls", content_filter: "content-filter" };

function expectReply(reply: Reply, { id, expected }: Fixture): void {
  expect(reply.text).toBe(expected.refusal ?? expected.text);
  expect(reply.reasoning).toBe(expected.reasoning ?? "");
  expect(reply.usage ?? null).toEqual(expectedUsage(expected.usage));
  expect(reply.sources.map((source) => source.url)).toEqual(expected.citations.map(citationUrl));
  if (expected.error) {
    expect(reply.error).toBeInstanceOf(BackendError);
    expect(reply.error.message).toContain((expected.error as { message: string }).message);
    expect(reply.finish).toBeUndefined();
    return;
  }
  expect(reply.error).toBeUndefined();
  expect(reply.calls).toEqual(expected.toolCalls.map((call) => ({ id: call.id, name: call.name, input: JSON.parse(call.arguments) })));
  for (const call of expected.toolCalls) expect(reply.streamedInputs[call.id]).toBe(call.arguments);
  expect(reply.raw ?? null).toBe(expected.finishReason);
  if (expected.refusal) expect(reply.finish).toBe("refusal");
  else expect(reply.finish).toBe(expected.toolCalls.length > 0 ? "tool-calls" : FINISH[expected.finishReason!]);
  if (id.startsWith("openrouter/error")) throw new Error("unreachable: that one ends in an error");
}

function citationUrl(citation: unknown): string {
  return typeof citation === "string" ? citation : (citation as { url_citation: { url: string } }).url_citation.url;
}

function expectedUsage(raw: Fixture["expected"]["usage"]): unknown {
  if (!raw) return null;
  // The manifest holds raw numbers; ours count reasoning as output, which xAI's completion_tokens does not.
  const apart = raw.reasoning !== null && raw.reasoning > 0 && raw.total === raw.input + raw.output + raw.reasoning;
  return {
    inputTokens: raw.input,
    outputTokens: raw.output + (apart ? raw.reasoning! : 0),
    ...(raw.cachedInput !== null && { cachedInputTokens: raw.cachedInput }),
    ...(raw.cacheWrite !== null && { cacheWriteTokens: raw.cacheWrite }),
    ...(raw.reasoning !== null && { reasoningTokens: raw.reasoning }),
  };
}

describe.skipIf(!recordingsPresent)("recorded replies", () => {
  test("there are as many as the manifest had when this was written", () => {
    expect(chat.length).toBeGreaterThanOrEqual(47);
  });

  testCuts(replies, async (plan) => expectReply(await run(plan), plan.fixture));
});

/** Where the reply is complete: the end of the event with the last finish_reason of choice 0, or of the closing marker. */
function completeAt(body: Buffer): number {
  let at = 0;
  let finished: number | undefined;
  for (const end of eventEnds(body)) {
    for (const line of body.subarray(at, end).toString("utf8").split(/\r?\n/)) {
      if (!line.startsWith("data: {")) continue;
      const choice = JSON.parse(line.slice(6)).choices?.find((one: { index?: number }) => !one.index);
      if (choice?.finish_reason) finished ??= end;
    }
    at = end;
  }
  return finished ?? body.lastIndexOf("[DONE]") + "[DONE]".length;
}

const whole = streams.filter((fixture) => !fixture.expected.error);

describe.skipIf(!recordingsPresent)("recorded replies that break off", () => {
  test.each(named(whole))("%s at its events and inside them", { timeout: 60_000 }, async (_, fixture) => {
    const body = Buffer.from(wire(fixture));
    const complete = completeAt(body);
    const boundaries = sample(
      [0, ...eventEnds(body)].filter((end) => end < complete),
      40,
    );
    // The last cut takes the closing brace: an event that only lacks its blank line is whole, and one SDK line reads it.
    const places = [...boundaries, ...placesInside(complete - 2, 24), complete - 3];
    await expectBreakOffs({ fixture, body }, places, run);
    // What came whole before the end is all there: as much as the same events give when the server finishes after them.
    const end = Buffer.from('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n');
    for (const until of sample(boundaries, 6)) {
      const cut = await run({ fixture, body, until });
      const ended = await run({ fixture, body: Buffer.concat([body.subarray(0, until), end]) });
      expect([cut.text, cut.reasoning, cut.streamedInputs]).toEqual([ended.text, ended.reasoning, ended.streamedInputs]);
    }
  });

  test("the bytes after the finish reason may be missing", async () => {
    for (const fixture of whole.filter((one) => one.expected.finishReason)) {
      const body = Buffer.from(wire(fixture));
      const reply = await run({ fixture, body, until: completeAt(body) });
      expect(reply.error, fixture.id).toBeUndefined();
      expect(reply.text, fixture.id).toBe(fixture.expected.refusal ?? fixture.expected.text);
    }
  });
});

const CODES: Record<string, string> = {
  "openai-chat/nonstream-400-context-length": "context_overflow",
  "openai-chat/nonstream-401": "authentication",
  "openai-chat/nonstream-404-model": "model_not_found",
  "openrouter/nonstream-429": "rate_limit",
  "transformers/error-400-detail-string": "bad_request",
  "transformers/error-422-fastapi-detail": "bad_request",
};

describe.skipIf(!recordingsPresent)("recorded refusals to answer", () => {
  test.each(named(refused))("%s", async (id, fixture) => {
    const { error, chunks } = await run({ fixture });
    expect(chunks).toEqual([]);
    expect(error).toBeInstanceOf(BackendError);
    expect(error).toMatchObject({ code: CODES[id], status: fixture.httpStatus, retryable: fixture.httpStatus === 429 });
    const expected = fixture.expected.error as string | { message: string; metadata?: { raw: string } } | { msg: string }[];
    if (typeof expected === "string") expect(error.message).toContain(expected);
    else if (Array.isArray(expected)) expect(error.message).toContain(`body.1: ${expected[0]!.msg}`);
    else {
      expect(error.message).toContain(expected.message);
      if (expected.metadata) expect(error.message).toContain(expected.metadata.raw);
    }
  });
});
