import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Reply } from "../../src/server/conductor.js";
import { byteStream, type StreamEncoder, writeEvents } from "../../src/server/event-stream.js";
import type { Output } from "../../src/server/output.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const progress = (delta: string): Output => ({ type: "progress", delta });
const text = (delta: string): Output => ({ type: "text", delta });
const finish = { type: "finish", result: {}, usage: {} } as unknown as Output;
/** Lets everything happen that waits for nothing but other code. */
const settle = async () => {
  for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
};

/** A reply whose outputs come when the test says so, and what was written of it, one entry per write. */
function streamed(given: { writes?: StreamEncoder["write"] } = {}) {
  const waiting: Output[] = [];
  let wake = () => {};
  let taken = 0;
  async function* outputs(): AsyncGenerator<Output, void> {
    for (;;) {
      const output = waiting.shift();
      if (output === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      taken++;
      yield output;
      if (output === finish) return;
    }
  }
  const aborts: string[] = [];
  const reply: Reply = { outputs: outputs(), abort: (reason) => aborts.push(reason), runId: "run_1", rests: Promise.resolve() };
  const write = given.writes ?? ((output: Output) => ("delta" in output ? `${output.type}(${output.delta})` : output.type));
  const ends: string[] = [];
  const encode = { start: () => "start", write };
  const options = {
    heartbeatMs: Number.POSITIVE_INFINITY,
    stopped: () => undefined,
    onEnd: ({ outcome }: { outcome: string }) => ends.push(outcome),
  };
  const stream = byteStream((sink) => writeEvents(sink, reply, encode, options));
  const writes: string[] = [];
  return {
    writes,
    ends,
    aborts,
    stream,
    taken: () => taken,
    async give(...more: Output[]) {
      waiting.push(...more);
      wake();
      await settle();
    },
    async read() {
      for await (const chunk of stream) writes.push(new TextDecoder().decode(chunk));
    },
    async pass(ms: number) {
      vi.advanceTimersByTime(ms);
      await settle();
    },
  };
}

test("the first text goes out at once, with what comes with it; what comes soon after is written together, as one event", async () => {
  const { writes, ends, give, pass, read } = streamed();
  const done = read();
  await give(progress("a"), progress("b"));
  expect(writes).toEqual(["start"]);
  await pass(99);
  expect(writes).toEqual(["start"]);
  await pass(1);
  expect(writes).toEqual(["start", "progress(ab)"]);
  await give(progress("c"), text("d"), text("D"));
  expect(writes.slice(2)).toEqual(["progress(c)text(dD)"]);
  await give(progress("e"), text("e"));
  await give(text("f"));
  expect(writes.slice(3)).toEqual([]);
  await pass(5);
  expect(writes.slice(3)).toEqual(["progress(e)text(ef)"]);
  await pass(5);
  await give(text("g"));
  expect(writes.slice(4)).toEqual(["text(g)"]);
  await give(text("h"), finish);
  expect(writes.slice(5)).toEqual(["text(h)finish"]);
  await done;
  expect(ends).toEqual(["ok"]);
});

test("what waits goes out before the frame of an error", async () => {
  const writes = (output: Output) => {
    if (output.type === "void") throw new Error("It was said.");
    return "delta" in output ? output.delta : "";
  };
  const { writes: written, ends, give, read } = streamed({ writes });
  const done = read();
  await give(text("one"));
  await give(text("two"), { type: "void" });
  await done;
  expect(written.slice(0, 2)).toEqual(["start", "one"]);
  expect(written[2]).toMatch(/^twodata: \{"error":\{"message"/);
  expect(ends).toEqual(["error"]);
});

test("while nobody reads, no more is taken than one piece and what came with it", async () => {
  const { give, pass, taken, stream } = streamed();
  await give(...Array.from({ length: 100 }, (_, i) => text(String(i).repeat(1_000))));
  await pass(1_000);
  expect(taken()).toBe(0);
  const reader = stream.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("start");
  await settle();
  await pass(1_000);
  const before = taken();
  expect(before).toBeLessThan(100);
  await pass(1_000);
  expect(taken()).toBe(before);
  await reader.cancel();
});

test("a client that goes when all has been written stops nothing, though it has not read all", async () => {
  const { give, stream, ends, aborts } = streamed();
  const reader = stream.getReader();
  await reader.read();
  await give(finish);
  await reader.read();
  await reader.cancel();
  await settle();
  expect([ends, aborts]).toEqual([["ok"], []]);
});

test("an encoder that fails ends the stream in the frame of an error", async () => {
  const writes = () => {
    throw new Error("This cannot be written.");
  };
  const { writes: written, ends, give, read } = streamed({ writes });
  const done = read();
  await give(text("one"));
  await give(text("two"), finish);
  await done;
  expect(written).toEqual(["start", expect.stringMatching(/^data: \{"error":/)]);
  expect(ends).toEqual(["error"]);
});

test("a client that goes away leaves no timer behind", async () => {
  const { give, stream, ends } = streamed();
  const reader = stream.getReader();
  await reader.read();
  await give(text("one"));
  await reader.read();
  await give(text("two"));
  expect(vi.getTimerCount()).toBe(1);
  await reader.cancel();
  expect(vi.getTimerCount()).toBe(0);
  expect(ends).toEqual(["disconnected"]);
});
