import { describe, expect, it } from "vitest";
import { interleaved, median, medianRatio } from "../../bench/stats.js";

describe("the benchmarks' statistics", () => {
  it("median: the middle value, of an even number the mean of the two in the middle; the input stays as it was", () => {
    const values = [10, 2, 9];
    expect(median(values)).toBe(9);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(values).toEqual([10, 2, 9]);
  });

  it("ratios are taken round by round, so that a slow round does not count twice", () => {
    expect(medianRatio([2, 20, 3], [1, 10, 1])).toBe(2);
  });

  it("every round runs each case once and begins with another one; results keep the order of the rounds", async () => {
    const order: string[] = [];
    const results = await interleaved(["a", "b", "c"], 3, async (each) => order.push(each));
    expect(order.join("")).toBe("abcbcacab");
    expect([...results]).toEqual([
      ["a", [1, 6, 8]],
      ["b", [2, 4, 9]],
      ["c", [3, 5, 7]],
    ]);
  });
});
