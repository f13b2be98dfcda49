// What handing in costs: a workspace of many small files, handed in for the first time, again with nothing changed, and again
// after a few files have changed; then the end of the run.
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

const { filesystem, files, bytes, changed } = JSON.parse(process.argv[2] ?? "{}");
/** @type {typeof import("massgen/filesystem-manager")} */
const { createWorkspaces } = await import(filesystem);

/** @type {Set<string>} */
const counted = new Set();

/** Bytes on disk of what was not counted yet: a file of several names counts once. @param {string} directory */
async function newBytes(directory) {
  let sum = 0;
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const { dev, ino, blocks } = await stat(join(entry.parentPath, entry.name));
    if (counted.has(`${dev} ${ino}`)) continue;
    counted.add(`${dev} ${ino}`);
    if (entry.isFile()) sum += blocks * 512;
  }
  return sum;
}

const base = await mkdtemp(join(tmpdir(), "massgen-bench-"));
try {
  const toolkit = createWorkspaces({ root: join(base, "root"), commands: false });
  const { signal } = new AbortController();
  const runtime = { now: Date.now, setTimer: () => () => {}, random: Math.random, newId: () => "id" };
  const began = performance.now();
  const run = await toolkit.open({
    runId: "run",
    agents: [{ agentId: "a", alias: "agent1" }],
    signal,
    runtime,
    warn: ({ message }) => {
      throw new Error(message);
    },
    ask: async () => undefined,
  });
  const openMs = performance.now() - began;
  const turn = { agentId: "a", turnId: "t", phase: /** @type {const} */ ("present"), labels: [] };
  const workspace = run.context?.(turn).workspace ?? "";
  const name = (/** @type {number} */ n) => join(workspace, `d${n % 97}`, `${n}.txt`);
  for (let n = 0; n < 97; n++) await mkdir(join(workspace, `d${n}`));
  for (let n = 0; n < files; n++) await writeFile(name(n), Buffer.alloc(bytes, String(n)));

  const delay = monitorEventLoopDelay({ resolution: 1 });
  /** @type {{ ms: number; bytes: number; blockedMs: number }[]} */
  const handedIn = [];
  for (const [index, changes] of [0, 0, changed].entries()) {
    for (let n = 0; n < changes; n++) await writeFile(name(n * 7), Buffer.alloc(bytes, "x"));
    await new Promise((resolve) => setTimeout(resolve, 200)); // what changed just now would be copied once more
    delay.reset();
    delay.enable();
    const start = performance.now();
    const settle = await run.handIn?.(turn, signal);
    settle?.(`agent1.${index + 1}`);
    const ms = performance.now() - start;
    delay.disable();
    const [live] = await readdir(join(base, "root", "live"));
    const answer = join(base, "root", "live", live ?? "", "answers", `agent1.${index + 1}`);
    handedIn.push({ ms, bytes: await newBytes(answer), blockedMs: delay.max / 1e6 });
  }
  const resultAt = performance.now();
  const result = await run.result?.({ agentId: "a", label: "agent1.3" });
  const resultMs = performance.now() - resultAt;
  const closeAt = performance.now();
  await run.close();
  await toolkit.close?.();
  const closeMs = performance.now() - closeAt;
  const kept = await readdir(result?.workspace ?? "", { recursive: true });
  if (kept.length !== files + 97) throw new Error(`The result has ${kept.length} entries.`);
  console.log(JSON.stringify({ openMs, handedIn, resultMs, closeMs }));
} finally {
  await rm(base, { recursive: true, force: true });
}
