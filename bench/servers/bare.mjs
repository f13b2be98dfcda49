// The least that a proxy in front of a provider can be: hono, the official SDK, and nothing else.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import OpenAI from "openai";
import { control } from "./control.mjs";

const { baseUrl } = JSON.parse(process.argv[2] ?? "{}");
const client = new OpenAI({ baseURL: baseUrl, apiKey: "sk-bench", maxRetries: 0 });
const app = new Hono();
app.post("/v1/chat/completions", async (c) => {
  const body = /** @type {OpenAI.ChatCompletionCreateParamsStreaming} */ (await c.req.json());
  const stop = new AbortController();
  const stream = await client.chat.completions.create({ ...body, stream: true }, { signal: stop.signal });
  return streamSSE(c, async (sse) => {
    sse.onAbort(() => stop.abort());
    try {
      for await (const chunk of stream) await sse.writeSSE({ data: JSON.stringify(chunk) });
      await sse.writeSSE({ data: "[DONE]" });
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  });
});
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => control(`http://127.0.0.1:${port}`));
