import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { McpServerConfig } from "../../src/mcp/config.js";
import { createMcpServers } from "../../src/mcp/index.js";
import { alive, cleanup, fakeRun, hurried, lines, open, raw, scratch, until } from "./helpers.js";

/** Opens a run with a bad server beside a good one; gives the one warning. */
async function warning(bad: McpServerConfig): Promise<string> {
  const { names, run, call, close } = await open({ bad, fine: raw("good") });
  expect(names()).toEqual(["mcp__fine__call", "mcp__fine__read", "mcp__read_result"]);
  expect(await call("mcp__fine__call")).toMatch(/^call done by /);
  await close();
  expect(run.warnings.map(({ code }) => code)).toEqual(["mcp_unavailable"]);
  return run.warnings[0]!.message;
}

describe("a server that cannot be used costs the run a warning and its tools", () => {
  it("no such program", async () => {
    expect(await warning({ command: "no-such-program-here" })).toBe(
      'The MCP server "bad" cannot be started: there is no program "no-such-program-here" here or on the PATH. The run goes on without its tools.',
    );
    expect(await warning({ command: "npx -y some-server" })).toContain("Give the program alone as `command`, what follows it as `args`");
  });

  it("no such working directory, no right to execute", async () => {
    expect(await warning({ command: "node", cwd: "/no/such/place" })).toContain("its working directory /no/such/place does not exist");
    expect(await warning({ command: "/etc/passwd" })).toContain('"/etc/passwd" may not be executed');
  });

  it("ends at once: the exit code and its last words, without its secrets", async () => {
    expect(await warning(raw("dies", { env: { PASSWORD: "hunter2hunter2" } }))).toBe(
      'The MCP server "bad" ended with exit code 3. The run goes on without its tools. It wrote: cannot read the config; the password is [redacted]',
    );
  });

  it("never answers, or never lists its tools", async () => {
    const log = join(scratch(), "log");
    expect(await warning(raw("silent", { connectTimeoutMs: 300, env: { LOG: log } }))).toContain("did not answer within 300 ms.");
    expect(await warning(raw("no-list", { connectTimeoutMs: 2000, env: { LOG: log } }))).toContain(
      "did not list its tools within 2000 ms.",
    );
    for (const line of lines(log)) expect(alive(Number(line.split(" ")[1]))).toBe(false);
  });

  it("speaks an unknown version of the protocol", async () => {
    expect(await warning(raw("old-version"))).toContain("speaks a protocol version that is not known here (1999-01-01).");
  });

  it("speaks no MCP at all", async () => {
    expect(await warning({ command: "cat" })).toMatch(/does not speak MCP|answered with an error|did not/);
    expect(await warning({ command: "true" })).toContain("ended with exit code 0");
  });

  it("floods its output", async () => {
    expect(await warning(raw("floods"))).toMatch(/flooded its output with what nobody asked for/);
  });

  it("sends one line of 50 MB", async () => {
    expect(await warning(raw("long-line"))).toContain("sent a message longer than 10 MB");
  });
});

describe("a required server that cannot be used", () => {
  it("ends the run instead, and nothing is left of the others", async () => {
    const log = join(scratch(), "log");
    const toolkit = createMcpServers({ bad: raw("dies", { required: true }), fine: raw("good", { env: { LOG: log } }) });
    const run = fakeRun();
    await expect(toolkit.open(run)).rejects.toMatchObject({
      code: "mcp_unavailable",
      message: expect.stringMatching(/^The MCP server "bad" ended with exit code 3\./),
    });
    await toolkit.close();
    expect(alive(Number(lines(log)[0]?.split(" ")[1]))).toBe(false);
  });
});

describe("a server that lies about its tools", () => {
  it("loses the tools that cannot be offered, with the reasons in one warning", async () => {
    const { names, tool, run } = await open({ bad: raw("lies") });
    expect(names()).toEqual(["mcp__bad__good", "mcp__bad__wordy", "mcp__bad__untyped", "mcp__read_result"]);
    expect(tool("mcp__bad__good").description).toBe("fine");
    expect(tool("mcp__bad__wordy").description).toHaveLength(8192 + 7);
    expect(tool("mcp__bad__untyped").inputSchema).toEqual({ type: "object", properties: { a: { type: "string" } } });
    expect(run.warnings).toHaveLength(1);
    expect(run.warnings[0]).toMatchObject({ code: "mcp_tools" });
    expect(run.warnings[0]?.message).toMatch(
      /lists tools that break the rules: "good" is listed twice; the first is used; "list" takes "array", not an object; "none" has no input schema; "nonsense" has an input schema that is not JSON Schema \(schema\/properties\/a\/type must be .*\); "foreign" .* \(and 5 more\)\.$/,
    );
  });

  it("is cut to as many tools as allowed", async () => {
    const { names, run } = await open({ bad: raw("many") });
    expect(names()).toHaveLength(128 + 1);
    expect(run.warnings[0]?.message).toContain(
      "lists 10000 tools; the first 128 are offered. Choose with `allowedTools`, or raise `maxTools`.",
    );
    const chosen = await open({ bad: raw("many", { allowedTools: ["tool_9999"] }) });
    expect(chosen.names()).toEqual(["mcp__bad__tool_9999", "mcp__read_result"]);
    expect(chosen.run.warnings).toEqual([]);
  });

  it("gets names that providers take, each of which finds its tool", async () => {
    const { names, call } = await open({ bad: raw("names") });
    const own = names().filter((name) => name !== "mcp__read_result");
    expect(own).toHaveLength(6);
    for (const name of own) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    const results = await Promise.all(own.map((name) => call(name)));
    expect(results.map((result) => String(result).split(" done")[0])).toEqual([
      "a.b",
      "a/b",
      "a_b",
      "x".repeat(100),
      "x".repeat(101),
      "größe",
    ]);
  });
});

