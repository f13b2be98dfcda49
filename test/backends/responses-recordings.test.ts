import { describe, expect, test } from "vitest";
import { createBackend } from "../../src/backends/create-backend.js";
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

const all = recordings("openai-responses");
const replies = all.filter((fixture) => fixture.httpStatus === 200);
const whole = replies.filter((fixture) => !fixture.expected.error && fixture.framing !== "json");

const replay = useReplay();

function run(plan: Plan): Promise<Reply> {
  return replay.play(plan, (baseUrl) => collect(createBackend({ type: "openai", model: "m", baseUrl })));
}

function expectReply(reply: Reply, { expected }: Fixture): void {
  if (expected.error) {
    expect(reply.error).toBeInstanceOf(BackendError);
    expect(reply.error.message).toContain((expected.error as { message: string }).message);
    expect(reply.finish).toBeUndefined();
    return;
  }
  expect(reply.error).toBeUndefined();
  expect(reply.text).toBe(expected.refusal ?? expected.text);
  expect(reply.reasoning).toBe(expected.reasoning ?? "");
  expect(reply.calls).toEqual(expected.toolCalls.map((call) => ({ id: call.id, name: call.name, input: call.argumentsJson })));
  for (const call of expected.toolCalls) expect(reply.streamedInputs[call.id]).toBe(call.arguments);
  const { usage } = expected;
  const { webSearches: _, ...tokens } = reply.usage!;
  expect(tokens).toEqual({
    inputTokens: usage.input,
    outputTokens: usage.output,
    ...(usage.cachedInput !== null && { cachedInputTokens: usage.cachedInput }),
    ...(usage.cacheWrite !== null && { cacheWriteTokens: usage.cacheWrite }),
    ...(usage.reasoning !== null && { reasoningTokens: usage.reasoning }),
  });
  expect(reply.raw).toBe(expected.finishReason);
  expect(reply.finish).toBe(expected.refusal ? "refusal" : expected.toolCalls.length > 0 ? "tool-calls" : "stop");
  const sources = expected.citations.map((citation) => citation.url ?? citation.filename);
  expect(reply.sources.map((source) => source.url ?? source.title)).toEqual([...new Set(sources)]);
  expectState(reply, expected.serverItems);
}

/** Everything but plain text and calls is there to be sent back, and tools of the provider were told of. */
function expectState(reply: Reply, serverItems: { type: string; id: string; status?: string }[]): void {
  const parts = reply.message && typeof reply.message.content !== "string" ? reply.message.content : [];
  const state = parts.flatMap((part) => (part.type === "provider" ? [part.data as { items: Record<string, unknown>[] }] : []));
  const items = state.flatMap((data) => data.items);
  for (const item of serverItems) expect(items).toContainEqual(expect.objectContaining({ type: item.type, id: item.id }));
  const tools = reply.chunks.flatMap((chunk) => (chunk.type === "builtin-tool" && chunk.state !== "started" ? [chunk.id] : []));
  expect(tools).toEqual(serverItems.filter((item) => item.type.endsWith("_call")).map((item) => item.id));
  const compacted = serverItems.filter((item) => item.type === "compaction").length;
  expect(reply.chunks.filter((chunk) => chunk.type === "compaction")).toHaveLength(compacted);
}

describe.skipIf(!recordingsPresent)("recorded replies of the Responses API", () => {
  test("there are as many as the manifest had when this was written", () => {
    expect(all.length).toBeGreaterThanOrEqual(22);
  });

  testCuts(replies, async (plan) => expectReply(await run(plan), plan.fixture));

  test.each(named(whole))("%s without event lines", async (_, fixture) => {
    const body = Buffer.from(wire(fixture).replace(/^event: .*\r?\n/gm, ""));
    expectReply(await run({ fixture, body }), fixture);
  });

  test.each(named(whole))("%s as one JSON body", async (_, fixture) => {
    const frame = wire(fixture)
      .split("\n")
      .find((line) => line.startsWith("data: ") && line.includes('"response.completed"') && JSON.parse(line.slice(6)).response?.output)!;
    const { response } = JSON.parse(frame.slice(6));
    const json = { ...fixture, framing: "json" as const, responseHeaders: null };
    const reply = await run({ fixture: json, body: Buffer.from(JSON.stringify(response)) });
    // Recordings may have been trimmed in their last event.
    expect(reply.error).toBeUndefined();
    expect([reply.text, reply.finish]).toEqual([fixture.expected.text, fixture.expected.toolCalls.length > 0 ? "tool-calls" : "stop"]);
  });
});

describe.skipIf(!recordingsPresent)("recorded replies of the Responses API that break off", () => {
  test.each(named(whole))("%s at its events and inside them", { timeout: 120_000 }, async (_, fixture) => {
    const body = Buffer.from(wire(fixture));
    const ends = eventEnds(body);
    // Some servers say the event's name after its data.
    const complete = body.indexOf("\n", body.lastIndexOf("data: "));
    const boundaries = sample([0, ...ends.filter((end) => end < complete)], 24);
    const places = [...boundaries, ...placesInside(complete - 3, 16), complete - 4];
    await expectBreakOffs({ fixture, body }, places, run);
    // What came whole before the end is all there: as much as the same events give when the reply ends after them.
    const end = Buffer.from('data: {"type":"response.completed","response":{"status":"completed"}}\n\n');
    for (const until of sample(boundaries, 6)) {
      const cut = await run({ fixture, until });
      const ended = await run({ fixture, body: Buffer.concat([body.subarray(0, until), end]) });
      expect(ended.error).toBeUndefined();
      expect([cut.text, cut.reasoning, cut.streamedInputs]).toEqual([ended.text, ended.reasoning, ended.streamedInputs]);
    }
  });

  test.each(named(whole))("%s broken off after its end", async (_, fixture) => {
    const body = Buffer.from(`${wire(fixture)}data: {"typ`);
    expectReply(await run({ fixture, body }), fixture);
  });
});

describe.skipIf(!recordingsPresent)("recorded refusals of the Responses API", () => {
  test.each(named(all.filter((fixture) => fixture.httpStatus >= 400)))("%s", async (_, fixture) => {
    const { error, chunks } = await run({ fixture });
    expect(chunks).toEqual([]);
    expect(error).toBeInstanceOf(BackendError);
    expect(error).toMatchObject({ code: "bad_request", status: 400, retryable: false });
    expect(error.message).toContain((fixture.expected.error as { message: string }).message);
  });
});
