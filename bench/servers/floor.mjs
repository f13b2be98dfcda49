// The least that can stream a run to a client: hono, and a loop that writes the events that `massgen/server` tells of. No limits, no
// backpressure, nothing is stopped when the client goes.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { control } from "./control.mjs";
import { KINDS, team } from "./team.mjs";

const { baseUrl, massgen } = JSON.parse(process.argv[2] ?? "{}");
/** @type {typeof import("massgen")} */
const { Orchestrator } = await import(massgen);
const teams = new Map(KINDS.map((kind) => [kind, new Orchestrator({ agents: team(kind, baseUrl) })]));
const encoder = new TextEncoder();
const app = new Hono();
app.post("/v1/chat/completions", async (c) => {
  const { model, messages } = await c.req.json();
  const orchestrator = /** @type {import("massgen").Orchestrator} */ (teams.get(model));
  const head = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"${model}","choices":[{"index":0,"delta":`;
  /** @param {object} delta @param {string | null} reason */
  const frame = (delta, reason = null) =>
    encoder.encode(`${head}${JSON.stringify(delta)},"finish_reason":${JSON.stringify(reason)}}]}\n\n`);
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(frame({ role: "assistant", content: "" }));
      const run = orchestrator.run(messages);
      for await (const event of run) {
        if (event.type === "text-delta" && event.phase === "present") controller.enqueue(frame({ content: event.delta }));
        else if (event.type === "answer-delta") controller.enqueue(frame({ reasoning_content: event.delta }));
        else if (event.type === "vote") controller.enqueue(frame({ reasoning_content: event.reason }));
      }
      controller.enqueue(frame({}, "stop"));
      controller.enqueue(encoder.encode("data: [DONE]\n\n"));
      controller.close();
    },
  });
  // Named outright, so that the adapter sends the headers at once.
  return c.body(body, 200, { "content-type": "text/event-stream", "transfer-encoding": "chunked" });
});
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => control(`http://127.0.0.1:${port}`));
