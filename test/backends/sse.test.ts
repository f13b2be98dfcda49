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
function decode(stream: string, size: number): { events: { data: string; event: string }[]; inside: boolean } {
  const decoder = new SseDecoder();
  const events: { data: string; event: string }[] = [];
  const onEvent = (data: string, event: string) => events.push({ data, event });
  const bytes = Buffer.from(stream);
  for (let i = 0; i < bytes.length; i += size) decoder.push(bytes.subarray(i, i + size), onEvent);
  return { inside: decoder.end(onEvent), events };
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
  ["a byte order mark later on", "data: a\n\n\ufeffdata: b\n\ndata: \ufeffc\n\n", ["a", "\ufeffc"]],
  ["letters of several bytes", "data: 👋é\n\n", ["👋é"]],
  ["an event without its blank line", "data: a\n\ndata: b\n", ["a", "b"]],
];

it.each(cases)("%s, cut anywhere", (_, stream, data) => {
  for (let size = 1; size <= stream.length + 4; size++) expect(decode(stream, size).events.map((event) => event.data)).toEqual(data);
});

it("two streams that are cut within a letter do not mix", () => {
  const decoders = [new SseDecoder(), new SseDecoder()];
  const events: string[][] = [[], []];
  const bytes = ["data: 👋é\n\n", "data: ü→\n\n"].map((stream) => Buffer.from(stream));
  for (let i = 0; i < Math.max(...bytes.map(({ length }) => length)); i++) {
    decoders.forEach((decoder, n) => {
      decoder.push(bytes[n]!.subarray(i, i + 1), (data) => events[n]!.push(data));
    });
  }
  expect(events).toEqual([["👋é"], ["ü→"]]);
});

it("bytes that are no UTF-8 become replacement characters, wherever they are cut", () => {
  const bytes = Buffer.from([...Buffer.from("data: a"), 0xe2, 0x82, ...Buffer.from("b"), 0xff, 0xf0, 0x9f, 0x91, ...Buffer.from("\n\n")]);
  const whole = new TextDecoder().decode(bytes).slice("data: ".length, -2);
  for (let size = 1; size <= bytes.length; size++) {
    const decoder = new SseDecoder();
    const events: string[] = [];
    for (let i = 0; i < bytes.length; i += size) decoder.push(bytes.subarray(i, i + size), (data) => events.push(data));
    expect(events).toEqual([whole]);
  }
});

it("keeps bytes of its own: the piece it was given may be used again", () => {
  const decoder = new SseDecoder();
  const events: string[] = [];
  const piece = Buffer.alloc(6);
  for (const part of ["data: ", "abcdef", "ghij\n\n"]) {
    piece.write(part);
    decoder.push(piece, (data) => events.push(data));
  }
  expect(events).toEqual(["abcdefghij"]);
});

it("an event has a name until it is over", () => {
  const { events } = decode("event: error\ndata: a\n\ndata: b\n\n", 3);
  expect(events).toEqual([
    { data: "a", event: "error" },
    { data: "b", event: "" },
  ]);
});

it("says whether the bytes ended within a line", () => {
  expect(decode('data: {"a":', 4)).toMatchObject({ inside: true, events: [{ data: '{"a":' }] });
  expect(decode("data: a\n\n", 4).inside).toBe(false);
  expect(decode("data: a\r\n\r", 4).inside).toBe(false);
});

const corpus = "../shared/corpora/sse-cases.json";
const shared: Case[] = existsSync(corpus) ? JSON.parse(readFileSync(corpus, "utf8")).cases : [];
if (shared.length === 0) console.log("sse.test.ts: ../shared/corpora is not here; the web platform's cases are left out");

it.runIf(shared.length > 0).each(shared.map((each) => [each.id, each] as const))("web platform: %s", (_, each) => {
  let stream = each.stream;
  for (const [from, { repeat, times }] of Object.entries(each.replace ?? {})) stream = stream.replaceAll(from, repeat.repeat(times));
  for (const size of [1, 2, 7, 1 << 20]) {
    const { events } = decode(stream, size);
    // What the specification drops at the end, language models' clients keep.
    const whole = events.slice(0, each.expect.length);
    expect(whole.map(({ data }) => data)).toEqual(each.expect.map(({ data }) => data));
    expect(events.length - whole.length).toBeLessThanOrEqual(1);
    each.expect.forEach((wanted, i) => {
      if (wanted.event !== undefined) expect(whole[i]!.event).toBe(wanted.event);
    });
  }
});
