import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findBubblewrap } from "../../../src/filesystem-manager/commands/bubblewrap.js";
import type { CommandOptions } from "../../../src/filesystem-manager/commands/options.js";
import { commandsIn, type JobResult, needsSandbox, scene } from "./support.js";

/** What holds in a sandbox and without one. */
describe.each<CommandOptions>([{ sandbox: "required" }, { sandbox: "none" }])("execute_command with %o", (options) => {
  const inSandbox = options.sandbox === "required";
  const ready = async (context: Parameters<typeof needsSandbox>[0]) => {
    if (inSandbox) await needsSandbox(context);
  };

  it("runs a list of arguments without a shell, a string with one", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);
    expect((await commands.run({ command: ["printf", "%s|", "a b", "$HOME", "; ls"] })).stdout).toBe("a b|$HOME|; ls|");
    expect((await commands.run({ command: "printf '%s|' a$((1 + 1)) | tr a b" })).stdout).toBe("b2|");
  });

  it("gives input, and none by default", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);
    expect((await commands.run({ command: ["cat"], stdin: "grüße\n" })).stdout).toBe("grüße\n");
    expect((await commands.run({ command: ["cat"] })).stdout).toBe("");
    const long = "x".repeat(1_000_000); // more than a pipe holds, to a command that does not read it
    expect((await commands.run({ command: ["true"], stdin: long })).exit_code).toBe(0);
  });

  it("says what there is no program for", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);
    const outcome = await commands.run({ command: ["no-such-program"] }).catch((error: Error) => error);
    if (outcome instanceof Error)
      expect(outcome).toMatchObject({ code: "command_not_started", message: expect.stringContaining("no-such-program") });
    else expect(outcome).toMatchObject({ exit_code: 127, stderr: expect.stringContaining("no-such-program") });
    expect((await commands.run({ command: "no-such-program" })).exit_code).toBe(127);
    await expect(commands.run({ command: ["echo", "x".repeat(3_000_000)] })).rejects.toMatchObject({ code: "command_not_started" });
  });

  it.each([
    [{ command: [] }, "list of strings"],
    [{ command: "" }, "empty"],
    [{ command: ["a\0b"] }, "NUL"],
    [{ command: 1 }, "list of strings"],
    [{ command: "ls", timeout_ms: -1 }, "timeout_ms"],
    [{ command: "ls", cwd: 1 }, "cwd"],
    ["ls", "object"],
  ])("refuses the arguments %j", async (input, message) => {
    await using place = await scene();
    await using commands = await commandsIn(place, { sandbox: "none" });
    await expect(commands.run(input)).rejects.toMatchObject({ code: "invalid_tool_input", message: expect.stringContaining(message) });
  });

  it("stops a command that takes too long, and all it started", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);

    const result = await commands.run({ command: "trap 'echo asked' TERM; sleep 1000 & echo begun; wait; wait", timeout_ms: 300 });

    expect(result).toMatchObject({ timed_out: true, stdout: "begun\nasked\n", note: "It was stopped after 300 ms." });
    expect(result.duration_ms).toBeGreaterThanOrEqual(300);
    expect(runningIn(place.workspace)).toEqual([]);
  });

  it("may be stopped at any moment", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);
    for (let timeout_ms = 1; timeout_ms < 40; timeout_ms += 2) {
      const { exit_code, timed_out } = await commands.run({ command: "sleep 1000", timeout_ms });
      expect(timed_out, `${timeout_ms} ms`).toBe(true);
      expect(exit_code).not.toBe(0);
    }
    for (let n = 0; n < 10; n++) {
      const { job_id } = (await commands.call("start_job", { command: "sleep 1000" })) as JobResult;
      expect(await commands.call("stop_job", { job_id })).toMatchObject({ status: "stopped" });
    }
    expect(runningIn(place.workspace)).toEqual([]);
  }, 60_000);

  it("kills what does not end when asked", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);

    const controller = new AbortController();
    const fifo = join(place.workspace, "fifo");

    const command = "mkfifo fifo; trap '' TERM; echo begun > fifo; while :; do sleep 0.1; done";
    const running = commands.run({ command }, { signal: controller.signal });
    running.catch(() => {});
    await until(() => readFile(fifo, "utf8"));
    const asked = performance.now();
    controller.abort();

    await expect(running).rejects.toMatchObject({ code: "aborted" });
    expect(performance.now() - asked).toBeGreaterThanOrEqual(1_900); // it had its two seconds
    expect(runningIn(place.workspace)).toEqual([]);
  });

  it("stops when the turn does", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);
    const controller = new AbortController();
    const fifo = join(place.workspace, "fifo");

    const running = commands.run({ command: "mkfifo fifo; echo begun > fifo; sleep 1000" }, { signal: controller.signal });
    running.catch(() => {});
    await until(() => readFile(fifo, "utf8"));
    expect(runningIn(place.workspace).length).toBeGreaterThanOrEqual(process.platform === "linux" ? 1 : 0);
    controller.abort();

    await expect(running).rejects.toMatchObject({ code: "aborted" });
    expect(runningIn(place.workspace)).toEqual([]);
    await expect(commands.run({ command: "echo" }, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
  });

  it("does not wait for what a command leaves in the background, and ends it", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);

    const result = await commands.run({ command: "sleep 1000 & echo done" });

    expect(result).toMatchObject({ exit_code: 0, stdout: "done\n" });
    expect(result.note).toBeUndefined();
    expect(runningIn(place.workspace)).toEqual([]);
  });

  it("ends, or reports, what escapes into a session of its own", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);

    const result = await commands.run({
      command: "setsid sh -c 'echo $$ > pid; exec sleep 1000' & while [ ! -s pid ]; do :; done; echo done",
    });

    expect(result).toMatchObject({ exit_code: 0, stdout: "done\n" });
    if (inSandbox) {
      expect(result.note).toBeUndefined();
      expect(runningIn(place.workspace)).toEqual([]);
    } else {
      expect(result.note).toContain("still running");
      process.kill(Number(await readFile(join(place.workspace, "pid"), "utf8")), "SIGKILL");
    }
  });

  it("reports a signal", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);
    const result = await commands.run({ command: "kill -9 $$" });
    if (inSandbox) expect(result.exit_code).toBe(137);
    else expect(result).toMatchObject({ exit_code: null, signal: "SIGKILL" });
  });

  it("shows the beginning and the end of long output, and keeps all of it", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, { ...options, maxOutputBytes: 100 });
    const saved = new Map<string, string>();
    const saveFile = async (name: string, data: string | Uint8Array) => {
      saved.set(name, Buffer.from(data).toString());
      return `kept/${name}`;
    };

    const result = await commands.run({ command: "seq 1000; echo short >&2" }, { saveFile, toolCallId: "call/../1" });

    const all = Array.from({ length: 1000 }, (_, n) => `${n + 1}\n`).join("");
    expect(saved).toEqual(new Map([["call____1-stdout.txt", all]]));
    const left = all.length - 100;
    const expected = `${all.slice(0, 50)}\n[… ${left} bytes left out; all of it is in kept/call____1-stdout.txt …]\n${all.slice(-50)}`;
    expect(result).toMatchObject({ stdout: expected, stderr: "short\n" });
    expect((await commands.run({ command: "seq 1000" })).stdout).toContain(`[… ${left} bytes left out …]`);
  });

  it("stops a flood", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);
    let kept = 0;
    const saveFile = async (_name: string, data: string | Uint8Array) => {
      kept = data.length;
      return "kept";
    };

    const result = await commands.run({ command: "yes", timeout_ms: 60_000 }, { saveFile });

    expect(result.note).toContain("wrote more than");
    expect(kept).toBeGreaterThan(31 * 1024 * 1024);
    expect(kept).toBeLessThanOrEqual(32 * 1024 * 1024);
  }, 30_000);

  it("runs several at once", async (context) => {
    await ready(context);
    await using place = await scene();
    await using commands = await commandsIn(place, options);
    const results = await Promise.all([1, 2, 3, 4].map((n) => commands.run({ command: `echo ${n}` })));
    expect(results.map(({ stdout }) => stdout)).toEqual(["1\n", "2\n", "3\n", "4\n"]);
  });

  it("leaves nothing behind when it is closed, whatever runs", async (context) => {
    await ready(context);
    await using place = await scene();
    const commands = await commandsIn(place, options);
    const { stdout } = await commands.run({ command: "echo $TMPDIR; touch ~/x $TMPDIR/y; mkdir -p $TMPDIR/z/w; chmod 0 $TMPDIR/z" });
    const running = commands.run({ command: "sleep 1000" });
    const { job_id } = (await commands.call("start_job", { command: "echo up; sleep 1000" })) as JobResult;
    await commands.jobUntil(job_id, (all) => all.stdout === "up\n");

    await commands.close();

    await expect(running).resolves.toMatchObject({ stdout: "" });
    expect(runningIn(place.workspace)).toEqual([]);
    if (!inSandbox) expect(() => readFileSync(stdout.trim())).toThrow("ENOENT");
    await expect(commands.run({ command: "echo" })).rejects.toMatchObject({ code: "closed" });
  });
});

