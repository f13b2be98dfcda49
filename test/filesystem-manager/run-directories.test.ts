import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rename, symlink, utimes, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ownIdentity, stateOfProcess } from "../../src/filesystem-manager/process-identity.js";
import {
  createRunDirectory,
  keepResult,
  MARKER,
  openRoot,
  pruneResults,
  removeMarked,
  sweep,
} from "../../src/filesystem-manager/run-directories.js";
import { codeOf, temporaryDirectory, writeTree } from "./helpers.js";

const HOUR = 60 * 60 * 1000;
const NOW = Date.UTC(2030, 0, 1);

async function places(keep = 20) {
  const base = await temporaryDirectory();
  const directories = await openRoot(join(base, "root"), keep);
  const { root } = directories;
  return { base, directories, root, live: () => readdir(join(root, "live")), results: () => readdir(join(root, "results")) };
}

/** A run's directory as another process would have left it. */
async function leftover(root: string, marker: unknown, name: string) {
  await writeTree(join(root, "live", name), { [MARKER]: JSON.stringify(marker), "abc/workspace/file.txt": "x" });
  return join(root, "live", name);
}

/** A pid that no process has any more. */
async function deadProcess() {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  return { massgen: 1, ...ownIdentity(), pid: child.pid, started: "1" };
}

describe("the root", () => {
  it("is made, and kept out of version control", async () => {
    const { root, live, results } = await places();
    expect(await readFile(join(root, ".gitignore"), "utf8")).toBe("*\n");
    expect([await live(), await results()]).toEqual([[], []]);
  });

  it("that exists keeps what is in it", async () => {
    const base = await temporaryDirectory();
    await writeTree(base, { "mine.txt": "m" });
    await openRoot(base, 1);
    expect((await readdir(base)).sort()).toEqual(["live", "mine.txt", "results"]);
  });

  it("is not just anything", async () => {
    const base = await temporaryDirectory();
    await writeTree(base, { file: "f" });
    for (const path of ["/", homedir(), join(base, "file")]) expect(await codeOf(openRoot(path, 1)), path).toBe("bad_root");
  });
});

describe("a run's directory", () => {
  it("has a marker, a name that says nothing, and is the owner's alone", async () => {
    const { directories } = await places();
    const [one, two] = [await createRunDirectory(directories), await createRunDirectory(directories)];
    expect(one).not.toBe(two);
    expect(one.slice(-12)).toMatch(/^[0-9a-f]{12}$/);
    expect(JSON.parse(await readFile(join(one, MARKER), "utf8"))).toMatchObject({ massgen: 1, pid: process.pid });
  });

  it("goes with everything in it, the marker last", async () => {
    const { directories, live, base } = await places();
    const path = await createRunDirectory(directories);
    await writeTree(path, { "answers/agent1.1/a.txt": "a" });
    await writeTree(base, { "outside.txt": "o" });
    await symlink(join(base, "outside.txt"), join(path, "link"));
    await chmod(join(path, "answers/agent1.1"), 0o555);
    await removeMarked(path);
    await removeMarked(path);
    expect(await live()).toEqual([]);
    expect(existsSync(join(base, "outside.txt"))).toBe(true);
  });
});

