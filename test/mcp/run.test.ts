import { readFileSync, writeFileSync } from "node:fs";
import { createServer, request as forward } from "node:http";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import type { OrchestratorOptions, RunOptions } from "../../src/orchestrator/options.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { type EmulatedPrompt, type Reply, startEmulator } from "../../src/testing/index.js";
import { alive, cleanup, fixture, good, lines, npmServer, raw, scratch, startHttp, until } from "./helpers.js";

type Calls = readonly (readonly [name: string, input: unknown])[];

/** Makes the calls one after the other, then answers. */
const callsInOrder =
  (calls: Calls) =>
  ({ messages }: EmulatedPrompt): Reply => {
    const made = messages.reduce((sum, { toolCalls }) => sum + toolCalls.length, 0);
    const next = calls[made];
    return next === undefined ? { text: "Done." } : { toolCalls: [{ name: next[0], input: next[1] }] };
  };

interface Played {
  events: CoordinationEvent[];
  results: { toolName: string; isError: boolean; output: unknown }[];
  /** Everything the model was sent. */
  sent: string;
}

/** A run of one agent over the emulator. */
async function play(
  calls: Calls,
  options: Partial<OrchestratorOptions>,
  onEvent: (event: CoordinationEvent, respond: (value: unknown) => void) => void = () => {},
  runOptions: RunOptions = {},
): Promise<Played> {
  await using emulator = await startEmulator({ respond: callsInOrder(calls), strict: true });
  await using orchestrator = new Orchestrator({
    agents: [{ id: "id-anna", backend: { type: "vllm", model: "m", baseUrl: emulator.baseUrl } }],
    ...options,
  });
  const run = orchestrator.run("Try your tools.", runOptions);
  const events: CoordinationEvent[] = [];
  for await (const event of run) {
    events.push(event);
    onEvent(event, (value) => "requestId" in event && run.respond(String(event.requestId), value));
  }
  expect((await run.result).text).toBe("Done.");
  const results = events.flatMap((event) => (event.type === "tool-result" ? [event] : []));
  return { events, results, sent: JSON.stringify(emulator.requests.map(({ body }) => body)) };
}

