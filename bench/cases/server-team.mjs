// A run of three agents through the server, and the same in this process, in turns.
import { stream } from "./http.mjs";

const { url, baseUrl, massgen, times, kind } = JSON.parse(process.argv[2] ?? "{}");
/** @type {typeof import("massgen")} */
const { Orchestrator } = await import(massgen);
const orchestrator = new Orchestrator({
  agents: [1, 2, 3].map((n) => ({
    id: `a${n}`,
    backend: { type: /** @type {const} */ ("chatcompletion"), model: `${kind}-${n}`, baseUrl, apiKey: "sk-bench" },
  })),
});

async function inLibrary() {
  const started = performance.now();
  const run = orchestrator.run("Say something.");
  for await (const _ of run);
  await run.result;
  return performance.now() - started;
}
const throughServer = async () => (await stream(url, kind)).totalMs;

const library = [];
const server = [];
for (let i = -20; i < times; i++) {
  const [a, b] = i % 2 === 0 ? [await inLibrary(), await throughServer()] : [await throughServer(), await inLibrary()].reverse();
  if (i < 0) continue;
  library.push(a);
  server.push(b);
}
console.log(JSON.stringify({ library, server }));
process.exit(0);
