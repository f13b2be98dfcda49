import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { AttachedFile } from "../../src/backends/attached-files.js";
import type { BackendRequest } from "../../src/backends/backend.js";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { startEmulator } from "../../src/testing/index.js";
import { collect } from "./http.js";

const folder = mkdtempSync(join(tmpdir(), "massgen-attached-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const picture = file("a.png", "picture");
const clip = file("a.mp4", "clip");
const notes = file("notes.md", "# Notes");
const base64 = (text: string) => Buffer.from(text).toString("base64");

const conversation: BackendRequest = {
  messages: [
    { role: "user", content: "first" },
    { role: "assistant", content: "yes" },
    { role: "user", content: "second" },
  ],
};

async function sent(config: object, uploadFiles: AttachedFile[], times = 1) {
  await using emulator = await startEmulator({ respond: () => "Seen." });
  const { type } = config as { type: string };
  const baseUrl = type === "vllm" ? emulator.baseUrl : emulator.url;
  const backend = createBackend({ ...config, baseUrl, apiKey: "k", uploadFiles } as BackendConfig);
  let error: unknown;
  for (let i = 0; i < times; i++) error ??= (await collect(backend, conversation)).error;
  await backend.close?.();
  return { backend, error, bodies: emulator.requests.map(({ body }) => body as Record<string, unknown>) };
}

describe("uploadFiles", () => {
  test.each([
    [{ type: "claude", model: "claude-sonnet-5-5" }, [{ imagePath: picture }, { filePath: notes }], [base64("picture"), "# Notes"]],
    [
      { type: "gemini", model: "gemini-2.5-flash" },
      [{ imagePath: picture }, { videoPath: clip }, { filePath: notes }],
      [base64("picture"), base64("clip"), base64("# Notes")],
    ],
    [
      { type: "vllm", model: "m" },
      [{ imagePath: picture }, { imagePath: "https://a.example/b.png" }],
      [base64("picture"), "https://a.example/b.png"],
    ],
  ] as [object, AttachedFile[], string[]][])(
    "%j: goes with the first message of the user in every request",
    async (config, files, contents) => {
      const { bodies, error, backend } = await sent(config, files, 2);
      expect(error).toBeUndefined();
      expect(bodies).toHaveLength(2);
      for (const body of bodies) {
        const [first, ...others] = (body.messages ?? body.contents) as unknown[];
        expect(JSON.stringify(first)).toContain("first");
        for (const content of contents) {
          expect(JSON.stringify(first)).toContain(content);
          expect(JSON.stringify(others)).not.toContain(content);
        }
      }
      expect(backend.type).toBe((config as { type: string }).type);
    },
  );

  test("a file that is not there, or that the API has no place for, is named", async () => {
    const claude = { type: "claude", model: "m" };
    const gone = await sent(claude, [{ filePath: join(folder, "gone.pdf") }]);
    expect(gone.error).toMatchObject({ code: "bad_request", message: expect.stringContaining("gone.pdf") });
    const video = await sent(claude, [{ videoPath: clip }]);
    expect(video.error).toMatchObject({ code: "unsupported", message: expect.stringContaining('video/mp4 "a.mp4"') });
    expect([...gone.bodies, ...video.bodies]).toEqual([]);
  });

  test.each([[[{ imagepath: "a" }]], [[{}]], [[{ imagePath: "a", filePath: "b" }]], [[{ imagePath: "" }]], ["a.png"]])(
    "%j is refused",
    (uploadFiles) => {
      const make = () => createBackend({ type: "claude", model: "m", uploadFiles } as unknown as BackendConfig);
      expect(make).toThrow(expect.objectContaining({ code: "invalid_value", path: expect.stringContaining("uploadFiles") }));
    },
  );
});
