import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, watch, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CoordinationEvent, isDelta } from "../../src/orchestrator/events.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { listRecords, type RunStatus, readRecord, recordRun } from "../../src/run-record/index.js";
import { say, scriptedBackend, wait } from "../../src/testing/index.js";
import { gate } from "../orchestrator/helpers.js";
import { historyOf, livelyTeam, playLively } from "./lively-team.js";

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "massgen-record-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The events in the file so far; it may have been read between two pieces of a line. */
function linesOf(dir: string): CoordinationEvent[] {
  const lines = readFileSync(join(dir, "events.jsonl"), "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as CoordinationEvent);
}
const jsonOf = <T>(...path: string[]): T => JSON.parse(readFileSync(join(...path), "utf8")) as T;

/** Resolves when something in the directory has made it so. */
function until(dir: string, so: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!existsSync(join(dir, "events.jsonl")) || !so()) return;
      watcher.close();
      resolve();
    };
    const watcher = watch(dir, look);
    look();
  });
}

/** What the deltas of each step and kind say together, and all other events as they are. */
function content(events: readonly CoordinationEvent[]): { texts: Record<string, string>; others: CoordinationEvent[] } {
  const texts: Record<string, string> = {};
  for (const event of events) {
    if (!isDelta(event)) continue;
    const key = [event.type, event.turnId, event.stepId].join(" ");
    texts[key] = (texts[key] ?? "") + event.delta;
  }
  return { texts, others: events.filter((event) => !isDelta(event)) };
}

