import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { AgentHost, Backend, BackendRequest } from "../../src/backends/backend.js";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { tool } from "../../src/tools/tool.js";
import { temporaryDirectory } from "./helpers.js";

/** A whole agent, as one would wrap a command-line agent: its own loop, our tools, and a file tool that it brings itself. */
function cliAgent(play: (host: AgentHost, request: BackendRequest) => Promise<string>): Backend {
  return {
    type: "cli-agent",
    model: "",
    capabilities: { wholeAgent: true },
    async *stream(request, { host }) {
      yield { type: "text-delta", delta: await play(host!, request) };
      yield { type: "finish", reason: "stop" };
    },
  };
}

const ownWrite = (file: string) =>
  ({ tool: "Write", input: { file, text: "mine" }, paths: { writes: ["file"] }, effects: "workspace" }) as const;

it("a whole agent works in the team: with the files, permissions, approvals and planning mode of all", async () => {
  const base = await temporaryDirectory();
  const sent: unknown[] = [];
  const mail = tool({
    name: "mail",
    description: "Sends a mail.",
    input: { type: "object", properties: { to: { type: "string" } } },
    needsApproval: true,
    execute: (input) => sent.push(input) && "sent",
  });
  const seen: Record<string, unknown> = {};
  const agent = (name: string) =>
    cliAgent(async (host, { tools = [] }) => {
      const can = (tool: string) => tools.some((each) => each.name === tool);
      if (can("vote")) {
        seen[`${name} reads`] = await host.callTool("read_file", { path: "agent1.1/report.md" });
        await host.callTool("vote", { agent_id: "agent1", reason: "It is there." });
        return "";
      }
      if (can("new_answer")) {
        seen[`${name} own`] = [
          await host.checkPermission(ownWrite("notes/own.md")),
          await host.checkPermission(ownWrite("/etc/passwd")),
          await host.checkPermission({ tool: "Deploy", input: {} }),
        ];
        await host.callTool("write_file", { path: "report.md", content: `by ${name}` });
        seen[`${name} workspace`] = await readFile(join(host.workspace!, "report.md"), "utf8");
        seen[`${name} escapes`] = await host.callTool("read_file", { path: "../../../etc/passwd" });
        seen[`${name} mails`] = await host.callTool("mail", { to: "all" });
        await host.callTool("new_answer", { content: `See report.md, by ${name}.` });
        return "";
      }
      seen.deploys = await host.checkPermission({ tool: "Deploy", input: {}, needsApproval: true });
      const { output } = await host.callTool("mail", { to: "all" });
      return `Presented; the mail was ${output}.`;
    });
  await using orchestrator = new Orchestrator({
    agents: ["one", "two"].map((id) => ({ id, backend: agent(id), tools: [mail] })),
    workspaces: { root: join(base, "root"), commands: false },
    planningMode: true,
  });
  const run = orchestrator.run("Write a report and mail it.");
  const events: CoordinationEvent[] = [];
  for await (const event of run) {
    events.push(event);
    if (event.type === "input-request") run.respond(event.requestId, true);
  }
  const result = await run.result;

  expect(result).toMatchObject({ winner: "one", reason: "consensus", text: "Presented; the mail was sent." });
  expect(result.answers.map(({ content }) => content)).toEqual(["See report.md, by one.", "See report.md, by two."]);
  expect(await readFile(join(result.workspace!, "report.md"), "utf8")).toBe("by one");
  expect(sent).toEqual([{ to: "all" }]);
  for (const name of ["one", "two"]) {
    expect(seen[`${name} own`]).toEqual([
      { allow: true, input: { file: expect.stringMatching(/^\/.*\/workspace\/notes\/own\.md$/), text: "mine" } },
      { allow: false, reason: expect.stringContaining("/etc/passwd") },
      { allow: false, reason: expect.stringContaining("only described") },
    ]);
    expect(seen[`${name} workspace`]).toBe(`by ${name}`);
    expect(seen[`${name} escapes`]).toMatchObject({ isError: true });
    expect(seen[`${name} mails`]).toMatchObject({ output: expect.stringContaining("only noted") });
    expect(seen[`${name} reads`]).toEqual({ output: "by one" });
  }
  expect(seen.deploys).toEqual({ allow: true });
  const asked = events.flatMap((event) => (event.type === "input-request" ? [[event.phase, event.toolName]] : []));
  expect(asked).toEqual([
    ["present", "Deploy"],
    ["present", "mail"],
  ]);
  const made = events.flatMap((event) => (event.type === "tool-result" ? [`${event.phase} ${event.toolName} ${event.isError}`] : []));
  expect(made.filter((call) => call.startsWith("draft")).sort()).toEqual(
    ["mail false", "mail false", "read_file true", "read_file true", "write_file false", "write_file false"].map((call) => `draft ${call}`),
  );
  expect(events.some(({ type }) => type === "decision-rejected" || type === "turn-error" || type === "warning")).toBe(false);
});
