import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmod,
  constants,
  copyFile,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  statfs,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { DEFAULT_EXCLUDE } from "../../src/filesystem-manager/names.js";
import { removeTree } from "../../src/filesystem-manager/remove-tree.js";
import { type SnapshotOptions, staysInside, takeSnapshot } from "../../src/filesystem-manager/snapshot.js";
import { codeOf, temporaryDirectory, text, writeTree } from "./helpers.js";

const options = (more: Partial<SnapshotOptions> = {}): SnapshotOptions => ({
  exclude: DEFAULT_EXCLUDE,
  maxFiles: 1000,
  maxBytes: 10_000_000,
  signal: new AbortController().signal,
  ...more,
});

async function places() {
  const base = await temporaryDirectory();
  const live = join(base, "live");
  await mkdir(live);
  return { base, live, snap: (name: string) => join(base, name) };
}

/** Old enough that an unchanged file need not be suspected: its times lie well before the next snapshot. */
async function settle(base: string): Promise<void> {
  const probe = join(base, "clock");
  const before = await lstat(base, { bigint: true });
  for (;;) {
    await writeFile(probe, "");
    const now = await lstat(probe, { bigint: true });
    await rm(probe);
    if (now.ctimeNs - before.ctimeNs > 120_000_000n && now.ctimeNs - (await newest(join(base, "live"))) > 60_000_000n) return;
  }
}

async function newest(directory: string): Promise<bigint> {
  let latest = 0n;
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const { ctimeNs } = await lstat(join(entry.parentPath, entry.name), { bigint: true });
    if (ctimeNs > latest) latest = ctimeNs;
  }
  return latest;
}

/** A directory where files can be clones of others, gone after the test; nothing, where none is known. */
async function cloningDirectory(): Promise<string | undefined> {
  for (const parent of [process.env.MASSGEN_CLONES_AT, tmpdir(), "."]) {
    if (parent === undefined || parent === "") continue;
    const base = await mkdtemp(join(parent, "massgen-clones-"));
    onTestFinished(() => removeTree(dirname(base), basename(base)));
    await writeFile(join(base, "one"), "x");
    const { COPYFILE_FICLONE_FORCE } = constants;
    if (
      await copyFile(join(base, "one"), join(base, "two"), COPYFILE_FICLONE_FORCE).then(
        () => true,
        () => false,
      )
    )
      return base;
  }
  return undefined;
}

