import { describe, expect, it } from "vitest";
import type { BackendChunk } from "../../src/backends/backend.js";
import { LazyWire, type Wire } from "../../src/backends/lazy-wire.js";

const request = { messages: [] };

/** Wires that tell two letters; `failures` of them cannot be opened. */
function wires(failures = 0) {
  const seen = { opened: 0, closed: 0, streams: 0, returned: 0 };
  async function* letters(): AsyncGenerator<BackendChunk> {
    seen.streams++;
    try {
      yield { type: "text-delta", delta: "a" };
      yield { type: "text-delta", delta: "b" };
    } finally {
      seen.returned++;
    }
  }
  const wire: Wire = {
    stream: letters,
    listModels: async () => [{ id: "m" }],
    close: async () => void seen.closed++,
  };
  const lazy = new LazyWire(async () => {
    if (++seen.opened <= failures) throw new Error("no key");
    return wire;
  });
  return { lazy, seen };
}

async function text(chunks: AsyncIterable<BackendChunk>): Promise<string> {
  let told = "";
  for await (const chunk of chunks) if (chunk.type === "text-delta") told += chunk.delta;
  return told;
}

describe("a wire", () => {
  it("is opened at the first request, once for all that wait", async () => {
    const { lazy, seen } = wires();
    const streams = [lazy.stream(request), lazy.stream(request)];
    expect(seen.opened).toBe(0);
    expect(await Promise.all([...streams.map(text), lazy.call((wire) => wire.listModels({}))])).toEqual(["ab", "ab", [{ id: "m" }]]);
    expect(seen).toEqual({ opened: 1, closed: 0, streams: 2, returned: 2 });
  });

  it("that could not be opened is opened again by the next request", async () => {
    const { lazy } = wires(2);
    const stream = lazy.stream(request);
    await expect(stream.next()).rejects.toThrow("no key");
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await expect(lazy.call((wire) => wire.listModels({}))).rejects.toThrow("no key");
    expect(await text(lazy.stream(request))).toBe("ab");
  });

  it("is closed if it was opened, and opened again", async () => {
    const { lazy, seen } = wires();
    await lazy.close();
    expect(seen).toMatchObject({ opened: 0, closed: 0 });
    await text(lazy.stream(request));
    await Promise.all([lazy.close(), lazy.close()]);
    expect(seen).toMatchObject({ opened: 1, closed: 1 });
    expect(await text(lazy.stream(request))).toBe("ab");
    expect(seen.opened).toBe(2);
  });

  it("that is closed while it is being opened is closed when it is", async () => {
    const { lazy, seen } = wires();
    const first = lazy.stream(request).next();
    await lazy.close();
    expect(seen).toMatchObject({ opened: 1, closed: 1 });
    expect((await first).done).toBe(false);
  });
});

describe("a stream that is left", () => {
  it("ends the wire's own", async () => {
    const { lazy, seen } = wires();
    for await (const _ of lazy.stream(request)) break;
    expect(seen).toMatchObject({ streams: 1, returned: 1 });
  });

  it("before it began, or before the wire was there, begins nothing", async () => {
    const { lazy, seen } = wires();
    const [unread, begun] = [lazy.stream(request), lazy.stream(request)];
    await unread.return?.();
    expect(seen.opened).toBe(0);
    const next = begun.next();
    await begun.return?.();
    const end = { done: true, value: undefined };
    expect([await next, await unread.next(), await begun.next()]).toEqual([end, end, end]);
    expect(seen).toMatchObject({ opened: 1, streams: 0 });
  });
});
