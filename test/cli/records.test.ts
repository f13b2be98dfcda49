import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { simulatedTeam, startEmulator } from "../../src/testing/index.js";
import { livelyTeam, playLively } from "../run-record/lively-team.js";
import { run, start, teamFile } from "./support.js";

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "massgen-records-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function recorded(seed = 5): Promise<{ dir: string; events: CoordinationEvent[] }> {
  const dir = folder();
  const team = livelyTeam({ seed, record: dir });
  const { events } = await playLively(team, "Which index?");
  await team.orchestrator.close();
  return { dir, events };
}

const line = (event: CoordinationEvent) => `${JSON.stringify(event)}\n`;

describe("massgen --record", () => {
  it("writes the run down, from a flag or from the file", async () => {
    await using server = await startEmulator({ respond: simulatedTeam(), models: ["one", "two"] });
    const dir = folder();
    const flag = await run(["--config", teamFile(server.baseUrl, ["one", "two"]), "--record", dir, "Which index?"]);
    expect(flag).toMatchObject({ code: 0, err: expect.stringMatching(/^Recorded in .*run_\w+$/m) });
    const file = await run(["--config", teamFile(server.baseUrl, ["one", "two"], { orchestrator: { record: dir } }), "And why?"]);
    expect(file.code).toBe(0);
    const { out } = await run(["logs", dir]);
    expect(out.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^run +began/),
      expect.stringMatching(/^run_\w+ .* finished .*Which index\?$/),
      expect.stringMatching(/^run_\w+ .* finished .*And why\?$/),
    ]);
    const [, id] = out.split("\n")[2]?.match(/^(\S+)/) ?? [];
    expect(existsSync(join(dir, id as string, "report.html"))).toBe(true);
  });
});

