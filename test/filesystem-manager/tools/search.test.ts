import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { splitGlob } from "../../../src/filesystem-manager/tools/glob.js";
import { startRegexWorker } from "../../../src/filesystem-manager/tools/regex-worker.js";
import { callsOf, codeOf, world, writeTree } from "../helpers.js";

/** With everything in it that a search has to pass by. */
async function tree() {
  const at = await world();
  await writeTree(at.workspace, {
    "src/a.ts": "import x\nconst needle = 1;\nend\n",
    "src/deep/b.ts": "needle\r\nNEEDLE\r\n",
    "src/c.js": "no match",
    "docs/[x].md": "needle in brackets",
    "node_modules/m/index.ts": "needle",
    ".git/config": "needle",
    ".hidden/d.ts": "needle",
    "bin.ts": Buffer.from([0, 1, 2]),
  });
  await symlink(at.outside, join(at.workspace, "out"));
  await symlink("..", join(at.workspace, "src/up"));
  return { ...at, call: callsOf(at.access).call };
}

describe("list_directory", () => {
  it("lists names with sizes, deeper when asked, and follows no link", async () => {
    const { call } = await tree();
    expect(await call("list_directory", {})).toBe(
      [
        "Your workspace:",
        ".git/",
        ".hidden/",
        "bin.ts (3 bytes)",
        "docs/",
        "node_modules/",
        "out (symbolic link)",
        "own.txt (4 bytes)",
        "src/",
      ].join("\n"),
    );
    expect(await call("list_directory", { path: "src", depth: 3 })).toBe(
      ["src:", "a.ts (31 bytes)", "c.js (8 bytes)", "deep/", "deep/b.ts (16 bytes)", "up (symbolic link)"].join("\n"),
    );
    expect(await call("list_directory", { depth: 2 })).toContain("node_modules/ (not listed)");
    expect(await call("list_directory", { path: "agent2.1" })).toBe("agent2.1:\nanswer.txt (7 bytes)");
  });

  it("leaves out what is hidden, and says what it leaves out for length", async () => {
    const { call, context, workspace } = await tree();
    await writeTree(context, { ".env": "KEY" });
    expect(await call("list_directory", { path: context })).toBe(`${context}:\nmain.ts (8 bytes)`);
    await writeTree(workspace, Object.fromEntries(Array.from({ length: 1005 }, (_, i) => [`many/${i}`, ""])));
    expect(await call("list_directory", { path: "many" })).toContain("[5 further entries are left out.");
    await mkdir(join(workspace, "none"));
    expect(await call("list_directory", { path: "none" })).toBe('"none" is empty.');
    expect(await codeOf(call("list_directory", { path: "own.txt" }))).toBe("not_a_directory");
    expect(await codeOf(call("list_directory", { path: "nothing" }))).toBe("not_found");
  });
});

describe("glob", () => {
  it.each([
    ["**/*.ts", ".hidden/d.ts\nbin.ts\nsrc/a.ts\nsrc/deep/b.ts"],
    ["src/*.{ts,js}", "src/a.ts\nsrc/c.js"],
    ["src/deep/b.ts", "src/deep/b.ts"],
    ["docs/\\[x\\].md", "docs/[x].md"],
    ["agent2.1/**", "agent2.1/answer.txt"],
    ["*.none", 'No file matches "*.none".'],
  ])("%s", async (pattern, expected) => {
    const { call } = await tree();
    expect(await call("glob", { pattern })).toBe(expected);
  });

  it("begins in a directory, or where the pattern says", async () => {
    const { call, context, outside } = await tree();
    expect(await call("glob", { pattern: "**/*.ts", path: "src" })).toBe("src/a.ts\nsrc/deep/b.ts");
    expect(await call("glob", { pattern: `${context}/*` })).toBe(join(context, "main.ts"));
    for (const pattern of [`${outside}/*`, "../../**", "out/*", "/etc/*"])
      expect(await codeOf(call("glob", { pattern })), pattern).toBe("path_denied");
  });

  it("splits patterns", () => {
    expect(splitGlob("a/b/*.ts")).toEqual({ base: "a/b", rest: "*.ts" });
    expect(splitGlob("/a.ts")).toEqual({ base: "/", rest: "a.ts" });
    expect(splitGlob("*")).toEqual({ base: "", rest: "*" });
  });

  it("is stopped when its pattern takes too long", async () => {
    const { access, workspace } = await world();
    await writeTree(workspace, { [`${"a".repeat(200)}c`]: "" });
    const { call } = callsOf(access);
    const signal = AbortSignal.timeout(1500);
    await expect(call("glob", { pattern: `${"*a".repeat(40)}b` }, signal)).rejects.toThrow(/aborted|timeout/i);
  });
});

