import { describe, expect, it } from "vitest";
import { stringFieldDecoder } from "../../../src/agent/steps/string-field-decoder.js";

const isTorn = (piece: string) => /[\uD800-\uDBFF]$/.test(piece);

/** Everything the decoder says, fed in the given pieces. */
function decode(pieces: string[], field = "content"): { pieces: string[]; text: string } {
  const decoder = stringFieldDecoder(field);
  const said = pieces.map((piece) => decoder.push(piece));
  return { pieces: said, text: said.join("") };
}

const documents = [
  '{"content":""}',
  '{"content":"plain"}',
  ' \n{ "content" : "with space" , "x" : 1 }',
  '{"content":"line\\nbreak \\"quoted\\" back\\\\slash \\/ \\b\\f\\r\\t end"}',
  '{"content":"caf\\u00e9 \\u4f60 \\uD83D\\uDE00 \\ud83d\\ude00!"}',
  '{"content":"raw 😀 你好 é"}',
  '{"reason":"first \\" } , {","content":"second"}',
  '{"n":-1.5e3,"b":true,"z":null,"content":"after scalars"}',
  '{"a":{"content":"inner","s":"}]\\"{"},"l":[1,[2,{"content":"deeper"}],"]"],"content":"outer"}',
  '{"a":{},"b":[],"content":"after empties"}',
  '{"c\\u006fntent":"escaped key"}',
  '{"content\\\\":"no","con\\"tent":"no","content":"yes"}',
  '{"other":"content","content":"yes"}',
  '{"content":"x","later":{"content":"no"}}',
  '{"content":"lone \\uD83D alone"}',
  '{"content":"lone at the end \\uD83D"}',
  '{"content":"lone before a pair \\uD83D\\uD83D\\uDE00"}',
  '{"content":"low first \\uDE00x"}',
  '{"nothing":1}',
  '{"x":{"content":"only inside"}}',
  "{}",
];

describe("stringFieldDecoder", () => {
  it.each(documents)("agrees with JSON.parse wherever %s is cut", (document) => {
    const expected = (JSON.parse(document) as { content?: string }).content ?? "";
    for (let i = 0; i <= document.length; i++) {
      for (let j = i; j <= document.length; j++) {
        const { text, pieces } = decode([document.slice(0, i), document.slice(i, j), document.slice(j)]);
        expect(text, `cut at ${i}, ${j}`).toBe(expected);
        if (!document.includes("lone")) expect(pieces.some(isTorn), `torn at ${i}, ${j}`).toBe(false);
      }
    }
    expect(decode([...document].flatMap((char) => char.split(""))).text).toBe(expected);
  });

  it("says each character as soon as it is known", () => {
    const decoder = stringFieldDecoder("content");
    expect(decoder.push('{"content":"He')).toBe("He");
    expect(decoder.push("l")).toBe("l");
    expect(decoder.push("\\")).toBe("");
    expect(decoder.push("n")).toBe("\n");
    expect(decoder.push("\\uD83D\\uDE0")).toBe("");
    expect(decoder.push("0")).toBe("😀");
  });

  it.each(["content", "x", 'a"b', "ключ"])("finds the field %j among others", (field) => {
    const document = JSON.stringify({ first: "1", [field]: "found \u2028 it" });
    expect(decode([document], field).text).toBe("found \u2028 it");
  });

  it.each([
    ["an array", '["content","x"]', ""],
    ["a bare string", '"content"', ""],
    ["a number where the text should be", '{"content":5,"x":"y"}', ""],
    ["an object where the text should be", '{"content":{"content":"no"}}', ""],
    ["an unknown escape", '{"content":"ab\\qcd"}', "ab"],
    ["bad hex digits", '{"content":"ab\\u00zzcd"}', "ab"],
    ["a bare newline in the text", '{"content":"ab\ncd"}', "ab"],
    ["a missing colon", '{"content" "ab"}', ""],
    ["a missing comma", '{"a":"b" "content":"ab"}', ""],
    ["an end in the middle", '{"content":"ab', "ab"],
    ["a second field of the name", '{"content":"one","content":"two"}', "one"],
    ["text after the object", '{"content":"one"} {"content":"two"}', "one"],
  ])("falls silent at %s", (_what, document, expected) => {
    expect(decode([document]).text).toBe(expected);
    expect(decode(document.split("")).text).toBe(expected);
  });
});
