// Runs of three agents in this process, and the same through each of some servers, in turns: `perRound` of them, `concurrency` at a time.
import { team } from "../servers/team.mjs";
import { stream } from "./http.mjs";

/** @type {{ urls: string[], baseUrl: string, massgen: string, warmups: number, rounds: number, perRound: number, concurrency: number, kind: string }} */
const { urls, baseUrl, massgen, warmups, rounds, perRound, concurrency, kind } = JSON.parse(process.argv[2] ?? "{}");
/** @type {typeof import("massgen")} */
const { Orchestrator } = await import(massgen);
const orchestrator = new Orchestrator({ agents: team(kind, baseUrl) });

async function inLibrary() {
  const run = orchestrator.run("Say something.");
  for await (const _ of run);
  await run.result;
}
const ways = [inLibrary, ...urls.map((url) => () => stream(url, kind))];

/**
 * How long a run takes: the median; of several at a time, the time of all by their number.
 * @param {() => Promise<unknown>} way
 * @param {number} count
 */
async function load(way, count) {
  /** @type {number[]} */
  const times = [];
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const started = performance.now();
      await way();
      times.push(performance.now() - started);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: concurrency }, worker));
  return concurrency === 1 ? /** @type {number} */ (times.sort((a, b) => a - b)[count >> 1]) : (performance.now() - started) / count;
}

for (const way of ways) await load(way, warmups);
/** The time of each round, by way. @type {number[][]} */
const results = ways.map(() => []);
for (let round = 0; round < rounds; round++) {
  for (let i = 0; i < ways.length; i++) {
    // Each round begins with another one.
    const at = (round + i) % ways.length;
    /** @type {number[]} */ (results[at]).push(await load(/** @type {() => Promise<unknown>} */ (ways[at]), perRound));
  }
}
console.log(JSON.stringify({ results }));
process.exit(0);
