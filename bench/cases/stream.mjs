// CPU of this process per delta, from the socket to the caller, while `concurrency` streams run at once.
const args = JSON.parse(process.argv[2] ?? "{}");
const { client, concurrency, deltas, batches, warmups } = args;
const stream = await (await import(client)).default({ ...args, model: `text-${deltas}` });
const expected = deltas * "word ".length;
let pieces = 0;

async function one() {
  let text = "";
  await stream((/** @type {string} */ piece) => {
    pieces++;
    text += piece;
  });
  if (text.length !== expected) throw new Error(`Got ${text.length} characters of ${expected}.`);
}

/** @param {number} count */
async function batch(count) {
  await Promise.all(Array.from({ length: count }, one));
}

for (let i = 0; i < warmups; i++) await batch(Math.min(concurrency, 100));
pieces = 0;
const before = process.cpuUsage();
const start = performance.now();
for (let i = 0; i < batches; i++) await batch(concurrency);
const { user, system } = process.cpuUsage(before);
const total = deltas * concurrency * batches;
console.log(
  JSON.stringify({
    usPerDelta: (user + system) / total,
    wallMs: performance.now() - start,
    /** Below 1: some deltas came merged. */
    piecesPerDelta: pieces / total,
    peakRssMb: process.resourceUsage().maxRSS / 1024,
  }),
);
process.exit(0);