it("a run uses servers as an agent does: progress, questions, errors, long results", { timeout: 30_000 }, async () => {
  const root = scratch();
  const { results, events, sent } = await play(
    [
      ["mcp__test__steps", { steps: 2, pause: 120 }],
      ["mcp__test__ask", {}],
      ["mcp__test__fails", {}],
      ["mcp__test__big", { size: 200_000 }],
      ["mcp__test__nothing", {}],
    ],
    { mcpServers: { test: good({ env: { API_TOKEN: "sk-0123456789" } }) }, workspaces: { root, commands: false } },
    (event, respond) => {
      if (event.type === "input-request") respond({ colour: "green" });
    },
  );
  expect(results.map(({ toolName, isError }) => [toolName, isError])).toEqual([
    ["mcp__test__steps", false],
    ["mcp__test__ask", false],
    ["mcp__test__fails", true],
    ["mcp__test__big", false],
    ["mcp__test__nothing", true],
  ]);
  expect(results[0]?.output).toBe("2 steps");
  expect(results[1]?.output).toBe('{"action":"accept","content":{"colour":"green"}}');
  expect(results[2]?.output).toContain("no such city");
  expect(results[3]?.output).toMatch(
    /^0123456789[0-9]+\n\n\[This is the beginning, 65536 of 200000 characters\. The whole is in the file /,
  );
  expect(events.filter(({ type }) => type === "tool-progress")).toMatchObject([{ output: { progress: 1 } }, { output: { progress: 2 } }]);
  expect(events.filter(({ type }) => type === "warning")).toEqual([]);
  expect(sent).toContain("Call echo first.");
  for (const secret of ["sk-0123456789", "id-anna", events[0]!.runId]) expect(sent).not.toContain(secret);
});

it("the workspace's check sees the paths that server-filesystem is given", { timeout: 30_000 }, async () => {
  const [root, outside] = [scratch(), scratch()];
  writeFileSync(join(outside, "secret.txt"), "secret");
  const files = { command: process.execPath, args: [npmServer("server-filesystem"), ".", outside], perAgent: true };
  const { results, events } = await play(
    [
      ["mcp__files__write_file", { path: "note.txt", content: "hello" }],
      ["read_file", { path: "note.txt" }],
      ["mcp__files__read_text_file", { path: "note.txt" }],
      ["mcp__files__read_text_file", { path: join(outside, "secret.txt") }],
      ["mcp__files__move_file", { source: join(outside, "secret.txt"), destination: "stolen.txt" }],
    ],
    { mcpServers: { files }, workspaces: { root, commands: false } },
  );
  expect(events.filter(({ type }) => type === "warning")).toEqual([]);
  expect(results.map(({ isError }) => isError)).toEqual([false, false, false, true, true]);
  expect(JSON.stringify(results)).not.toContain('"secret"');
  expect(readFileSync(join(outside, "secret.txt"), "utf8")).toBe("secret");
});

it("a shared server that works elsewhere gets the path that was checked, not one that means another file there", {
  timeout: 30_000,
}, async () => {
  const [root, elsewhere] = [scratch(), scratch()];
  writeFileSync(join(elsewhere, "note.txt"), "secret");
  const files = { command: process.execPath, args: [npmServer("server-filesystem"), elsewhere, root], cwd: elsewhere };
  const { results } = await play(
    [
      ["write_file", { path: "note.txt", content: "mine" }],
      ["mcp__files__read_text_file", { path: "note.txt" }],
      ["mcp__files__read_multiple_files", { paths: ["note.txt", "./note.txt"] }],
    ],
    { mcpServers: { files }, workspaces: { root, commands: false } },
  );
  expect(results.map(({ isError }) => isError)).toEqual([false, false, false]);
  expect(results[1]?.output).toBe("mine");
  expect(JSON.stringify(results)).not.toContain("secret");
});

it("a server killed in a call costs that call, and nothing is left when the orchestrator is closed", { timeout: 30_000 }, async () => {
  const log = join(scratch(), "log");
  const pids = () => lines(log).flatMap((line) => (line.startsWith("start") ? [Number(line.split(" ")[1])] : []));
  const calls = () => lines(log).filter((line) => line.startsWith("call")).length;
  let killed: Promise<unknown> | undefined;
  const { results } = await play(
    [
      ["mcp__test__call", {}],
      ["mcp__test__call", {}],
      ["mcp__test__call", {}],
    ],
    { mcpServers: { test: raw("second-waits", { env: { LOG: log } }) } },
    () => {
      killed ??= until(() => calls() === 2).then(() => process.kill(pids().at(-1)!, "SIGKILL"));
    },
  );
  await killed;
  expect(results.map(({ isError }) => isError)).toEqual([false, true, false]);
  expect(calls()).toBe(3);
  expect(results[1]?.output).toContain("was ended by SIGKILL");
  expect(pids()).toHaveLength(2);
  for (const pid of pids()) expect(alive(pid)).toBe(false);
});

it("a call takes the caller's trace along, in its `_meta` and over HTTP as headers, and a server of 2024 gets it too", async () => {
  const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "vendor=1" };
  const http = await startHttp([fixture("http.mjs")], /(http:\S+)/);
  const seen: unknown[] = [];
  const front = createServer((request, response) => {
    const { traceparent, tracestate } = request.headers;
    if (traceparent !== undefined) seen.push({ traceparent, tracestate });
    const { host: _, ...headers } = request.headers;
    const onward = forward(http.url, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
    response.on("close", () => onward.destroy());
    onward.on("error", () => response.destroy());
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  cleanup(() => new Promise((resolve) => front.close(resolve).closeAllConnections()));
  const url = `http://127.0.0.1:${(front.address() as { port: number }).port}/mcp`;
  const calls = [
    ["mcp__local__meta", {}],
    ["mcp__remote__meta", {}],
  ] as const;
  for (const given of [trace, undefined]) {
    seen.length = 0;
    const { results } = await play(calls, { mcpServers: { local: good(), remote: { url } } }, undefined, given && { trace: given });
    const metas = results.map(({ output }) => JSON.parse(String(output)) as { traceparent?: string; tracestate?: string });
    const of = ({ traceparent, tracestate }: { traceparent?: string; tracestate?: string }) => ({ traceparent, tracestate });
    expect(metas.map(of)).toEqual(calls.map(() => of(given ?? {})));
    expect(seen).toEqual(given === undefined ? [] : [given]);
  }
});
