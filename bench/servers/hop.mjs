// The least that a hop can be: `node:http` alone, a run of the library, all text at the end.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { control } from "./control.mjs";
import { KINDS, team } from "./team.mjs";

const { baseUrl, massgen } = JSON.parse(process.argv[2] ?? "{}");
/** @type {typeof import("massgen")} */
const { Orchestrator } = await import(massgen);
const teams = new Map(KINDS.map((kind) => [kind, new Orchestrator({ agents: team(kind, baseUrl) })]));
const server = createServer(async (request, response) => {
  const { model, messages } = JSON.parse(await text(request));
  const run = /** @type {import("massgen").Orchestrator} */ (teams.get(model)).run(messages);
  const content = (await run.result).text;
  response.writeHead(200, { "content-type": "text/event-stream", "transfer-encoding": "chunked" });
  response.end(`data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\ndata: [DONE]\n\n`);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  control(`http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`);
});
