import { execFileSync } from "node:child_process";
import { chmod, link, lstat, mkdir, readdir, rename, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createSeenFiles } from "../../../src/filesystem-manager/seen-files.js";
import { excerpt } from "../../../src/filesystem-manager/tools/read-file.js";
import { callsOf, codeOf, text, world, writeTree } from "../helpers.js";

const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");

describe("read_file", () => {
  it("gives a file as it is", async () => {
    const { access, workspace } = await world();
    await writeTree(workspace, { "a.txt": "one\ntwo\n", "empty.txt": "" });
    const { call } = callsOf(access);
    expect(await call("read_file", { path: "a.txt" })).toBe("one\ntwo\n");
    expect(await call("read_file", { path: "empty.txt" })).toBe("[empty.txt is empty.]");
    expect(await call("read_file", { path: "agent2.1/answer.txt" })).toBe("theirs\n");
  });

  it("gives some lines, and says how to read on", async () => {
    const { access, workspace } = await world();
    await writeTree(workspace, { "a.txt": Array.from({ length: 5000 }, (_, i) => `line ${i + 1}`).join("\n") });
    const { call } = callsOf(access);
    expect(await call("read_file", { path: "a.txt", offset: 3, limit: 2 })).toBe(
      "line 3\nline 4\n\n[a.txt: lines 3 to 4 of 5000. Read on with offset 5.]",
    );
    expect(await call("read_file", { path: "a.txt" })).toMatch(
      /line 2000\n\n\[a\.txt: lines 1 to 2000 of 5000\. Read on with offset 2001\.\]$/,
    );
    expect(await call("read_file", { path: "a.txt", offset: 4999 })).toBe(
      "line 4999\nline 5000\n\n[a.txt: lines 4999 to 5000 of 5000. That is the end.]",
    );
    expect(await codeOf(call("read_file", { path: "a.txt", offset: 5001 }))).toBe("bad_range");
  });

  it("nothing is lost when a long file is read piece by piece as told", () => {
    const lines = [`${"ä".repeat(70_000)}😀`.repeat(2), "short", "x".repeat(59_990), "y".repeat(100), "", "end"];
    const whole = lines.join("\n");
    const pieces: string[] = [];
    let [offset, column] = [1, 1];
    for (let step = 0; step < 20; step++) {
      const [body, notice] = excerpt(whole, "f", offset, 2000, column).split("\n\n[f: ") as [string, string];
      expect(body.length).toBeLessThanOrEqual(60_000);
      pieces.push(body);
      const next = /offset (\d+)(?: and column (\d+))?/.exec(notice);
      if (next === null) break;
      if (next[2] === undefined) pieces.push("\n");
      [offset, column] = [Number(next[1]), Number(next[2] ?? 1)];
    }
    expect(pieces.join("")).toBe(whole);
  });

  it("shows images as files and refuses other binaries, with what to do", async () => {
    const { access, workspace } = await world();
    await writeTree(workspace, { "a.png": PNG, "b.bin": Buffer.from([1, 0, 2]), "c.pdf": "%PDF-1.7\n", "d.png": "no image at all" });
    const { call } = callsOf(access);
    expect(await call("read_file", { path: "a.png" })).toEqual([
      { type: "text", text: "a.png (image/png, 16 bytes):" },
      { type: "file", mediaType: "image/png", data: PNG.toString("base64"), filename: "a.png" },
    ]);
    await expect(call("read_file", { path: "b.bin" })).rejects.toThrow(
      "binary file (unknown format, 3 bytes), which this tool cannot handle. Use a command",
    );
    await expect(call("read_file", { path: "c.pdf" })).rejects.toThrow("application/pdf");
    expect(await call("read_file", { path: "d.png" })).toBe("no image at all");
  });

  it("understands UTF-16, marks at the start, and what is no UTF-8", async () => {
    const { access, workspace } = await world();
    await writeTree(workspace, {
      "bom.txt": "\ufeffgrüße\r\n",
      "le.txt": Buffer.from("\ufeffgrüße", "utf16le"),
      "be.txt": Buffer.from("\ufeffgrüße", "utf16le").swap16(),
      "latin.txt": Buffer.from("grüße", "latin1"),
    });
    const { call } = callsOf(access);
    expect(await call("read_file", { path: "bom.txt" })).toBe("grüße\n");
    expect(await call("read_file", { path: "le.txt" })).toBe("grüße");
    expect(await call("read_file", { path: "be.txt" })).toBe("grüße");
    expect(await call("read_file", { path: "latin.txt" })).toBe("grüße\n\n[This is no UTF-8; it is shown as if it were windows-1252.]");
  });

  it("says what is wrong", async () => {
    const { access, workspace } = await world();
    await mkdir(join(workspace, "dir"));
    execFileSync("mkfifo", [join(workspace, "pipe")]);
    const { call } = callsOf(access, { maxFileBytes: 10 });
    await writeTree(workspace, { "long.txt": "x".repeat(11) });
    await expect(call("read_file", { path: "none.txt" })).rejects.toThrow('There is no "none.txt".');
    await expect(call("read_file", { path: "own.txt/x" })).rejects.toThrow("is a file, not a directory");
    expect(await codeOf(call("read_file", { path: "dir" }))).toBe("is_a_directory");
    expect(await codeOf(call("read_file", { path: "pipe" }))).toBe("not_a_file");
    await expect(call("read_file", { path: "long.txt" })).rejects.toThrow(
      '"long.txt" has 11 bytes; files of at most 10 bytes can be opened.',
    );
    expect(await codeOf(call("read_file", { path: "a", offset: 0 }))).toBe("invalid_tool_input");
  });
});

