import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { SseDecoder } from "../../src/backends/sse.js";

interface Case {
  id: string;
  stream: string;
  expect: { data: string; event?: string }[];
  replace?: Record<string, { repeat: string; times: number }>;
}

/** Decodes it in pieces of so many bytes; an event whose blank line is missing is given as well. */
function decode(stream: string, size: number): { data: string; event: string }[] {
  const decoder = new SseDecoder();
  const events: { data: string; event: string }[] = [];
  const onEvent = (data: string, event: string) => events.push({ data, event });
  const bytes = Buffer.from(stream);
  for (let i = 0; i < bytes.length; i += size) decoder.push(bytes.subarray(i, i + size), onEvent);
  decoder.end(onEvent);
  return events;
}

const cases: [string, string, string[]][] = [
  ["line feeds", "data: a\n\ndata: b\n\n", ["a", "b"]],
  ["carriage returns and line feeds", "data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]],
  ["carriage returns alone", "data: a\r\rdata: b\r\r", ["a", "b"]],
  ["data over several lines", "data: a\ndata: b\n\n", ["a\nb"]],
  ["no space, two spaces", "data:a\n\ndata:  b\n\n", ["a", " b"]],
  ["comments and other fields", ": hi\nid: 1\nretry: 5\ndata: a\n: ho\n\n", ["a"]],
  ["a name that goes on", "database: x\ndata: a\n\n", ["a"]],
  ["blank lines alone", "\n\n\ndata: a\n\n\n\n", ["a"]],
  ["a byte order mark", "\ufeffdata: a\n\n", ["a"]],
  ["letters of several bytes", "data: 👋é\n\n", ["👋é"]],
  ["an event without its blank line", "data: a\n\ndata: b\n", ["a", "b"]],
];

it.each(cases)("%s, cut anywhere", (_, stream, data) => {
  for (let size = 1; size <= stream.length + 4; size++) expect(decode(stream, size).map((event) => event.data)).toEqual(data);
});

it("an event has a name until it is over", () => {
  expect(decode("event: error\ndata: a\n\ndata: b\n\n", 3)).toEqual([
    { data: "a", event: "error" },
    { data: "b", event: "" },
  ]);
});

it("what broke off within a line is given as far as it came", () => {
  expect(decode('data: {"a":', 4)).toEqual([{ data: '{"a":', event: "" }]);
});

const corpus = "../shared/corpora/sse-cases.json";
const shared: Case[] = existsSync(corpus) ? JSON.parse(readFileSync(corpus, "utf8")).cases : [];
if (shared.length === 0) console.log("sse.test.ts: ../shared/corpora is not here; the web platform's cases are left out");

it.runIf(shared.length > 0).each(shared.map((each) => [each.id, each] as const))("web platform: %s", (_, each) => {
  let stream = each.stream;
  for (const [from, { repeat, times }] of Object.entries(each.replace ?? {})) stream = stream.replaceAll(from, repeat.repeat(times));
  for (const size of [1, 2, 7, 1 << 20]) {
    const events = decode(stream, size);
    // What the specification drops at the end, language models' clients keep.
    const whole = events.slice(0, each.expect.length);
    expect(whole.map(({ data }) => data)).toEqual(each.expect.map(({ data }) => data));
    expect(events.length - whole.length).toBeLessThanOrEqual(1);
    each.expect.forEach((wanted, i) => {
      if (wanted.event !== undefined) expect(whole[i]!.event).toBe(wanted.event);
    });
  }
});
