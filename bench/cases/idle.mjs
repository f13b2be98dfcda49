// Memory added by each of `count` streams that have brought one delta and then fallen silent.
import { setImmediate as turn } from "node:timers/promises";

const args = JSON.parse(process.argv[2] ?? "{}");
const { client, count } = args;
const make = (await import(client)).default;
const done = await make({ ...args, model: "text-20" });
const idle = await make({ ...args, model: "idle" });

async function settledMemory() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await turn();
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}

for (let i = 0; i < 20; i++) await done(() => {});
const before = await settledMemory();
await Promise.all(
  Array.from(
    { length: count },
    () =>
      new Promise((resolve, reject) => {
        idle(resolve).then(() => reject(new Error("The stream ended.")), reject);
      }),
  ),
);
const after = await settledMemory();
const perStream = (/** @type {"rss" | "heap"} */ key) => (after[key] - before[key]) / count / 1024;
console.log(JSON.stringify({ rssKb: perStream("rss"), heapKb: perStream("heap") }));
process.exit(0);
