import { spawn } from "node:child_process";
import { getEventListeners } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createMcpServers } from "../../src/mcp/index.js";
import type { Runtime } from "../../src/runtime.js";
import { alive, cleanup, fakeRun, good, hurried, lines, open, openRun, raw, reaped, scratch, until } from "./helpers.js";

const starts = (log: string) => lines(log).filter((line) => line.startsWith("start"));
const pidOf = (line: string | undefined) => Number(/\d+/.exec(line ?? "")?.[0]);

describe("a server", () => {
  it("is connected once for all runs, and stays for the next one until the toolkit is closed", async () => {
    const log = join(scratch(), "log");
    const toolkit = createMcpServers({ test: raw("good", { env: { LOG: log } }) });
    cleanup(() => toolkit.close());
    const [one, two] = await Promise.all([openRun(toolkit), openRun(toolkit)]);
    expect(await one.call("mcp__test__call")).toBe(await two.call("mcp__test__call"));
    await Promise.all([one.close(), two.close()]);
    const three = await openRun(toolkit);
    await three.call("mcp__test__call");
    expect(starts(log)).toHaveLength(1);
    const pid = pidOf(starts(log)[0]);
    expect(alive(pid)).toBe(true);
    await toolkit.close();
    expect(alive(pid)).toBe(false);
    await expect(three.call("mcp__test__call")).rejects.toMatchObject({
      code: "mcp_unavailable",
      message: expect.stringContaining("has been closed"),
    });
    await expect(toolkit.open(fakeRun())).resolves.toBeDefined();
  });

  it("that one run stops waiting for is still connected for another", async () => {
    const log = join(scratch(), "log");
    const toolkit = createMcpServers({ test: raw("good", { env: { LOG: log } }) });
    cleanup(() => toolkit.close());
    const stopped = fakeRun();
    const opening = toolkit.open(stopped);
    const other = openRun(toolkit);
    stopped.controller.abort(new Error("stopped"));
    await expect(opening).rejects.toThrow("stopped");
    expect(await (await other).call("mcp__test__call")).toMatch(/^call done/);
    expect(starts(log)).toHaveLength(1);
  });

  it("that nobody waits for any longer is connected anew by the next who comes", async () => {
    const toolkit = createMcpServers({ test: raw("good") });
    cleanup(() => toolkit.close());
    const stopped = fakeRun();
    const opening = toolkit.open(stopped);
    stopped.controller.abort(new Error("stopped"));
    const next = openRun(toolkit);
    await expect(opening).rejects.toThrow("stopped");
    expect(await (await next).call("mcp__test__call")).toMatch(/^call done/);
    expect((await next).run.warnings).toEqual([]);
  });

  it("that comes up only later is there in a later turn", async () => {
    const script = join(scratch(), "server.mjs");
    const { names, run } = await open(
      { test: { command: process.execPath, args: [script], connectTimeoutMs: 1e6 } },
      { runtime: hurried(10) },
    );
    expect(names()).toEqual([]);
    expect(run.warnings).toHaveLength(1);
    writeFileSync(script, `import ${JSON.stringify(new URL("./servers/raw.mjs", import.meta.url).href)};`);
    await until(() => names().includes("mcp__test__call"));
  });
});