describe("without a sandbox", () => {
  it("says so, in a warning and to the model", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, {}, { ...process.env, PATH: "/bin-without-bwrap" });
    expect(commands.warnings).toMatchObject([{ code: "no_sandbox", message: expect.stringContaining("install bubblewrap") }]);
    expect(commands.tools[0]).toMatchObject({ description: expect.stringContaining("without a sandbox"), effects: "outside" });
  });

  it("does not warn where none is wanted", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, { sandbox: "none" });
    expect(commands.warnings).toEqual([]);
    expect(commands.tools.map(({ name, effects }) => [name, effects])).toEqual([
      ["execute_command", "outside"],
      ["start_job", "outside"],
      ["job_output", "none"],
      ["list_jobs", "none"],
      ["stop_job", "none"],
    ]);
  });

  it("refuses where one is required", async () => {
    await using place = await scene();
    const made = commandsIn(place, { sandbox: "required" }, { PATH: "/bin-without-bwrap" });
    await expect(made).rejects.toMatchObject({
      code: "no_sandbox",
      message: expect.stringContaining("bubblewrap (bwrap) is not installed"),
    });
  });

  it("takes a bwrap that cannot do its work for none", async () => {
    await using place = await scene();
    await writeFile(join(place.directory, "bwrap"), "#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n", {
      mode: 0o755,
    });
    const found = await findBubblewrap({ PATH: place.directory });
    if (process.platform === "linux")
      expect(found).toEqual({ reason: "bubblewrap does not work here: No permissions to create new namespace" });
    else expect(found).toHaveProperty("reason");
  });

  it("takes no more of the environment than is allowed", async () => {
    await using place = await scene();
    const host = { ...process.env, OPENAI_API_KEY: "sk-secret" };
    await using commands = await commandsIn(place, { sandbox: "none" }, host);
    expect((await commands.run({ command: "env" })).stdout).not.toContain("sk-secret");
  });
});