describe("grep", () => {
  it("shows matching lines, with files that are passed by left out", async () => {
    const { call } = await tree();
    expect(await call("grep", { pattern: "needle" })).toBe(
      [".hidden/d.ts:1: needle", "docs/[x].md:1: needle in brackets", "src/a.ts:2: const needle = 1;", "src/deep/b.ts:1: needle"].join(
        "\n",
      ),
    );
    expect(await call("grep", { pattern: "^needle$", ignore_case: true, path: "src" })).toBe(
      "src/deep/b.ts:1: needle\nsrc/deep/b.ts:2: NEEDLE",
    );
    expect(await call("grep", { pattern: "needle", glob: "*.md" })).toBe("docs/[x].md:1: needle in brackets");
    expect(await call("grep", { pattern: "needle", glob: "src/**", files_only: true })).toBe("src/a.ts\nsrc/deep/b.ts");
    expect(await call("grep", { pattern: "theirs", path: "agent2.1/answer.txt" })).toBe("agent2.1/answer.txt:1: theirs");
    expect(await call("grep", { pattern: "absent" })).toBe("Nothing matches /absent/.\n\n[1 binary file passed by.]");
  });

  it("shows lines around a match once, and says where lines are missing", async () => {
    const { call, workspace } = await tree();
    await writeTree(workspace, { "lines.txt": "1\nx2\n3\nx4\n5\n6\n7\nx8\n" });
    expect(await call("grep", { pattern: "x", path: "lines.txt", context: 1 })).toBe(
      [
        "lines.txt-1- 1",
        "lines.txt:2: x2",
        "lines.txt-3- 3",
        "lines.txt:4: x4",
        "lines.txt-5- 5",
        "--",
        "lines.txt-7- 7",
        "lines.txt:8: x8",
      ].join("\n"),
    );
  });

  it("is bounded, and says so", async () => {
    const { call, workspace } = await tree();
    await writeTree(workspace, { "many.txt": "hit\n".repeat(500), "long.txt": `hit ${"x".repeat(5000)}` });
    const many = await call("grep", { pattern: "hit", path: "many.txt" });
    expect(
      String(many)
        .split("\n")
        .filter((line) => line.startsWith("many.txt:")),
    ).toHaveLength(200);
    expect(many).toContain("[Only the first 200 matches are shown.");
    expect(await call("grep", { pattern: "hit", path: "long.txt" })).toContain("x … [4504 more characters]");
    const small = callsOf({ workspace, roots: [{ path: workspace, permission: "write", kind: "workspace" }] }, { maxFileBytes: 100 });
    expect(await small.call("grep", { pattern: "hit", glob: "*.txt" })).toContain(
      "[Not searched, as larger than 100 bytes: long.txt, many.txt.]",
    );
  });

  it("says what is wrong with a pattern", async () => {
    const { call } = await tree();
    await expect(call("grep", { pattern: "(" })).rejects.toThrow(/Unterminated group.*JavaScript regular expression/);
    expect(await codeOf(call("grep", { pattern: "x".repeat(2000) }))).toBe("bad_pattern");
  });

  it("searches no secrets and nothing outside", async () => {
    const { call, context } = await tree();
    await writeTree(context, { ".env": "needle" });
    expect(await call("grep", { pattern: "needle|SECRET", path: context })).toBe("Nothing matches /needle|SECRET/.");
    expect(await call("grep", { pattern: "SECRET" })).toContain("Nothing matches");
    expect(await codeOf(call("grep", { pattern: "x", path: "out" }))).toBe("path_denied");
  });
});

describe("a pattern that takes exponential time", () => {
  it("is stopped, and holds up nothing meanwhile", async () => {
    const worker = startRegexWorker({ source: "^(a+)+$", flags: "" }, 300, new AbortController().signal);
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 10);
    await expect(worker.matchLines([`${"a".repeat(50)}!`], 1)).rejects.toThrow("longer than 0.3 s");
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(5);
    await expect(worker.matchLines(["a"], 1)).rejects.toThrow("longer than 0.3 s");
    await worker.close();
  });

  it("ends with its signal", async () => {
    const { access, workspace } = await world();
    await writeTree(workspace, { "a.txt": `${"a".repeat(50)}!` });
    await expect(callsOf(access).call("grep", { pattern: "^(a+)+$" }, AbortSignal.timeout(300))).rejects.toThrow(/timeout/i);
    await expect(callsOf(access).call("grep", { pattern: "a" }, AbortSignal.abort(new Error("over")))).rejects.toThrow("over");
  });
});
