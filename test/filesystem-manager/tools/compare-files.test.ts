import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callsOf, codeOf, world, writeTree } from "../helpers.js";

describe("compare_files", () => {
  it("gives a unified diff", async () => {
    const { access, answer, workspace } = await world();
    await writeTree(answer, { "main.py": "a\nb\nc\nd\ne\nf\ng\nh\n" });
    await writeTree(workspace, { "main.py": "a\nb\nc\nd\nE\nf\ng\nh\n" });
    const { call } = callsOf(access);
    expect(await call("compare_files", { first: "agent2.1/main.py", second: "main.py", context: 1 })).toBe(
      ["1 line added, 1 removed.", "--- agent2.1/main.py", "+++ main.py", "@@ -4,3 +4,3 @@", " d", "-e", "+E", " f"].join("\n"),
    );
    await call("write_file", { path: "main.py", content: "known by now\n" });
  });

  it("says when there is nothing to show", async () => {
    const { access, workspace } = await world();
    await writeTree(workspace, { "a.txt": "x\ny\n", "b.txt": "x\ny\n", "crlf.txt": "x\r\ny\r\n", bin: Buffer.from([0, 1]) });
    const { call } = callsOf(access);
    expect(await call("compare_files", { first: "a.txt", second: "b.txt" })).toBe('"a.txt" and "b.txt" are the same.');
    expect(await call("compare_files", { first: "a.txt", second: "crlf.txt" })).toContain("line ends only");
    expect(await call("compare_files", { first: "a.txt", second: "bin" })).toContain("are not both text: 4 bytes and 2 bytes");
  });

  it("is bounded in lines and in time", async () => {
    const { access, workspace } = await world();
    const lines = (seed: number) => Array.from({ length: 20_000 }, (_, i) => `${(i * 7919 * seed) % 1009}`).join("\n");
    await writeTree(workspace, { "a.txt": lines(1), "b.txt": lines(3), "c.txt": "x\n".repeat(2000), "d.txt": "" });
    const { call } = callsOf(access);
    const began = performance.now();
    expect(await call("compare_files", { first: "a.txt", second: "b.txt" })).toContain("differ too much for a diff");
    expect(performance.now() - began).toBeLessThan(5000);
    expect(await call("compare_files", { first: "c.txt", second: "d.txt" })).toMatch(
      /^0 lines added, 2000 removed\.[\s\S]*\[\d+ more lines of the diff are left out/,
    );
  });

  it("compares directories by name and content", async () => {
    const { access, answer, workspace } = await world();
    await writeTree(answer, { "same.txt": "s", "sub/differs.txt": "1", "gone.txt": "g" });
    await writeTree(workspace, { "d/same.txt": "s", "d/sub/differs.txt": "2", "d/node_modules/x": "x", "d/answer.txt": "theirs\n" });
    const { call } = callsOf(access);
    expect(await call("compare_files", { first: "agent2.1", second: "d" })).toBe(
      [
        "2 files the same, 2 not.",
        "only in agent2.1: gone.txt",
        "differs: sub/differs.txt",
        "",
        "[1 entry with names like .git, .massgen, node_modules, .venv, or that cannot be read: not compared.]",
      ].join("\n"),
    );
    expect(await codeOf(call("compare_files", { first: "agent2.1", second: "own.txt" }))).toBe("bad_comparison");
  });

  it("reads nothing that may not be read", async () => {
    const { access, outside } = await world();
    const { call } = callsOf(access);
    expect(await codeOf(call("compare_files", { first: join(outside, "secret.txt"), second: "own.txt" }))).toBe("path_denied");
    expect(await codeOf(call("compare_files", { first: "own.txt", second: outside }))).toBe("path_denied");
    expect(await codeOf(call("compare_files", { first: "own.txt", second: "nothing" }))).toBe("not_found");
  });
});
