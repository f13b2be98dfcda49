import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { findBubblewrap } from "../../src/filesystem-manager/commands/bubblewrap.js";
import { createWorkspaces } from "../../src/filesystem-manager/index.js";
import { systemRuntime } from "../../src/runtime.js";
import type { ToolTurn } from "../../src/tools/toolkit.js";
import { temporaryDirectory, text, toolContext, writeTree } from "./helpers.js";

const signal = new AbortController().signal;

interface Outcome {
  exit_code: number;
  stdout: string;
}

it("commands work on the same files, by the same rules, and jobs end before a snapshot", async () => {
  const sandbox = await findBubblewrap();
  if ("reason" in sandbox) return console.warn(`Not tested: ${sandbox.reason}`);
  const base = await temporaryDirectory();
  await writeTree(base, { "project/main.txt": "original\n", "project/.env": "KEY=1\n" });
  const project = join(base, "project");
  const toolkit = createWorkspaces({
    root: join(base, "root"),
    contextPaths: [{ path: project, permission: "write" }],
    commands: { sandbox: "required" },
  });
  const agents = ["one", "two"].map((agentId, index) => ({ agentId, alias: `agent${index + 1}` }));
  const kit = await toolkit.open({ runId: "run", agents, signal, runtime: systemRuntime, warn: () => {}, ask: async () => undefined });
  onTestFinished(() => kit.close());

  let turns = 0;
  const begin = (agentId: string, phase: ToolTurn["phase"], labels: string[] = []) => {
    const turn: ToolTurn = { agentId, turnId: `t${++turns}`, phase, labels };
    const tools = kit.tools(turn);
    const call = async (name: string, input: unknown) =>
      tools.find((each) => each.name === name)!.execute!(input, { ...toolContext(), turnId: turn.turnId });
    const sh = async (command: string) => (await call("execute_command", { command })) as Outcome;
    return { turn, call, sh };
  };

  const draft = begin("one", "draft");
  await draft.call("write_file", { path: "main.txt", content: "drafted\n" });
  expect(await draft.sh("cat main.txt && echo more >> main.txt && mkdir -p out && date > out/built")).toMatchObject({
    exit_code: 0,
    stdout: "drafted\n",
  });
  expect((await draft.sh(`echo x > ${project}/main.txt`)).exit_code).not.toBe(0);
  await draft.call("start_job", { command: "while :; do date >> clock.txt; done" });
  (await kit.handIn!(draft.turn, signal))("agent1.1");
  expect(await draft.call("list_jobs", {})).not.toMatchObject({ jobs: [{ state: "running" }] });

  const evaluate = begin("two", "evaluate", ["agent1.1"]);
  expect(await evaluate.sh("cat ../agent1.1/main.txt; ls ..")).toMatchObject({
    exit_code: 0,
    stdout: "drafted\nmore\nagent1.1\nworkspace\n",
  });
  expect((await evaluate.sh("echo x > ../agent1.1/main.txt")).exit_code).not.toBe(0);
  expect((await evaluate.sh(`cat ${project}/.env`)).stdout).toBe("");
  expect((await evaluate.sh(`find ${base}/root -type f | grep -v /agent1.1/`)).stdout).toBe(""); // nothing of the other's workspace
  expect(await evaluate.call("read_file", { path: "../agent1.1/main.txt" })).toBe("drafted\nmore\n");

  const present = begin("one", "present", ["agent1.1"]);
  expect((await present.sh(`cp main.txt ${project}/main.txt`)).exit_code).toBe(0);
  expect(await text(join(project, "main.txt"))).toBe("drafted\nmore\n");
}, 30_000);
