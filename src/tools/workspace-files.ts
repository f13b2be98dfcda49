import { readdir, realpath, unlink } from "node:fs/promises";
import { MassGenError } from "../errors.js";
import type { FileAccess } from "../filesystem-manager/access.js";
import { type PathUse, resolvePath } from "../filesystem-manager/check-path.js";
import { closeDirectory, entryOf, openBelow, selfOf, unlessCode } from "../filesystem-manager/directories.js";
import { decodeFile } from "../filesystem-manager/text-file.js";
import { openChecked, openParent, replaceFile } from "../filesystem-manager/write-file.js";

// Files that toolkits keep in an agent's workspace, by the same check as every file a tool touches: nothing outside the
// workspace is read or written, whatever links the agent has made.

/** The text of a file; `undefined` where there is none. @throws MassGenError `path_denied`, `file_too_large`, `not_text` */
export async function readWorkspaceFile(workspace: string, path: string, maxBytes: number): Promise<string | undefined> {
  const checked = await check(workspace, path, "read");
  if (!checked.exists) return undefined;
  const handle = await openChecked(checked);
  try {
    const { size } = await handle.stat();
    if (size > maxBytes) throw new MassGenError("file_too_large", `"${path}" has ${size} bytes; at most ${maxBytes} can be read here.`);
    const content = decodeFile(await handle.readFile());
    if (content.kind === "text") return content.text;
    throw new MassGenError("not_text", `"${path}" is no text file.`);
  } finally {
    await handle.close();
  }
}

/** Writes a file as a whole; readers see the old content or the new. Folders that are missing are made. */
export async function writeWorkspaceFile(workspace: string, path: string, text: string): Promise<void> {
  await replaceFile(await check(workspace, path, "write"), text);
}

export async function removeWorkspaceFile(workspace: string, path: string): Promise<void> {
  const checked = await check(workspace, path, "delete");
  if (!checked.exists) return;
  const { directory, name } = await openParent(checked);
  try {
    await unlink(entryOf(directory, name)).catch(unlessCode("ENOENT"));
  } finally {
    await closeDirectory(directory);
  }
}

/** Names of the files in a folder, sorted; none where there is no such folder. Symbolic links are not among them. */
export async function listWorkspaceFiles(workspace: string, path: string): Promise<string[]> {
  const { root, segments, exists } = await check(workspace, path, "read");
  if (!exists) return [];
  const directory = await openBelow(root.path, segments);
  try {
    const entries = await readdir(selfOf(directory), { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).sort();
  } finally {
    await closeDirectory(directory);
  }
}

async function check(workspace: string, path: string, use: PathUse) {
  const real = await realpath(workspace);
  const access: FileAccess = { workspace: real, roots: [{ path: real, permission: "write", kind: "workspace" }] };
  return resolvePath(access, path, use);
}