describe("patterns", () => {
  it("hold for commands and jobs, and are told to the model", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, { sandbox: "none", allow: ["git *"], deny: ["git push *"] });
    for (const name of ["execute_command", "start_job"]) {
      await expect(commands.call(name, { command: "git push" })).rejects.toMatchObject({ code: "command_refused" });
      await expect(commands.call(name, { command: ["rm", "x"] })).rejects.toMatchObject({ code: "command_refused" });
      expect(commands.tools.find((tool) => tool.name === name)?.description).toContain(
        "Only these commands may run: `git *`. These may not: `git push *`.",
      );
    }
    expect((await commands.run({ command: "echo fine" })).stdout).toBe("fine\n");
  });
});

describe("options", () => {
  it.each<[unknown, string]>([
    [{ sandbx: "none" }, 'commands.sandbx: unknown option, did you mean "sandbox"?'],
    [{ sandbox: "maybe" }, "commands.sandbox: must be"],
    [{ timeoutMs: 0 }, "commands.timeoutMs: must be a whole number above 0"],
    [{ env: ["A B"] }, "commands.env: must be a list of names"],
    [{ allow: "git *" }, "commands.allow: must be a list of strings"],
    [{ systemPaths: ["relative"] }, "absolute"],
    [{ executor: "podman" }, 'commands.executor: must be "local"'],
    [{ executor: { docker: {} } }, "commands.executor.docker.image: must be a string"],
    [{ executor: { docker: { image: "--privileged" } } }, "commands.executor.docker.image: must be a string"],
    [{ executor: { docker: { image: "x", cpus: 0 } } }, "cpus"],
    [{ executor: { docker: { image: "x" } }, network: true }, "give commands.executor.docker.network"],
    [null, "commands: must be an object"],
  ])("%j", async (options, message) => {
    await using place = await scene();
    await expect(commandsIn(place, options as CommandOptions)).rejects.toMatchObject({
      name: "ConfigError",
      message: expect.stringContaining(message),
    });
  });
});

/** Processes whose working directory is in the workspace; on Linux only, elsewhere none are found. */
function runningIn(workspace: string): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(workspace);
    } catch {
      return false;
    }
  });
}

async function until<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
