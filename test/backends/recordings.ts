import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BackendError } from "../../src/errors.js";
import { type Reply, serve } from "./http.js";

const folder = fileURLToPath(new URL("../../../shared/recordings/", import.meta.url));

/** Whether the recordings are there. Says so where they are not, since the tests on them are skipped then. */
export const recordingsPresent = existsSync(`${folder}manifest.json`);
if (!recordingsPresent) console.log(`recordings: skipped, ${folder} is not there`);

export interface Fixture {
  id: string;
  file: string;
  format: string;
  framing: "sse" | "jsonl" | "json" | "json-array";
  httpStatus: number;
  responseHeaders: Record<string, string> | null;
  expected: {
    text: string;
    reasoning: string | null;
    refusal: string | null;
    toolCalls: { id: string; name: string; arguments: string; argumentsJson: unknown }[];
    finishReason: string | null;
    // biome-ignore lint/suspicious/noExplicitAny: raw figures, in each provider's own shape
    usage: any;
    // biome-ignore lint/suspicious/noExplicitAny: raw, in each provider's own shape
    citations: any[];
    // biome-ignore lint/suspicious/noExplicitAny: raw, in each provider's own shape
    serverItems: any[];
    error: unknown;
  };
}

/** All recordings of a wire. */
export function recordings(format: string): Fixture[] {
  if (!recordingsPresent) return [];
  const { fixtures } = JSON.parse(readFileSync(`${folder}manifest.json`, "utf8")) as { fixtures: Fixture[] };
  return fixtures.filter((fixture) => fixture.format === format);
}

/** For `test.each`. */
export const named = (fixtures: Fixture[]) => fixtures.map((fixture) => [fixture.id, fixture] as const);

/** The bytes a server would send. */
export function wire(fixture: Fixture): string {
  const raw = readFileSync(folder + fixture.file, "utf8");
  if (fixture.framing !== "jsonl") return raw;
  const named = fixture.format === "anthropic" || fixture.format === "openai-responses";
  const events = raw.split("\n").filter((line) => line.trim());
  const frames = events.map((line) => `${named ? `event: ${JSON.parse(line).type}\n` : ""}data: ${line}\n\n`);
  return frames.join("") + (fixture.format === "openai-chat" ? "data: [DONE]\n\n" : "");
}

export interface Plan {
  fixture: Fixture;
  /** Default: `wire(fixture)`. */
  body?: Buffer;
  /** Default `whole`. */
  cuts?: "whole" | "bytes" | { seed: number };
  /** Send this much only, then close cleanly or break the connection. */
  until?: number;
  breakOff?: boolean;
}

/** A server of recordings for the tests of one file. */
export function useReplay(): Pick<Awaited<ReturnType<typeof startReplay>>, "play"> {
  let replay: Awaited<ReturnType<typeof startReplay>>;
  beforeAll(async () => {
    replay = await startReplay();
  });
  afterAll(() => replay.close());
  return { play: (plan, use) => replay.play(plan, use) };
}

/** Tests that each reply is the same however it is cut on its way, and with the other line ends. */
export function testCuts(fixtures: Fixture[], check: (plan: Plan) => Promise<void>): void {
  const all = named(fixtures);
  test.each(all)("%s whole", (_, fixture) => check({ fixture }));

  test.each(all)("%s byte by byte", { timeout: 60_000 }, (_, fixture) => check({ fixture, cuts: "bytes" }));

  test.each(all)("%s randomly cut", { timeout: 30_000 }, async (_, fixture) => {
    for (const seed of [3, 99]) await check({ fixture, cuts: { seed } });
  });

  test.each(all)("%s with the other line ends, randomly cut", { timeout: 30_000 }, async (_, fixture) => {
    const text = wire(fixture);
    const body = Buffer.from(text.includes("\r\n") ? text.replaceAll("\r\n", "\n") : text.replaceAll("\n", "\r\n"));
    for (const seed of [1, 7]) await check({ fixture, body, cuts: { seed } });
  });
}

/** So many places, evenly spread over the bytes up to `end`. */
export function placesInside(end: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) / count) * end));
}

/**
 * Has the reply break off at each place, by a clean end and by a broken connection: an error that may be tried again, no end and no
 * calls, and of the texts no more than there is. `more` checks what else there is to say.
 */
export async function expectBreakOffs(
  { fixture, body }: { fixture: Fixture; body: Buffer },
  places: number[],
  run: (plan: Plan) => Promise<Reply>,
  more: (reply: Reply, where: string) => void = () => {},
): Promise<void> {
  const { text, refusal, reasoning } = fixture.expected;
  for (const until of places) {
    for (const breakOff of [false, true]) {
      const reply = await run({ fixture, body, until, breakOff });
      const where = `${until} of ${body.length} bytes, ${breakOff ? "broken" : "closed"}: ${reply.error}`;
      expect(reply.error, where).toBeInstanceOf(BackendError);
      expect(["stream_truncated", "connection"], where).toContain(reply.error.code);
      expect(reply.error.retryable, where).toBe(true);
      expect(reply.finish, where).toBeUndefined();
      expect(reply.calls, where).toEqual([]);
      expect((refusal ?? text).startsWith(reply.text), where).toBe(true);
      expect((reasoning ?? "").startsWith(reply.reasoning), where).toBe(true);
      more(reply, where);
    }
  }
}

/** Serves recordings: `play` gives `use` a base URL that answers with the plan. */
async function startReplay() {
  const plans = new Map<string, Required<Plan>>();
  let planned = 0;
  const server = await serve(async (response, request) => {
    const { fixture, body, cuts, until, breakOff } = plans.get(request.url.split("/")[1]!)!;
    const type =
      fixture.framing.startsWith("json") && fixture.framing !== "jsonl" ? "application/json" : "text/event-stream; charset=utf-8";
    response.writeHead(fixture.httpStatus, { "content-type": fixture.responseHeaders?.["content-type"] ?? type });
    response.flushHeaders();
    let seed = typeof cuts === "object" ? cuts.seed : 0;
    for (let at = 0; at < until; ) {
      if (typeof cuts === "object") seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      const size = cuts === "whole" ? until : cuts === "bytes" ? 1 : 1 + (seed % 61);
      const piece = body.subarray(at, Math.min(at + size, until));
      at += piece.length;
      if (!response.write(piece)) await new Promise((resolve) => response.once("drain", resolve));
      // Each piece its own turn of the loop, so that it becomes its own read on the other side.
      if (cuts !== "whole" && at % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    if (breakOff) response.socket?.destroy();
    else response.end();
  });
  return {
    close: server.close,
    async play<T>(plan: Plan, use: (baseUrl: string) => Promise<T>): Promise<T> {
      const name = `p${planned++}`;
      const body = plan.body ?? Buffer.from(wire(plan.fixture));
      plans.set(name, { cuts: "whole", until: body.length, breakOff: false, ...plan, body });
      try {
        return await use(`${server.url}/${name}`);
      } finally {
        plans.delete(name);
      }
    },
  };
}

/** Ends of events, as byte offsets. */
export function eventEnds(body: Buffer): number[] {
  return [...body.toString("latin1").matchAll(/\r\n\r\n|\n\n/g)].map((match) => match.index + match[0].length);
}

/** Some of many, the last ones among them. */
export function sample(numbers: number[], count: number): number[] {
  if (numbers.length <= count) return numbers;
  const step = numbers.length / count;
  return Array.from({ length: count }, (_, i) => numbers[Math.floor(i * step)]!).concat(numbers.slice(-4));
}
