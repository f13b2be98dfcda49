// A team behind an OpenAI-compatible URL, and inside an app of one's own: `npx tsx examples/server.ts`
import { serve as serveNode } from "@hono/node-server";
import { Hono } from "hono";
import { Orchestrator } from "massgen";
import { createServer, serve } from "massgen/server";
import OpenAI from "openai";
import { serverForExamples } from "./support/server.js";

await using provider = await serverForExamples();
await using team = new Orchestrator({
  agents: [
    { id: "ada", backend: { type: "chatcompletion", model: provider.model("ada"), baseUrl: provider.baseUrl } },
    { id: "ben", backend: { type: "chatcompletion", model: provider.model("ben"), baseUrl: provider.baseUrl } },
  ],
});

// On a port of its own. Any client of OpenAI's works with it.
const server = await serve({ models: { team }, port: 0 });
const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none is asked for" });
const stream = await client.chat.completions.create({
  model: "team",
  messages: [{ role: "user", content: "Which index fits a query on a date range, and why?" }],
  stream: true,
});
let deliberation = 0;
for await (const { choices } of stream) {
  const delta = choices[0]?.delta as { content?: string; reasoning_content?: string } | undefined;
  deliberation += delta?.reasoning_content?.length ?? 0; // drafts and votes, as they come
  process.stdout.write(delta?.content ?? "");
}
console.log(`\n${deliberation > 0 ? "after a deliberation" : "without a deliberation"}`);
await server.stop();

// Or inside an app: the handler takes web-standard requests.
const handler = createServer({ models: { team } });
const app = new Hono().get("/", (c) => c.text("My own app")).mount("/ai", handler.fetch);
const own = await new Promise<{ port: number; close(): Promise<void> }>((resolve) => {
  const http = serveNode({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => {
    resolve({ port, close: () => new Promise((done) => http.close(() => done())) });
  });
});
const { data } = await new OpenAI({ baseURL: `http://127.0.0.1:${own.port}/ai/v1`, apiKey: "none" }).models.list();
console.log(`mounted: ${data.map(({ id }) => id).join(", ")}`);
await handler.close();
await own.close();
