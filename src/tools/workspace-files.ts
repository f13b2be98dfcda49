import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { MassGenError } from "../errors.js";

// Provisional: replaced by massgen/filesystem-manager's own.

export async function readWorkspaceFile(workspace: string, path: string, maxBytes: number): Promise<string | undefined> {
  if (!(await plainParents(workspace, path))) return undefined;
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(join(workspace, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new MassGenError("not_a_file", `${path} is not a file.`);
    if (stats.size > maxBytes) throw new MassGenError("file_too_large", `${path} has ${stats.size} bytes; ${maxBytes} are read at most.`);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

export async function writeWorkspaceFile(workspace: string, path: string, text: string): Promise<void> {
  await plainParents(workspace, path, true);
  const target = join(workspace, path);
  const temporary = `${target}.${process.pid}.tmp`;
  const handle = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o644);
  try {
    await handle.writeFile(text);
    await handle.close();
    await rename(temporary, target);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}

export async function removeWorkspaceFile(workspace: string, path: string): Promise<boolean> {
  if (!(await plainParents(workspace, path))) return false;
  try {
    await unlink(join(workspace, path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Names of the files in a folder, sorted; none where there is no such folder. */
export async function listWorkspaceFiles(workspace: string, path: string): Promise<string[]> {
  if (!(await plainParents(workspace, `${path}/x`))) return [];
  const entries = await readdir(join(workspace, path), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
}

/** Whether all folders above a path are there and real. */
async function plainParents(workspace: string, path: string, create = false): Promise<boolean> {
  let at = workspace;
  for (const part of path.split("/").slice(0, -1)) {
    at = join(at, part);
    if (create)
      await mkdir(at).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
    const stats = await lstat(at).catch(() => undefined);
    if (stats === undefined) return false;
    if (!stats.isDirectory()) throw new MassGenError("not_a_folder", `${part} in ${path} is no folder of the workspace.`);
  }
  return true;
}
