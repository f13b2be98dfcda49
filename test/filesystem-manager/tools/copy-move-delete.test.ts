import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callsOf, codeOf, text, world, writeTree } from "../helpers.js";

describe("copy_file", () => {
  it("copies a file of an answer, which is the agent's own from then on", async () => {
    const { access, workspace, answer } = await world();
    await chmod(join(answer, "answer.txt"), 0o555);
    const { call } = callsOf(access);
    expect(await call("copy_file", { source: "agent2.1/answer.txt", destination: "sub/mine.txt" })).toBe(
      'Copied "agent2.1/answer.txt" to "sub/mine.txt".',
    );
    await call("edit_file", { path: "sub/mine.txt", old_string: "theirs", new_string: "ours" });
    expect(await text(join(workspace, "sub/mine.txt"))).toBe("ours\n");
    expect(await text(join(answer, "answer.txt"))).toBe("theirs\n");
    expect((await stat(join(workspace, "sub/mine.txt"))).mode & 0o700).toBe(0o700);
  });

  it("merges a directory into the workspace, without links and excluded names", async () => {
    const { access, workspace, answer, outside } = await world();
    await writeTree(answer, { "src/a.ts": "a", "src/deep/b.ts": "b", "node_modules/x.js": "x" });
    await symlink(join(outside, "secret.txt"), join(answer, "link"));
    const { call } = callsOf(access);
    expect(await call("copy_file", { source: "agent2.1", destination: "." })).toBe(
      'Copied 3 files from "agent2.1" to ".". Left out: "node_modules". Not copied: 1 symbolic link or special files.'.replace(
        "link or",
        "link or",
      ),
    );
    expect((await readdir(workspace)).sort()).toEqual(["answer.txt", "own.txt", "src"]);
    expect(await text(join(workspace, "src/deep/b.ts"))).toBe("b");
  });

  it("replaces nothing that is not to be replaced, or not known", async () => {
    const { access, workspace, answer } = await world();
    await writeTree(answer, { "own.txt": "theirs", "a.txt": "a" });
    const { call } = callsOf(access);
    const input = { source: "agent2.1", destination: "." };
    await expect(call("copy_file", input)).rejects.toThrow('"own.txt" exist already. Nothing was copied; set overwrite');
    expect(await codeOf(call("copy_file", { ...input, overwrite: true }))).toBe("not_read");
    expect(await readdir(workspace)).toEqual(["own.txt"]);
    await call("read_file", { path: "own.txt" });
    await call("copy_file", { ...input, overwrite: true });
    expect(await text(join(workspace, "own.txt"))).toBe("theirs");
    expect(await codeOf(call("copy_file", { source: "a.txt", destination: "own.txt" }))).toBe("exists");
  });

  it("does not copy into itself, onto itself, from or to outside", async () => {
    const { access, outside, context } = await world("read");
    const { call } = callsOf(access);
    await call("write_file", { path: "d/a.txt", content: "a" });
    expect(await codeOf(call("copy_file", { source: "d", destination: "d/e" }))).toBe("bad_destination");
    expect(await codeOf(call("copy_file", { source: "own.txt", destination: "own.txt" }))).toBe("same_file");
    expect(await codeOf(call("copy_file", { source: join(outside, "secret.txt"), destination: "s" }))).toBe("path_denied");
    expect(await codeOf(call("copy_file", { source: "own.txt", destination: join(context, "s") }))).toBe("path_denied");
    expect(await codeOf(call("copy_file", { source: "nothing", destination: "s" }))).toBe("not_found");
  });

  it("takes no secrets along from a context path", async () => {
    const { access, context, workspace } = await world("read");
    await writeTree(context, { "sub/.env": "KEY=1", "sub/a.ts": "a" });
    const { call } = callsOf(access);
    expect(await call("copy_file", { source: join(context, "sub"), destination: "copy" })).toContain('Left out: ".env"');
    expect(await readdir(join(workspace, "copy"))).toEqual(["a.ts"]);
  });
});

