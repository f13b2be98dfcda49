// A run of three agents in this process, and the same through each of some servers: `perRound` runs each, in turns.
import { team } from "../servers/team.mjs";
import { stream } from "./http.mjs";

/** @type {{ urls: string[], baseUrl: string, massgen: string, warmups: number, rounds: number, perRound: number, kind: string }} */
const { urls, baseUrl, massgen, warmups, rounds, perRound, kind } = JSON.parse(process.argv[2] ?? "{}");
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

for (const way of ways) for (let i = 0; i < warmups; i++) await way();
/** The times of each round, by way. @type {number[][][]} */
const results = ways.map(() => []);
for (let round = 0; round < rounds; round++) {
  for (let i = 0; i < ways.length; i++) {
    // Each round begins with another one.
    const at = (round + i) % ways.length;
    /** @type {number[]} */
    const times = [];
    for (let run = 0; run < perRound; run++) times.push(await /** @type {() => Promise<number>} */ (ways[at])());
    /** @type {number[][]} */ (results[at]).push(times);
  }
}
console.log(JSON.stringify({ results }));
process.exit(0);
