import { execFile, spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { type Builder, builders, builderTask, correctProgram } from "../../examples/support/builders.js";
import { loadConfig } from "../../src/config/index.js";
import type { WorkspaceOptions } from "../../src/filesystem-manager/options.js";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { startEmulator } from "../../src/testing/index.js";
import { temporaryDirectory } from "../tools/toolkit-support.js";

const execute = promisify(execFile);

/** A sandbox is what keeps a command from writing where it may not. */
const sandboxed = spawnSync("bwrap", ["--ro-bind", "/", "/", "--unshare-all", "true"]).status === 0;
if (!sandboxed) console.log("building a program: skipped, for bubblewrap (bwrap) is not installed here or may not be used");

/** The team as a file says it. */
const team = (baseUrl: string) => `
agents:
  - id: id-zeta
    backend: &backend
      type: vllm
      model: quick
      base_url: ${baseUrl}
      cwd: workspace
      enable_mcp_command_line: true
      command_line_sandbox: required
  - id: id-yota
    backend: { <<: *backend, model: careful }
  - id: id-xylo
    backend: { <<: *backend, model: sloppy }
orchestrator:
  context_paths:
    - { path: deliver, permission: write, protected_paths: [LICENSE] }
  coordination:
    enable_agent_task_planning: true
    enable_memory_filesystem_mode: true
`;

it.skipIf(!sandboxed)(
  "three agents build a program, test it, vote for what works, and only the winner delivers it",
  { timeout: 120_000 },
  async () => {
    await using folder = await temporaryDirectory();
    const target = join(folder.path, "deliver");
    const root = join(folder.path, "workspaces");
    await mkdir(target);
    await writeFile(join(target, "LICENSE"), "the user's own");
    await using emulator = await startEmulator({ respond: builders((model) => model as Builder, target), strict: true });
    const file = join(folder.path, "team.yaml");
    await writeFile(file, team(emulator.baseUrl));
    const { workspaces, ...options } = await loadConfig(file);
    await using orchestrator = new Orchestrator({ ...options, workspaces: { ...(workspaces as WorkspaceOptions), root } });

    const run = orchestrator.run(builderTask(target));
    const events: CoordinationEvent[] = [];
    let beforePresenting: Promise<string[]> | undefined;
    for await (const event of run) {
      events.push(event);
      if (event.type === "consensus") beforePresenting = readdir(target);
    }
    const result = await run.result;

    // The team agreed on the one program that works, by running all three.
    const trouble = events.filter(({ type }) => type === "turn-error" || type === "agent-out" || type === "warning");
    const leftOut = { code: "snapshot_incomplete", agentId: "id-xylo", message: expect.stringContaining('"delivery" (a symbolic link') };
    expect(trouble).toEqual([expect.objectContaining(leftOut)]);
    expect(result).toMatchObject({ reason: "consensus", winner: "id-yota" });
    expect(result.votes.map(({ label }) => label)).toEqual(["agent2.1", "agent2.1", "agent2.1"]);
    expect(result.text).toContain("prints MMXXVI for 2026");

    // The winner's program is where the user wants it, and runs.
    expect(await readFile(join(target, "roman.mjs"), "utf8")).toBe(correctProgram);
    expect((await execute(process.execPath, [join(target, "roman.mjs"), "4", "1994"])).stdout).toBe("IV MCMXCIV\n");
    expect(await readFile(join(target, "LICENSE"), "utf8")).toBe("the user's own");
    expect(await readFile(join(result.workspace!, "roman.mjs"), "utf8")).toBe(correctProgram);

    // Nobody else could write there, nor into the files of an answer; all other calls did what they should.
    expect(await beforePresenting).toEqual(["LICENSE"]);
    const calls = callsOf(events);
    const isDelivering = ({ phase, input }: MadeCall) => phase !== "present" && (input.includes(target) || input.includes("delivery/"));
    const isSpoiling = ({ input }: MadeCall) => input.includes("// spoilt");
    const isLinking = ({ input }: MadeCall) => input.includes('"ln"'); // the link may be made; it leads to nothing that can be written
    const [delivering, spoiling] = [calls.filter(isDelivering), calls.filter(isSpoiling)];
    expect(delivering.map(({ name }) => name).sort()).toEqual([
      "copy_file",
      "execute_command",
      "execute_command",
      "write_file",
      "write_file",
    ]);
    expect(spoiling).toHaveLength(9);
    for (const call of spoiling) expect(call.output).toContain("the files of answers are read-only");
    for (const call of calls) {
      const mayNot = (isDelivering(call) && !isLinking(call)) || isSpoiling(call);
      expect(call.failed, `${call.phase} ${call.name} ${call.input}: ${call.output}`).toBe(mayNot);
    }

    // Every voter read and ran every program; plans and notes were kept from turn to turn.
    const evaluating = calls.filter(({ phase }) => phase === "evaluate");
    expect(evaluating.filter(({ name }) => name === "read_file")).toHaveLength(9);
    expect(evaluating.filter(({ name }) => name === "execute_command")).toHaveLength(9);
    const prompts = emulator.requests
      .filter(({ method }) => method === "POST")
      .map(({ body }) => body as { messages: { role: string; content: unknown }[]; tools?: unknown });
    const evaluations = prompts.filter(
      ({ messages, tools }) => JSON.stringify(tools).includes('"vote"') && messages.at(-1)?.role === "user",
    );
    expect(evaluations).toHaveLength(3);
    for (const { messages } of evaluations) {
      const said = JSON.stringify(messages);
      expect(said).toContain("My program said:");
      expect(said).toContain("1 of 2 tasks completed");
    }

    // No model reads who another agent is, which run this is, or where files of agents really are.
    const read = JSON.stringify(prompts.map(({ messages, tools }) => [messages, tools]));
    for (const secret of ["id-zeta", "id-yota", "id-xylo", events[0]!.runId, root]) expect(read).not.toContain(secret);
  },
);

interface MadeCall {
  name: string;
  phase: string;
  /** As JSON. */
  input: string;
  output: string;
  /** Refused, or a command that failed. */
  failed: boolean;
}

function callsOf(events: readonly CoordinationEvent[]): MadeCall[] {
  return events.flatMap((event): MadeCall[] => {
    if (event.type !== "tool-call") return [];
    const result = events.find((other) => other.type === "tool-result" && other.toolCallId === event.toolCallId);
    if (result?.type !== "tool-result") throw new Error(`${event.toolName} has no result`);
    const { exit_code: code = 0 } = (typeof result.output === "object" ? result.output : {}) as { exit_code?: number };
    const [input, output] = [JSON.stringify(event.input), JSON.stringify(result.output)];
    return [{ name: event.toolName, phase: event.phase, input, output, failed: result.isError || code !== 0 }];
  });
}
