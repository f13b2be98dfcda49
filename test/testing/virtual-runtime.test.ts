import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/testing/random.js";
import { virtualRuntime } from "../../src/testing/virtual-runtime.js";

describe("virtualRuntime", () => {
  it("fires timers in order of time, then of setting, and moves the clock with them", () => {
    const clock = virtualRuntime({ startTime: 0 });
    const seen: string[] = [];
    const note = (name: string) => () => seen.push(`${name}@${clock.now()}`);
    clock.setTimer(30, note("c"));
    clock.setTimer(10, note("a"));
    clock.setTimer(10, note("b"));
    clock.setTimer(-5, note("past"));
    clock.advance(10);
    expect(seen).toEqual(["past@0", "a@10", "b@10"]);
    expect(clock.now()).toBe(10);
    expect(clock.pending).toBe(1);
    clock.advance(19);
    expect(seen).toHaveLength(3);
    clock.advance(1);
    expect(seen[3]).toBe("c@30");
  });

  it("fires timers that are set while it advances", () => {
    const clock = virtualRuntime({ startTime: 0 });
    const times: number[] = [];
    const tick = () => {
      times.push(clock.now());
      clock.setTimer(10, tick);
    };
    clock.setTimer(10, tick);
    clock.advance(35);
    expect(times).toEqual([10, 20, 30]);
    expect(clock.now()).toBe(35);
  });

  it("keeps the order when any timer is cancelled", () => {
    const random = seededRandom(7);
    for (let round = 0; round < 50; round++) {
      const clock = virtualRuntime({ startTime: 0 });
      const fired: number[] = [];
      const expected: number[] = [];
      const cancels: (() => void)[] = [];
      for (let i = 0; i < 60; i++) {
        const due = Math.floor(random() * 40);
        const cancel = clock.setTimer(due, () => fired.push(due));
        if (random() < 0.4) cancels.push(cancel);
        else expected.push(due);
      }
      for (const cancel of cancels) cancel();
      for (const cancel of cancels) cancel();
      expect(clock.pending).toBe(expected.length);
      while (clock.runNext());
      expect(fired).toEqual(expected.sort((a, b) => a - b));
    }
  });

  it("does nothing when a timer that fired is cancelled", () => {
    const clock = virtualRuntime();
    const cancel = clock.setTimer(1, () => {});
    let other = false;
    clock.setTimer(2, () => {
      other = true;
    });
    clock.advance(1);
    cancel();
    clock.advance(1);
    expect(other).toBe(true);
    expect(clock.runNext()).toBe(false);
  });

  it("never fires an infinite timer, and refuses NaN and impossible moves", () => {
    const clock = virtualRuntime();
    clock.setTimer(Number.POSITIVE_INFINITY, () => {
      throw new Error("fired");
    })();
    expect(clock.pending).toBe(0);
    expect(() => clock.setTimer(Number.NaN, () => {})).toThrow(/NaN/);
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => clock.advance(ms)).toThrow(/cannot move/);
  });

  it("gives the same numbers and ids for the same seed", () => {
    const draw = (seed: number) => {
      const clock = virtualRuntime(seed);
      return [clock.random(), clock.random(), clock.random()];
    };
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
    for (const number of draw(5)) expect(number >= 0 && number < 1).toBe(true);
    const clock = virtualRuntime();
    expect([clock.newId("run"), clock.newId("turn"), clock.newId("run")]).toEqual(["run_1", "turn_1", "run_2"]);
  });

  it("throws out of advance what a timer throws", () => {
    const clock = virtualRuntime();
    clock.setTimer(1, () => {
      throw new Error("from the timer");
    });
    expect(() => clock.advance(5)).toThrow("from the timer");
  });

  it("notices a timer that sets itself for 0 ms", () => {
    const clock = virtualRuntime();
    const again = () => {
      clock.setTimer(0, again);
    };
    again();
    expect(() => clock.advance(1)).toThrow(expect.objectContaining({ code: "livelock" }));
  });

  it("runs promises between timers with runFor", async () => {
    const clock = virtualRuntime({ startTime: 0 });
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimer(ms, resolve));
    const times: number[] = [];
    const loop = (async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(10);
        times.push(clock.now());
      }
    })();
    await clock.runFor(25);
    expect(times).toEqual([10, 20]);
    expect(clock.now()).toBe(25);
    await clock.runUntil(loop);
    expect(times).toEqual([10, 20, 30]);
  });

  it("runs until a promise settles and leaves later timers alone", async () => {
    const clock = virtualRuntime({ startTime: 0 });
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimer(ms, resolve));
    clock.setTimer(3_600_000, () => {});
    const result = await clock.runUntil(
      (async () => {
        await sleep(1000);
        await sleep(500);
        return "done";
      })(),
    );
    expect(result).toBe("done");
    expect(clock.now()).toBe(1500);
    expect(clock.pending).toBe(1);
    await expect(clock.runUntil(Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  it("says when it is stuck and when it never ends", async () => {
    const clock = virtualRuntime();
    await expect(clock.runUntil(new Promise(() => {}))).rejects.toMatchObject({ code: "stuck" });
    const again = () => {
      clock.setTimer(1, again);
    };
    again();
    await expect(clock.runUntil(new Promise(() => {}), { maxTimers: 100 })).rejects.toMatchObject({ code: "livelock" });
  });
});
