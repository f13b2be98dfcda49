import { execFile, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { programPath } from "../../../src/filesystem-manager/commands/program-path.js";
import { commandsIn, type JobResult, type Scene, scene } from "./support.js";

const DOCKER = { executor: { docker: { image: "an-image" } } } as const;

/** An environment in which `docker` is the stand-in, and what it was called with. */
async function fakeDocker(place: Scene) {
  const bin = join(place.directory, "bin");
  await mkdir(bin);
  const docker = join(bin, "docker");
  copyFileSync(fileURLToPath(new URL("./fake-docker.mjs", import.meta.url)), `${docker}.mjs`);
  await writeFile(docker, `#!/bin/sh\nexec "${process.execPath}" "${docker}.mjs" "$@"\n`);
  chmodSync(docker, 0o755);
  return {
    host: { ...process.env, PATH: `${bin}:${process.env.PATH}`, FAKE_DOCKER: bin, OPENAI_API_KEY: "sk-secret" },
    calls: (command: string): string[][] =>
      readFileSync(join(bin, "calls.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as string[])
        .filter(([first]) => first === command),
    containers: () => readdirSync(bin).filter((name) => name.endsWith(".pid")),
    goDown: () => writeFile(join(bin, "down"), ""),
  };
}

describe("the docker executor, on a stand-in for docker", () => {
  it("makes one container for all commands, with nothing but what is allowed", async () => {
    await using place = await scene();
    await place.write("library/doc.txt", "doc");
    place.access.roots.push({ path: join(place.directory, "library"), permission: "read", kind: "context" });
    const docker = await fakeDocker(place);
    const executor = { docker: { image: "an-image", memory: "2g", cpus: 1.5, user: "1000:1000" } };
    {
      await using commands = await commandsIn(place, { executor, env: ["MY_TOKEN"] }, { ...docker.host, MY_TOKEN: "let, through" });

      expect(await commands.run({ command: "echo $MY_TOKEN; pwd; exit 5" })).toMatchObject({
        exit_code: 5,
        stdout: `let, through\n${place.workspace}\n`,
      });
      expect((await commands.run({ command: ["cat"], stdin: "in" })).stdout).toBe("in");

      expect(docker.calls("run")).toHaveLength(1);
      const [run = []] = docker.calls("run");
      const line = run.join(" ");
      for (const part of [
        "--rm --interactive --init",
        "--network none",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        "--memory 2g",
      ]) {
        expect(line).toContain(part);
      }
      expect(line).toContain("--cpus 1.5 --user 1000:1000");
      expect(run.filter((_, n) => run[n - 1] === "--mount")).toEqual([
        `type=bind,source=${place.directory}/library,destination=${place.directory}/library,readonly`,
        `type=bind,source=${place.workspace},destination=${place.workspace}`,
      ]);
      expect(JSON.stringify([...docker.calls("run"), ...docker.calls("exec")])).not.toContain("sk-secret");
      expect(docker.containers()).toHaveLength(1);
      expect(commands.tools[0]).toMatchObject({ effects: "workspace", description: expect.stringContaining("an-image") });
    }
    expect(docker.containers()).toEqual([]);
  });

  it("runs jobs in the container too, and stops them there", async () => {
    await using place = await scene();
    const docker = await fakeDocker(place);
    await using commands = await commandsIn(place, DOCKER, docker.host);

    const { job_id } = (await commands.call("start_job", {
      command: "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done",
    })) as JobResult;
    await commands.jobUntil(job_id, (all) => all.stdout === "up\n");
    expect(await commands.call("stop_job", { job_id })).toMatchObject({ status: "stopped", exit_code: 3 });
    expect(await commands.call("job_output", { job_id })).toMatchObject({ stdout: "bye\n" });
    expect(docker.calls("run")).toHaveLength(1);
    expect(docker.calls("exec")).toHaveLength(2); // the job, and the signal to it
  });

  it("kills a command that takes too long inside, with what it started", async () => {
    await using place = await scene();
    const docker = await fakeDocker(place);
    await using commands = await commandsIn(place, DOCKER, docker.host);

    const result = await commands.run({ command: "trap '' TERM; (trap '' TERM; setsid sleep 1000) & echo $!; wait", timeout_ms: 500 });

    expect(result).toMatchObject({ timed_out: true });
    expect(isRunning(Number(result.stdout))).toBe(false);
  });

  it("makes a new container when the access changes, and keeps the old one for its jobs", async () => {
    await using place = await scene();
    const docker = await fakeDocker(place);
    await using commands = await commandsIn(place, DOCKER, docker.host);
    const { job_id } = (await commands.call("start_job", { command: "echo up; while [ ! -e stop ]; do sleep 0.05; done" })) as JobResult;
    await commands.jobUntil(job_id, (all) => all.stdout === "up\n");
    const project = join(place.directory, "project");
    await mkdir(project);

    place.access.roots.push({ path: project, permission: "write", kind: "context" });
    await Promise.all([commands.run({ command: "true" }), commands.run({ command: "true" })]);

    expect(docker.calls("run")).toHaveLength(2);
    expect(docker.calls("run")[1]).toContain(`type=bind,source=${project},destination=${project}`);
    expect(docker.containers()).toHaveLength(2);
    await commands.run({ command: "touch stop" });
    await commands.jobUntil(job_id, (all) => all.status === "exited");
    while (docker.containers().length > 1) await new Promise((resolve) => setImmediate(resolve));
  });

  it("starts another container when one is gone", async () => {
    await using place = await scene();
    const docker = await fakeDocker(place);
    await using commands = await commandsIn(place, DOCKER, docker.host);
    await commands.run({ command: "true" });
    const [name = ""] = docker.containers();
    process.kill(Number(readFileSync(join(place.directory, "bin", name), "utf8")), "SIGTERM");
    while (docker.containers().length > 0) await new Promise((resolve) => setImmediate(resolve));
    await until(async () => expect((await commands.run({ command: "echo back" })).stdout).toBe("back\n"));
    expect(docker.calls("run")).toHaveLength(2);
  });

  it("says what is wrong: no daemon, no image, no docker", async () => {
    await using place = await scene();
    const docker = await fakeDocker(place);
    await using commands = await commandsIn(place, { executor: { docker: { image: "no-such-image" } } }, docker.host);
    await expect(commands.run({ command: "true" })).rejects.toMatchObject({
      code: "sandbox_failed",
      message: expect.stringContaining("Unable to find image"),
    });
    await docker.goDown();
    await expect(commandsIn(place, DOCKER, docker.host)).rejects.toMatchObject({
      code: "docker_unavailable",
      message: expect.stringContaining("Cannot connect to the Docker daemon"),
    });
    await expect(commandsIn(place, DOCKER, { PATH: "/nothing-here" })).rejects.toMatchObject({
      code: "docker_unavailable",
      message: expect.stringContaining('there is no program "docker"'),
    });
  });

  it("names paths with commas as Docker reads them", async () => {
    await using place = await scene();
    const odd = join(place.directory, 'a,"b');
    await mkdir(odd);
    place.access.roots.push({ path: odd, permission: "read", kind: "context" });
    const docker = await fakeDocker(place);
    await using commands = await commandsIn(place, DOCKER, docker.host);
    await commands.run({ command: "true" });
    const quoted = odd.replaceAll('"', '""');
    expect(docker.calls("run")[0]).toContain(`type=bind,"source=${quoted}","destination=${quoted}",readonly`);
  });
});

describe("the docker executor, on a real daemon", () => {
  const execute = promisify(execFile);
  const image = "massgen-commands-test";

  it("keeps commands in the container", async ({ skip }) => {
    const answer = await execute("docker", ["version", "--format", "{{.Server.Version}}"]).catch((error: Error) => error);
    const busybox = await programPath("busybox");
    const why =
      answer instanceof Error
        ? "no Docker daemon answers"
        : busybox === undefined
          ? "there is no static busybox to make an image of"
          : undefined;
    if (why !== undefined) {
      console.log(`Skipped: ${why}.`);
      skip(why);
    }
    await using place = await scene();
    const root = join(place.directory, "image");
    for (const name of ["bin", "tmp", "proc"]) await mkdir(join(root, name), { recursive: true });
    copyFileSync(busybox!, join(root, "bin/busybox"));
    for (const name of "sh cat grep sleep echo ls touch id env setsid wget mkdir kill rm pwd seq".split(" "))
      await symlink("busybox", join(root, "bin", name));
    await execute("sh", ["-c", `tar -C "${root}" -c . | docker import --change "ENV PATH=/bin" - ${image}`]);
    const secret = await place.write("outside/secret.txt", "secret");
    const doc = await place.write("library/doc.txt", "doc");
    await place.write("library/.env", "KEY=secret");
    place.access.roots.push({ path: join(place.directory, "library"), permission: "read", kind: "context", hiddenNames: [".env"] });
    await place.write("store/x/main.py", "print(1)");
    place.access.roots.push({ path: join(place.directory, "store/x"), permission: "read", kind: "answer", name: "agent2.1" });
    {
      await using commands = await commandsIn(
        place,
        { executor: { docker: { image, memory: "64m" } } },
        { ...process.env, OPENAI_API_KEY: "sk-secret" },
      );

      const result = await commands.run({
        command: `pwd; echo made > file.txt; cat ${doc} ../agent2.1/main.py; cat ${secret}; cat ${place.directory}/library/.env; echo x > ${doc}; env; exit 7`,
      });
      expect(result).toMatchObject({ exit_code: 7 });
      expect(result.stdout).toMatch(new RegExp(`^${place.workspace}\ndocprint\\(1\\)`));
      expect(result.stdout).not.toContain("secret");
      expect(result.stderr).toMatch(/secret.txt.*No such.*read-only/is);
      expect(await readFile(join(place.workspace, "file.txt"), "utf8")).toBe("made\n");
      expect((await stat(join(place.workspace, "file.txt"))).uid).toBe(process.getuid?.());

      expect((await commands.run({ command: "sleep 1000 & echo done" })).stdout).toBe("done\n");
      const late = await commands.run({ command: "trap '' TERM; setsid sleep 1000 & sleep 1000", timeout_ms: 300 });
      expect(late).toMatchObject({ timed_out: true });
      const left = await commands.run({ command: "grep -l slee[p] /proc/[0-9]*/cmdline" });
      expect(left.stdout).toBe("");
      const { job_id } = (await commands.call("start_job", {
        command: "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done",
      })) as JobResult;
      await commands.jobUntil(job_id, (all) => all.stdout === "up\n");
      expect(await commands.call("stop_job", { job_id })).toMatchObject({ status: "stopped", exit_code: 3 });
      expect((await commands.run({ command: "wget -T 1 -O - http://1.1.1.1" })).exit_code).not.toBe(0);
    }
    const { stdout } = await execute("docker", ["ps", "--all", "--quiet", "--filter", "label=massgen.commands"]);
    expect(stdout).toBe("");
    await execute("docker", ["image", "rm", image]);
  }, 60_000);
});

/** A process that nobody has asked about since its end is not running. */
function isRunning(pid: number): boolean {
  if (process.platform !== "linux")
    return (
      spawnSync("ps", ["-o", "stat=", "-p", String(pid)])
        .stdout.toString()
        .trim()
        .match(/^[^Z]/) !== null
    );
  try {
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

async function until(attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await attempt();
      return;
    } catch {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
