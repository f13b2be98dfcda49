import { describe, expect, it } from "vitest";
import type { FilePart, Message } from "../../src/formatter/messages.js";
import { newAnswer, vote } from "../../src/testing/index.js";
import { type Played, play, team } from "./helpers.js";

const agree = () => team({ a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] });
const input = ({ of }: Played) => of("run-start")[0]!.input;
const file = (mediaType: string, data: string): FilePart => ({ type: "file", mediaType, data });

describe("run-start", () => {
  it("carries the question", async () => {
    expect(input(await play(agree(), { input: "Which index?" }))).toEqual({ text: "Which index?", messages: 1 });
  });

  it("carries the last message of a conversation, and how long that is", async () => {
    const messages: Message[] = [
      { role: "user", content: "Hello" },
      { role: "assistant", content: "Hi" },
      {
        role: "user",
        content: [
          { type: "text", text: "Which " },
          { type: "text", text: "index?" },
        ],
      },
    ];
    expect(input(await play(agree(), { input: messages }))).toEqual({ text: "Which index?", messages: 3 });
  });

  it("says of files what they are and how large, never what they hold", async () => {
    const bytes = Buffer.from("four score and seven");
    const base64 = bytes.toString("base64");
    const content = [
      { type: "text" as const, text: "Look." },
      file("image/png", base64),
      file("application/pdf", `data:application/pdf;base64,${base64}`),
      file("image/jpeg", "https://example.com/a.jpg?token=secret"),
    ];
    const played = await play(agree(), { input: [{ role: "user", content }] });
    expect(input(played)).toEqual({
      text: "Look.",
      files: [
        { mediaType: "image/png", bytes: bytes.length },
        { mediaType: "application/pdf", bytes: bytes.length },
        { mediaType: "image/jpeg" },
      ],
      messages: 1,
    });
    expect(JSON.stringify(played.of("run-start"))).not.toMatch(new RegExp(`${base64}|example|secret`));
  });

  it.each([0, 1, 2, 3, 4, 5, 100_000])("counts %i bytes exactly", async (count) => {
    const content = [{ type: "text" as const, text: "x" }, file("image/png", Buffer.alloc(count, 7).toString("base64"))];
    expect(input(await play(agree(), { input: [{ role: "user", content }] })).files).toEqual([{ mediaType: "image/png", bytes: count }]);
  });

  it("carries the question that one agent goes on with from the results of its tools", async () => {
    const messages: Message[] = [
      { role: "user", content: "What is in it?" },
      { role: "assistant", content: [{ type: "tool-call", toolCallId: "c1", toolName: "open", input: {} }] },
      { role: "tool", content: [{ type: "tool-result", toolCallId: "c1", toolName: "open", output: "x".repeat(1000) }] },
    ];
    expect(input(await play(team({ a: ["Nothing."] }), { input: messages }))).toEqual({ text: "What is in it?", messages: 3 });
  });
});