describe("move_file", () => {
  it("moves files and directories, which stay known", async () => {
    const { access, workspace } = await world();
    const { call } = callsOf(access);
    await call("write_file", { path: "d/a.txt", content: "a" });
    expect(await call("move_file", { source: "d", destination: "e/f" })).toBe('Moved "d" to "e/f".');
    await call("write_file", { path: "e/f/a.txt", content: "b" });
    expect(await text(join(workspace, "e/f/a.txt"))).toBe("b");
    expect(existsSync(join(workspace, "d"))).toBe(false);
  });

  it("replaces a file only if asked and known, a directory never", async () => {
    const { access, workspace } = await world();
    const { call } = callsOf(access);
    await call("write_file", { path: "a.txt", content: "a" });
    await mkdir(join(workspace, "dir"));
    expect(await codeOf(call("move_file", { source: "a.txt", destination: "own.txt" }))).toBe("exists");
    expect(await codeOf(call("move_file", { source: "a.txt", destination: "own.txt", overwrite: true }))).toBe("not_read");
    expect(await codeOf(call("move_file", { source: "a.txt", destination: "dir", overwrite: true }))).toBe("exists");
    await call("read_file", { path: "own.txt" });
    await call("move_file", { source: "a.txt", destination: "own.txt", overwrite: true });
    expect(await text(join(workspace, "own.txt"))).toBe("a");
  });

  it("takes nothing away from where it may not delete", async () => {
    const { access, context, root } = await world("write");
    await writeTree(context, { "lib/keep.txt": "k", "git/.git/config": "c", "env/.env": "e", "plain/a.txt": "a" });
    root.protectedPaths = [join(context, "lib/keep.txt")];
    const { call } = callsOf(access);
    for (const source of [
      "agent2.1/answer.txt",
      "agent2.1",
      join(context, "lib"),
      join(context, "git"),
      join(context, "env"),
      context,
      ".",
    ]) {
      expect(await codeOf(call("move_file", { source, destination: "stolen" })), source).toMatch(/path_denied|bad_destination/);
    }
    await call("move_file", { source: join(context, "plain"), destination: "mine" });
    expect(await text(join(access.workspace, "mine/a.txt"))).toBe("a");
  });

  it("moves a link, not what it leads to", async () => {
    const { access, workspace, outside } = await world();
    await symlink(join(outside, "secret.txt"), join(workspace, "link"));
    const { call } = callsOf(access);
    await call("move_file", { source: "link", destination: "renamed" });
    expect((await lstat(join(workspace, "renamed"))).isSymbolicLink()).toBe(true);
    expect(await codeOf(call("read_file", { path: "renamed" }))).toBe("path_denied");
    expect(await readdir(outside)).toEqual(["secret.txt"]);
    expect(await codeOf(call("move_file", { source: "d", destination: "d/x" }))).toMatch(/bad_destination|not_found/);
  });
});

describe("delete_file", () => {
  it("deletes files that are known", async () => {
    const { access, workspace } = await world();
    const { call } = callsOf(access);
    await expect(call("delete_file", { path: "own.txt" })).rejects.toThrow("you have not read it");
    await call("read_file", { path: "own.txt" });
    expect(await call("delete_file", { path: "own.txt" })).toBe('Deleted "own.txt".');
    expect(await codeOf(call("delete_file", { path: "own.txt" }))).toBe("not_found");
    await call("write_file", { path: "own.txt", content: "created" });
    await call("delete_file", { path: "own.txt" });
    expect(await readdir(workspace)).toEqual([]);
  });

  it("deletes directories with what is in them only when asked, and when all of it is known", async () => {
    const { access, workspace } = await world();
    const { call } = callsOf(access);
    await call("write_file", { path: "d/sub/a.txt", content: "a" });
    await writeTree(workspace, { "d/node_modules/x/index.js": "not read by anyone" });
    await expect(call("delete_file", { path: "d" })).rejects.toThrow("is not empty. Set recursive");
    await writeTree(workspace, { "d/b.txt": "b" });
    await expect(call("delete_file", { path: "d", recursive: true })).rejects.toThrow(
      'You have not read "d/b.txt" as they are now. Nothing was deleted',
    );
    await call("read_file", { path: "d/b.txt" });
    expect(await call("delete_file", { path: "d", recursive: true })).toBe('Deleted the directory "d" with 2 files.');
    expect(await readdir(workspace)).toEqual(["own.txt"]);
    await mkdir(join(workspace, "empty"));
    await call("delete_file", { path: "empty" });
  });

  it("removes links and follows none", async () => {
    const { access, workspace, outside } = await world();
    await mkdir(join(workspace, "d"));
    await symlink(outside, join(workspace, "d/out"));
    await symlink(outside, join(workspace, "out"));
    await symlink("nowhere", join(workspace, "dangling"));
    const { call } = callsOf(access);
    for (const path of ["out", "dangling"]) await call("delete_file", { path });
    await call("delete_file", { path: "d", recursive: true });
    expect(await readdir(workspace)).toEqual(["own.txt"]);
    expect(await text(join(outside, "secret.txt"))).toBe("SECRET\n");
    expect(await codeOf(call("delete_file", { path: outside, recursive: true }))).toBe("path_denied");
  });

  it("never deletes a root, a protected path or what holds one", async () => {
    const { access, context, root, workspace } = await world("write");
    await writeTree(context, { "lib/keep.txt": "k", "lib/other.txt": "o", "repo/.git/HEAD": "h" });
    root.protectedPaths = [join(context, "lib/keep.txt")];
    const { call } = callsOf(access);
    for (const path of [
      ".",
      workspace,
      context,
      "agent2.1",
      join(context, "lib"),
      join(context, "lib/keep.txt"),
      join(context, "repo"),
      "x/..",
    ]) {
      expect(await codeOf(call("delete_file", { path, recursive: true })), path).toBe("path_denied");
    }
    expect(await text(join(context, "lib/keep.txt"))).toBe("k");
    expect(await text(join(context, "repo/.git/HEAD"))).toBe("h");
  });

  it("notices a change after the read", async () => {
    const { access, workspace } = await world();
    const { call } = callsOf(access);
    await call("read_file", { path: "own.txt" });
    await writeFile(join(workspace, "own.txt"), "changed since");
    expect(await codeOf(call("delete_file", { path: "own.txt" }))).toBe("changed");
  });
});
