import { chmod, mkdir, readdir, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { temporaryDirectory, text, writeTree } from "./helpers.js";

// As on systems without /proc/self/fd, where directories are reached by their paths.
const platform = process.platform;
beforeAll(() => {
  vi.resetModules();
  Object.defineProperty(process, "platform", { value: "darwin" });
});
afterAll(() => {
  Object.defineProperty(process, "platform", { value: platform });
  vi.resetModules();
});

it("files are read, written, walked, kept and removed all the same", async () => {
  const { resolvePath } = await import("../../src/filesystem-manager/check-path.js");
  const { openDirectory, selfOf } = await import("../../src/filesystem-manager/directories.js");
  const { replaceFile, openChecked } = await import("../../src/filesystem-manager/write-file.js");
  const { walk } = await import("../../src/filesystem-manager/walk.js");
  const { takeSnapshot } = await import("../../src/filesystem-manager/snapshot.js");
  const { removeTree } = await import("../../src/filesystem-manager/remove-tree.js");
  const base = await temporaryDirectory();
  const workspace = join(base, "workspace");
  await writeTree(base, { "workspace/d/a.txt": "a", "workspace/b.txt": "b", "outside/secret.txt": "SECRET" });
  await symlink("../outside", join(workspace, "out"));
  const access = { workspace, roots: [{ path: workspace, permission: "write" as const, kind: "workspace" as const }] };
  expect(selfOf(await openDirectory(workspace))).toBe(workspace); // or this would test nothing

  await replaceFile(await resolvePath(access, "new/dir/c.txt", "write"), "c");
  const handle = await openChecked(await resolvePath(access, "d/a.txt", "read"));
  expect(await handle.readFile("utf8")).toBe("a");
  await handle.close();
  const found: string[] = [];
  for await (const { relative } of walk(access, await resolvePath(access, ".", "read"))) found.push(relative);
  expect(found).toEqual(["b.txt", "d", "d/a.txt", "new", "new/dir", "new/dir/c.txt", "out"]);

  const checked = await resolvePath(access, "d/secret.txt", "write");
  await rename(join(workspace, "d"), join(workspace, "e"));
  await symlink(join(base, "outside"), join(workspace, "d"));
  await expect(replaceFile(checked, "x")).rejects.toThrow("replaced by a symbolic link");
  expect(await text(join(base, "outside/secret.txt"))).toBe("SECRET");

  const options = { exclude: [], maxFiles: 100, maxBytes: 1000, signal: new AbortController().signal };
  const taken = await takeSnapshot(workspace, join(base, "snapshot"), options);
  expect(taken).toMatchObject({ files: 3, copiedFiles: 3 });
  expect(taken.left.map(({ path }) => path).sort()).toEqual(["d", "out"]);
  await mkdir(join(workspace, "closed"));
  await chmod(join(workspace, "closed"), 0);
  await removeTree(base, "workspace");
  await removeTree(base, "snapshot");
  expect(await readdir(base)).toEqual(["outside"]);
});
