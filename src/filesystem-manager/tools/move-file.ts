import { lstat, rename, unlink } from "node:fs/promises";
import { sep } from "node:path";
import { z } from "zod";
import { MassGenError } from "../../errors.js";
import { type Tool, tool } from "../../tools/tool.js";
import { type CheckedPath, contains, resolveEntry, resolvePath } from "../check-path.js";
import { closeDirectory, type Directory, entryOf, openFileIn, unlessCode } from "../directories.js";
import { moveSeen, requireSeen } from "../seen-files.js";
import { openParent, readable } from "../write-file.js";
import type { FileToolsContext } from "./context.js";
import { copyOne } from "./copy-file.js";
import { entryStat, requireWhole } from "./whole-tree.js";

const input = z.object({
  source: z.string().describe("File or directory"),
  destination: z.string().describe("Its new path"),
  overwrite: z.boolean().optional().describe("Replace a file that exists and that you have read. Default false"),
});

export function moveFileTool(context: FileToolsContext): Tool {
  return tool({
    name: "move_file",
    description: "Moves or renames a file or directory.",
    input,
    annotations: { title: "Move file", readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    effects: "workspace",
    async execute({ source, destination, overwrite = false }, { signal }) {
      const access = context.access();
      const from = await resolveEntry(access, source, "delete");
      const to = await resolvePath(access, destination, "write");
      if (contains(from.path, to.path))
        throw new MassGenError("bad_destination", `"${to.shown}" is, or lies in, what is to be moved there.`);
      const whole = (await entryStat(from.path))?.isDirectory() === true;
      if (whole) await requireWhole(context, access, from, false, signal);
      try {
        await move(context, from, to, { overwrite, whole, signal });
      } catch (error) {
        throw readable(error, from.shown);
      }
      moveSeen(context.seen, from.path, to.path, sep);
      return `Moved "${from.shown}" to "${to.shown}".`;
    },
  });
}

interface Move {
  overwrite: boolean;
  /** A directory. */
  whole: boolean;
  signal: AbortSignal;
}

async function move(context: FileToolsContext, from: CheckedPath, to: CheckedPath, options: Move): Promise<void> {
  const source = await openParent(from);
  try {
    const target = await openParent(to, true);
    try {
      await moveEntry(context, entryOf(source.directory, source.name), entryOf(target.directory, target.name), to, options);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
      await moveAcross(context, source, to, options);
    } finally {
      await closeDirectory(target.directory);
    }
  } finally {
    await closeDirectory(source.directory);
  }
}

async function moveEntry(
  context: FileToolsContext,
  at: string,
  target: string,
  to: CheckedPath,
  { overwrite, whole }: Move,
): Promise<void> {
  await lstat(at);
  const there = await lstat(target, { bigint: true }).catch(unlessCode("ENOENT"));
  if (there !== undefined) {
    if (whole || there.isDirectory()) throw new MassGenError("exists", `"${to.shown}" exists already. Move to a path that is free.`);
    if (!overwrite) throw new MassGenError("exists", `"${to.shown}" exists already. Set overwrite to replace it.`);
    requireSeen(context.seen, to.path, to.shown, there);
  }
  await rename(at, target);
}

/** To another file system: a copy, then the file goes. */
async function moveAcross(
  context: FileToolsContext,
  source: { directory: Directory; name: string },
  to: CheckedPath,
  { overwrite, whole, signal }: Move,
): Promise<void> {
  if (whole) {
    const message = `"${to.shown}" is on another file system, where directories cannot be moved. Use copy_file, then delete_file.`;
    throw new MassGenError("other_file_system", message);
  }
  const handle = await openFileIn(source.directory, source.name);
  try {
    await copyOne(context, handle, to, overwrite, signal);
  } finally {
    await handle.close();
  }
  await unlink(entryOf(source.directory, source.name));
}
