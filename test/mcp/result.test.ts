import { describe, expect, it } from "vitest";
import { readResult } from "../../src/mcp/result.js";
import { savedResults } from "../../src/mcp/saved-results.js";
import { toolContext } from "../filesystem-manager/helpers.js";

const kept: { data: string | Uint8Array; extension: string }[] = [];
const options = {
  maxBytes: 100,
  redact: (text: string) => text.replaceAll("secret", "[redacted]"),
  keep: async (data: string | Uint8Array, extension: string) => {
    kept.push({ data, extension });
    return "Kept.";
  },
};
const text = (value: string) => ({ type: "text" as const, text: value });
const image = { type: "image" as const, data: "AAAA", mimeType: "image/png" };

describe("readResult", () => {
  it("joins texts, and says so when there is nothing", async () => {
    expect(await readResult({ content: [text("a"), text("b")] }, options)).toBe("a\n\nb");
    expect(await readResult({ content: [] }, options)).toBe("done (the tool returned nothing)");
  });

  it("adds structured content unless the text says the same", async () => {
    expect(await readResult({ content: [text("five")], structuredContent: { sum: 5 } }, options)).toBe('five\n\n{"sum":5}');
    expect(await readResult({ content: [text('{ "sum": 5 }')], structuredContent: { sum: 5 } }, options)).toBe('{ "sum": 5 }');
    expect(await readResult({ content: [text("a file")], structuredContent: { content: "a file" } }, options)).toBe("a file");
    expect(await readResult({ content: [], structuredContent: [1, 2] as never }, options)).toBe("[1,2]");
  });

  it("keeps the whole of a long text, cuts at a whole character, and leaves files where they are", async () => {
    kept.length = 0;
    const long = "ä".repeat(80);
    expect(await readResult({ content: [text(long)] }, { ...options, maxBytes: 101 })).toBe(
      `${"ä".repeat(50)}\n\n[This is the beginning, 50 of 80 characters. Kept.]`,
    );
    expect(kept).toEqual([{ data: long, extension: "txt" }]);
    expect(await readResult({ content: [image, text(long)] }, options)).toEqual([
      { type: "text", text: expect.stringMatching(/^ä{50}\n\n\[This is the beginning/) },
      { type: "file", mediaType: "image/png", data: "AAAA" },
    ]);
    expect(await readResult({ content: [text("x".repeat(100))] }, options)).toHaveLength(100);
  });

  it("keeps pictures that are more than a provider takes", async () => {
    kept.length = 0;
    const large = { ...image, data: Buffer.alloc(3_000_000).toString("base64") };
    const read = await readResult({ content: [large, text("between"), large, image] }, options);
    expect(read).toMatchObject([
      { type: "file", data: large.data },
      { type: "text", text: "between\n\n" },
      { type: "text", text: "[a file of type image/png, 3000000 bytes, too large to be shown. Kept.]\n\n" },
      { type: "file", data: "AAAA" },
    ]);
    expect(kept).toMatchObject([{ extension: "png" }]);
    expect(Buffer.from(kept[0]!.data as Uint8Array)).toHaveLength(3_000_000);
  });

  it("takes secrets out before anything is kept", async () => {
    kept.length = 0;
    expect(await readResult({ content: [text(`secret ${"x".repeat(200)}`)] }, options)).toMatch(/^\[redacted\] x/);
    expect(kept[0]?.data).toMatch(/^\[redacted\] x/);
  });

  it("shows what models can be shown, reads text, keeps the rest as a file", async () => {
    kept.length = 0;
    const blob = (mimeType: string, uri: string, value: string) => ({
      type: "resource" as const,
      resource: { uri, mimeType, blob: Buffer.from(value).toString("base64") },
    });
    expect(
      await readResult(
        {
          content: [
            blob("application/pdf", "file:///a/b.pdf", "pdf"),
            blob("application/json; charset=utf-8", "x://y", "{}"),
            blob("application/zip", "x://y/z.zip?a", "zip"),
            { type: "audio", data: "AAAA", mimeType: "audio/ogg" },
          ],
        },
        options,
      ),
    ).toEqual([
      { type: "file", mediaType: "application/pdf", data: "cGRm", filename: "b.pdf" },
      { type: "text", text: "{}\n\n" },
      { type: "text", text: "[a file of type application/zip, 3 bytes. Kept.]\n\n" },
      { type: "text", text: "[a file of type audio/ogg, 3 bytes. Kept.]" },
    ]);
    expect(kept.map(({ extension }) => extension)).toEqual(["zip", "bin"]);
  });
});

it("a result that comes when the run is over is kept nowhere", async () => {
  const saved = savedResults("read");
  await saved.close();
  expect(await saved.keep("late", "text", "txt", toolContext())).toBe("It is not kept: the run is over.");
});
