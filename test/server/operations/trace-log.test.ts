import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Orchestrator, tool } from "../../../src/index.js";
import { serve } from "../../../src/server/index.js";
import { startEmulator } from "../../../src/testing/index.js";
import { phaseOf } from "../helpers.js";

type LogRecord = Record<string, unknown> & { event: string };

const WINDOW = 8_000;
const READS = 12;

const readShelf = tool({
  name: "read_shelf",
  description: "Reads what is on a shelf.",
  input: { type: "object", properties: {} },
  execute: () => "dust and paper. ".repeat(250),
});

/** A server of two agents: `reader` fails once, reads more than its window holds, and wins. Its log is one file. */
async function startServer(path: string) {
  const failed = new Set<string>();
  const emulator = await startEmulator({
    contextWindow: WINDOW,
    compact: () => "Shelves were read.",
    respond({ model, tools, messages }, { modelIndex }) {
      const phase = phaseOf(tools);
      const task = messages.map(({ text }) => text).find((text) => text.includes("Survey")) ?? "";
      const who = /Survey (\w+)/.exec(task)?.[1] ?? "";
      if (model === "reader" && !failed.has(who)) {
        failed.add(who);
        return { fault: { type: "status", status: 503 } };
      }
      if (phase === "evaluate") return { toolCalls: [{ name: "vote", input: { agent_id: "agent1", reason: "It has read all." } }] };
      if (phase === "present") return "All is read.";
      const reads = messages.filter(({ role }) => role === "tool").length;
      if (model === "reader" && modelIndex < 2 * READS && reads < READS) return { toolCalls: [{ name: "read_shelf" }] };
      return { toolCalls: [{ name: "new_answer", input: { content: `A survey by ${model}.` } }] };
    },
  });
  const write = (line: string) => appendFileSync(path, line);
  const backend = (model: string) => ({ type: "vllm" as const, model, baseUrl: emulator.baseUrl, contextWindow: WINDOW });
  const orchestrator = new Orchestrator({
    agents: [
      { id: "reader", backend: backend("reader"), tools: [readShelf] },
      { id: "other", backend: backend("other") },
    ],
    maxSteps: 100,
    logging: { level: "debug", destination: { write } },
  });
  const server = await serve({
    models: { team: orchestrator },
    port: 0,
    onRequest: (start) => write(`${JSON.stringify({ event: "request-start", ...start })}\n`),
    log: (record) => write(`${JSON.stringify({ event: "request-finish", ...record })}\n`),
  });
  onTestFinished(async () => {
    await server.stop({ drainMs: 0 });
    await orchestrator.close();
    await emulator.close();
  });
  return server;
}

test("one trace id finds the whole story of one request in the log, and nothing of another at the same time", async () => {
  const folder = mkdtempSync(join(tmpdir(), "massgen-trace-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "server.log");
  const { url } = await startServer(path);
  const traces = { this: "0af7651916cd43dd8448eb211c80319c", that: "4bf92f3577b34da6a3ce929d0e0e4736" };
  const replies = Object.entries(traces).map(async ([name, id]) => {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", traceparent: `00-${id}-b7ad6b7169203331-01` },
      body: JSON.stringify({ model: "team", messages: [{ role: "user", content: `Survey ${name} archive.` }] }),
    });
    return response.text();
  });
  for (const reply of await Promise.all(replies)) expect(reply).toContain("All is read.");

  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  const found = Object.values(traces).map((id) => lines.filter((line) => line.includes(id)).map((line) => JSON.parse(line) as LogRecord));
  // Both at once: neither is a block of lines of its own.
  expect(lines.findLastIndex((line) => line.includes(traces.this))).toBeGreaterThan(lines.findIndex((line) => line.includes(traces.that)));
  expect(lines.findLastIndex((line) => line.includes(traces.that))).toBeGreaterThan(lines.findIndex((line) => line.includes(traces.this)));
  expect(lines).toHaveLength(found.flat().length);

  for (const story of found) {
    const events = story.map(({ event }) => event);
    expect(events.slice(0, 2)).toEqual(["request-start", "run-start"]);
    expect(events.slice(-2)).toEqual(["run-finish", "request-finish"]);
    for (const type of ["turn-start", "step-start", "tool-call", "tool-result", "compaction", "answer", "epoch-start", "vote", "consensus"])
      expect(events, type).toContain(type);
    // A record of every event of one run, from first to last.
    const records = story.slice(1, -1);
    expect(records.map(({ seq }) => seq)).toEqual([...records.map(({ seq }) => seq as number)].sort((a, b) => a - b));
    expect(new Set(records.map(({ run }) => run))).toEqual(new Set([story.at(-1)?.runId]));
    expect(story.filter(({ event, status }) => event === "step-finish" && status === "retry")).toMatchObject([
      { agent: "reader", error: { code: "overloaded" } },
    ]);
    expect(story.filter(({ event }) => event === "tool-call").length).toBeGreaterThanOrEqual(READS / 2);
    for (const type of ["turn-start", "turn-finish"]) expect(events.filter((event) => event === type).length).toBe(5);
    expect(story.at(-1)).toMatchObject({ status: 200, outcome: "ok", model: "team" });
  }
});
