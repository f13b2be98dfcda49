import { describe, expect, it } from "vitest";
import { TurnClock } from "../../src/agent/clocks.js";
import { virtualRuntime } from "./support.js";

const off = { turn: Infinity, step: Infinity, firstChunk: Infinity, chunk: Infinity, tool: Infinity };

function begin(limits: Partial<typeof off>) {
  const runtime = virtualRuntime();
  const fired: string[] = [];
  const clock = new TurnClock(runtime, { ...off, ...limits }, (limit) => {
    fired.push(limit);
    if (limit === "turn") clock.stop();
    else clock.endStep();
  });
  const tool = (name: string, ms: number) => clock.limitCall(ms, () => fired.push(name));
  return { runtime, fired, clock, tool };
}

describe("the clock of a turn", () => {
  it("watches the turn, its step and any number of tools with one timer", async () => {
    const { runtime, fired, clock, tool } = begin({ turn: 1000, step: 300 });
    clock.beginStep();
    tool("slow", 400);
    tool("quick", 100);
    tool("endless", Infinity);
    expect(runtime.pending()).toBe(1);
    await runtime.advance(350);
    expect(fired).toEqual(["quick", "step"]);
    expect(runtime.pending()).toBe(1);
    await runtime.advance(650);
    expect(fired).toEqual(["quick", "step", "slow", "turn"]);
    expect(runtime.pending()).toBe(0);
  });

  it("stands still for the turn and its tools until every pause is over, and goes on for a step", async () => {
    const { runtime, fired, clock, tool } = begin({ turn: 1000, step: 300 });
    tool("before", 200);
    await runtime.advance(150);
    clock.pause();
    clock.pause();
    clock.beginStep();
    tool("meanwhile", 20);
    await runtime.advance(5000);
    clock.resume();
    await runtime.advance(5000);
    expect(fired).toEqual(["step"]);
    expect(runtime.pending()).toBe(0);
    clock.resume();
    await runtime.advance(49);
    expect(fired).toEqual(["step", "meanwhile"]);
    await runtime.advance(1);
    expect(fired).toEqual(["step", "meanwhile", "before"]);
    await runtime.advance(799);
    expect(fired).toHaveLength(3);
    await runtime.advance(1);
    expect(fired.at(-1)).toBe("turn");
  });

  it("lets every tool that is due at once expire, but none that was cancelled", async () => {
    const { runtime, fired, tool } = begin({});
    tool("one", 100);
    tool("two", 100);
    const cancel = tool("three", 100);
    await runtime.advance(99);
    cancel();
    await runtime.advance(1);
    expect(fired).toEqual(["one", "two"]);
    expect(runtime.pending()).toBe(0);
  });

  it("is over for good when it is stopped, whoever resumes it or asks for a limit", async () => {
    const { runtime, fired, clock, tool } = begin({ turn: 100 });
    clock.pause();
    tool("before", 10);
    clock.stop();
    clock.resume();
    tool("after", 10);
    await runtime.advance(1000);
    expect(fired).toEqual([]);
    expect(runtime.pending()).toBe(0);
  });
});
