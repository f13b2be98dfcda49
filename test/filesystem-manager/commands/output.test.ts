import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { headAndTail, readAll, shownOutput } from "../../../src/filesystem-manager/commands/output.js";
import { virtualRuntime } from "../../../src/testing/virtual-runtime.js";

describe("output that is cut", () => {
  it("is never cut inside a character", () => {
    const text = "aä€😀".repeat(50);
    const bytes = Buffer.from(text);
    for (let limit = 10; limit < 60; limit++) {
      const cut = headAndTail(bytes, limit);
      expect(cut, String(limit)).toBeDefined();
      const { head = "", tail = "", left = 0 } = cut ?? {};
      expect(text.startsWith(head) && text.endsWith(tail)).toBe(true);
      expect(Buffer.byteLength(head) + Buffer.byteLength(tail) + left).toBe(bytes.length);
      expect(Buffer.byteLength(head) + Buffer.byteLength(tail)).toBeLessThanOrEqual(limit);
    }
  });

  it("is whole when it fits, and survives bytes that are no text", async () => {
    expect(headAndTail(Buffer.from("abc"), 3)).toBeUndefined();
    const noise = Buffer.alloc(1000, 0x80);
    expect(headAndTail(noise, 100)?.left).toBe(900);
    expect(await shownOutput(Buffer.from([0x61, 0xff]), 10)).toBe("a\ufffd");
  });

  it("says where the rest is", async () => {
    const shown = await shownOutput(Buffer.from("0123456789"), 4, async () => "kept/it.txt");
    expect(shown).toBe("01\n[… 6 bytes left out; all of it is in kept/it.txt …]\n89");
  });
});

it("a stream that floods is slowed down", async () => {
  const runtime = virtualRuntime();
  const stream = new PassThrough({ highWaterMark: 8 * 1024 * 1024 });
  let size = 0;
  const done = readAll(stream, runtime, (chunk) => {
    size += chunk.length;
  });
  for (let n = 0; n < 40; n++) stream.write(Buffer.alloc(64 * 1024));
  stream.end();
  await runtime.flush();
  expect(size).toBe(1024 * 1024);
  await runtime.runUntil(done);
  expect(size).toBe(40 * 64 * 1024);
  expect(runtime.now() - virtualRuntime().now()).toBe(100);
});
