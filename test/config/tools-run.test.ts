import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { loadConfig } from "../../src/config/index.js";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { type EmulatedPrompt, type Reply, startEmulator } from "../../src/testing/index.js";
import { temporaryDirectory } from "../tools/toolkit-support.js";

const server = fileURLToPath(new URL("../mcp/servers/stdio.mjs", import.meta.url));

const called = (prompt: EmulatedPrompt, name: string) =>
  prompt.messages.some(({ toolCalls }) => toolCalls.some((call) => call.name === name));

/** Calls each of the tools named once, then answers. */
const callsEach =
  (calls: Record<string, unknown>) =>
  (prompt: EmulatedPrompt): Reply => {
    const next = Object.entries(calls).find(([name]) => !called(prompt, name));
    return next === undefined ? { text: "Done." } : { toolCalls: [{ name: next[0], input: next[1] }] };
  };

it("servers of all agents, servers of one, tools of one's own and files work together in a run", { timeout: 60_000 }, async () => {
  await using folder = await temporaryDirectory();
  const calls = {
    mcp__shared__echo: { text: "one" },
    mcp__own__echo: { text: "two" },
    mcp__listed__echo: { text: "three" },
    twice: { number: 21 },
    write_file: { path: "a.txt", content: "a" },
    create_task_plan: { tasks: ["Look"] },
    save_memory: { name: "seen", content: "It works." },
  };
  await using emulator = await startEmulator({ respond: callsEach(calls), strict: true });
  await mkdir(join(folder.path, "lib"));
  await writeFile(
    join(folder.path, "lib/tools.mjs"),
    `export const twice = {
      name: "twice", description: "Twice a number.",
      inputSchema: { type: "object", properties: { number: { type: "number" } }, required: ["number"] },
      execute: ({ number }) => number * 2,
    };`,
  );
  const file = join(folder.path, "team.yaml");
  await writeFile(
    file,
    `
agent:
  backend:
    type: vllm
    model: m
    base_url: ${emulator.baseUrl}
    cwd: workspace
    custom_tools: [{ path: ./lib/tools.mjs, function: twice }]
    mcp_servers:
      - { name: own, command: ${process.execPath}, args: [${JSON.stringify(server)}], allowed_tools: [echo] }
      - { name: listed, command: [${process.execPath}, ${JSON.stringify(server)}], allowed_tools: [mcp__listed__echo] }
mcp_servers:
  shared: { type: stdio, command: ${process.execPath}, args: [${JSON.stringify(server)}], allowed_tools: [echo] }
orchestrator:
  coordination: { enable_agent_task_planning: true, enable_memory_filesystem_mode: true }
`,
  );
  const { workspaces, ...options } = await loadConfig(file);
  const root = join(folder.path, "workspaces");
  await using orchestrator = new Orchestrator({ ...options, workspaces: { ...(workspaces as object), root } });
  const run = orchestrator.run("Try your tools.");
  const events: CoordinationEvent[] = [];
  for await (const event of run) events.push(event);
  const { text, workspace } = await run.result;

  const results = events.flatMap((event) => (event.type === "tool-result" ? [[event.toolName, event.isError, event.output]] : []));
  expect(results).toEqual([
    ["mcp__shared__echo", false, expect.anything()],
    ["mcp__own__echo", false, expect.anything()],
    ["mcp__listed__echo", false, expect.anything()],
    ["twice", false, 42],
    ["write_file", false, expect.stringContaining('Created "a.txt"')],
    ["create_task_plan", false, expect.objectContaining({ file: "tasks/plan.json" })],
    ["save_memory", false, expect.objectContaining({ file: "memory/short_term/seen.md" })],
  ]);
  expect(JSON.stringify(results)).toMatch(/one.*two.*three/);
  expect(text).toBe("Done.");
  expect(workspace).toContain(root);
});
