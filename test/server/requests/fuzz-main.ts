// npm run fuzz:server [-- <bodies> <seed>]: asks a server for nonsense, and says what came of it.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { flaw, fuzzedServer, jsonCorpus, rejectedBodies } from "./fuzz.js";
import { chatBodies } from "./valid-bodies.js";

const [count = 10_000, seed = 1] = process.argv.slice(2).map(Number);
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** In bytes, when all has settled. */
async function heap(): Promise<number> {
  for (let n = 0; n < 5; n++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  return process.memoryUsage().heapUsed;
}

const server = fuzzedServer();
const bodies = rejectedBodies(seed);
const corpus = jsonCorpus();
const statuses = new Map<number, number>();
const flaws: string[] = [];

async function ask(path: string, body: string | Buffer, name: string): Promise<void> {
  const refusal = await server.post(path, body);
  const wrong = flaw(refusal);
  if (wrong !== "") flaws.push(`${wrong}: ${path} ${name}`);
  statuses.set(refusal.status, (statuses.get(refusal.status) ?? 0) + 1);
}

for (let n = 0; n < 20; n++) await server.post("/v1/chat/completions", JSON.stringify(chatBodies[0]));
const runs = server.runs();
// What is compiled and cached at first use is no leak.
for (let n = 0; n < 3_000; n++) {
  const { path, body } = bodies.next().value;
  await ask(path, body, body);
}
const before = await heap();
for (let n = 0; n < count; n++) {
  const { path, body } = bodies.next().value;
  await ask(path, body, body);
}
for (const { path, name, body } of corpus) await ask(path, body, name);
const after = await heap();
const grown = after / before - 1;
console.log(`${count} rejected bodies (and 3,000 to warm up), ${corpus.length} of the JSON corpus, seed ${seed}`);
console.log(`statuses: ${[...statuses].map(([status, n]) => `${status} × ${n}`).join(", ")}`);
console.log(`without a well-formed 4xx: ${flaws.length}; runs started: ${server.runs() - runs}`);
console.log(`heap: ${(before / 1e6).toFixed(2)} MB before, ${(after / 1e6).toFixed(2)} MB after (${(grown * 100).toFixed(1)} %)`);
for (const each of flaws.slice(0, 20)) console.log(`  ${each.slice(0, 1_000)}`);
await server.close();
process.exitCode = flaws.length > 0 || server.runs() > runs || grown > 0.05 ? 1 : 0;
