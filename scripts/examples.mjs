// Runs every example without keys, as a user would from a clone; one that fails or hangs fails this. `npm run examples`
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { ensureBuilt } from "./build.mjs";

ensureBuilt();
const examples = readdirSync("examples").filter((name) => /\.([cm]?js|ts)$/.test(name));
// No example may reach a provider by a key that happens to be set here.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_API_KEY$/.test(name)));
let failed = 0;
for (const name of examples) {
  const run = spawnSync(process.execPath, ["--import", "tsx", `examples/${name}`], { env, encoding: "utf8", timeout: 60_000 });
  const why = run.error?.message ?? (run.status === 0 ? undefined : `exit code ${run.status ?? run.signal}`);
  console.log(why ? `  FAILED ${name}: ${why}\n${run.stdout}${run.stderr}` : `  ok ${name}`);
  if (why) failed++;
}
console.log(`examples: ${examples.length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
