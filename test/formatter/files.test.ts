import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { BackendError } from "../../src/errors.js";
import {
  type FilePart,
  filePart,
  type Message,
  toChatMessages,
  toClaudeMessages,
  toGeminiContents,
  toResponsesInput,
} from "../../src/formatter/index.js";

const target = { provider: "p", endpoint: "e", model: "m" };
const wires: Record<string, (messages: Message[]) => unknown> = {
  "chat completions": (messages) => toChatMessages(undefined, messages, target),
  responses: (messages) => toResponsesInput(messages, target),
  claude: (messages) => toClaudeMessages(messages, target),
  gemini: (messages) => toGeminiContents(messages, target),
};
const all = Object.keys(wires);

const folder = mkdtempSync(join(tmpdir(), "massgen-files-"));
afterAll(() => rmSync(folder, { recursive: true }));
const BYTES = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const file = (name: string) => {
  const path = join(folder, name);
  writeFileSync(path, BYTES);
  return path;
};

const asked = (part: FilePart): Message[] => [{ role: "user", content: [{ type: "text", text: "What is this?" }, part] }];
const returned = (part: FilePart): Message[] => [
  { role: "assistant", content: [{ type: "tool-call", toolCallId: "c", toolName: "look", input: {} }] },
  { role: "tool", content: [{ type: "tool-result", toolCallId: "c", toolName: "look", output: [part] }] },
];

/** Who takes a kind of file: as bytes, and by URL. */
const takers: [file: string, bytes: string[], url: string[]][] = [
  ["a.png", all, all],
  ["a.webp", all, all],
  ["a.mp3", ["chat completions", "responses", "gemini"], ["gemini"]],
  ["a.wav", ["chat completions", "responses", "gemini"], ["gemini"]],
  ["a.ogg", ["gemini"], ["gemini"]],
  ["a.mp4", ["chat completions", "gemini"], ["chat completions", "gemini"]],
  ["a.pdf", all, ["responses", "claude", "gemini"]],
  ["a.txt", ["responses", "claude", "gemini"], ["responses", "gemini"]],
];

