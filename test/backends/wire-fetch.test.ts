import { describe, expect, it } from "vitest";
import { tailOf, wireFetch } from "../../src/backends/wire-fetch.js";

const headers = { "content-type": "text/event-stream" };

async function piecesOf(bytes: Uint8Array): Promise<{ pieces: Uint8Array[]; response: Response }> {
  const response = await wireFetch(async () => new Response(bytes, { headers }))("http://127.0.0.1/", { method: "POST" });
  const pieces: Uint8Array[] = [];
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) pieces.push(piece);
  return { pieces, response };
}

describe("what the SDK is handed of a streamed reply", () => {
  it.each([1, 1023, 1024, 1025, 2048, 10_000])("%i bytes that came at once come in small pieces, all of them, in order", async (size) => {
    const bytes = Uint8Array.from({ length: size }, (_, i) => i % 251);
    const { pieces } = await piecesOf(bytes);
    expect(pieces.length).toBe(Math.ceil(size / 1024));
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  });

  it("the tail has seen all of it", async () => {
    const { response } = await piecesOf(new TextEncoder().encode(`${"data: {}\n\n".repeat(500)}data: [DONE]\n\n`));
    expect(tailOf(response)?.sawDone()).toBe(true);
  });

  it("leaving early cancels the reply and keeps nothing back", async () => {
    let cancelled = 0;
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(5000)),
      cancel: () => {
        cancelled++;
      },
    });
    const response = await wireFetch(async () => new Response(body, { headers }))("http://127.0.0.1/", { method: "POST" });
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      expect(piece.length).toBe(1024);
      break;
    }
    expect(cancelled).toBe(1);
  });
});
