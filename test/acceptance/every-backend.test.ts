import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import type { BackendConfig } from "../../src/backends/create-backend.js";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { type EmulatedPrompt, type Emulator, type Reply, startEmulator } from "../../src/testing/index.js";
import { temporaryDirectory } from "../tools/toolkit-support.js";

const everything = fileURLToPath(new URL("../../node_modules/@modelcontextprotocol/server-everything/dist/index.js", import.meta.url));

const CALLS: readonly (readonly [name: string, input: unknown])[] = [
  ["write_file", { path: "src/a.mjs", content: "console.log('one');\n" }],
  ["read_file", { path: "src/a.mjs" }],
  ["edit_file", { path: "src/a.mjs", old_string: "one", new_string: "two" }],
  ["list_directory", { path: "src" }],
  ["glob", { pattern: "**/*.mjs" }],
  ["grep", { pattern: "two" }],
  ["copy_file", { source: "src/a.mjs", destination: "src/b.mjs" }],
  ["move_file", { source: "src/b.mjs", destination: "src/c.mjs" }],
  ["compare_files", { first: "src/a.mjs", second: "src/c.mjs" }],
  ["execute_command", { command: ["node", "src/c.mjs"] }],
  ["list_jobs", {}],
  ["delete_file", { path: "src/c.mjs" }],
  ["create_task_plan", { tasks: ["Look"] }],
  ["save_memory", { name: "seen", content: "It works." }],
  ["mcp__everything__echo", { message: "hello" }],
];

/** Makes the calls one after the other, then answers. */
function callsInOrder({ messages }: EmulatedPrompt): Reply {
  const made = messages.reduce((sum, { toolCalls }) => sum + toolCalls.length, 0);
  const next = CALLS[made];
  return next === undefined ? { text: "Done." } : { toolCalls: [{ name: next[0], input: next[1] }] };
}

const BACKENDS: readonly ((emulator: Emulator) => BackendConfig)[] = [
  ({ baseUrl }) => ({ type: "vllm", model: "m", baseUrl }),
  ({ baseUrl }) => ({ type: "openai", model: "gpt-5.2", apiKey: "k", baseUrl }),
  ({ baseUrl }) => ({ type: "grok", model: "grok-4", apiKey: "k", baseUrl }),
  ({ url }) => ({ type: "claude", model: "claude-sonnet-4-5", apiKey: "k", baseUrl: url }),
  ({ url }) => ({ type: "gemini", model: "gemini-2.5-flash", apiKey: "k", baseUrl: url }),
];

it.each(BACKENDS.map((make) => [make({ url: "", baseUrl: "" } as Emulator).type, make] as const))(
  "files, commands, plans, memory and an MCP server work with the backend %s, whose API takes all their schemas",
  { timeout: 60_000 },
  async (_, make) => {
    await using folder = await temporaryDirectory();
    await using emulator = await startEmulator({ respond: callsInOrder, strict: true });
    await using orchestrator = new Orchestrator({
      agents: [{ id: "a", backend: make(emulator) }],
      workspaces: { root: folder.path, commands: { sandbox: "none" } },
      mcpServers: { everything: { command: process.execPath, args: [everything] } },
      taskPlanning: true,
      memory: true,
    });
    const run = orchestrator.run("Try your tools.");
    const events: CoordinationEvent[] = [];
    for await (const event of run) events.push(event);
    expect((await run.result).text).toBe("Done.");
    const results = events.flatMap((event) => (event.type === "tool-result" ? [event] : []));
    expect(results.filter(({ isError }) => isError)).toEqual([]);
    expect(results.map(({ toolName }) => toolName)).toEqual(CALLS.map(([name]) => name));
    expect(results.find(({ toolName }) => toolName === "execute_command")?.output).toMatchObject({ stdout: "two\n" });
    expect(events.filter(({ type }) => type === "warning" || type === "turn-error")).toEqual([]);
  },
);
