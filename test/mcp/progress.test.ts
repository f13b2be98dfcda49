import { describe, expect, it } from "vitest";
import { progressing } from "../../src/mcp/progress.js";
import { pausableTimer } from "../../src/mcp/timer.js";
import { virtualRuntime } from "../../src/testing/virtual-runtime.js";

describe("progressing", () => {
  it("tells the first at once, then the newest ten times a second, and the last before a silence", async () => {
    const runtime = virtualRuntime();
    const start = runtime.now();
    const seen: [number, number][] = [];
    const read = async () => {
      const output = progressing(runtime, new AbortController().signal, async (_, report) => {
        for (let i = 1; i <= 50; i++) {
          report({ progress: i });
          await new Promise<void>((resolve) => runtime.setTimer(10, resolve));
        }
        await new Promise<void>((resolve) => runtime.setTimer(1000, resolve));
        return "done";
      });
      for (;;) {
        const { done, value } = await output.next();
        if (done) return value;
        seen.push([runtime.now() - start, value.progress]);
      }
    };
    expect(await runtime.runUntil(read())).toBe("done");
    expect(seen.map(([time]) => time)).toEqual([0, 100, 200, 300, 400, 500]);
    expect(seen.at(-1)?.[1]).toBe(50);
    expect(runtime.pending).toBe(0);
  });

  it("passes errors on, and aborts the work when it is no longer read", async () => {
    const runtime = virtualRuntime();
    const { signal } = new AbortController();
    await expect(progressing(runtime, signal, () => Promise.reject(new Error("no"))).next()).rejects.toThrow("no");
    let aborted = false;
    const output = progressing(runtime, signal, (inner, report) => {
      inner.addEventListener("abort", () => {
        aborted = true;
      });
      report({ progress: 1 });
      return new Promise(() => {});
    });
    await output.next();
    await output.return(undefined as never);
    expect(aborted).toBe(true);
  });
});

describe("pausableTimer", () => {
  it("fires once its time has passed, not counting holds, and begins anew when told", () => {
    const runtime = virtualRuntime();
    let fired = 0;
    const timer = pausableTimer(runtime, 100, () => fired++);
    runtime.advance(60);
    const resume = timer.hold();
    const also = timer.hold();
    runtime.advance(1000);
    resume();
    resume();
    runtime.advance(1000);
    expect(fired).toBe(0);
    also();
    runtime.advance(39);
    expect(fired).toBe(0);
    timer.restart();
    runtime.advance(99);
    expect(fired).toBe(0);
    runtime.advance(1);
    expect(fired).toBe(1);
  });

  it("never fires at Infinity, nor once ended", () => {
    const runtime = virtualRuntime();
    const never = pausableTimer(runtime, Number.POSITIVE_INFINITY, () => expect.unreachable());
    const ended = pausableTimer(runtime, 10, () => expect.unreachable());
    const resume = ended.hold();
    ended.end();
    resume();
    never.restart();
    runtime.advance(1e9);
    expect(runtime.pending).toBe(0);
  });
});
