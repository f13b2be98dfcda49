import { describe, expect, it } from "vitest";
import { wordDiff } from "../../src/run-record/report/word-diff.js";
import { seededRandom } from "../../src/testing/index.js";

const sides = (before: string, after: string) => {
  const parts = wordDiff(before, after);
  const of = (kind: string) =>
    parts
      .filter((part) => part.kind === "same" || part.kind === kind)
      .map(({ text }) => text)
      .join("");
  return { parts, before: of("removed"), after: of("added") };
};

describe("wordDiff", () => {
  it("finds the words that changed", () => {
    expect(wordDiff("a partial index is best", "a covering index is best, here")).toEqual([
      { kind: "same", text: "a " },
      { kind: "removed", text: "partial" },
      { kind: "added", text: "covering" },
      { kind: "same", text: " index is best" },
      { kind: "added", text: ", here" },
    ]);
    expect(wordDiff("", "new")).toEqual([{ kind: "added", text: "new" }]);
    expect(wordDiff("same", "same")).toEqual([{ kind: "same", text: "same" }]);
    expect(wordDiff("", "")).toEqual([]);
  });

  it("gives both texts back, whatever they are, and never more edits than replacing everything", () => {
    const random = seededRandom(3);
    const text = () => Array.from({ length: Math.floor(random() * 40) }, () => "ab c\n.é😀"[Math.floor(random() * 8)]).join("");
    for (let i = 0; i < 2_000; i++) {
      const [a, b] = [text(), text()];
      const { before, after } = sides(a, b);
      expect(before).toBe(a);
      expect(after).toBe(b);
    }
  });

  it("is done soon with long texts that have nothing in common", () => {
    const words = (seed: number) => Array.from({ length: 20_000 }, (_, i) => `w${seed}${i}`).join(" ");
    const { parts, before, after } = sides(words(1), words(2));
    expect([before, after]).toEqual([words(1), words(2)]);
    expect(parts.length).toBeLessThan(50_000);
  });
});