describe("a server that fails in a call", () => {
  it("dies: the call has no result and is not repeated", async () => {
    const log = join(scratch(), "log");
    const { call } = await open({ bad: raw("dies-in-call", { env: { LOG: log } }) });
    await expect(call("mcp__bad__call")).rejects.toMatchObject({
      code: "mcp_call_lost",
      message:
        '"mcp__bad__call" has no result: the MCP server "bad" ended with exit code 9. Whether the call had an effect is not known; it was not repeated.',
    });
    expect(lines(log).filter((line) => line === "call call")).toHaveLength(1);
  });

  it("dies in the middle of its answer", async () => {
    const { call } = await open({ bad: raw("half-answer") });
    await expect(call("mcp__bad__call")).rejects.toMatchObject({ code: "mcp_call_lost" });
  });

  it("dies in a call that only reads: it is made once more", async () => {
    const log = join(scratch(), "log");
    const { call, logs } = await open({ bad: raw("dies-in-call", { env: { LOG: log } }) });
    await expect(call("mcp__bad__read")).rejects.toMatchObject({ code: "mcp_call_lost" });
    expect(lines(log).filter((line) => line === "call read")).toHaveLength(2);
    expect(logs).toContain('The MCP server "bad" ended with exit code 9; the call of "mcp__bad__read" is made once more.');
  });

  it("dies in every call: after three it is left alone", async () => {
    const { call } = await open({ bad: raw("dies-in-call") });
    for (let i = 0; i < 3; i++) await expect(call("mcp__bad__call")).rejects.toMatchObject({ code: "mcp_call_lost" });
    await expect(call("mcp__bad__call")).rejects.toMatchObject({
      code: "mcp_unavailable",
      message: expect.stringMatching(
        /^The MCP server "bad" failed 3 times in a row and is left alone for another \d+ s\. The last time it ended with exit code 9\. Go on without it/,
      ),
    });
  });

  it("answers with content of an unknown kind", async () => {
    const { call } = await open({ bad: raw("odd-content") });
    await expect(call("mcp__bad__call")).rejects.toMatchObject({
      code: "mcp_call_failed",
      message: expect.stringContaining("gave no valid result"),
    });
  });

  it("floods with progress: the newest is told now and then, the result comes", async () => {
    const { call, progress } = await open({ bad: raw("progress-flood") });
    expect(await call("mcp__bad__call")).toMatch(/^call done/);
    expect(progress.length).toBeLessThan(100);
  });

  it("prints to both streams what does not belong there", async () => {
    const { call, run } = await open({ bad: raw("noisy") });
    expect(await call("mcp__bad__call")).toMatch(/^call done/);
    expect(run.warnings).toEqual([]);
  });
});

describe("a server that hangs in a call", () => {
  it("that still answers pings keeps its connection; that call alone is lost", async () => {
    const log = join(scratch(), "log");
    const { call, run } = await open({ bad: raw("slow", { env: { LOG: log }, resetTimeoutOnProgress: true, timeoutMs: 100 }) });
    await expect(call("mcp__bad__call")).rejects.toMatchObject({
      code: "mcp_timeout",
      message: 'The MCP server "bad" sent neither a result nor progress for 100 ms, and the call was cancelled.',
    });
    await until(() => lines(log).includes("cancelled"));
    expect(lines(log).filter((line) => line.startsWith("start"))).toHaveLength(1);
    expect(run.warnings).toEqual([]);
  });

  it("that answers nothing is ended, and started anew for the next call", async () => {
    const log = join(scratch(), "log");
    const bad = raw("hangs", { env: { LOG: log }, resetTimeoutOnProgress: true, timeoutMs: 1000 });
    const { call } = await open({ bad }, { runtime: hurried(10) });
    await expect(call("mcp__bad__call")).rejects.toMatchObject({ code: "mcp_timeout" });
    const [first] = lines(log);
    await until(() => !alive(Number(first?.split(" ")[1])), "the end of the server");
    await expect(call("mcp__bad__call")).rejects.toMatchObject({ code: "mcp_timeout" });
    expect(lines(log).filter((line) => line.startsWith("start"))).toHaveLength(2);
  });
});

describe("stubborn servers", () => {
  it("are killed when closed, with all they started", async () => {
    const log = join(scratch(), "log");
    const { toolkit, close } = await open({ one: raw("stubborn", { env: { LOG: log } }), two: raw("grandchild", { env: { LOG: log } }) });
    await close();
    await toolkit.close();
    const pids = lines(log).map((line) => Number(/\d+/.exec(line)?.[0]));
    expect(lines(log)).toEqual(expect.arrayContaining([expect.stringMatching(/^child/), "SIGTERM"]));
    for (const pid of pids.filter((each) => !Number.isNaN(each))) await until(() => !alive(pid), `the end of ${pid}`);
  });

  it("are gone once an aborted run has been closed, even if it was still connecting", async () => {
    const log = join(scratch(), "log");
    const toolkit = createMcpServers({ bad: raw("silent-stubborn", { env: { LOG: log } }) });
    cleanup(() => toolkit.close());
    const run = fakeRun();
    const opening = toolkit.open(run);
    await until(() => lines(log).length > 0);
    run.controller.abort(new Error("stopped"));
    await expect(opening).rejects.toThrow("stopped");
    expect(alive(Number(lines(log)[0]?.split(" ")[1]))).toBe(false);
  });
});
