// Latencies of streams from several servers, one after the other or `concurrency` at once, the servers taking turns.
import { stream, usage } from "./http.mjs";

/** @typedef {{ url: string, controlUrl?: string }} Target */
/** @type {{ targets: Target[], model: string, concurrency: number, rounds: number, perRound: number, warmups: number }} */
const { targets, model, concurrency, rounds, perRound, warmups } = JSON.parse(process.argv[2] ?? "{}");
const results = targets.map(() => ({
  /** @type {number[]} */ first: [],
  /** @type {number[]} */ total: [],
  cpuUs: 0,
  wallMs: 0,
}));

/** @param {string} url @param {number} count @param {(times: { firstMs: number, totalMs: number }) => void} onTimes */
async function load(url, count, onTimes) {
  let left = count;
  const worker = async () => {
    while (left-- > 0) onTimes(await stream(url, model));
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

for (const { url } of targets) await load(url, warmups, () => {});
for (let round = 0; round < rounds; round++) {
  for (let i = 0; i < targets.length; i++) {
    const at = (round + i) % targets.length;
    const { url, controlUrl } = /** @type {Target} */ (targets[at]);
    const result = /** @type {(typeof results)[0]} */ (results[at]);
    const before = controlUrl === undefined ? 0 : (await usage(controlUrl, "cpu")).cpuUs;
    const started = performance.now();
    await load(url, perRound, ({ firstMs, totalMs }) => {
      result.first.push(firstMs);
      result.total.push(totalMs);
    });
    result.wallMs += performance.now() - started;
    if (controlUrl !== undefined) result.cpuUs += (await usage(controlUrl, "cpu")).cpuUs - before;
  }
}
// More than a pipe takes at once.
process.stdout.write(`${JSON.stringify({ results })}\n`, () => process.exit(0));
