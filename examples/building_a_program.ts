// Three agents write a program in workspaces of their own, run it, read and run each other's, vote, and the winner delivers it
// into a directory that nobody could write to before: `npx tsx examples/building_a_program.ts`
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Orchestrator } from "massgen";
import { type Builder, builders, builderTask } from "./support/builders.js";
import { serverForExamples } from "./support/server.js";

const folder = await mkdtemp(join(tmpdir(), "massgen-example-"));
const target = await mkdtemp(join(folder, "deliver-"));
const team = ["quick", "careful", "sloppy"] as const;
const builderOf = (model: string): Builder => team.find((name) => model.endsWith(name)) ?? "careful";

try {
  await using server = await serverForExamples(builders(builderOf, target));
  await using orchestrator = new Orchestrator({
    agents: team.map((id) => ({ id, backend: { type: "chatcompletion", model: server.model(id), baseUrl: server.baseUrl } })),
    workspaces: {
      root: join(folder, "workspaces"),
      contextPaths: [{ path: target, permission: "write" }], // read by all, written by the presenting winner
    },
    taskPlanning: true,
    memory: true,
  });
  const run = orchestrator.run(builderTask(target));

  run.on("warning", ({ message }) => console.log(`(${message})`));
  run.on("tool-result", ({ agentId, toolName, output, isError }) => {
    if (isError) return console.log(`${agentId} may not ${toolName}: ${String(output)}`);
    if (toolName !== "execute_command") return;
    const { exit_code, stdout, stderr } = output as { exit_code: number; stdout: string; stderr: string };
    if (exit_code !== 0) console.log(`${agentId}'s command failed: ${stderr.trim()}`);
    else if (stdout !== "") console.log(`${agentId} tests it: ${stdout.trim()}`);
  });
  run.on("consensus", ({ winner, votes }) => console.log(`${winner}'s program is chosen with ${votes.length} votes`));

  const { text, workspace } = await run.result;
  console.log(`${text}\nAll its files: ${workspace}`);
  console.log(`roman.mjs says: ${execFileSync(process.execPath, [join(target, "roman.mjs"), "2026"], { encoding: "utf8" }).trim()}`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
