import { describe, expect, test } from "vitest";
import { type PartialArg, PartialArgs } from "../../src/backends/gemini/partial-args.js";
import { seededRandom } from "../../src/testing/random.js";

function stream(pieces: PartialArg[]) {
  const args = new PartialArgs();
  let streamed = "";
  for (const piece of pieces) streamed += args.push(piece);
  const incomplete = args.incomplete;
  streamed += args.close();
  return { streamed, value: JSON.parse(args.text()), incomplete, problem: args.problem };
}

describe("streamed arguments", () => {
  test("strings in pieces, numbers, booleans and null, nested", () => {
    const { streamed, value } = stream([
      { jsonPath: "$.content", stringValue: 'a "', willContinue: true },
      { jsonPath: "$.content", stringValue: "b\n", willContinue: true },
      { jsonPath: "$.content", stringValue: "" },
      { jsonPath: "$.list[0].n", numberValue: 0.5 },
      { jsonPath: "$.list[0].b", boolValue: false },
      { jsonPath: "$.list[1].z", nullValue: "NULL_VALUE" },
      { jsonPath: "$['odd key'].x", stringValue: "y" },
      { jsonPath: "$.matrix[0][1]", numberValue: 1 },
    ]);
    expect(value).toEqual({
      content: 'a "b\n',
      list: [{ n: 0.5, b: false }, { z: null }],
      "odd key": { x: "y" },
      matrix: [[null, 1]],
    });
    // The gap in the matrix cannot be written in passing; up to there the text is a beginning of the JSON.
    expect(JSON.stringify(value).startsWith(streamed.slice(0, streamed.indexOf('"matrix"')))).toBe(true);
  });

  test("no arguments at all are an empty object", () => {
    expect(stream([])).toMatchObject({ streamed: "{}", value: {} });
  });

  test("a string that the next piece does not go on with is over", () => {
    expect(
      stream([
        { jsonPath: "$.a", stringValue: "x", willContinue: true },
        { jsonPath: "$.b", numberValue: 1 },
      ]),
    ).toMatchObject({
      streamed: '{"a":"x","b":1}',
      incomplete: false,
    });
  });

  test("a string without its end is incomplete", () => {
    expect(stream([{ jsonPath: "$.a", stringValue: "x", willContinue: true }]).incomplete).toBe(true);
  });

  test("pieces that jump back still make the whole", () => {
    const { value, streamed } = stream([
      { jsonPath: "$.a.x", numberValue: 1 },
      { jsonPath: "$.b", numberValue: 2 },
      { jsonPath: "$.a.y", numberValue: 3 },
      { jsonPath: "$.b", numberValue: 4 },
    ]);
    expect(value).toEqual({ a: { x: 1, y: 3 }, b: 4 });
    expect(streamed).toBe('{"a":{"x":1},"b":2');
  });

  test.each(["", "location", "$", "$.a[99999999999]", "$.a..b", "$[*]"])("the path %j is a problem that is told", (jsonPath) => {
    expect(stream([{ jsonPath, numberValue: 1 }])).toMatchObject({ value: {}, problem: expect.stringContaining(JSON.stringify(jsonPath)) });
  });

  test("names that mean something to JavaScript are only names", () => {
    const { value, streamed } = stream([{ jsonPath: "$.__proto__.polluted", boolValue: true }]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(streamed).toBe('{"__proto__":{"polluted":true}}');
  });

  test("any JSON object, streamed in its own order, comes out as its JSON", () => {
    const random = seededRandom(11);
    for (let round = 0; round < 200; round++) {
      const value = { a: randomValue(random, 0), b: randomValue(random, 0), c: randomValue(random, 0) };
      const { streamed, value: back } = stream(pieces(value, "$", random));
      expect(back).toEqual(value);
      expect(streamed).toBe(JSON.stringify(value));
    }
  });
});

function randomValue(random: () => number, depth: number): unknown {
  const pick = Math.floor(random() * (depth < 3 ? 6 : 4));
  if (pick === 0) return Math.round(random() * 1000) / 8;
  if (pick === 1) return random() < 0.5;
  if (pick === 2) return null;
  if (pick === 3) return 'te"xt\n'.repeat(Math.floor(random() * 3));
  const size = 1 + Math.floor(random() * 3);
  const items = Array.from({ length: size }, () => randomValue(random, depth + 1));
  return pick === 4 ? items : Object.fromEntries(items.map((item, i) => [`k${i}`, item]));
}

/** How Gemini would send it. */
function pieces(value: unknown, jsonPath: string, random: () => number): PartialArg[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => pieces(item, `${jsonPath}[${i}]`, random));
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([key, inner]) => pieces(inner, `${jsonPath}.${key}`, random));
  }
  if (typeof value === "number") return [{ jsonPath, numberValue: value }];
  if (typeof value === "boolean") return [{ jsonPath, boolValue: value }];
  if (value === null) return [{ jsonPath, nullValue: "NULL_VALUE" }];
  const text = value as string;
  const cut = Math.floor(random() * (text.length + 1));
  return [
    { jsonPath, stringValue: text.slice(0, cut), willContinue: true },
    { jsonPath, stringValue: text.slice(cut), willContinue: true },
    { jsonPath, stringValue: "" },
  ];
}