describe("a server killed at any moment of a call", () => {
  it("loses that call at most; the next one works", async () => {
    const log = join(scratch(), "log");
    const { call } = await open({ test: raw("late", { env: { LOG: log }, connectTimeoutMs: 1e7 }) }, { runtime: hurried(50) });
    let lost = 0;
    const moments = [0, 1, 2, 4, 8, 16, 24, 32, 40, 48, 50, 52, 56, 64, 80];
    for (const ms of moments) {
      await call("mcp__test__call");
      const pid = pidOf(starts(log).at(-1));
      const result = call("mcp__test__call").then(
        () => "done",
        (error: { code: string }) => error.code,
      );
      await new Promise((resolve) => setTimeout(resolve, ms));
      process.kill(pid, "SIGKILL");
      const outcome = await result;
      expect(outcome).toMatch(/^(done|mcp_call_lost)$/);
      if (outcome !== "done") lost++;
      await until(() => reaped(pid), "the end of the server");
      expect(await call("mcp__test__call")).toMatch(/^call done/);
    }
    expect(lost).toBeGreaterThan(5);
    expect(starts(log)).toHaveLength(moments.length + 1);
    const calls = lines(log).filter((line) => line === "call call");
    expect(calls.length).toBeLessThanOrEqual(moments.length * 3); // none was made twice
  }, 30_000);

  it("leaves calls of other servers alone", async () => {
    const log = join(scratch(), "log");
    const { call } = await open({ one: raw("hangs", { env: { LOG: log } }), two: raw("late") });
    const other = call("mcp__two__call");
    const lost = call("mcp__one__call");
    lost.catch(() => {});
    await until(() => lines(log).includes("call call"), "the call at the server");
    process.kill(pidOf(starts(log)[0]), "SIGKILL");
    await expect(lost).rejects.toMatchObject({ code: "mcp_call_lost" });
    expect(await other).toMatch(/^call done/);
  });
});

describe("a server that fails over and over", () => {
  it("is given twice the time before each new attempt", async () => {
    const clock = { now: 0 };
    const waits: number[] = [];
    const runtime: Runtime = {
      ...hurried(1),
      now: () => clock.now,
      random: () => 0,
      setTimer(ms, fn) {
        if (ms > 10_000) return hurried(1).setTimer(ms, fn); // of the attempt itself
        waits.push(ms);
        const timer = setImmediate(() => {
          clock.now += ms;
          fn();
        });
        return () => clearImmediate(timer);
      },
    };
    const toolkit = createMcpServers({ test: { command: process.execPath, args: ["-e", "process.exit(1)"] } });
    cleanup(() => toolkit.close());
    for (let n = 0; n < 4; n++) await (await openRun(toolkit, { runtime })).close();
    expect(waits).toEqual([250, 500]); // the fourth does not wait: it goes on without the server
  });

  it("is tried again by one attempt when the break is over, and is as good as new when that works", async () => {
    const clock = { now: 0 };
    const script = join(scratch(), "server.mjs");
    const log = join(scratch(), "log");
    writeFileSync(script, "process.exit(1)");
    const runtime = {
      ...hurried(1),
      now: () => clock.now,
      setTimer: (ms: number, fn: () => void) => hurried(1000).setTimer(ms, fn),
      random: () => 0,
    };
    const toolkit = createMcpServers({ test: { command: process.execPath, args: [script], env: { LOG: log }, connectTimeoutMs: 1e7 } });
    cleanup(() => toolkit.close());
    const failure = async () => {
      const { run, close } = await openRun(toolkit, { runtime });
      await close();
      return run.warnings[0]?.message ?? "none";
    };
    expect(await failure()).toContain("ended with exit code 1");
    clock.now += 1000;
    expect(await failure()).toContain("ended with exit code 1");
    clock.now += 1000;
    expect(await failure()).toContain("ended with exit code 1");
    expect(await failure()).toContain(
      "failed 3 times in a row and is left alone for another 30 s. The last time it ended with exit code 1.",
    );
    clock.now += 30_001;
    expect(await failure()).toContain("ended with exit code 1"); // the one attempt
    expect(await failure()).toContain("failed 4 times in a row and is left alone for another 60 s");
    clock.now += 60_001;
    writeFileSync(script, `import ${JSON.stringify(new URL("./servers/raw.mjs", import.meta.url).href)};`);
    const [one, two] = await Promise.all([openRun(toolkit, { runtime }), openRun(toolkit, { runtime })]);
    expect(await one.call("mcp__test__call")).toBe(await two.call("mcp__test__call"));
    expect(starts(log)).toHaveLength(1);
    process.kill(pidOf(starts(log)[0]), "SIGKILL");
    await until(() => reaped(pidOf(starts(log)[0])));
    expect(await one.call("mcp__test__call")).toMatch(/^call done/);
  });
});

