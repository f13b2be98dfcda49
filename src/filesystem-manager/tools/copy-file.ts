import type { BigIntStats } from "node:fs";
import { type FileHandle, lstat } from "node:fs/promises";
import { z } from "zod";
import { MassGenError } from "../../errors.js";
import { type Tool, tool } from "../../tools/tool.js";
import type { FileAccess } from "../access.js";
import { type CheckedPath, contains, resolvePath } from "../check-path.js";
import { closeDirectory, unlessCode } from "../directories.js";
import { markSeen, requireSeen, unseen } from "../seen-files.js";
import { type WalkNotes, walk } from "../walk.js";
import { openChecked, openParent, readable, replaceIn } from "../write-file.js";
import { count, type FileToolsContext, some } from "./context.js";

const MAX_FILES = 20_000;
const CHUNK = 256 * 1024;

const input = z.object({
  source: z.string().describe("File or directory; may be in the files of an answer, e.g. agent2.1/src"),
  destination: z.string().describe("The path of the copy itself. A directory copied onto an existing one is merged into it"),
  overwrite: z.boolean().optional().describe("Replace files that exist and that you have read. Default false"),
});

export function copyFileTool(context: FileToolsContext): Tool {
  return tool({
    name: "copy_file",
    description: "Copies a file, or a directory with everything in it.",
    input,
    annotations: { title: "Copy file", readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    effects: "workspace",
    async execute({ source, destination, overwrite = false }, { signal }) {
      const access = context.access();
      const from = await resolvePath(access, source, "read");
      const to = await resolvePath(access, destination, "write");
      if (from.path === to.path) throw new MassGenError("same_file", `"${from.shown}" and "${to.shown}" are the same.`);
      const handle = await openChecked(from).catch((error: unknown) => {
        if (error instanceof MassGenError && error.code === "is_a_directory") return undefined;
        throw error;
      });
      if (handle === undefined) return copyDirectory(context, access, from, to, overwrite, signal);
      try {
        await copyOne(context, handle, to, overwrite, signal);
      } finally {
        await handle.close();
      }
      return `Copied "${from.shown}" to "${to.shown}".`;
    },
  });
}

async function copyDirectory(
  context: FileToolsContext,
  access: FileAccess,
  from: CheckedPath,
  to: CheckedPath,
  overwrite: boolean,
  signal: AbortSignal,
): Promise<string> {
  if (contains(from.path, to.path))
    throw new MassGenError("bad_destination", `"${to.shown}" lies in "${from.shown}", which is to be copied there.`);
  const notes: WalkNotes = { skipped: [], unread: [] };
  const files: { from: CheckedPath; to: CheckedPath }[] = [];
  const inTheWay: string[] = [];
  const notKnown: string[] = [];
  let links = 0;
  // Everything is looked at before anything is written.
  for await (const { kind, relative } of walk(access, from, { exclude: context.exclude, signal }, notes)) {
    if (kind === "link" || kind === "other") links++;
    if (kind !== "file") continue;
    if (files.length === MAX_FILES)
      throw new MassGenError("too_many_files", `"${from.shown}" has more than ${MAX_FILES} files. Copy parts of it.`);
    const target = await resolvePath(access, `${to.path}/${relative}`, "write");
    const stat = target.exists ? await lstat(target.path, { bigint: true }).catch(unlessCode("ENOENT")) : undefined;
    if (stat !== undefined) {
      inTheWay.push(target.shown);
      if (unseen(context.seen, target.path, stat) !== undefined) notKnown.push(target.shown);
    }
    files.push({ from: await resolvePath(access, `${from.path}/${relative}`, "read"), to: target });
  }
  if (inTheWay.length > 0 && !overwrite)
    throw new MassGenError("exists", `${some(inTheWay)} exist already. Nothing was copied; set overwrite to replace them.`);
  if (notKnown.length > 0)
    throw new MassGenError(
      "not_read",
      `${some(notKnown)} exist already and you have not read them as they are now. Nothing was copied; read them first.`,
    );
  for (const file of files) {
    signal.throwIfAborted();
    const handle = await openChecked(file.from);
    try {
      await copyOne(context, handle, file.to, overwrite, signal);
    } finally {
      await handle.close();
    }
  }
  const left = [...notes.skipped, ...notes.unread];
  const remarks = [
    left.length > 0 ? ` Left out: ${some(left, 5)}.` : "",
    links > 0 ? ` Not copied: ${count(links, "symbolic link")} or special files.` : "",
  ];
  return `Copied ${count(files.length, "file")} from "${from.shown}" to "${to.shown}".${remarks.join("")}`;
}

/** One file onto its place, as a whole. */
export async function copyOne(
  context: FileToolsContext,
  from: FileHandle,
  to: CheckedPath,
  overwrite: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { mode } = await from.stat();
  const { directory, name } = await openParent(to, true);
  const accept = (stat: BigIntStats | undefined) => {
    if (stat === undefined) return;
    if (!overwrite) throw new MassGenError("exists", `"${to.shown}" exists already. Set overwrite to replace it.`);
    requireSeen(context.seen, to.path, to.shown, stat);
  };
  try {
    const fill = async (target: FileHandle) => {
      if ((mode & 0o111) !== 0) await target.chmod(0o755);
      await copyContent(from, target, signal);
    };
    markSeen(context.seen, to.path, await replaceIn(directory, name, fill, accept));
  } catch (error) {
    throw readable(error, to.shown);
  } finally {
    await closeDirectory(directory);
  }
}

async function copyContent(from: FileHandle, to: FileHandle, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (let position = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await from.read(buffer, 0, CHUNK, position);
    if (bytesRead === 0) return;
    await to.write(buffer, 0, bytesRead);
    position += bytesRead;
  }
}
