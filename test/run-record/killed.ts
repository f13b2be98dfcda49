// Records a run in the directory it is given and kills itself, as `kill -9` would, once two answers are on the disk.
import { existsSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { hang, newAnswer, scriptedBackend } from "../../src/testing/index.js";

const dir = process.argv[2] as string;
const team = ["the first", "the second", ""].map((text, i) => {
  return { id: `a${i}`, backend: scriptedBackend(() => (text === "" ? hang() : newAnswer(text))) };
});
const run = new Orchestrator({ agents: team, record: dir, draftGraceMs: 600_000 }).run("What was lost?");
const own = join(dir, run.runId);
const look = () => {
  const path = join(own, "status.json");
  if (existsSync(path) && readFileSync(path, "utf8").includes('"agent2.1"')) process.kill(process.pid, "SIGKILL");
};
watch(dir, { recursive: true }, look);
