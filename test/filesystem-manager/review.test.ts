import { join } from "node:path";
import { expect, it } from "vitest";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { callTool, newAnswer, scriptedBackend, vote } from "../../src/testing/index.js";
import { temporaryDirectory, text, writeTree } from "./helpers.js";

it("what a presentation has written stays when a review sends it back; the next presenter finds it, and the result is the accepted one", async () => {
  const base = await temporaryDirectory();
  await writeTree(base, { "deliver/README.md": "the user's own" });
  const path = join(base, "deliver", "report.md");
  const one = scriptedBackend([
    callTool("list_directory", { path: "." }),
    newAnswer("A"),
    vote("agent1"),
    callTool("write_file", { path, content: "first" }),
    callTool("write_file", { path: "report.md", content: "first" }),
    "First.",
    callTool("restart_orchestration", { reason: "Thin", instructions: "Say more." }),
    callTool("list_directory", { path: "." }),
    newAnswer("A again"),
    vote("agent2"),
  ]);
  const two = scriptedBackend([
    callTool("list_directory", { path: "." }),
    newAnswer("B"),
    vote("agent1"),
    callTool("list_directory", { path: "." }),
    newAnswer("B again"),
    vote("agent2"),
    callTool("write_file", { path, content: "second" }),
    callTool("read_file", { path }),
    callTool("write_file", { path, content: "second" }),
    callTool("write_file", { path: "report.md", content: "second" }),
    "Second.",
    callTool("submit", { confirmed: true }),
  ]);
  await using orchestrator = new Orchestrator({
    agents: [
      { id: "one", backend: one },
      { id: "two", backend: two },
    ],
    workspaces: {
      root: join(base, "root"),
      commands: false,
      contextPaths: [{ path: join(base, "deliver"), permission: "write" }],
    },
    maxRestarts: 2,
  });
  const run = orchestrator.run("Write a report.");
  const told: unknown[] = [];
  run.on("tool-result", ({ output, isError, phase }) => phase === "present" && told.push(isError ? "refused" : output));
  const result = await run.result;
  one.assertComplete();
  two.assertComplete();
  expect(result).toMatchObject({ text: "Second.", winner: "two" });
  expect(told.slice(2, 4)).toEqual(["refused", expect.stringContaining("first")]); // not read yet; what is there
  expect(await text(path)).toBe("second");
  expect(await text(join(result.workspace!, "report.md"))).toBe("second");
});