describe("write_file", () => {
  it("makes a file and the directories it needs", async () => {
    const { access, workspace } = await world();
    const { call } = callsOf(access);
    expect(await call("write_file", { path: "src/deep/a.txt", content: "one\ntwo\n" })).toBe(
      'Created "src/deep/a.txt" (2 lines, 8 bytes).',
    );
    expect(await text(join(workspace, "src/deep/a.txt"))).toBe("one\ntwo\n");
    expect(await readdir(join(workspace, "src/deep"))).toEqual(["a.txt"]);
  });

  it("takes contents far larger than the ancestor's 10 KB, up to its limit", async () => {
    const { access, workspace } = await world();
    const { call } = callsOf(access, { maxFileBytes: 300_000 });
    await call("write_file", { path: "big.txt", content: "x".repeat(300_000) });
    expect((await stat(join(workspace, "big.txt"))).size).toBe(300_000);
    await expect(call("write_file", { path: "bigger.txt", content: "x".repeat(300_001) })).rejects.toThrow("Make several files of it");
  });

  it("replaces only what was read as it is", async () => {
    const { access, workspace } = await world();
    const { call } = callsOf(access);
    await expect(call("write_file", { path: "own.txt", content: "new" })).rejects.toThrow(
      '"own.txt" exists and you have not read it. Read it first',
    );
    await call("read_file", { path: "own.txt" });
    expect(await call("write_file", { path: "own.txt", content: "new" })).toMatch(/^Replaced/);
    await call("write_file", { path: "own.txt", content: "newer" }); // its own by now
    await writeFile(join(workspace, "own.txt"), "someone else's");
    expect(await codeOf(call("write_file", { path: "own.txt", content: "mine" }))).toBe("changed");
    expect(await text(join(workspace, "own.txt"))).toBe("someone else's");
    const free = callsOf(access, { seen: createSeenFiles(false) });
    await free.call("write_file", { path: "own.txt", content: "mine" });
    expect(await text(join(workspace, "own.txt"))).toBe("mine");
  });

  it("keeps permissions, and breaks hard links instead of writing through them", async () => {
    const { access, workspace, outside } = await world();
    await link(join(outside, "secret.txt"), join(workspace, "hard.txt"));
    await writeTree(workspace, { "run.sh": "#!/bin/sh\n" });
    await chmod(join(workspace, "run.sh"), 0o750);
    const { call } = callsOf(access, { seen: createSeenFiles(false) });
    await call("write_file", { path: "hard.txt", content: "mine" });
    await call("write_file", { path: "run.sh", content: "#!/bin/bash\n" });
    expect(await text(join(outside, "secret.txt"))).toBe("SECRET\n");
    expect(await text(join(workspace, "hard.txt"))).toBe("mine");
    expect((await stat(join(workspace, "run.sh"))).mode & 0o777).toBe(0o750);
  });

  it("writes through a link that stays inside, which stays a link", async () => {
    const { access, workspace } = await world();
    await symlink("own.txt", join(workspace, "alias"));
    const { call } = callsOf(access);
    await call("read_file", { path: "alias" });
    await call("write_file", { path: "alias", content: "by the alias" });
    expect(await text(join(workspace, "own.txt"))).toBe("by the alias");
    expect((await lstat(join(workspace, "alias"))).isSymbolicLink()).toBe(true);
  });

  it("does not write where a directory is, nor anywhere outside", async () => {
    const { access, outside, context } = await world("read");
    const { call } = callsOf(access);
    await call("write_file", { path: "dir/a", content: "" });
    expect(await codeOf(call("write_file", { path: "dir", content: "x" }))).toBe("is_a_directory");
    for (const path of [join(outside, "x"), join(context, "x"), "agent2.1/x", "../x"])
      expect(await codeOf(call("write_file", { path, content: "x" })), path).toBe("path_denied");
    expect(await readdir(outside)).toEqual(["secret.txt"]);
    expect(await codeOf(call("write_file", { path: "x".repeat(300), content: "x" }))).toBe("bad_path");
  });

  it("leaves the old file whole when it is stopped", async () => {
    const { access, workspace } = await world();
    const { call } = callsOf(access);
    await call("read_file", { path: "own.txt" });
    const stopped = AbortSignal.abort(new Error("stopped"));
    await expect(call("write_file", { path: "own.txt", content: "half" }, stopped)).rejects.toThrow();
    expect(await text(join(workspace, "own.txt"))).toBe("own\n");
    expect(await readdir(workspace)).toEqual(["own.txt"]);
  });
});