describe("a snapshot", () => {
  it("is a read-only copy, also of nothing", async () => {
    const { live, snap } = await places();
    await takeSnapshot(live, snap("empty"), options());
    expect(await readdir(snap("empty"))).toEqual([]);
    await writeTree(live, { "a.txt": "a", "sub/b.sh": "#!/bin/sh\n", ".hidden": "h" });
    await chmod(join(live, "sub/b.sh"), 0o755);
    const taken = await takeSnapshot(live, snap("s1"), options());
    expect(taken).toMatchObject({ files: 3, bytes: 12, copiedFiles: 3, copiedBytes: 12, left: [] });
    expect(await text(join(snap("s1"), "sub/b.sh"))).toBe("#!/bin/sh\n");
    const mode = async (path: string) => (await stat(join(snap("s1"), path))).mode & 0o777;
    expect([await mode("a.txt"), await mode("sub/b.sh"), await mode("sub"), await mode(".")]).toEqual([0o444, 0o555, 0o555, 0o555]);
  });

  it("shares nothing with the original", async () => {
    const { live, snap } = await places();
    await writeTree(live, { "a.txt": "first" });
    await takeSnapshot(live, snap("s1"), options());
    await writeFile(join(live, "a.txt"), "second"); // in place, through the same inode
    expect(await text(join(snap("s1"), "a.txt"))).toBe("first");
    expect((await stat(join(live, "a.txt"))).ino).not.toBe((await stat(join(snap("s1"), "a.txt"))).ino);
  });

  it("takes clones where the file system has them, which cost no space", async (context) => {
    const base = await cloningDirectory();
    if (base === undefined) {
      const why = "no file system with clones at the directories of temporary files or of the project; name one in MASSGEN_CLONES_AT";
      console.log(`snapshots as clones: skipped, ${why}`);
      return context.skip(why);
    }
    const megabytes = 64;
    await mkdir(join(base, "live"));
    await writeFile(join(base, "live/big.bin"), randomBytes(megabytes * 2 ** 20), { flush: true });
    const free = async () => {
      const { bavail, bsize } = await statfs(base);
      return (bavail * bsize) / 2 ** 20;
    };
    const before = await free();
    const taken = await takeSnapshot(join(base, "live"), join(base, "s1"), options({ maxBytes: 2 ** 30 }));
    expect(taken).toMatchObject({ copiedFiles: 1, left: [] });
    expect(before - (await free())).toBeLessThan(megabytes / 2);
    await writeFile(join(base, "live/big.bin"), "changed");
    expect((await stat(join(base, "s1/big.bin"))).size).toBe(megabytes * 2 ** 20);
  });

  it("links what has not changed to the one before, and copies what has", async () => {
    const { base, live, snap } = await places();
    await writeTree(live, {
      "same.txt": "same",
      "sub/same.txt": "too",
      "edited.txt": "one",
      "replaced.txt": "one",
      "gone.txt": "x",
      "mode.sh": "m",
    });
    await settle(base);
    const first = await takeSnapshot(live, snap("s1"), options());
    await writeFile(join(live, "edited.txt"), "two"); // of the same size
    await writeFile(join(live, "new"), "one");
    await rename(join(live, "new"), join(live, "replaced.txt"));
    await rm(join(live, "gone.txt"));
    await chmod(join(live, "mode.sh"), 0o755);
    const second = await takeSnapshot(live, snap("s2"), options({ previous: first }));
    expect(second).toMatchObject({ files: 5, copiedFiles: 3, copiedBytes: 7 });
    const ino = async (name: string, path: string) => (await stat(join(snap(name), path))).ino;
    expect(await ino("s2", "same.txt")).toBe(await ino("s1", "same.txt"));
    expect(await ino("s2", "sub/same.txt")).toBe(await ino("s1", "sub/same.txt"));
    expect(await text(join(snap("s2"), "edited.txt"))).toBe("two");
    expect(await text(join(snap("s1"), "edited.txt"))).toBe("one");
    expect(await ino("s2", "replaced.txt")).not.toBe(await ino("s1", "replaced.txt"));
    expect(((await stat(join(snap("s2"), "mode.sh"))).mode & 0o111) !== 0).toBe(true);
    expect(await readdir(snap("s2"))).not.toContain("gone.txt");
  });

  it("is not fooled by times that were set back, nor by changes within one tick of the clock", async () => {
    const { base, live, snap } = await places();
    await writeTree(live, { "a.txt": "one" });
    const old = new Date(1_000_000_000_000);
    await utimes(join(live, "a.txt"), old, old);
    await settle(base);
    const first = await takeSnapshot(live, snap("s1"), options());
    await writeFile(join(live, "a.txt"), "two");
    await utimes(join(live, "a.txt"), old, old);
    const second = await takeSnapshot(live, snap("s2"), options({ previous: first }));
    expect(await text(join(snap("s2"), "a.txt"))).toBe("two");
    // Just written: it may change again and still have the times it has now.
    expect(second.states.has("a.txt")).toBe(false);
  });

  it("copies when there is nothing to link to", async () => {
    const { base, live, snap } = await places();
    await writeTree(live, { "a.txt": "one" });
    await settle(base);
    const first = await takeSnapshot(live, snap("s1"), options());
    await removeTree(base, "s1");
    const second = await takeSnapshot(live, snap("s2"), options({ previous: first }));
    expect(second.copiedFiles).toBe(1);
    expect(await text(join(snap("s2"), "a.txt"))).toBe("one");
  });

  it("leaves out what is excluded, and names what cannot be taken along", async () => {
    const { base, live, snap } = await places();
    await writeTree(base, { "outside/secret.txt": "SECRET" });
    await writeTree(live, { "node_modules/a/i.js": "", ".git/HEAD": "", "sub/__pycache__/x": "", "sub/a.txt": "a", "venv.txt": "v" });
    execFileSync("mkfifo", [join(live, "pipe")]);
    await symlink("../outside/secret.txt", join(live, "up"));
    await symlink(join(base, "outside"), join(live, "absolute"));
    await symlink("a.txt", join(live, "sub/kept"));
    await symlink("sub", join(live, "directory"));
    await symlink("sub/nothing", join(live, "dangling"));
    await writeFile(Buffer.concat([Buffer.from(`${live}/bad-`), Buffer.from([0xff])]), "no UTF-8");
    const taken = await takeSnapshot(live, snap("s"), options());
    expect((await readdir(snap("s"))).sort()).toEqual(["dangling", "directory", "sub", "venv.txt"]);
    expect(await readlink(join(snap("s"), "sub/kept"))).toBe("a.txt");
    expect((await readdir(join(snap("s"), "sub"))).sort()).toEqual(["a.txt", "kept"]);
    expect(taken.left.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: "absolute", why: "a symbolic link that leaves the workspace" },
      { path: "bad-\ufffd", why: "a name that is no UTF-8" },
      { path: "pipe", why: "no ordinary file" },
      { path: "up", why: "a symbolic link that leaves the workspace" },
    ]);
  });

  it.each([
    ["a/b", 0, true],
    ["../a", 1, true],
    ["../../a", 1, false],
    ["..", 0, false],
    ["a/../b", 3, false],
    ["./../x", 1, true],
    ["/etc", 5, false],
    ["", 1, false],
    ["C:/x", 1, false],
    [".//a", 0, true],
  ])("a link to %j, %i deep: %s", (target, depth, expected) => {
    expect(staysInside(target, depth)).toBe(expected);
  });

  it("of too much is refused, and nothing is left of it", async () => {
    const { base, live, snap } = await places();
    await writeTree(live, { "a/1": "x".repeat(100), "a/2": "x".repeat(100), "b/3": "x" });
    await expect(takeSnapshot(live, snap("s"), options({ maxFiles: 2 }))).rejects.toThrow(
      "Your workspace has more than 2 files, which is too much",
    );
    await expect(takeSnapshot(live, snap("s"), options({ maxBytes: 150 }))).rejects.toThrow("more than 150 bytes");
    await mkdir(join(live, "d/".repeat(101)), { recursive: true });
    expect(await codeOf(takeSnapshot(live, snap("s"), options()))).toBe("workspace_too_large");
    expect((await readdir(base)).sort()).toEqual(["live"]);
  });

  it("can be stopped, and nothing is left of it", async () => {
    const { base, live, snap } = await places();
    await writeTree(live, Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`d${i % 7}/${i}.txt`, "x"])));
    const controller = new AbortController();
    const signal = Object.assign(controller.signal, {});
    let looks = 0;
    const throwIfAborted = signal.throwIfAborted.bind(signal);
    signal.throwIfAborted = () => {
      if (++looks === 150) controller.abort(new Error("over"));
      throwIfAborted();
    };
    await expect(takeSnapshot(live, snap("s"), options({ signal }))).rejects.toThrow("over");
    expect(await readdir(base)).toEqual(["live"]);
  });

  it("notices a file that changes while it is copied", async () => {
    const { live, snap } = await places();
    const file = join(live, "busy.log");
    await writeFile(file, "x".repeat(4_000_000));
    const program = `const fs = require("node:fs"); const fd = fs.openSync(process.argv[1], "r+"); process.stdout.write("go"); for (let n = 0; ; n++) fs.writeSync(fd, String(n % 10), 0);`;
    const writer = spawn(process.execPath, ["-e", program, file], { stdio: ["ignore", "pipe", "ignore"] });
    onTestFinished(() => void writer.kill("SIGKILL"));
    await once(writer.stdout, "data");
    // The writer may stand still while a copy is made, on a busy machine; not every time.
    let taken = await takeSnapshot(live, snap("s0"), options());
    for (let n = 1; n < 100 && taken.left.length === 0; n++) taken = await takeSnapshot(live, snap(`s${n}`), options());
    expect(taken.left).toEqual([{ path: "busy.log", why: "kept changing while it was copied; the copy may be of several states" }]);
    expect(taken.states.has("busy.log")).toBe(false);
    writer.kill("SIGKILL");
    await once(writer, "exit");
    expect((await takeSnapshot(live, snap("t"), options())).left).toEqual([]);
  });

  it("survives files that come and go", async () => {
    const { live, snap } = await places();
    const program = `const fs = require("node:fs"); process.stdout.write("go"); for (;;) { for (const n of [1, 2, 3]) { fs.mkdirSync("d" + n, { recursive: true }); fs.writeFileSync("d" + n + "/f", "x".repeat(n * 999)); } for (const n of [1, 2, 3]) fs.rmSync("d" + n, { recursive: true }); }`;
    const writer = spawn(process.execPath, ["-e", program], { cwd: live, stdio: ["ignore", "pipe", "ignore"] });
    onTestFinished(() => void writer.kill("SIGKILL"));
    await once(writer.stdout, "data");
    await writeTree(live, { "stays.txt": "s" });
    for (let n = 0; n < 30; n++) {
      await takeSnapshot(live, snap(`s${n}`), options());
      expect(await text(join(snap(`s${n}`), "stays.txt"))).toBe("s");
    }
  });

  it("never follows a directory that turns into a link", async () => {
    const { base, live, snap } = await places();
    await writeTree(base, { "outside/secret.txt": "SECRET" });
    const program = `const fs = require("node:fs"); process.stdout.write("go"); for (;;) { try { fs.mkdirSync("d"); fs.writeFileSync("d/secret.txt", "fine"); fs.rmSync("d", { recursive: true }); fs.symlinkSync("../outside", "d"); fs.unlinkSync("d"); } catch {} }`;
    const writer = spawn(process.execPath, ["-e", program], { cwd: live, stdio: ["ignore", "pipe", "ignore"] });
    onTestFinished(() => void writer.kill("SIGKILL"));
    await once(writer.stdout, "data");
    for (let n = 0; n < 100; n++) {
      await takeSnapshot(live, snap(`s${n}`), options());
      const found = await readFile(join(snap(`s${n}`), "d/secret.txt"), "utf8").catch(() => "");
      expect(["", "fine"]).toContain(found);
    }
  });
});

describe("removing a tree", () => {
  it("takes what is read-only, closed, or no UTF-8, and follows no link", async () => {
    const { base, live } = await places();
    await writeTree(base, { "outside/keep.txt": "k", "live/a/b/c.txt": "c", "live/closed/x": "x" });
    await symlink("../outside", join(live, "link"));
    await link(join(base, "outside/keep.txt"), join(live, "hard"));
    await writeFile(Buffer.concat([Buffer.from(`${live}/a/bad-`), Buffer.from([0xff])]), "");
    await mkdir(Buffer.concat([Buffer.from(`${live}/dir-`), Buffer.from([0xfe])]));
    await chmod(join(live, "a/b"), 0o555);
    await chmod(join(live, "closed"), 0);
    await removeTree(base, "live");
    await removeTree(base, "live"); // gone already
    expect(await readdir(base)).toEqual(["outside"]);
    expect(await text(join(base, "outside/keep.txt"))).toBe("k");
  });
});