describe("sweeping", () => {
  it("deletes what dead processes left, and nothing of those alive", async () => {
    const { directories, root, live } = await places();
    const own = await createRunDirectory(directories);
    const dead = await deadProcess();
    await leftover(root, dead, "000000000001");
    await leftover(root, { ...dead, pid: process.pid, started: "1" }, "000000000002"); // our pid, used before
    await leftover(root, { ...dead, pid: process.ppid, started: undefined }, "000000000003"); // alive
    await sweep(directories, Date.now());
    expect(await live()).toEqual(["000000000003", own.slice(-12)].sort());
  });

  it("keeps away from what has no marker of ours, or none at all", async () => {
    const { directories, root, live } = await places();
    const dead = await deadProcess();
    await leftover(root, { ...dead, massgen: 2 }, "000000000001");
    await leftover(root, "nonsense", "000000000002");
    await mkdir(join(root, "live", "000000000003"));
    await leftover(root, dead, "somebody-elses-name");
    await sweep(directories, Date.now());
    expect(await live()).toHaveLength(4);
  });

  it("waits a week for other machines and containers", async () => {
    const { directories, root, live } = await places();
    const path = await leftover(root, { ...(await deadProcess()), machine: "elsewhere" }, "000000000001");
    await sweep(directories, Date.now());
    expect(await live()).toHaveLength(1);
    const old = new Date(Date.now() - 8 * 24 * HOUR);
    await utimes(join(path, MARKER), old, old);
    await sweep(directories, Date.now());
    expect(await live()).toEqual([]);
  });

  it("can go on in several processes at once", async () => {
    const { directories, root, live } = await places();
    const dead = await deadProcess();
    for (let n = 0; n < 10; n++) await leftover(root, dead, `00000000000${n}`);
    await Promise.all([1, 2, 3].map(() => sweep(directories, Date.now())));
    expect(await live()).toEqual([]);
  });

  it("does not look at results, however many there are", async () => {
    const { directories, root } = await places();
    await rename(join(root, "results"), join(root, "elsewhere")); // to look would be an error
    await sweep(directories, Date.now());
  });
});

describe("results", () => {
  const result = async (root: string, hoursAgo: number, n = 0) => {
    const time = new Date(NOW - hoursAgo * HOUR).toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
    await writeTree(join(root, "results", `${time}-00000000000${n}`), {
      [MARKER]: JSON.stringify({ massgen: 1, ...ownIdentity() }),
      "workspace/a.txt": "a",
    });
  };

  it("are named by their time and hold a workspace", async () => {
    const { directories, base, root } = await places();
    await writeTree(base, { "root/live/snap/a.txt": "a" });
    const path = await keepResult(directories, join(root, "live", "snap"), NOW);
    expect(path).toMatch(/results\/20300101T000000Z-[0-9a-f]{12}\/workspace$/);
    expect(await readdir(path)).toEqual(["a.txt"]);
  });

  it("beyond the number to keep go, the oldest first, but none of the last hour", async () => {
    const { directories, root, results } = await places(2);
    for (const [hours, n] of [
      [5, 1],
      [4, 2],
      [3, 3],
      [0.5, 4],
      [0.2, 5],
      [0.1, 6],
    ] as const)
      await result(root, hours, n);
    await pruneResults(directories, NOW);
    expect((await results()).map((name) => name.at(-1))).toEqual(["4", "5", "6"]);
    await pruneResults(directories, NOW + HOUR);
    expect((await results()).map((name) => name.at(-1))).toEqual(["5", "6"]);
  });

  it("are all kept when asked, without looking", async () => {
    const { directories, root } = await places(Number.POSITIVE_INFINITY);
    await rename(join(root, "results"), join(root, "elsewhere"));
    await pruneResults(directories, NOW);
  });

  it("are only deleted if they have a marker and such a name", async () => {
    const { directories, root, results } = await places(1);
    await result(root, 9, 1);
    await result(root, 8, 2);
    await mkdir(join(root, "results", "20000101T000000Z-0123456789ab"));
    await writeFile(join(root, "results", "notes.txt"), "mine");
    await pruneResults(directories, NOW);
    expect((await results()).map((name) => name.slice(-3)).sort()).toEqual(["002", "9ab", "txt"]);
  });
});

it("a process is told from one that has its pid by when it started", () => {
  const own = ownIdentity();
  expect(stateOfProcess(own)).toBe("alive");
  expect(stateOfProcess({ ...own, machine: "elsewhere" })).toBe("unknown");
  if (own.started !== undefined) expect(stateOfProcess({ ...own, started: "1" })).toBe("dead");
  expect(stateOfProcess({ machine: own.machine, pid: own.pid })).toBe("alive");
});
