import { expect, it } from "vitest";
import { newReply, partsOf, replyText, takeChunk } from "../src/agent/steps/reply.js";
import { TextBuffer } from "../src/text-buffer.js";

const pieces = Array.from({ length: 1000 }, (_, i) => `${i} `);

it("a text buffer gives back all that was added, in order, however often it is asked", () => {
  const buffer = new TextBuffer();
  let text = "";
  for (const piece of pieces) {
    buffer.add(piece);
    text += piece;
    if (text.length % 7 === 0) expect(buffer.toString()).toBe(text);
  }
  expect(buffer.drain()).toBe(text);
  expect(buffer.toString()).toBe("");
});

it("a reply's parts are whole whenever they are read, and each delta is in its own part", () => {
  const reply = newReply("turn_1.1");
  const sink = { emit: () => {}, writing: () => {}, streamed: undefined, usedIds: [] };
  for (const delta of pieces) takeChunk(reply, { type: "reasoning-delta", delta }, sink);
  for (const delta of pieces.slice(0, 500)) takeChunk(reply, { type: "text-delta", delta }, sink);
  expect(replyText(reply)).toBe(pieces.slice(0, 500).join(""));
  for (const delta of pieces.slice(500)) takeChunk(reply, { type: "text-delta", delta }, sink);
  takeChunk(reply, { type: "tool-call", toolCallId: "a", toolName: "look", input: {} }, sink);
  takeChunk(reply, { type: "text-delta", delta: "after" }, sink);
  expect(partsOf(reply)).toEqual([
    { type: "reasoning", text: pieces.join("") },
    { type: "text", text: pieces.join("") },
    { type: "tool-call", toolCallId: "a", toolName: "look", input: {} },
    { type: "text", text: "after" },
  ]);
});