describe("edit_file", () => {
  const edit = async (content: string | Uint8Array, old_string: string, new_string: string, replace_all = false) => {
    const { access, workspace } = await world();
    await writeTree(workspace, { "f.txt": content });
    const { call } = callsOf(access);
    await call("read_file", { path: "f.txt" });
    const said = await call("edit_file", { path: "f.txt", old_string, new_string, replace_all });
    return { said, path: join(workspace, "f.txt") };
  };

  it("replaces the one place", async () => {
    const { said, path } = await edit("a\nb\nc\n", "b", "$& B");
    expect(said).toBe('Edited "f.txt" at line 2.');
    expect(await text(path)).toBe("a\n$& B\nc\n");
  });

  it("replaces all places when asked", async () => {
    const { said, path } = await edit("x\ny x\nx", "x", "zz", true);
    expect(said).toBe('Edited "f.txt" at 3 places, lines 1, 2, 3.');
    expect(await text(path)).toBe("zz\ny zz\nzz");
  });

  it("refuses what is not there once, with where to look", async () => {
    await expect(edit("x\nx\n", "x", "y")).rejects.toThrow('old_string occurs 2 times in "f.txt", at lines 1, 2.');
    await expect(edit("  if (a)\n    b();\n", "if (a)\n  b();", "c")).rejects.toThrow("Its first line is like line 1");
    await expect(edit("abc", "nothing like it", "c")).rejects.toThrow("Read the file again");
    expect(await codeOf(edit("abc", "a", "a"))).toBe("no_change");
  });

  it("keeps encodings and line ends", async () => {
    const windows = await edit("\ufeffone\r\ntwo\r\nthree\r\n", "one\ntwo", "1\n2");
    expect(await text(windows.path)).toBe("\ufeff1\r\n2\r\nthree\r\n");
    const mixed = await edit("one\r\ntwo\nthree\n", "two\nthree", "2\n3");
    expect(await text(mixed.path)).toBe("one\r\n2\n3\n");
    const wide = await edit(Buffer.from("\ufeffgrüße", "utf16le"), "ü", "ue");
    expect(await text(wide.path).then((_) => stat(wide.path))).toMatchObject({ size: 2 + 2 * 6 });
    expect(await codeOf(edit(Buffer.from("grüße", "latin1"), "g", "G"))).toBe("bad_encoding");
  });

  it("needs a file that was read as it is", async () => {
    const { access, workspace } = await world();
    const { call } = callsOf(access);
    const input = { path: "own.txt", old_string: "own", new_string: "my" };
    expect(await codeOf(call("edit_file", input))).toBe("not_read");
    await call("read_file", { path: "own.txt" });
    await writeFile(join(workspace, "own.txt.new"), "own but other\n");
    await rename(join(workspace, "own.txt.new"), join(workspace, "own.txt"));
    expect(await codeOf(call("edit_file", input))).toBe("changed");
    await call("read_file", { path: "own.txt" });
    await call("edit_file", input);
    await call("edit_file", { path: "own.txt", old_string: "my", new_string: "our" });
    expect(await text(join(workspace, "own.txt"))).toBe("our but other\n");
  });
});
