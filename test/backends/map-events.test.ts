import { describe, expect, it } from "vitest";
import type { BackendChunk } from "../../src/backends/backend.js";
import { type EventReading, mapEvents } from "../../src/backends/map-events.js";

const text = (delta: string): BackendChunk => ({ type: "text-delta", delta });

interface Watched {
  closed: number;
  returned: number;
}

/** Events are texts of letters, each a delta; "!" throws. */
function letters(events: string[], watched: Watched, breaks?: Error): () => Promise<EventReading<string>> {
  async function* source() {
    try {
      yield* events;
      if (breaks) throw breaks;
    } finally {
      watched.returned++;
    }
  }
  return async () => ({
    events: source(),
    first: [text("first")],
    take: (event, out) => {
      for (const letter of event) {
        if (letter === "!") throw new Error("bad event");
        out.push(text(letter));
      }
    },
    end: (out) => void out.push(text("end")),
    fail: (error, out) => {
      out.push(text("left"));
      return new Error(`failed: ${(error as Error).message}`);
    },
  });
}

async function read(iterator: AsyncIterable<BackendChunk>): Promise<{ told: string; error?: string }> {
  let told = "";
  try {
    for await (const chunk of iterator) if (chunk.type === "text-delta") told += `${chunk.delta} `;
  } catch (error) {
    return { told, error: (error as Error).message };
  }
  return { told };
}

describe("events become chunks", () => {
  const watch = (): Watched => ({ closed: 0, returned: 0 });
  const open = (watched: Watched, events: string[], breaks?: Error) =>
    mapEvents(letters(events, watched, breaks), () => {
      watched.closed++;
    });

  it("none, one or many of an event, in order, with what comes first and last", async () => {
    const watched = watch();
    expect(await read(open(watched, ["a", "", "bcd", "", "e"]))).toEqual({ told: "first a b c d e end " });
    expect(watched).toEqual({ closed: 1, returned: 1 });
  });

  it("what came before an error is told first", async () => {
    const watched = watch();
    expect(await read(open(watched, ["ab"], new Error("cut")))).toEqual({ told: "first a b left ", error: "failed: cut" });
    expect(await read(open(watched, ["ab!c", "d"]))).toEqual({ told: "first a b left ", error: "failed: bad event" });
    expect(watched).toEqual({ closed: 2, returned: 2 });
  });

  it("that cannot be opened, the error is the opener's own", async () => {
    const watched = watch();
    const iterator = mapEvents<string>(
      () => Promise.reject(new Error("no")),
      () => {
        watched.closed++;
      },
    );
    expect(await read(iterator)).toEqual({ told: "", error: "no" });
    expect(watched.closed).toBe(1);
  });

  it("a reader that leaves closes everything, once", async () => {
    const watched = watch();
    const iterator = open(watched, ["abc", "d"]);
    for await (const chunk of iterator) if (chunk.type === "text-delta" && chunk.delta === "b") break;
    expect(watched).toEqual({ closed: 1, returned: 1 });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await iterator.return?.();
    expect(watched).toEqual({ closed: 1, returned: 1 });
  });

  it("a reader that leaves while it is being opened leaves nothing open", async () => {
    const watched = watch();
    let opened = (_: EventReading<string>) => {};
    const source = {
      next: () => Promise.reject(new Error("nobody reads")),
      async return() {
        watched.returned++;
        return { done: true as const, value: undefined };
      },
      [Symbol.asyncIterator]: () => source,
    };
    const iterator = mapEvents<string>(
      () =>
        new Promise((resolve) => {
          opened = resolve;
        }),
      () => {
        watched.closed++;
      },
    );
    const next = iterator.next();
    await iterator.return?.();
    opened({ events: source, take() {}, end() {}, fail: (error) => error });
    expect(await next).toEqual({ done: true, value: undefined });
    expect(watched).toEqual({ closed: 1, returned: 1 });
  });
});
