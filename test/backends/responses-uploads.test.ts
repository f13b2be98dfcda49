import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createBackend } from "../../src/backends/create-backend.js";
import { collect } from "./http.js";

interface Asked {
  method: string;
  url: string;
  body: string;
  trace: unknown;
}

let server: Server;
let url: string;
let folder: string;
let asked: Asked[];
/** What the store says of a document, one answer per question; the last one stays. */
let indexing: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "massgen-upload-"));
  writeFileSync(join(folder, "a.md"), "# About trees");
  writeFileSync(join(folder, "cat.png"), Buffer.from("iVBORw0KGgo=", "base64"));
  asked = [];
  indexing = ["in_progress", "completed"];
  server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      const entry = {
        method: request.method!,
        url: request.url!,
        body: Buffer.concat(pieces).toString("latin1"),
        trace: request.headers.traceparent,
      };
      asked.push(entry);
      response.writeHead(200, { "content-type": "application/json", "openai-poll-after-ms": "1" });
      response.end(JSON.stringify(answer(entry)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

function answer({ method, url }: Asked): unknown {
  if (method === "DELETE") return { deleted: true };
  if (url.endsWith("/responses")) return { object: "response", status: "completed", output: [] };
  if (url.endsWith("/v1/files")) return { id: "file_1" };
  if (url.endsWith("/vector_stores")) return { id: "vs_1" };
  if (method === "GET") {
    const status = indexing.length > 1 ? indexing.shift() : indexing[0];
    return { id: "file_1", status, last_error: status === "failed" ? { message: "unreadable" } : null };
  }
  return { id: "file_1", status: "in_progress" };
}

const backend = (uploadFiles: object[]) => createBackend({ type: "openai", model: "gpt-5.2", baseUrl: url, uploadFiles } as never);
const steps = () => asked.filter((one) => one.url.endsWith("/responses")).map((one) => JSON.parse(one.body));
const deleted = () => asked.filter((one) => one.method === "DELETE").map((one) => one.url);

describe("uploaded files", () => {
  test("documents are handed over once, searched, and deleted in the end", async () => {
    const one = backend([{ filePath: join(folder, "a.md") }]);
    const replies = await Promise.all([collect(one), collect(one)]);
    expect(replies.map((reply) => reply.error)).toEqual([undefined, undefined]);
    for (const step of steps()) expect(step.tools).toEqual([{ type: "file_search", vector_store_ids: ["vs_1"] }]);
    const uploads = asked.filter((entry) => entry.url === "/v1/files");
    expect(uploads).toHaveLength(1);
    expect(uploads[0]!.body).toContain("# About trees");
    expect(uploads[0]!.body).toContain('filename="a.md"');
    expect(deleted()).toEqual([]);
    await one.close!();
    expect(deleted().sort()).toEqual(["/v1/files/file_1", "/v1/vector_stores/vs_1"]);
  });

  test("are handed over and waited for in the trace of the first step that needs them", async () => {
    const one = backend([{ filePath: join(folder, "a.md") }]);
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await collect(one, {}, { trace: { traceparent } });
    expect(asked.length).toBeGreaterThan(4);
    expect(asked.map(({ trace }) => trace)).toEqual(asked.map(() => traceparent));
    await one.close!();
  });

  test("pictures go with the first message of the user and are not touched otherwise", async () => {
    const one = backend([{ imagePath: join(folder, "cat.png") }, { imagePath: "https://a.example/dog.jpg" }]);
    const messages = [
      { role: "user" as const, content: "first" },
      { role: "assistant" as const, content: "yes" },
      { role: "user" as const, content: "second" },
    ];
    expect((await collect(one, { messages })).error).toBeUndefined();
    expect(steps()[0].input).toEqual([
      {
        role: "user",
        content: [
          { type: "input_text", text: "first" },
          { type: "input_image", image_url: "data:image/png;base64,iVBORw0KGgo=", detail: "auto" },
          { type: "input_image", image_url: "https://a.example/dog.jpg", detail: "auto" },
        ],
      },
      { role: "assistant", content: "yes" },
      { role: "user", content: "second" },
    ]);
    expect(messages[0]!.content).toBe("first");
    await one.close!();
    expect(deleted()).toEqual([]);
  });

  test("a document that cannot be indexed fails the step and leaves nothing behind", async () => {
    indexing = ["failed"];
    const one = backend([{ filePath: join(folder, "a.md") }]);
    const reply = await collect(one);
    expect(reply.error).toMatchObject({ code: "bad_request", message: expect.stringContaining("unreadable") });
    expect(deleted().sort()).toEqual(["/v1/files/file_1", "/v1/vector_stores/vs_1"]);
    // The next step tries again.
    indexing = ["completed"];
    expect((await collect(one)).error).toBeUndefined();
    await one.close!();
  });

  test("a file that is not there is named", async () => {
    const reply = await collect(backend([{ filePath: join(folder, "gone.md") }]));
    expect(reply.error).toMatchObject({ code: "bad_request", message: expect.stringContaining("gone.md") });
  });

  test("close ends an upload under way and deletes what it had brought", async () => {
    indexing = ["in_progress"];
    const one = backend([{ filePath: join(folder, "a.md") }]);
    const step = collect(one);
    await waitFor(() => asked.some((entry) => entry.method === "GET"));
    await one.close!();
    expect((await step).error).toMatchObject({ code: "aborted" });
    expect(deleted().sort()).toEqual(["/v1/files/file_1", "/v1/vector_stores/vs_1"]);
  });
});

async function waitFor(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