describe("massgen report", () => {
  it("makes the report of the latest run of a directory, or of the one that is named", async () => {
    const { dir } = await recorded();
    const page = join(dir, "run_1", "report.html");
    rmSync(page);
    expect((await run(["report", dir])).out.trim()).toContain(join("run_1", "report.html"));
    expect(readFileSync(page, "utf8")).toContain("Which index?");
    const elsewhere = join(dir, "elsewhere.html");
    await run(["report", join(dir, "run_1"), "-o", elsewhere]);
    expect(readFileSync(elsewhere, "utf8")).toBe(readFileSync(page, "utf8"));
  });

  it("makes it from the events alone, and of a run that broke off", async () => {
    const { events } = await recorded();
    const dir = folder();
    const file = join(dir, "kept.jsonl");
    writeFileSync(file, `${events.slice(0, 30).map(line).join("")}{"type":"ans`);
    const { code, out, err } = await run(["report", file, "-o", "-"]);
    expect(code).toBe(0);
    expect(out).toContain("The record breaks off before a decision.");
    expect(out).toContain(">Which index?</h1>");
    expect(err).toContain("1 line of events.jsonl could not be read");
  });

  it("says what is wrong", async () => {
    expect(await run(["report"])).toMatchObject({ code: 1, err: expect.stringContaining("massgen report <dir>") });
    expect(await run(["report", join(folder(), "none")])).toMatchObject({ code: 2, err: expect.stringContaining("no such file") });
    expect(await run(["--follow", "What is this?"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("--follow belongs to `massgen logs <dir>`"),
    });
  });
});

describe("massgen logs", () => {
  it("prints a record as text, without deltas", async () => {
    const { dir, events } = await recorded();
    const { out, err, code } = await run(["logs", join(dir, "run_1")]);
    expect({ err, code }).toEqual({ err: "", code: 0 });
    const lines = out.trimEnd().split("\n");
    expect(lines[0]).toBe("Which index?");
    expect(lines).toHaveLength(1 + events.filter(({ type }) => !type.endsWith("-delta")).length);
    expect(lines.at(-1)).toMatch(/^ +\+[\d.]+s {2}- .*run-finish .*reason=consensus/);
    expect(out).toMatch(/consensus +agent\d\.\d by \w+, consensus, of 3 votes/);
    expect(out).toMatch(/claude +draft +turn-start +reads no answer; may new_answer/);
    expect(out).toMatch(/claude +draft +step-finish +ok, tool-calls, \d+ \+ [\d,]+ tokens/);
    expect(out).toMatch(/claude +draft +usage +[\d,]+ tokens; all agents [\d,]+ tokens/);
    expect(out).toMatch(/- +epoch-start +of agent1\.1, agent2\.1/);
    expect(out).toMatch(/\+[\d.]+s {2}claude +draft +answer +agent2\.1: /);
  });

  it("filters by agent, type and phase", async () => {
    const { dir, events } = await recorded();
    const path = join(dir, "run_1");
    const read = async (...args: string[]) => {
      const { out } = await run(["logs", path, "--json", ...args]);
      return out === ""
        ? []
        : out
            .trimEnd()
            .split("\n")
            .map((text) => JSON.parse(text) as CoordinationEvent);
    };
    expect((await read("--type", "vote")).map(({ seq }) => seq)).toEqual(
      events.filter(({ type }) => type === "vote").map(({ seq }) => seq),
    );
    const both = await read("--type", "vote,answer", "--agent", "gpt", "--agent", "claude", "--phase", "draft");
    expect(both.length).toBeGreaterThan(0);
    for (const event of both)
      expect(event).toMatchObject({ type: "answer", phase: "draft", agentId: expect.stringMatching(/^(gpt|claude)$/) });
    expect(await read("--agent", "nobody")).toEqual([]);
    const none = async (...args: string[]) => (await run(["logs", path, ...args])).err;
    expect(await none("--agent", "claud")).toBe(
      'massgen: no event of this record fits: "claud" is no agent in it; did you mean "claude"?\n',
    );
    expect(await none("--type", "votes")).toContain('"votes" is no type of event in it; did you mean "vote"?');
    expect(await none("--phase", "x")).toContain('"x" is no phase in it; there are draft, evaluate, present, review.');
    expect(await none("--type", "vote", "--phase", "present")).toBe("massgen: no event of this record fits.\n");
    const deltas = await run(["logs", path, "--type", "answer-delta"]);
    expect(deltas.out).toContain("answer-delta");
  });

  it("refuses a file without a single event, such as a log, and makes no report of it", async () => {
    const dir = folder();
    const log = join(dir, "massgen.log");
    writeFileSync(log, '{"level":"info","event":"run-start","run":"run_1"}\n');
    for (const command of ["logs", "report"])
      expect(await run([command, log])).toMatchObject({ code: 2, out: "", err: expect.stringContaining("no line of it is an event") });
    expect(existsSync(join(dir, "report.html"))).toBe(false);
  });

  it("lists as JSON, and calls a run whose process is gone crashed", async () => {
    const dir = folder();
    mkdirSync(join(dir, "dead"));
    // No process has this id.
    const status = {
      runId: "dead",
      question: "q\u001b[2J",
      startedAt: 1,
      updatedAt: 2,
      outcome: "running",
      winner: null,
      label: null,
      reason: null,
      cost: null,
      pid: 2 ** 22 + 1,
      host: hostname(),
    };
    writeFileSync(join(dir, "dead", "status.json"), JSON.stringify(status));
    const { out } = await run(["logs", dir, "--json"]);
    expect(JSON.parse(out)).toMatchObject({ runId: "dead", outcome: "crashed" });
    expect((await run(["logs", dir])).out).not.toContain("\u001b");
    expect(await run(["logs", join(dir, "run_9")])).toMatchObject({
      code: 2,
      err: expect.stringContaining("there is no such directory. Runs"),
    });
    expect(await run(["logs", folder()])).toMatchObject({ code: 0, err: expect.stringContaining("there is no record") });
  });

  it("follows a live record over a rotation to its end, and gives each event once", async () => {
    const { events } = await recorded();
    const dir = folder();
    const file = join(dir, "events.jsonl");
    const [a, b] = [Math.floor(events.length / 3), Math.floor((2 * events.length) / 3)];
    const cut = line(events[a] as CoordinationEvent);
    writeFileSync(file, events.slice(0, a).map(line).join("") + cut.slice(0, 20));
    const program = start(["logs", dir, "--follow", "--json"]);
    await program.saw(line(events[a - 1] as CoordinationEvent));
    appendFileSync(file, cut.slice(20));
    await program.saw(cut);
    appendFileSync(
      file,
      events
        .slice(a + 1, b)
        .map(line)
        .join(""),
    );
    renameSync(file, join(dir, "events.jsonl.1"));
    // What is repeated at the beginning of the new file is known already.
    writeFileSync(
      file,
      events
        .slice(b - 5, events.length - 1)
        .map(line)
        .join(""),
    );
    await program.saw(line(events[events.length - 2] as CoordinationEvent));
    appendFileSync(file, line(events.at(-1) as CoordinationEvent));
    expect(await program.exit).toBe(0);
    expect(program.out()).toBe(events.map(line).join(""));
    expect(program.listening()).toBe(false);
  });

  it("follows no file that holds something else, and says what is between the events", async () => {
    const other = join(folder(), "notes.txt");
    writeFileSync(other, "Milk\nBread\n");
    expect(await run(["logs", other, "--follow"])).toMatchObject({ code: 2, err: expect.stringContaining("no line of it is an event") });
    const { dir, events } = await recorded();
    const file = join(dir, "run_1", "events.jsonl");
    writeFileSync(file, [line(events[0] as CoordinationEvent), "Milk\n", ...events.slice(1).map(line)].join(""));
    const followed = await run(["logs", file, "--follow"]);
    expect(followed).toMatchObject({ code: 0, err: expect.stringContaining("1 lines of") });
  });

  it("stops following at Ctrl-C, and when the process that recorded is gone", async () => {
    const { dir, events } = await recorded();
    const path = join(dir, "run_1");
    writeFileSync(join(path, "events.jsonl"), events.slice(0, 5).map(line).join(""));
    const program = start(["logs", path, "--follow", "--json"]);
    await program.saw(line(events[4] as CoordinationEvent));
    program.interrupt();
    expect(await program.exit).toBe(4);
    const status = JSON.parse(readFileSync(join(path, "status.json"), "utf8"));
    writeFileSync(join(path, "status.json"), JSON.stringify({ ...status, outcome: "running", pid: 2 ** 22 + 1 }));
    const left = await run(["logs", path, "--follow"]);
    expect(left).toMatchObject({ code: 0, err: expect.stringContaining("the record breaks off here") });
  });
});
