import { lstat, mkdir, readdir, readFile, readlink, realpath, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { DEFAULT_EXCLUDE } from "../../src/filesystem-manager/names.js";
import { createSeenFiles } from "../../src/filesystem-manager/seen-files.js";
import { takeSnapshot } from "../../src/filesystem-manager/snapshot.js";
import { seededRandom } from "../../src/testing/random.js";
import { callsOf, world, writeTree } from "./helpers.js";

const SECRET = "TOP-SECRET";
const WALKS = 60;
const STEPS = 40;

/** Everything below a directory that a change would show in. */
async function stateOf(directory: string): Promise<string> {
  const lines: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const { ino, mode, size } = await lstat(path);
    const content = entry.isFile() ? await readFile(path, "utf8") : entry.isSymbolicLink() ? await readlink(path) : "";
    lines.push(`${path} ${ino} ${mode} ${size} ${content}`);
  }
  return lines.sort().join("\n");
}

// Agents that try everything: file tools on random paths, in a workspace in which commands have made random links.
it(`${WALKS} random walks of ${STEPS} steps change and read nothing that they may not`, async () => {
  let done = 0;
  let refused = 0;
  for (let seed = 1; seed <= WALKS; seed++) {
    const random = seededRandom(seed);
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!;
    const { access, root, base, workspace, answer, context, outside } = await world(pick(["read", "write"]));
    await writeTree(base, {
      "outside/secret.txt": SECRET,
      "outside/dir/deep.txt": SECRET,
      "project/.env": SECRET,
      "project/.git/config": "[core]",
      "project/lib/keep.txt": "protected",
      "project/lib/other.txt": "free",
      "answers/agent1.1/theirs.txt": SECRET,
    });
    root.protectedPaths = [join(context, "lib/keep.txt")];
    // With and without the rule that files must have been read: it must not be what keeps the others.
    const { call } = callsOf(access, { seen: createSeenFiles(random() < 0.3), exclude: DEFAULT_EXCLUDE });
    const guarded = async () => {
      const writable = root.permission === "write";
      const places = [outside, answer, join(base, "answers"), ...(writable ? [join(context, ".git")] : [context])];
      const files = writable ? [join(context, ".env"), join(context, "lib/keep.txt")] : [];
      const kept = await Promise.all(files.map((file) => readFile(file, "utf8")));
      return [...(await Promise.all(places.map(stateOf))), ...kept].join("\n--\n");
    };
    const before = await guarded();

    const name = () => pick(["a", "b", "own.txt", "d", "x.txt", ".env", ".git", "lib", "keep.txt", "secret.txt"]);
    const start = () =>
      pick([
        "",
        "",
        "",
        "./",
        "../",
        "../../outside/",
        `${outside}/`,
        `${context}/`,
        `${context}/lib/`,
        "agent2.1/",
        "agent1.1/",
        `${workspace}/`,
        "/proc/self/root",
        "d/../",
        "a/../",
      ]);
    const path = () => start() + Array.from({ length: 1 + Math.floor(random() * 3) }, name).join("/");
    const target = () =>
      pick([
        outside,
        context,
        answer,
        base,
        "..",
        "../..",
        "own.txt",
        "a",
        "b",
        "d",
        "/",
        join(outside, "secret.txt"),
        join(context, "lib"),
        join(context, ".env"),
        "../../outside",
        "/proc/self/cwd",
      ]);
    const flag = () => random() < 0.5;
    /** In a sandbox: what a link leads to outside is not there. */
    const own = async (relative: string) => {
      const at = join(workspace, relative);
      if (!(await realpath(dirname(at))).startsWith(workspace)) throw new Error("not in the sandbox");
      return at;
    };
    const steps: (() => Promise<unknown>)[] = [
      () => call("read_file", { path: path() }),
      () => call("write_file", { path: path(), content: `written ${random()}` }),
      () => call("edit_file", { path: path(), old_string: pick(["written", "S", "o"]), new_string: "edited", replace_all: true }),
      () => call("list_directory", { path: path(), depth: 3 }),
      () => call("copy_file", { source: path(), destination: path(), overwrite: flag() }),
      () => call("move_file", { source: path(), destination: path(), overwrite: flag() }),
      () => call("delete_file", { path: path(), recursive: flag() }),
      () => call("compare_files", { first: path(), second: path() }),
      // What commands of the agent's do in its workspace.
      () => own(pick(["a", "b", "d", "a/a", "d/b", "x.txt"])).then((at) => symlink(target(), at)),
      () => own(pick(["a", "d", "d/d"])).then((at) => mkdir(at)),
      () => writeFile(join(workspace, "plain.txt"), "x", { flag: "wx" }),
      ...(seed % 10 === 0
        ? [() => call("grep", { pattern: "TOP.SECRET", path: path() }), () => call("glob", { pattern: `${path()}/**` })]
        : []),
    ];
    for (let step = 0; step < STEPS; step++) {
      try {
        const said = JSON.stringify((await pick(steps)()) ?? "");
        expect(said.includes(SECRET), `seed ${seed}, step ${step}: ${said}`).toBe(false);
        done++;
      } catch (error) {
        if ((error as Error).name === "AssertionError") throw error;
        expect(String(error), `seed ${seed}, step ${step}`).not.toContain(SECRET);
        refused++;
      }
    }
    expect(await guarded(), `seed ${seed}`).toBe(before);

    const signal = new AbortController().signal;
    const { path: taken } = await takeSnapshot(workspace, join(base, "snapshot"), {
      exclude: DEFAULT_EXCLUDE,
      maxFiles: 1000,
      maxBytes: 1e6,
      signal,
    });
    expect(await stateOf(taken), `seed ${seed}`).not.toContain(SECRET);
    const all = await readdir(taken, { withFileTypes: true, recursive: true });
    for (const entry of all.filter((each) => each.isSymbolicLink())) {
      // Links are kept as written; none leads out of the snapshot.
      const link = await readlink(join(entry.parentPath, entry.name));
      expect(join(entry.parentPath, link).startsWith(taken), `seed ${seed}: ${entry.name} -> ${link}`).toBe(true);
    }
  }
  console.info(`${done} steps were carried out, ${refused} refused.`);
  expect(done).toBeGreaterThan(WALKS * 5);
  expect(refused).toBeGreaterThan(WALKS * 5);
}, 60_000);
