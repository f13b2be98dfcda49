import { expect, test } from "vitest";
import { thinkSplitter } from "../../src/backends/chat-completions/think-tags.js";

function split(text: string, size: number, alreadyOpen = false): [string, string] {
  const splitter = thinkSplitter(alreadyOpen);
  let [reasoning, answer] = ["", ""];
  const add = (piece: { reasoning: string; text: string }) => {
    reasoning += piece.reasoning;
    answer += piece.text;
  };
  for (let at = 0; at < text.length; at += size) add(splitter.push(text.slice(at, at + size)));
  add(splitter.flush());
  return [reasoning, answer];
}

test.each([
  ["<think>why</think>so", "why", "so"],
  ["\n <think>\nwhy\n</think>\n\nso", "\nwhy\n", "\n\nso"],
  ["so <think>not</think>", "", "so <think>not</think>"],
  ["<think>never closed </thin", "never closed </thin", ""],
  ["<think>a < b </ b</think><think>x</think>", "a < b </ b", "<think>x</think>"],
  ["<thin", "", "<thin"],
  ["  ", "", "  "],
  ["<think></think>", "", ""],
])("%j in pieces of any size", (text, reasoning, answer) => {
  for (let size = 1; size <= text.length; size++) expect(split(text, size)).toEqual([reasoning, answer]);
});

test.each([
  ["why</think>so", "why", "so"],
  ["<think>why</think>so", "why", "so"],
  ["why", "why", ""],
])("%j when the block is already open", (text, reasoning, answer) => {
  for (let size = 1; size <= text.length; size++) expect(split(text, size, true)).toEqual([reasoning, answer]);
});