describe("a program that ends without closing the toolkit", () => {
  const program = (mode: string, log: string, end: string) => `
    import { createMcpServers } from ${JSON.stringify(new URL("../../src/mcp/index.ts", import.meta.url).href)};
    import { systemRuntime } from ${JSON.stringify(new URL("../../src/runtime.ts", import.meta.url).href)};
    const controller = new AbortController();
    const toolkit = createMcpServers({ test: ${JSON.stringify(raw(mode, { env: { LOG: log } }))} });
    const run = { runId: "r", agents: [], signal: controller.signal, runtime: systemRuntime, warn: console.error, ask: async () => undefined };
    const opening = toolkit.open(run);
    ${end}
  `;

  async function runProgram(source: string, signal?: { name: NodeJS.Signals; when: () => boolean }): Promise<number | string | null> {
    const file = join(scratch(), "program.mts");
    writeFileSync(file, source);
    const child = spawn(process.execPath, ["--import", "tsx", file], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      stdio: "inherit",
    });
    cleanup(() => child.kill("SIGKILL"));
    const ended = new Promise<number | string | null>((resolve) => child.once("exit", (code, by) => resolve(code ?? by)));
    if (signal) {
      await until(signal.when);
      child.kill(signal.name);
    }
    return ended;
  }

  it("is not kept alive by an idle server, and leaves none behind", async () => {
    const log = join(scratch(), "log");
    expect(await runProgram(program("stubborn", log, "const kit = await opening; controller.abort(); await kit.close();"))).toBe(0);
    await until(() => starts(log).every((line) => !alive(pidOf(line))));
    expect(starts(log)).toHaveLength(1);
  });

  it("leaves none behind when it exits in the middle of connecting", async () => {
    const log = join(scratch(), "log");
    const exit = `
      const { existsSync } = await import("node:fs");
      while (!existsSync(${JSON.stringify(log)})) await new Promise((resolve) => setTimeout(resolve, 5));
      process.exit(4);`;
    expect(await runProgram(program("silent-stubborn", log, exit))).toBe(4);
    await until(() => starts(log).every((line) => !alive(pidOf(line))));
  });

  it.each(["SIGINT", "SIGTERM"] as const)("leaves none behind when ended by %s, which it dies of as before", async (name) => {
    const log = join(scratch(), "log");
    const source = program("silent-stubborn", log, "await opening;");
    expect(await runProgram(source, { name, when: () => starts(log).length > 0 })).toBe(name);
    await until(() => starts(log).every((line) => !alive(pidOf(line))));
  });
});

describe("a connection per agent", () => {
  it("is another process each, ended with the run", async () => {
    const log = join(scratch(), "log");
    const { call, close } = await open({ test: raw("good", { perAgent: true, env: { LOG: log } }) });
    const [anna, bert] = [await call("mcp__test__call", {}, { agentId: "anna" }), await call("mcp__test__call", {}, { agentId: "bert" })];
    expect(anna).not.toBe(bert);
    expect(await call("mcp__test__call", {}, { agentId: "anna" })).toBe(anna);
    expect(starts(log)).toHaveLength(3); // and the one that was asked for the tools
    await close();
    expect(alive(pidOf(String(anna)))).toBe(false);
    expect(alive(pidOf(String(bert)))).toBe(false);
  });
});

it("leaves nothing on the run's signal", async () => {
  const { run, call } = await open({ test: good() });
  for (let i = 0; i < 30; i++) await call("mcp__test__echo", { text: "x" }, { signal: run.signal });
  expect(getEventListeners(run.signal, "abort")).toHaveLength(0);
});
