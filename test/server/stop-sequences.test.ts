import { describe, expect, test } from "vitest";
import { StopSequences } from "../../src/server/stop-sequences.js";
import { member, startTeam } from "./helpers.js";

function cut(stops: string[], deltas: Iterable<string>): string {
  const sequences = new StopSequences(stops);
  let said = "";
  for (const delta of deltas) said += sequences.push(delta);
  return said + sequences.end();
}

describe("the text ends before the first sequence", () => {
  test.each([
    [["END"], "one END two", "one "],
    [["END", "one"], "END one", ""],
    [["aab"], "aaaab", "aa"],
    [["\n\n"], "one\ntwo\n", "one\ntwo\n"],
    [["ENDING"], "the END", "the END"],
    [[], "all of it", "all of it"],
    [[""], "all of it", "all of it"],
  ])("%o in %o", (stops, text, said) => {
    expect(cut(stops, [text])).toBe(said);
    expect(cut(stops, text)).toBe(said);
    expect(cut(stops, text.match(/..?/gs) ?? [])).toBe(said);
  });
});

test.each([false, true])("whatever the provider makes of it (stream: %s)", async (stream) => {
  const { client } = await startTeam([member("one", () => "One. END Two."), member("two")]);
  const body = { model: "team", messages: [{ role: "user" as const, content: "Count." }], stop: "END" };
  let said = "";
  if (stream)
    for await (const { choices } of await client.chat.completions.create({ ...body, stream })) said += choices[0]?.delta.content ?? "";
  else said = (await client.chat.completions.create(body)).choices[0]?.message.content ?? "";
  expect(said).toBe("One. ");
});
