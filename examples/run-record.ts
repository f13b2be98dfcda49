// A run written down in a directory, and read back: `npx tsx examples/run-record.ts`
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Orchestrator } from "massgen";
import { readRecord } from "massgen/run-record";
import { serverForExamples } from "./support/server.js";

await using server = await serverForExamples();
const dir = await mkdtemp(join(tmpdir(), "massgen-records-"));

const orchestrator = new Orchestrator({
  agents: ["ada", "ben", "cleo"].map((id) => {
    return { id, backend: { type: "chatcompletion" as const, model: server.model(id), baseUrl: server.baseUrl } };
  }),
  record: dir,
});
await orchestrator.run("Which index fits a query on a date range, and why?").result;
await orchestrator.close(); // waits until all is written

const { dir: own, history } = await readRecord(dir); // the latest of the directory
console.log(`${history.reason}: ${history.winner} won with ${history.label}`);
console.log((await readdir(own)).filter((name) => /^(events|report|status)/.test(name)).join(", "));
console.log(`${history.answers.length} answers, ${history.consensus?.votes.length} votes, ${history.turns.length} turns`);
await rm(dir, { recursive: true });
