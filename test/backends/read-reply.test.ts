import { describe, expect, it } from "vitest";
import type { BackendChunk } from "../../src/backends/backend.js";
import { type ReplyReader, readReply } from "../../src/backends/read-reply.js";

const text = (delta: string): BackendChunk => ({ type: "text-delta", delta });

/** Tells every event; `{"end":true}` is the last one, `{"bad":true}` is refused. */
function teller(): ReplyReader {
  let whole = false;
  const take = (event: unknown, name: string, out: BackendChunk[]) => {
    const { end, bad } = event as { end?: boolean; bad?: boolean };
    if (bad) throw new Error("bad event");
    if (end) whole = true;
    else out.push(text(`${name}${JSON.stringify(event)}`));
  };
  return {
    take,
    takeWhole: (body, out) => out.push(text(`whole ${JSON.stringify(body)}`)),
    whole: () => whole,
    end: (out, done) => {
      if (!whole && !done) throw new Error("truncated");
      out.push(text(done ? "done" : "end"));
    },
    breakOff: (out) => out.push(text("left")),
  };
}

interface Given {
  type?: string;
  /** After the body: the connection breaks, the caller aborts. */
  breaks?: boolean;
  aborts?: boolean;
}

async function read(pieces: string[], { type = "text/event-stream", breaks, aborts }: Given = {}) {
  const told: string[] = [];
  const abort = new AbortController();
  let closed = 0;
  const left = pieces.map((piece) => new TextEncoder().encode(piece));
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = left.shift();
      if (next) return controller.enqueue(next);
      if (aborts) abort.abort(new Error("enough"));
      if (breaks) controller.error(new TypeError("terminated"));
      else controller.close();
    },
  });
  const chunks = readReply({
    open: async () => ({
      response: new Response(pieces.length > 0 ? body : null, { headers: { "content-type": type } }),
      reader: teller(),
      warnings: ["careful"],
    }),
    failed: (error) => new Error(`failed: ${(error as Error).message}`),
    signal: abort.signal,
    close: () => void closed++,
  });
  let error: string | undefined;
  try {
    for await (const chunk of chunks) told.push(chunk.type === "text-delta" ? chunk.delta : chunk.type);
  } catch (thrown) {
    error = (thrown as Error).message;
  }
  expect([told.shift(), closed]).toEqual(["warning", 1]);
  return error === undefined ? told : [...told, error];
}

describe("a stream", () => {
  const a = 'data: {"a":1}\n\n';
  const end = 'data: {"end":true}\n\n';

  it("is read to its end, with its names; what follows the end is passed over", async () => {
    expect(await read([a, `event: x\n${a}`, `${end}data: {"b":2}\n\ndata: oops\n\n`])).toEqual(['{"a":1}', 'x{"a":1}', "end"]);
    expect(await read([a, `data: [DONE]\n\n${a}`])).toEqual(['{"a":1}', "done"]);
  });

  it("that just stops is for the reader to judge, also in the middle of an event", async () => {
    expect(await read([a])).toEqual(['{"a":1}', "truncated"]);
    expect(await read([a, 'data: {"a":'])).toEqual(['{"a":1}', "truncated"]);
    expect(await read([a, 'data: {"end":true}'])).toEqual(['{"a":1}', "end"]);
    expect(await read([])).toEqual(["truncated"]);
  });

  it("that breaks is an error before the end, and none after it", async () => {
    expect(await read([a], { breaks: true })).toEqual(['{"a":1}', "left", "failed: terminated"]);
    expect(await read([a, end], { breaks: true })).toEqual(['{"a":1}', "end"]);
  });

  it("that is aborted is an error, however it ends", async () => {
    expect(await read([a], { aborts: true })).toEqual(['{"a":1}', "left", "failed: enough"]);
    expect(await read([a, end], { aborts: true, breaks: true })).toEqual(['{"a":1}', "left", "failed: terminated"]);
  });

  it("with an event that is no JSON, or that the reader refuses, is an error; an event named error may be words", async () => {
    expect(await read([`${a}data: oops\n\n${end}`])).toEqual(['{"a":1}', "left", expect.stringMatching(/^failed: Unexpected token/)]);
    expect(await read([`${a}data: {"bad":true}\n\n${end}`])).toEqual(['{"a":1}', "left", "failed: bad event"]);
    expect(await read([`event: error\ndata: oops\n\n${end}`])).toEqual(['error"oops"', "end"]);
  });
});

describe("JSON instead of a stream", () => {
  it.each(["application/json; charset=utf-8", "text/event-stream", "text/plain"])("as %s", async (type) => {
    expect(await read(['{"a":', "1}"], { type })).toEqual(['whole {"a":1}', "truncated"]);
    expect(await read(['[{"a":1},', '{"a":2}]'], { type })).toEqual(['whole {"a":1}', 'whole {"a":2}', "truncated"]);
  });

  it("may be words that say what is wrong", async () => {
    expect(await read(["no ", "luck"], { type: "application/json" })).toEqual(['whole "no luck"', "truncated"]);
  });
});