describe.each(all)("%s", (wire) => {
  const format = wires[wire]!;

  it.each(takers)("%s as bytes, by path and by URL", async (name, asBytes, byUrl) => {
    const path = file(name);
    const parts = [
      [await filePart(BYTES, { mediaType: (await filePart(path)).mediaType, filename: name }), asBytes],
      [await filePart(path), asBytes],
      [await filePart(pathToFileURL(path)), asBytes],
      [await filePart(`https://files.example/${name}`), byUrl],
    ] as const;
    for (const [part, takenBy] of parts) {
      for (const messages of [asked(part), returned(part)]) {
        if (takenBy.includes(wire)) {
          const sent = JSON.stringify(format(messages));
          // Claude reads texts as text.
          const content = /^https:/.test(part.data) ? part.data : wire === "claude" && name === "a.txt" ? "PNG" : BYTES.toString("base64");
          expect(sent).toContain(content);
          continue;
        }
        const named = `${part.mediaType} "${name}"`;
        if (messages.length > 1) {
          // A tool's result must not end the turn.
          const sent = JSON.stringify(format(messages)).replaceAll('\\"', '"');
          expect(sent).toContain("is not shown");
          expect(sent).toContain(named);
          expect(sent).not.toContain("messages[");
          expect(sent).not.toContain(part.data);
          expect(sent).not.toContain("follow in the next message");
          continue;
        }
        const place = "messages[0].content[1]";
        expect(() => format(messages)).toThrow(BackendError);
        expect(() => format(messages)).toThrow(expect.objectContaining({ code: "unsupported", message: expect.stringContaining(place) }));
        expect(() => format(messages)).toThrow(named);
      }
    }
  });

  it("types are read in any spelling, and from the data URL", () => {
    const bare = { type: "file", mediaType: "image/jpeg", data: "AAAA" } as const;
    for (const given of [
      { mediaType: "IMAGE/JPG; q=1", data: "AAAA" },
      { mediaType: "image/*", data: "data:image/jpeg;base64,AAAA" },
    ]) {
      for (const of of [asked, returned]) expect(format(of({ type: "file", ...given }))).toEqual(format(of(bare)));
    }
  });

  it("data URLs of plain text are text", () => {
    if (wire === "chat completions")
      return expect(() => format(asked({ type: "file", mediaType: "text/plain", data: "data:,a" }))).toThrow();
    const part = (data: string): FilePart => ({ type: "file", mediaType: "text/plain", data });
    for (const [given, text] of [
      ["data:text/plain,h%C3%B6ren%20und", "hören und"],
      ["data:text/plain;charset=utf-8,100%", "100%"],
      ["data:text/plain;charset=utf-8;base64,YWI=", "ab"],
    ]) {
      expect(format(asked(part(given!)))).toEqual(format(asked(part(Buffer.from(text!).toString("base64")))));
    }
  });

  it.each(["gs://bucket/a.png", "s3://bucket/a.png", "blob:abc"])("does not take %s for base64", (data) => {
    const part: FilePart = { type: "file", mediaType: "image/png", data };
    if (wire === "gemini" && data.startsWith("gs:")) return expect(JSON.stringify(format(asked(part)))).toContain(`"fileUri":"${data}"`);
    expect(() => format(asked(part))).toThrow(
      expect.objectContaining({ code: "unsupported", message: expect.stringContaining("messages[0].content[1]") }),
    );
  });

  it("does not open files that a message names", () => {
    const part: FilePart = { type: "file", mediaType: "image/png", data: pathToFileURL(file("a.png")).href };
    expect(() => format(asked(part))).toThrow(
      expect.objectContaining({ code: "unsupported", message: expect.stringContaining("filePart()") }),
    );
    const sent = JSON.stringify(format(returned(part)));
    expect(sent).toContain("which no model can open");
    expect(sent).not.toContain(BYTES.toString("base64"));
  });
});

describe("filePart()", () => {
  it("says what it is by extension, by a data URL or by what is given", async () => {
    const data = BYTES.toString("base64");
    expect(await filePart(file("A.JPG"))).toEqual({ type: "file", mediaType: "image/jpeg", data, filename: "A.JPG" });
    expect(await filePart(file("b.bin"), { mediaType: "image/png", filename: "c" })).toEqual({
      type: "file",
      mediaType: "image/png",
      data,
      filename: "c",
    });
    expect(await filePart("data:image/gif;base64,AAAA")).toEqual({
      type: "file",
      mediaType: "image/gif",
      data: "data:image/gif;base64,AAAA",
    });
    // A view into a larger buffer: its own bytes only.
    expect((await filePart(new Uint8Array(BYTES.buffer, BYTES.byteOffset, 4), { mediaType: "image/png" })).data).toBe(
      BYTES.subarray(0, 4).toString("base64"),
    );
  });

  it.each([
    [() => join(folder, "gone.png"), {}, "file_unreadable", /gone\.png.*no such file/],
    [() => folder, { mediaType: "image/png" }, "file_unreadable", /a folder/],
    [() => file("big.png"), { maxBytes: 4 }, "file_too_large", /big\.png/],
    [() => BYTES, { maxBytes: 4, mediaType: "image/png" }, "file_too_large", /at most/],
    [() => BYTES, {}, "missing_media_type", /`mediaType`/],
    [() => "https://files.example/thing", {}, "missing_media_type", /"thing"/],
  ])("case %#: tells what is wrong", async (source, options, code, message) => {
    const made = filePart(source(), options);
    await expect(made).rejects.toThrow(message);
    await expect(made).rejects.toMatchObject({ code });
  });

  it("stops when it is told to", async () => {
    await expect(filePart(file("a.png"), { signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow("stop");
  });
});
