import { describe, expect, it } from "vitest";
import { makeStyle } from "../../src/cli/style.js";
import { displayWidth, dollars, duration, harmless, oneLine, padded, plural, streamWrapper, truncate, wrap } from "../../src/cli/text.js";

const red = makeStyle(true).bad;

describe("text on a terminal", () => {
  it.each([
    ["plain", 5],
    ["größe", 5],
    ["gro\u0308ße", 5],
    ["世界", 4],
    ["한국어", 6],
    ["ｆｕｌｌ", 8],
    ["🏔️ ok", 5],
    ["👩‍👩‍👧", 2],
    ["🇩🇪", 2],
    ["a\u200bb", 2],
    [red("red"), 3],
  ])("%s takes %i columns", (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  it("is cut to the columns there are, never through a wide character", () => {
    expect(truncate("plain", 5)).toBe("plain");
    expect(truncate("plainly", 5)).toBe("plai…");
    expect(truncate("世界世界", 6)).toBe("世界…");
    expect(displayWidth(truncate("世界世界", 4))).toBeLessThanOrEqual(4);
    expect(truncate("x", 0)).toBe("");
    const cut = truncate(red("a long text"), 5);
    expect(displayWidth(cut)).toBe(5);
    expect(cut.endsWith("\u001b[0m")).toBe(true);
    expect(padded("世", 4)).toBe("世  ");
  });

  it("breaks at spaces, with the rest indented", () => {
    expect(wrap("one two three four", 9, "  ")).toBe("one two\n  three\n  four");
    expect(wrap("unbreakablelongword x", 5, "")).toBe("unbreakablelongword\nx");
  });

  it("loses its control characters", () => {
    expect(harmless("a\u001b[31mb\u0007\u009bc\r\n\td")).toBe("a[31mbc\n\td");
    expect(oneLine("  a\n\n b\tc ")).toBe("a b c");
  });

  it("says counts and times as people do", () => {
    expect([plural(1, "vote"), plural(1200, "token"), plural(0, "answer")]).toEqual(["1 vote", "1,200 tokens", "0 answers"]);
    expect([duration(940), duration(59_960), duration(125_000)]).toEqual(["0.9 s", "1 min 00 s", "2 min 05 s"]);
  });
});

describe("a text that streams in", () => {
  function stream(text: string, columns: number, size: number): string {
    const wrapper = streamWrapper(() => columns);
    let out = "";
    for (let i = 0; i < text.length; i += size) out += wrapper.push(text.slice(i, i + size));
    return out + wrapper.end();
  }

  it.each([1, 3, 100])("breaks at spaces, however it is cut into pieces (%i)", (size) => {
    expect(stream("one two three four\n\n- five six", 10, size)).toBe("one two\nthree\nfour\n\n- five\nsix");
  });

  it("keeps code as it is", () => {
    expect(stream("```sh\na command that is long\n```\nand words after it", 10, 4)).toBe(
      "```sh\na command that is long\n```\nand words\nafter it",
    );
  });
});

describe("dollars", () => {
  it.each([
    [0.018, "$0.018", "≥ $0.018"],
    [0.0185, "$0.019", "≥ $0.018"],
    [0.00042, "$0.0004", "≥ $0.0004"],
    [3.2, "$3.20", "≥ $3.20"],
    [12.345, "$12.35", "≥ $12.34"],
    [0.00001, "< $0.0001", ""],
    [0, "$0", ""],
  ])("%s is %s, as a lower bound %s", (usd, exact, least) => {
    expect(dollars({ usd, complete: true })).toBe(exact);
    expect(dollars({ usd, complete: false })).toBe(least);
  });

  it("nothing is made up where nothing is known", () => {
    expect(dollars({ usd: null, complete: false })).toBe("");
  });
});
