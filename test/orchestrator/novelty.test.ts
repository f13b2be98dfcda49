import { describe, expect, it } from "vitest";
import { isPromise, normalizeText, similarity } from "../../src/orchestrator/core/novelty.js";

describe("isPromise", () => {
  const promises = [
    "I'll look into that and come back.",
    "I will analyze the problem and provide a detailed answer.",
    "Let me think about this.",
    "Let me start by reading the file...",
    "Sure! I'll get started right away.",
    "Certainly. I am going to compare the three options now.",
    "Okay, great. Let's begin.",
    "First, I'll gather the data. Then I will write the report.",
    "Understood. I'm working on it.",
    "I need to check the documentation first.",
    "One moment please.",
    "Of course! Give me a minute.\n\nI will have it soon.",
    "I can help with that!",
  ];
  for (const text of promises) it(`is one: ${JSON.stringify(text)}`, () => expect(isPromise(text)).toBe(true));

  const answers = [
    "4",
    "42.",
    "Yes.",
    "Paris",
    "No, it is not.",
    "Let x = 5; then 2x = 10.",
    "Let x be the number of apples. Then 3x + 2 = 11, so x = 3.",
    "Let ABC be a triangle.",
    "Let me explain: the index must cover both columns.",
    "I'll be brief: use a B-tree.",
    "Sure. Use a B-tree index on (user_id, created_at).",
    "I will answer in two parts.\n\n1. The index is wrong.\n2. Use a partial one.",
    "The team will win.",
    "Willpower is finite.",
    "O(n log n)",
    "const x = await load();",
    "I don't know; the data does not say.",
    "First come, first served.",
    "Okay",
    "",
  ];
  for (const text of answers) it(`is none: ${JSON.stringify(text)}`, () => expect(isPromise(text)).toBe(false));

  it("is none when it is long, whatever it says", () => {
    expect(isPromise("I will look into that. ".repeat(100))).toBe(false);
  });

  const otherLanguages = [
    "Die Antwort ist 4.",
    "Ich nehme den B-Baum: er deckt beide Spalten ab.",
    "La respuesta es 42.",
    "答えは42です。",
    "答案是四。",
    "Ответ: 42.",
    "الجواب هو ٤٢",
  ];
  for (const text of otherLanguages) it(`takes no answer in another language for one: ${text}`, () => expect(isPromise(text)).toBe(false));
});

describe("normalizeText", () => {
  it("sees through white space and composed characters, and nothing else", () => {
    expect(normalizeText("  a\n\tb  c ")).toBe("a b c");
    expect(normalizeText("cafe\u0301")).toBe(normalizeText("caf\u00e9"));
    expect(normalizeText("東京\u3000大阪")).toBe("東京 大阪");
    expect(normalizeText("A")).not.toBe(normalizeText("a"));
    expect(normalizeText("x > 1")).not.toBe(normalizeText("x < 1"));
    expect(normalizeText("a, b")).not.toBe(normalizeText("a b"));
  });
});

describe("similarity", () => {
  const text = "Use a B-tree index on the two columns, because the query filters by the first and sorts by the second.";

  it("is 1 for the same text, whatever its case and spacing, and 0 for texts with nothing in common", () => {
    expect(similarity(text, text)).toBe(1);
    expect(similarity(text, text.toUpperCase().replaceAll(" ", "\n"))).toBe(1);
    expect(similarity(text, "Völlig ungleich 0123456789")).toBe(0);
  });

  it("is symmetric and falls with every change", () => {
    const little = text.replace("two columns", "three columns");
    const much = "Use no index at all: a table of a hundred rows is read in one page, and the sort costs nothing.";
    expect(similarity(text, little)).toBeCloseTo(similarity(little, text), 10);
    expect(similarity(text, little)).toBeGreaterThan(0.7);
    expect(similarity(text, much)).toBeLessThan(0.3);
  });

  it("tells short texts apart", () => {
    expect(similarity("4", "4")).toBe(1);
    expect(similarity("4", "5")).toBe(0);
    expect(similarity("", "")).toBe(1);
    expect(similarity("", "4")).toBe(0);
  });

  it("works without spaces between words", () => {
    const japanese = "索引は二つの列に対して作成し、最初の列で絞り込み、次の列で並べ替えるのが最も効率的です。";
    expect(similarity(japanese, japanese.replace("二つ", "三つ"))).toBeGreaterThan(0.7);
    expect(similarity(japanese, "表全体を読み込むほうが、この規模では索引を使うよりも速く、保守も簡単になるはずです。")).toBeLessThan(0.1);
  });
});
