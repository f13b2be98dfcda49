// A run of three agents through each of some servers, and the same in this process, in turns.
import { team } from "../servers/team.mjs";
import { stream } from "./http.mjs";

/** @type {{ urls: string[], baseUrl: string, massgen: string, warmups: number, times: number, kind: string }} */
const { urls, baseUrl, massgen, warmups, times, kind } = JSON.parse(process.argv[2] ?? "{}");
/** @type {typeof import("massgen")} */
const { Orchestrator } = await import(massgen);
const orchestrator = new Orchestrator({ agents: team(kind, baseUrl) });

async function inLibrary() {
  const started = performance.now();
  const run = orchestrator.run("Say something.");
  for await (const _ of run);
  await run.result;
  return performance.now() - started;
}
const ways = [inLibrary, ...urls.map((url) => async () => (await stream(url, kind)).totalMs)];

/** @type {number[][]} */
const results = ways.map(() => []);
for (let round = -warmups; round < times; round++) {
  for (let i = 0; i < ways.length; i++) {
    // Each round begins with another one.
    const at = (Math.abs(round) + i) % ways.length;
    const ms = await /** @type {() => Promise<number>} */ (ways[at])();
    if (round >= 0) /** @type {number[]} */ (results[at]).push(ms);
  }
}
console.log(JSON.stringify({ results }));
process.exit(0);
