import { expect, it } from "vitest";
import { JsonDecoder } from "../../src/backends/json-events.js";

/** The events of a body that comes in pieces of so many bytes, named where they have a name. */
function decode(body: string, size: number): string[] {
  const decoder = new JsonDecoder();
  const events: string[] = [];
  const onEvent = (data: string, name: string) => events.push(`${name}${data}`);
  const bytes = Buffer.from(body);
  for (let i = 0; i < bytes.length; i += size) decoder.push(bytes.subarray(i, i + size), onEvent);
  decoder.end(onEvent);
  return events;
}

const one = '{"a":{"b":[{"c":"}]{ \\" \\\\"}]},"é":"👋"}';

it.each([
  ["an object", one, [one]],
  ["an object with room around it", `\r\n  ${one}\n`, [one]],
  ["an array", `[${one},${one}]`, [one, one]],
  ["an array with room", `\n[\n${one}\n,\n\n${one}\n]\n`, [one, one]],
  ["objects without an array", `${one}\n${one}`, [one, one]],
  ["an object that broke off", one.slice(0, -1), []],
  ["an array that broke off", `[${one},${one.slice(0, 20)}`, [one]],
  ["an array that hardly began", "[", []],
  ["nothing", " \n", []],
  ["words", " upstream is gone ", ["errorupstream is gone"]],
  ["a string", '"no"', ['error"no"']],
])("%s, cut anywhere", (_, body, events) => {
  for (let size = 1; size <= body.length + 8; size++) expect(decode(body, size)).toEqual(events);
});
