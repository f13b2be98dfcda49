import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseConfig } from "../../src/config/index.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import type { Run } from "../../src/orchestrator/run.js";
import { type LoggingOption, resolveLogging } from "../../src/telemetry/options.js";
import { callTool, fail, newAnswer, scriptedBackend, simulatedTeam, startEmulator, vote } from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";

type LogRecord = Record<string, unknown> & { level: string; msg: string; event: string };

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const TRACE = { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` };
const SECRET = "sk-proj-A1b2C3d4E5f6G7h8J9k0L1m2";

/** A destination that keeps what is written to it. */
function memory() {
  const written: string[] = [];
  return {
    write: (line: string) => void written.push(line),
    text: () => written.join(""),
    records: () => written.map((line) => JSON.parse(line) as LogRecord),
  };
}

const lookUp = tool({
  name: "look_up",
  description: "Looks something up.",
  input: { type: "object", properties: {} },
  execute: () => ({ found: `the key is ${SECRET}`, password: "hunter2" }),
});

/** Two agents; `gpt` uses a tool and wins, `ada` fails. */
function duo(logging?: LoggingOption) {
  return new Orchestrator({
    agents: [
      {
        id: "gpt",
        tools: [lookUp],
        backend: scriptedBackend([callTool("look_up", { q: "x" }), newAnswer("A"), vote("agent1", `It knows ${SECRET}.`), "Final."], {
          model: "m1",
        }),
      },
      { id: "ada", backend: scriptedBackend([newAnswer("B"), fail("bad_request")], { model: "m2" }) },
    ],
    ...(logging !== undefined && { logging }),
  });
}

const types = (records: LogRecord[]) => new Set(records.map(({ event }) => event));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "massgen-log-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the team and gives back what was logged. */
async function logged(logging: LoggingOption, during?: (run: Run) => void): Promise<LogRecord[]> {
  const log = memory();
  const given = typeof logging === "object" ? { ...logging, destination: log } : { filter: String(logging), destination: log };
  await using orchestrator = duo(given);
  const run = orchestrator.run("The task", { trace: TRACE });
  during?.(run);
  await run.result;
  return log.records();
}

describe("the log of a run", () => {
  it("has a record of every event from first to last, in order, with its ids", async () => {
    const seen: string[] = [];
    const records = await logged("trace", (run) => run.on("*", (event) => seen.push(`${event.seq} ${event.type}`)));
    expect(records.map(({ seq, event }) => `${seq} ${event}`)).toEqual(seen);
    expect(new Set(records.map(({ run, trace_id }) => `${String(run)} ${String(trace_id)}`)).size).toBe(1);
    expect(records[0]).toMatchObject({ run: expect.stringMatching(/^run_/), trace_id: TRACE_ID, level: "info", component: "run" });
    expect(records.find(({ event }) => event === "tool-call")).toMatchObject({
      level: "debug",
      component: "tool",
      agent: "gpt",
      turn: expect.any(String),
      step: expect.any(String),
      phase: "draft",
      attempt: 1,
      epoch: 0,
      tool: "look_up",
      input: { q: "x" },
      msg: "gpt calls look_up",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
  });

  it("tells the course of the run at `info`, and lengths where models and tools write", async () => {
    const records = await logged("info");
    expect(types(records)).toEqual(
      new Set([
        ...[
          "run-start",
          "turn-start",
          "answer",
          "turn-finish",
          "epoch-start",
          "step-finish",
          "turn-error",
          "agent-out",
          "vote",
          "consensus",
        ],
        "run-finish",
      ]),
    );
    const [start] = records;
    expect(start).toMatchObject({ event: "run-start", inputLength: expect.any(Number) });
    expect(start).not.toHaveProperty("input");
    const answer = records.find(({ event, agent }) => event === "answer" && agent === "ada");
    expect(answer).toMatchObject({ contentLength: 1, msg: "ada answered agent2.1" });
    expect(answer).not.toHaveProperty("content");
    expect(records.find(({ event }) => event === "turn-error")).toMatchObject({
      level: "error",
      agent: "ada",
      error: { code: "bad_request" },
    });
  });

  it("has what was written at `debug`, but never the pieces of a text that is still being written", async () => {
    const records = await logged("trace");
    expect(records.find(({ event, agent }) => event === "answer" && agent === "ada")).toMatchObject({ content: "B" });
    const delta = records.find(({ event }) => event === "text-delta");
    expect(delta).toMatchObject({ level: "trace", deltaLength: expect.any(Number) });
    expect(delta).not.toHaveProperty("delta");
  });

  it("keeps secrets out of values, nested values and messages", async () => {
    const records = await logged("trace");
    expect(JSON.stringify(records)).not.toContain(SECRET);
    expect(JSON.stringify(records)).not.toContain("hunter2");
    expect(records.find(({ event }) => event === "tool-result")?.output).toEqual({
      found: "the key is [redacted]",
      password: "[redacted]",
    });
    expect(records.find(({ event, agent }) => event === "vote" && agent === "gpt")?.msg).toBe(
      "gpt votes for agent1.1: It knows [redacted].",
    );
  });

  it("has only what the filter lets pass", async () => {
    const records = await logged("off,agent=gpt:debug,tool:off");
    expect(new Set(records.map(({ agent }) => agent))).toEqual(new Set(["gpt"]));
    expect(types(records)).toContain("step-start");
    expect(types(records)).not.toContain("tool-call");
    const present = await logged({ level: "off", filter: [{ phase: "present", event: "turn-*", level: "info" }] });
    expect(present.map(({ event }) => event)).toEqual(["turn-start", "turn-finish"]);
  });

  it("tells how a run ended that was aborted before it began", async () => {
    const log = memory();
    await using orchestrator = duo({ destination: log });
    const run = orchestrator.run("The task");
    run.abort("changed my mind");
    await expect(run.result).rejects.toMatchObject({ code: "aborted" });
    expect(
      log
        .records()
        .map(({ msg, level }) => `${level} ${msg}`)
        .at(-1),
    ).toBe("warn run aborted: changed my mind");
  });

  it("is whole when the orchestrator is closed in the middle", async () => {
    const path = join(folder, "sub/run.log");
    const orchestrator = duo({ destination: path, level: "debug" });
    const run = orchestrator.run("The task");
    await Promise.all([orchestrator.close(), orchestrator.close()]);
    await orchestrator.close();
    const last = (await readFile(path, "utf8")).trim().split("\n").at(-1) ?? "";
    expect(JSON.parse(last)).toMatchObject({ event: "run-abort", run: run.runId });
  });
});

describe("where the log goes", () => {
  it("to a file, to which the next orchestrator adds", async () => {
    const path = join(folder, "logs/massgen.log");
    for (let time = 0; time < 2; time++) {
      await using orchestrator = duo({ destination: path });
      await orchestrator.run("The task").result;
    }
    const records = (await readFile(path, "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as LogRecord);
    expect(records.filter(({ event }) => event === "run-start")).toHaveLength(2);
    expect(records.filter(({ event }) => event === "run-finish")).toHaveLength(2);
  });

  it("a file that cannot be opened is a warning of the process, and the run goes on", async () => {
    const warning = new Promise<Error>((resolve) => process.once("warning", resolve));
    await writeFile(join(folder, "file"), "");
    const warnings: string[] = [];
    const note = ({ message }: Error) => void warnings.push(message);
    process.on("warning", note);
    await using orchestrator = duo({ destination: join(folder, "file/x.log") });
    await expect(orchestrator.run("The task").result).resolves.toMatchObject({ winner: "gpt" });
    expect(await warning).toMatchObject({ code: "MASSGEN_LOG", message: expect.stringContaining("the log cannot be written") });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", note);
    expect(warnings).toHaveLength(1);
  });

  it("as lines for people, which cannot take over a terminal", async () => {
    const log = memory();
    await using orchestrator = new Orchestrator({
      agents: [{ id: "ada", backend: scriptedBackend(["Done."], { model: "evil\x1b[2J\nmodel" }) }],
      logging: { destination: log, pretty: true },
    });
    await orchestrator.run("The task").result;
    expect(log.text()).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}\w{6} run started with ada \(evil\[2J model\)/);
    expect(log.text()).toContain("ada starts to present");
    expect(log.text()).not.toContain("\x1b");
  });

  it("to stderr of a program, leaving stdout alone", { timeout: 60_000 }, () => {
    const source = pathToFileURL("src/index.ts").href;
    const testing = pathToFileURL("src/testing/index.ts").href;
    const program = `const { Orchestrator } = await import(${JSON.stringify(source)}); const { scriptedBackend } = await import(${JSON.stringify(testing)});
      const { text } = await new Orchestrator({ agents: [{ id: "ada", backend: scriptedBackend(["Done."]) }] }).run("x").result; console.log(text);
      const { createRequire } = await import("node:module");
      console.log("loaded:", Object.keys(createRequire(${JSON.stringify(`${process.cwd()}/x.js`)}).cache).some((file) => /node_modules.(pino|@opentelemetry)/.test(file)));`;
    const run = (env: Record<string, string>) =>
      spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
        encoding: "utf8",
        env: { ...process.env, ...env },
      });
    const off = run({});
    expect([off.stdout, off.stderr]).toEqual(["Done.\nloaded: false\n", ""]);
    const on = run({ MASSGEN_LOG: "info" });
    expect(on.stdout).toBe("Done.\nloaded: true\n");
    const events = on.stderr
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as LogRecord).event);
    expect([events[0], events.at(-1)]).toEqual(["run-start", "run-finish"]);
  });

  /** Runs a program that logs one run to `path`; `after` is what it does once the run has begun. */
  function program(path: string, after: string) {
    const [source, testing] = ["src/index.ts", "src/testing/index.ts"].map((file) => JSON.stringify(pathToFileURL(file).href));
    const code = `const { Orchestrator } = await import(${source}); const { scriptedBackend } = await import(${testing});
      const logging = { level: "trace", destination: ${JSON.stringify(path)} };
      const run = new Orchestrator({ agents: [{ id: "ada", backend: scriptedBackend(["Done."]) }], logging }).run("x");
      ${after}`;
    const args = ["--no-warnings", "--import", "tsx", "--input-type=module", "-e", code];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
    return [stdout, stderr, status];
  }

  it("to a file, whole, in a program that ends itself at once", { timeout: 60_000 }, async () => {
    const path = join(folder, "run.log");
    expect(program(path, "await run.result; process.exit(0);")).toEqual(["", "", 0]);
    expect(await readFile(path, "utf8")).toMatch(/^\{"level":"info",.*"event":"run-finish".*\}\n$/s);
  });

  it("a program that ends before the file is open, or whose file cannot be opened, ends as it should", { timeout: 60_000 }, async () => {
    // Between the loading of pino and the end of the opening.
    const whileOpening = `const fs = await import("node:fs");
      const real = fs.default.open; fs.default.open = (...args) => { setImmediate(() => process.exit(0)); real(...args); };
      (await import("node:module")).syncBuiltinESMExports(); await run.result.catch(() => {});`;
    expect(program(join(folder, "late.log"), whileOpening)).toEqual(["", "", 0]);
    await writeFile(join(folder, "file"), "");
    const broken = join(folder, "file/x.log");
    expect(program(broken, "console.log((await run.result).text);")).toEqual(["Done.\n", "", 0]);
    expect(program(broken, "console.log((await run.result).text); process.exit(0);")).toEqual(["Done.\n", "", 0]);
  });

  it("to a logger of the user's own", async () => {
    const calls: [string, Record<string, unknown>, string][] = [];
    const method = (level: string) => (fields: object, message: string) => void calls.push([level, { ...fields }, message]);
    const logger = { debug: method("debug"), info: method("info"), warn: method("warn"), error: method("error") };
    await using orchestrator = duo({ level: "trace", logger });
    const { runId } = await orchestrator.run("The task").result;
    expect(calls[0]).toEqual([
      "info",
      expect.objectContaining({ run: runId, component: "run", event: "run-start" }),
      "run started with gpt (m1), ada (m2)",
    ]);
    expect(calls.find(([, { event }]) => event === "text-delta")?.[0]).toBe("debug");
    expect(JSON.stringify(calls)).not.toContain(SECRET);
  });

  it("a logger that throws is told once, and the run goes on", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on("warning", note);
    const broken = () => {
      throw new Error("disk full");
    };
    await using orchestrator = duo({ logger: { debug: broken, info: broken, warn: broken, error: broken } });
    await expect(orchestrator.run("The task").result).resolves.toMatchObject({ winner: "gpt" });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", note);
    expect(warnings.map(({ message }) => message)).toEqual(["your logger threw: disk full. Further records may be lost."]);
  });
});

describe("the options of logging", () => {
  const team = [
    {
      id: "gpt",
      backend: { apiKey: "my own key", headers: { "X-Api-Key": "another", Authorization: "Bearer third", "X-Title": "my app" } },
    },
    { id: "ada" },
  ];
  const resolve = (option: LoggingOption | undefined, env = {}) => resolveLogging(option, team, env);

  it("are off unless asked for, by the code or the environment", () => {
    expect(resolve(undefined)).toBeUndefined();
    expect(resolve("off")).toBeUndefined();
    expect(resolve(true, { MASSGEN_LOG: "off" })).toBeUndefined();
    expect(resolve(false, { MASSGEN_LOG: "debug" })).toBeUndefined();
    expect(resolve(undefined, { MASSGEN_LOG: "debug" })?.rules).toEqual([{ level: "debug" }]);
    expect(resolve("off,mcp:debug")?.rules).toHaveLength(2);
  });

  it("give the environment the last word", () => {
    expect(resolve({ level: "warn", filter: "mcp:off" }, { MASSGEN_LOG: "agent=somebody:debug" })?.rules).toEqual([
      { level: "warn" },
      { component: "mcp", level: "off" },
      { agent: "somebody", level: "debug" },
    ]);
  });

  it("know the team's own keys", () => {
    expect(resolve(true)?.secrets).toEqual(["my own key", "another", "third"]);
  });

  it.each<[unknown, string]>([
    [5, "logging: must be an object, not 5"],
    [{ levl: "debug" }, 'logging.levl: unknown option, did you mean "level"?'],
    [{ level: "loud" }, "logging.level: must be one of trace, debug, info, warn, error, off"],
    ["info,agent=gtp:debug", 'logging: in the filter, "agent=gtp:debug": "gtp" is no agent; did you mean "gpt"?'],
    [{ filter: [{ agent: "gpt" }] }, 'logging.filter: in the filter, {"agent":"gpt"}: "undefined" is no level'],
    [{ filter: 5 }, "logging.filter: must be a text"],
    [{ destination: {} }, 'logging.destination: must be "stdout", "stderr", a path or { write(line) }'],
    [{ pretty: "yes" }, "logging.pretty: must be true or false"],
    [{ logger: { info() {} } }, 'logging.logger: has no method "debug(fields, message)"'],
    [{ logger: console, pretty: true }, "logging.pretty: has no meaning with a `logger` of your own"],
  ])("%j is refused", (option, message) => {
    expect(() => resolve(option as LoggingOption)).toThrow(message);
  });

  it("come from YAML, with the line of a mistake", () => {
    const yaml = (logging: string) => `agents: [{ id: ada, backend: { type: vllm, model: m } }]\nlogging: ${logging}\n`;
    expect(parseConfig(yaml("{ level: debug, filter: 'mcp:off', destination: run.log, pretty: false }")).logging).toEqual({
      level: "debug",
      filter: "mcp:off",
      destination: "run.log",
      pretty: false,
    });
    expect([parseConfig(yaml("true")).logging, parseConfig(yaml("'info,mcp:off'")).logging]).toEqual([true, "info,mcp:off"]);
    expect(() => parseConfig(yaml("'info,agent=adda:debug'"))).toThrow(/2:1 {2}logging is not right: .*"adda" is no agent/);
    expect(() => parseConfig(yaml("{ level: loud }"))).toThrow(/2:\d+ {2}logging.level is not right/);
    expect(() => parseConfig(yaml("5"))).toThrow(/logging must be true, false, a level, a filter/);
  });
});

it("of one agent by itself is its team's: filters that name another, and every key of the team", async () => {
  const key = "made-up-key-0815";
  const log = memory();
  await using team = new Orchestrator({
    agents: [
      { id: "gpt", backend: { type: "chatcompletion", model: "m", baseUrl: "http://127.0.0.1:9/v1", apiKey: key } },
      { id: "ada", backend: scriptedBackend([`It knows ${key}.`]) },
    ],
    logging: { filter: "off,agent=gpt:info,agent=ada&event=answer:debug", destination: log },
  });
  await team.alone("ada").run("The task").result;
  await team.close();
  expect(log.records().map(({ event, content }) => [event, content])).toEqual([["answer", "It knows [redacted]."]]);
});

it("hides the key of a backend whatever it looks like, in a run over HTTP", async () => {
  await using emulator = await startEmulator({ respond: simulatedTeam() });
  const log = memory();
  const apiKey = "nothing-special-at-all";
  await using orchestrator = new Orchestrator({
    agents: ["a", "b"].map((id) => ({ id, backend: { type: "vllm", model: `m-${apiKey}`, baseUrl: emulator.baseUrl, apiKey } })),
    logging: { level: "trace", destination: log },
  });
  await orchestrator.run("The task", { trace: TRACE }).result;
  expect(log.text()).toContain("m-[redacted]");
  expect(log.text()).not.toContain(apiKey);
  expect(emulator.requests.map(({ headers }) => headers.traceparent)).toEqual(emulator.requests.map(() => TRACE.traceparent));
});
