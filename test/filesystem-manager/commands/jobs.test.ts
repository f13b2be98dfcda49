import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startChild } from "../../../src/filesystem-manager/commands/child.js";
import { createJobs } from "../../../src/filesystem-manager/commands/jobs.js";
import { systemRuntime } from "../../../src/runtime.js";
import { commandsIn, type JobResult, scene } from "./support.js";

const LOCAL = { sandbox: "none" } as const;

describe("background jobs", () => {
  it("go on while other commands run, and give their output bit by bit", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, LOCAL);

    const started = await commands.call("start_job", { command: "mkfifo gate; echo one; echo oops >&2; cat gate; exit 4" });
    expect(started).toMatchObject({ job_id: "job1", status: "running", command: expect.stringContaining("mkfifo") });
    const first = await commands.jobUntil("job1", (all) => all.stdout === "one\n" && all.stderr === "oops\n");
    expect(first.status).toBe("running");
    expect(await commands.call("job_output", { job_id: "job1" })).toMatchObject({ stdout: "", stderr: "", status: "running" });

    await commands.run({ command: "echo two > gate" });
    const last = await commands.jobUntil("job1", (all) => all.status !== "running");
    expect(last).toMatchObject({ status: "exited", exit_code: 4, stdout: "two\n" });
    expect(await commands.call("list_jobs", {})).toMatchObject({ jobs: [{ job_id: "job1", status: "exited", exit_code: 4 }] });
  });

  it("waits for news no longer than asked", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, LOCAL);
    await commands.call("start_job", { command: ["sleep", "1000"] });
    expect(await commands.call("job_output", { job_id: "job1", wait_ms: 50 })).toMatchObject({ status: "running", stdout: "" });
    const controller = new AbortController();
    const waiting = commands.call("job_output", { job_id: "job1", wait_ms: 100_000 }, { signal: controller.signal });
    controller.abort();
    expect(await waiting).toMatchObject({ status: "running" });
  });

  it("are stopped with all they started", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, LOCAL);
    await commands.call("start_job", { command: "trap 'echo bye; exit 0' TERM; sleep 1000 & echo up; wait" });
    await commands.jobUntil("job1", (all) => all.stdout === "up\n");

    expect(await commands.call("stop_job", { job_id: "job1" })).toMatchObject({ status: "stopped", exit_code: 0 });
    expect(await commands.call("stop_job", { job_id: "job1" })).toMatchObject({ status: "stopped" });
    expect(await commands.call("job_output", { job_id: "job1" })).toMatchObject({ stdout: "bye\n" });
  });

  it("are no more than allowed at once", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, { ...LOCAL, maxBackgroundJobs: 2 });
    const start = () => commands.call("start_job", { command: ["sleep", "1000"] });
    const outcomes = await Promise.allSettled([start(), start(), start()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "fulfilled", "rejected"]);
    await expect(start()).rejects.toMatchObject({ code: "too_many_jobs", message: expect.stringContaining("stop_job") });
    await commands.call("stop_job", { job_id: "job1" });
    await start();
  });

  it("are all ended by stopJobs, after which others can start", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, LOCAL);
    await commands.call("start_job", { command: ["sleep", "1000"] });
    const justNow = commands.call("start_job", { command: ["sleep", "1000"] });
    justNow.catch(() => {});

    await commands.stopJobs();

    await expect(justNow).rejects.toMatchObject({ code: "closed" });
    const { jobs } = (await commands.call("list_jobs", {})) as { jobs: JobResult[] };
    expect(jobs.map(({ status }) => status)).toEqual(["stopped", "stopped"]);
    expect(await commands.call("start_job", { command: ["true"] })).toMatchObject({ job_id: "job3" });
  });

  it("tells which jobs there are when asked for one that is not", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, LOCAL);
    await expect(commands.call("job_output", { job_id: "job7" })).rejects.toThrow('There is no job "job7". There are no jobs.');
    await commands.call("start_job", { command: ["true"] });
    await expect(commands.call("stop_job", {})).rejects.toThrow("Jobs: job1.");
  });

  it("fail with what could not be started", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, LOCAL);
    await commands.call("start_job", { command: ["no-such-program"] });
    const job = await commands.jobUntil("job1", (all) => all.status !== "running");
    expect(job).toMatchObject({ status: "failed", stderr: expect.stringContaining('there is no program "no-such-program"') });
  });

  it("keep the end of what nobody read, and say how much is gone", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, { ...LOCAL, maxOutputBytes: 100 });
    await commands.call("start_job", { command: "head -c 3000000 /dev/zero | tr '\\0' x; echo end" });
    let status = "running";
    while (status === "running") {
      const { jobs } = (await commands.call("list_jobs", {})) as { jobs: JobResult[] };
      status = jobs[0]!.status;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { stdout } = (await commands.call("job_output", { job_id: "job1" })) as JobResult;
    const [, lost] = /^\[… (\d+) bytes before this were not kept …\]\n/.exec(stdout) ?? [];
    const [, left] = /\[… (\d+) bytes left out …\]/.exec(stdout) ?? [];
    expect(Number(lost) + Number(left) + 100).toBe(3_000_004);
    expect(Number(lost)).toBeLessThan(2_000_004);
    expect(stdout.endsWith("xend\n")).toBe(true);
  });

  it("are forgotten when many have ended", async () => {
    const jobs = createJobs(100, systemRuntime);
    for (let n = 0; n < 30; n++) {
      const { job_id } = await jobs.start("true", async () => startChild(["true"], { env: { ...process.env } }));
      let { info } = await jobs.read(job_id, 10_000, new AbortController().signal);
      while (info.status === "running") ({ info } = await jobs.read(job_id, 10_000, new AbortController().signal));
    }
    expect(jobs.list().map(({ job_id }) => job_id)).toEqual(Array.from({ length: 21 }, (_, n) => `job${n + 10}`));
  });

  it("start where they are told to", async () => {
    await using place = await scene();
    await place.write("run/one/workspace/sub/file.txt", "");
    await using commands = await commandsIn(place, LOCAL);
    await commands.call("start_job", { command: "pwd; cat", cwd: "sub", stdin: "in" });
    const job = await commands.jobUntil("job1", (all) => all.status !== "running");
    expect(job.stdout).toBe(`${join(place.workspace, "sub")}\nin`);
  });
});