describe("the option record", () => {
  it("writes a run down so that its events and its result can be had again", async () => {
    const dir = folder();
    const team = livelyTeam({ agents: 4, seed: 8, record: dir, prices: { scripted: { "gpt-large-2": { input: 1, output: 1 } } } });
    const { run, events } = await playLively(team, "Which index?");
    const result = await run.result;
    await team.orchestrator.close();

    const own = join(dir, run.runId);
    const written = linesOf(own);
    expect(content(written)).toEqual(content(events));
    expect(written.length).toBeLessThan(events.length);
    expect(written.map(({ seq }) => seq)).toEqual([...written.map(({ seq }) => seq)].sort((a, b) => a - b));

    const { history, question, cost, costByAgent, ledger, badLines } = await readRecord(own);
    expect({ question, cost, costByAgent, ledger, badLines, text: history.text, winner: history.winner }).toEqual({
      ...{ question: "Which index?", cost: result.cost, costByAgent: result.costByAgent, ledger: result.usage.ledger },
      ...{ badLines: 0, text: result.text, winner: result.winner },
    });
    expect(jsonOf<RunStatus>(own, "status.json")).toMatchObject({
      ...{ runId: run.runId, question: "Which index?", outcome: "finished", phase: null, reason: result.reason, winner: result.winner },
      ...{ seq: events.length - 1, votes: result.votes, cost: result.cost, epoch: result.epochs, pid: process.pid },
    });
    const answers = events.filter((event) => event.type === "answer");
    expect(answers.length).toBeGreaterThan(4);
    for (const { label, content } of answers) expect(readFileSync(join(own, "answers", `${label}.md`), "utf8")).toBe(content);
    expect(jsonOf(own, "votes.json")).toMatchObject({ winner: result.winner, label: result.label, counted: result.votes });
    expect(jsonOf(own, "usage.json")).toMatchObject({ cost: result.cost, byAgent: result.usage.byAgent, ledger: result.usage.ledger });
    expect(readFileSync(join(own, "coordination.txt"), "utf8")).toContain(`${result.label} by ${result.winner} won`);
    expect(readFileSync(join(own, "coordination.md"), "utf8")).toContain("| E1 |");
    expect(readFileSync(join(own, "report.html"), "utf8")).toContain("Which index?");
    expect(realpathSync(join(dir, "latest"))).toBe(realpathSync(own));
    expect(readdirSync(own).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("gives every run its own directory and never writes into an older one", async () => {
    const dir = folder();
    // Virtual runtimes number their runs: both of these are run_1.
    for (const seed of [1, 2]) {
      const team = livelyTeam({ seed, record: { dir, report: false } });
      await playLively(team, `question ${seed}`);
      await team.orchestrator.close();
    }
    expect((await listRecords(dir)).map(({ question, outcome }) => ({ question, outcome }))).toEqual([
      { question: "question 1", outcome: "finished" },
      { question: "question 2", outcome: "finished" },
    ]);
    expect(readdirSync(dir).sort()).toEqual(["latest", "run_1", "run_1-2"]);
    expect(existsSync(join(dir, "run_1", "report.html"))).toBe(false);
  });

  it.each([
    ["", "record: must name a directory"],
    [{ dir: 3 }, "record.dir: must name a directory"],
    [{ dir: "x", flushMs: -1 }, "record.flushMs: must be a number of at least 0, not -1"],
    [{ dir: "x", flsuhMs: 1 }, 'record.flsuhMs: unknown option, did you mean "flushMs"?'],
    [{ dir: "x", report: 1 }, "record.report: must be true or false"],
    [3, "record: must be an object, not 3"],
  ])("%j is refused at once", (record, message) => {
    expect(() => new Orchestrator({ agents: [{ id: "a", backend: scriptedBackend([]) }], record: record as never })).toThrow(message);
  });

  it("tells once that the disk fails, and the run goes on", async () => {
    const dir = folder();
    writeFileSync(join(dir, "file"), "");
    const errors: Error[] = [];
    const team = livelyTeam({ record: { dir: join(dir, "file"), onError: (error) => errors.push(error) } });
    const { run } = await playLively(team);
    await run.result;
    await team.orchestrator.close();
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining("EEXIST")]);
  });

  it("records a run that was aborted", async () => {
    const dir = folder();
    const team = livelyTeam({ record: dir });
    const run = team.orchestrator.run("q");
    run.on("answer", () => run.abort("enough"));
    await team.runtime.runUntil(Promise.allSettled([run.result]));
    await team.orchestrator.close();
    const { history } = await readRecord(dir);
    expect(history).toMatchObject({ outcome: "aborted", error: "enough" });
    expect((await listRecords(dir))[0]).toMatchObject({ outcome: "aborted", winner: null });
  });
});

describe("recordRun", () => {
  it("records a run from its beginning, however late it is called", async () => {
    const dir = folder();
    const { run, events } = await playLively(livelyTeam({ seed: 3 }));
    const record = recordRun(run, { dir, question: "asked" });
    await record.done;
    expect(await record.dir).toBe(join(dir, run.runId));
    expect(content(linesOf(await record.dir))).toEqual(content(events));
  });

  it("writes what streams at the latest after flushMs, as one line", async () => {
    const dir = folder();
    const { opened, open } = gate();
    const backend = scriptedBackend([[say("half of "), wait(opened), say("the text")]], { chunkSize: 1 });
    const run = new Orchestrator({ agents: [{ id: "a", backend }] }).run("q");
    const record = recordRun(run, { dir, flushMs: 5 });
    const deltas = () => linesOf(join(dir, run.runId)).filter(isDelta);
    await until(await record.dir, () => deltas().length > 0 && existsSync(join(dir, run.runId, "status.json")));
    expect(jsonOf(await record.dir, "status.json")).toMatchObject({
      outcome: "running",
      phase: "present",
      agents: [{ state: "presenting" }],
    });
    open();
    await record.done;
    const texts = Object.values(content(deltas()).texts);
    expect(texts).toEqual(["half of the text"]);
    expect(deltas().length).toBeLessThan("half of the text".length);
  });

  it.skipIf(process.platform === "win32")("never lets the run wait for the disk", async () => {
    const team = livelyTeam({ agents: 3, seed: 7 });
    const dir = folder();
    const run = team.orchestrator.run("q");
    const record = recordRun(run, { dir });
    const file = join(await record.dir, "events.jsonl");
    // Whoever writes to a named pipe waits until somebody reads it.
    execFileSync("mkfifo", [file]);
    const { text } = await team.runtime.runUntil(run.result);
    let lines = "";
    while (!lines.includes('"run-finish"')) lines += await readFile(file, "utf8");
    await record.done;
    const history = historyOf(
      lines
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as CoordinationEvent),
    );
    expect(history).toMatchObject({ outcome: "finished", text });
  });

  it("goes on with everything else when one file cannot be written, and tells it once", async () => {
    const dir = folder();
    const errors: Error[] = [];
    const team = livelyTeam({ seed: 2 });
    const run = team.orchestrator.run("q");
    const record = recordRun(run, { dir, onError: (error) => errors.push(error) });
    const own = await record.dir;
    mkdirSync(join(own, "status.json"));
    await team.runtime.runUntil(run.result);
    await record.done;
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining("status.json")]);
    expect(linesOf(own).at(-1)?.type).toBe("run-finish");
    expect(readdirSync(own).sort()).toEqual(
      ["answers", "coordination.md", "coordination.txt", "events.jsonl", "report.html", "status.json", "usage.json", "votes.json"].sort(),
    );
  });

  it("stops when its signal aborts, and the run goes on", async () => {
    const dir = folder();
    const team = livelyTeam({ seed: 3 });
    const stop = new AbortController();
    const run = team.orchestrator.run("q");
    const record = recordRun(run, { dir, signal: stop.signal });
    stop.abort();
    await record.done;
    await team.runtime.runUntil(run.result);
    expect(existsSync(join(await record.dir, "events.jsonl"))).toBe(false);
  });

  it("has written all but the last batch when the process is killed", async () => {
    const dir = folder();
    const script = fileURLToPath(new URL("./killed.ts", import.meta.url));
    const child = promisify(execFile)(process.execPath, ["--import", "tsx", script, dir]);
    await expect(child).rejects.toMatchObject({ signal: "SIGKILL" });
    const [record] = await listRecords(dir);
    expect(record).toMatchObject({ outcome: "crashed", question: "What was lost?", winner: null });
    const { history } = await readRecord(dir);
    // The child dies as soon as its status tells of the second answer.
    expect(history.answers.map(({ content }) => content)).toEqual(["the first", "the second"]);
    expect(history.outcome).toBe("running");
  }, 30_000);
});

describe("reading a record", () => {
  it("counts lines that are no events, and reads on", async () => {
    const dir = folder();
    const { run, events } = await playLively(livelyTeam({ seed: 5 }));
    await run.result;
    const lines = events.map((event) => JSON.stringify(event));
    lines.splice(3, 0, "not json", "[]", '{"type":1}', '{"type":"run-error","runId":"r","seq":0,"time":1}');
    writeFileSync(join(dir, "events.jsonl"), `${lines.join("\n")}\n{"type":"vote","se`);
    const { history, badLines, question, cost } = await readRecord(dir);
    expect({ badLines, question, cost, outcome: history.outcome }).toEqual({
      ...{ badLines: 5, question: "Which index fits this query, and why?", cost: { usd: null, complete: false }, outcome: "finished" },
    });
    expect((await readRecord(join(dir, "events.jsonl"))).history.seq).toBe(events.length - 1);
  });

  it("says what is missing", async () => {
    const dir = folder();
    await expect(readRecord(join(dir, "none"))).rejects.toMatchObject({
      code: "no_record",
      message: expect.stringContaining("no such file"),
    });
    await expect(readRecord(dir)).rejects.toMatchObject({ code: "no_record", message: expect.stringContaining("holds no events.jsonl") });
  });
});
