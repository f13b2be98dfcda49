import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { commandsIn, needsSandbox, scene } from "./support.js";

beforeEach(needsSandbox);

const REQUIRED = { sandbox: "required" } as const;

describe("a command in the sandbox", () => {
  it("works in the workspace, under its real path", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, REQUIRED);

    const result = await commands.run({ command: "pwd; echo made > file.txt; cat file.txt >&2; exit 3" });

    expect(result).toMatchObject({ exit_code: 3, stdout: `${place.workspace}\n`, stderr: "made\n" });
    expect(await readFile(join(place.workspace, "file.txt"), "utf8")).toBe("made\n");
    expect(commands.warnings).toEqual([]);
  });

  it("sees nothing of other agents, other runs and the home directory", async () => {
    await using place = await scene();
    await place.write("run/two/workspace/theirs.txt", "secret of another agent");
    await place.write("other-run/one/workspace/old.txt", "secret of another run");
    await using commands = await commandsIn(place, REQUIRED);

    const found = await commands.run({
      command: `ls ../.. ; ls ${place.directory}; cat ${place.directory}/run/two/workspace/theirs.txt; ls /root /home; grep -rls "secret of" /tmp /etc /run /var /mnt /work`,
    });

    expect(found.stdout).not.toMatch(/secret|two|other-run|\.txt/);
    expect(found.stderr).toContain("theirs.txt: No such file");
  });

  it("hides them too where a context path contains the workspaces", async () => {
    await using place = await scene();
    await place.write("run/two/workspace/theirs.txt", "secret");
    await place.write("source.txt", "open");
    place.access.roots.push({ path: place.directory, permission: "write", kind: "context" });
    place.access.hiddenPaths = [join(place.directory, "run")];
    await using commands = await commandsIn(place, REQUIRED);

    const result = await commands.run({
      command: `cat ${place.directory}/source.txt; find ${place.directory} | grep -v ^${place.workspace}`,
    });

    expect(result.stdout).toContain("open");
    expect(result.stdout).not.toContain("two");
    expect((await commands.run({ command: "touch mine; ls" })).stdout).toBe("mine\n");
    expect((await commands.run({ command: "touch ../lost" })).stderr).toContain("Read-only");
  });

  it("reads what it may read and writes what it may write", async () => {
    await using place = await scene();
    await place.write("library/doc.txt", "doc");
    await place.write("project/code.txt", "code");
    await place.write("one.txt", "single");
    await place.write("beside.txt", "beside");
    place.access.roots.push(
      { path: join(place.directory, "library"), permission: "read", kind: "context" },
      { path: join(place.directory, "project"), permission: "write", kind: "context" },
      { path: join(place.directory, "one.txt"), permission: "write", kind: "context", file: true },
    );
    await using commands = await commandsIn(place, REQUIRED);

    const result = await commands.run({
      command: `cd ${place.directory}; cat library/doc.txt project/code.txt one.txt beside.txt; echo x > library/doc.txt; echo y > library/new; echo z > project/code.txt; echo w > one.txt; ls`,
    });

    expect(result.stdout).toBe("doccodesinglelibrary\none.txt\nproject\nrun\n");
    expect(result.stderr).toMatch(/beside.txt: No such file.*doc.txt: Read-only.*new: Read-only/s);
    expect(await readFile(join(place.directory, "library/doc.txt"), "utf8")).toBe("doc");
    expect(await readFile(join(place.directory, "project/code.txt"), "utf8")).toBe("z\n");
    expect(await readFile(join(place.directory, "one.txt"), "utf8")).toBe("w\n");
  });

  it("finds the files of an answer beside its workspace, and cannot change them", async () => {
    await using place = await scene();
    const answer = await place.write("store/5f3a/main.py", "print(1)\n");
    place.access.roots.push({ path: join(place.directory, "store/5f3a"), permission: "read", kind: "answer", name: "agent2.1" });
    await using commands = await commandsIn(place, REQUIRED);

    const result = await commands.run({
      command:
        "cat ../agent2.1/main.py; echo x >> ../agent2.1/main.py; ls; find / -name main.py -not -path '/usr/*' -not -path '/opt/*' 2>/dev/null",
    });

    const inside = join(place.workspace, "../agent2.1/main.py");
    expect(result.stdout).toBe(`print(1)\n${inside}\n`);
    expect(result.stderr).toContain("Read-only");
    expect(await readFile(answer, "utf8")).toBe("print(1)\n");
    expect((await commands.run({ command: "cat main.py", cwd: "agent2.1" })).stdout).toBe("print(1)\n");
    expect(existsSync(join(place.workspace, "../agent2.1"))).toBe(false);
  });

  it("keeps protected paths from change, also by way of their directories", async () => {
    await using place = await scene();
    const kept = await place.write("project/a/b/kept.txt", "kept");
    const project = join(place.directory, "project");
    place.access.roots.push({ path: project, permission: "write", kind: "context", protectedPaths: [join(project, "a/b")] });
    await using commands = await commandsIn(place, REQUIRED);

    await commands.run({
      command: `cd ${project}; echo x > a/b/kept.txt; mv a away; mv a/b a/c; rm -rf a; ln a/b/kept.txt link && echo x > link`,
    });
    await commands.run({ command: `cd ${project}; find . -name kept.txt -exec sh -c 'echo x > "$1"' sh {} ';'` });
    await commands.run({ command: `cd ${project}; echo fine > a/new.txt` });

    expect(await readFile(kept, "utf8")).toBe("kept");
    expect(await readFile(join(project, "a/new.txt"), "utf8")).toBe("fine\n");
  });

  it("shows no hidden names of a context path and changes no read-only ones", async () => {
    await using place = await scene();
    await place.write("project/.env", "KEY=secret");
    await place.write("project/deep/.env.local", "KEY=secret");
    await place.write("project/.git/config", "[core]\n");
    await place.write("project/code.txt", "code");
    const project = join(place.directory, "project");
    place.access.roots.push({
      ...{ path: project, permission: "write", kind: "context" },
      ...{ hiddenNames: [".env", ".env.*"], readOnlyNames: [".git"] },
    });
    await using commands = await commandsIn(place, REQUIRED);

    const result = await commands.run({
      command: `cd ${project}; cat .env deep/.env.local .git/config; echo x > .git/config; grep -r secret .`,
    });

    expect(result.stdout).toBe("[core]\n");
    expect(result.stderr).toContain("Read-only");
    expect(await readFile(join(project, ".git/config"), "utf8")).toBe("[core]\n");
    expect(await readFile(join(project, ".env"), "utf8")).toBe("KEY=secret");
  });

  it("gets nothing of the environment that is not allowed", async () => {
    await using place = await scene();
    const host = { ...process.env, OPENAI_API_KEY: "sk-secret", MY_TOKEN: "let-through", LANG: "C.UTF-8", HOME: "/home/someone" };
    await using commands = await commandsIn(place, { ...REQUIRED, env: ["MY_TOKEN"] }, host);

    const { stdout } = await commands.run({ command: "env | sort; cat /proc/*/environ" });

    expect(stdout).not.toContain("sk-secret");
    expect(stdout).toContain("MY_TOKEN=let-through");
    expect(stdout).toContain("LANG=C.UTF-8");
    expect(stdout).toContain("HOME=/tmp/home\n");
    expect(stdout).not.toContain("/home/someone");
  });

  it("keeps /tmp and the home from one command to the next, apart from other agents", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, REQUIRED);
    await using others = await commandsIn(place, REQUIRED);

    await commands.run({ command: "echo kept > /tmp/note; echo home > ~/note" });

    expect((await commands.run({ command: "cat /tmp/note ~/note" })).stdout).toBe("kept\nhome\n");
    expect((await others.run({ command: "ls /tmp ~" })).stdout).not.toContain("note");
  });

  it("has no network but one of its own, which jobs and commands share", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, REQUIRED);
    let reached = 0;
    const server = createServer((socket) => {
      reached++;
      socket.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      const connect = (to: number) =>
        `node -e 'const s = require("net").connect(${to}, "localhost", () => s.end()); s.on("data", (d) => console.log(String(d))); s.on("error", (e) => console.log(e.code))'`;
      expect((await commands.run({ command: connect(port) })).stdout).toBe("ECONNREFUSED\n");
      expect(reached).toBe(0);

      const serve = `require("net").createServer((s) => s.end("from the job")).listen(4321, () => console.log("ready"))`;
      const { job_id } = (await commands.call("start_job", { command: ["node", "-e", serve] })) as { job_id: string };
      await commands.jobUntil(job_id, ({ stdout }) => stdout.includes("ready"));
      expect((await commands.run({ command: connect(4321) })).stdout).toBe("from the job\n");
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("reaches the network where that is allowed, and says so", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, { ...REQUIRED, network: true });
    const server = createServer((socket) => socket.end("outside"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      const command = `node -e 'require("net").connect(${port}, "127.0.0.1").on("data", (d) => console.log(String(d)))'`;
      expect((await commands.run({ command })).stdout).toBe("outside\n");
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    expect(commands.tools[0]).toMatchObject({ effects: "outside", annotations: { openWorldHint: true } });
    await using fenced = await commandsIn(place, REQUIRED);
    expect(fenced.tools[0]).toMatchObject({ effects: "workspace", annotations: { openWorldHint: false } });
  });

  it("has no powers: no capabilities, no further namespaces, no way to write to the system", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, REQUIRED);

    const { stdout, stderr } = await commands.run({
      command:
        "grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status; touch /usr/x /etc/x /x; mount -t tmpfs none /mnt; kill -9 1; ls /proc | grep -c '^[0-9]'",
    });

    expect(stdout).toMatch(/CapEff:\t0+\nCapBnd:\t0+\nNoNewPrivs:\t1\n/);
    expect(Number(stdout.trim().split("\n").at(-1))).toBeLessThan(10); // its own processes and no others
    expect(stderr).toMatch(/\/usr\/x.*Read-only.*\/etc\/x.*Read-only.*\/x.*Read-only/s);
  });

  it("can write to nothing of the system, also where this program is root", async () => {
    await using place = await scene();
    await using commands = await commandsIn(place, REQUIRED);
    const { stdout } = await commands.run({ command: "find / -xdev -writable; find /proc /etc /usr /bin/ /lib/ -writable -not -type l" });
    expect(stdout.trim().split("\n").sort()).toEqual(["/dev", "/tmp"]); // both made for the sandbox
  });

  it("does not see a context path of which too much would have to be hidden, and says so once", async () => {
    await using place = await scene();
    for (let n = 0; n <= 500; n++) await place.write(`project/${n}/.env`, "secret");
    await place.write("project/code.txt", "code");
    const project = join(place.directory, "project");
    place.access.roots.push({ path: project, permission: "read", kind: "context", hiddenNames: [".env"] });
    await using commands = await commandsIn(place, REQUIRED);

    for (let n = 0; n < 2; n++) expect((await commands.run({ command: ["ls", project] })).exit_code).not.toBe(0);

    expect(commands.warnings).toEqual([{ code: "context_path_left_out", message: expect.stringContaining(project) }]);
  });

  it("reads further directories of the machine where that is wanted", async () => {
    await using place = await scene();
    const tool = await place.write("toolchain/bin/a-tool", "#!/bin/sh\necho it works\n");
    await chmod(tool, 0o755);
    const toolchain = join(place.directory, "toolchain");
    const host = { ...process.env, PATH: `${toolchain}/bin:${process.env.PATH}` };
    await using without = await commandsIn(place, REQUIRED, host);
    await using commands = await commandsIn(place, { ...REQUIRED, systemPaths: [toolchain] }, host);

    expect((await without.run({ command: "a-tool" })).exit_code).toBe(127);
    expect((await commands.run({ command: "a-tool; touch $(command -v a-tool)" })).stdout).toBe("it works\n");
    expect((await commands.run({ command: `touch ${tool}` })).stderr).toContain("Read-only");
  });

  it("is not led outside by symbolic links or a working directory", async () => {
    await using place = await scene();
    await place.write("outside/secret.txt", "secret");
    await mkdir(join(place.workspace, "sub"));
    await symlink(join(place.directory, "outside"), join(place.workspace, "link"));
    await using commands = await commandsIn(place, REQUIRED);

    expect((await commands.run({ command: "cat link/secret.txt" })).stdout).toBe("");
    expect((await commands.run({ command: "pwd", cwd: "sub" })).stdout).toBe(`${place.workspace}/sub\n`);
    await expect(commands.run({ command: "pwd", cwd: "link" })).rejects.toMatchObject({ code: "path_denied" });
    await expect(commands.run({ command: "pwd", cwd: "../.." })).rejects.toMatchObject({ code: "path_denied" });
    await expect(commands.run({ command: "pwd", cwd: "missing" })).rejects.toMatchObject({ code: "not_found" });
  });

  it("limits the number of processes for users other than root", async ({ skip }) => {
    if (process.getuid?.() === 0) {
      console.log("Skipped: the kernel does not limit root's processes.");
      skip("running as root");
    }
    await using place = await scene();
    await using commands = await commandsIn(place, { ...REQUIRED, maxProcesses: 20 });

    const { stderr } = await commands.run({ command: "for i in $(seq 50); do sleep 1 & done; wait" });

    expect(stderr).toMatch(/fork|Resource/);
  });
});
