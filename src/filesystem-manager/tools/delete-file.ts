import { lstat, rmdir, unlink } from "node:fs/promises";
import { z } from "zod";
import { MassGenError } from "../../errors.js";
import { type Tool, tool } from "../../tools/tool.js";
import { resolveEntry } from "../check-path.js";
import { closeDirectory, entryOf } from "../directories.js";
import { removeIn } from "../remove-tree.js";
import { requireSeen } from "../seen-files.js";
import { openParent, readable } from "../write-file.js";
import { count, type FileToolsContext } from "./context.js";
import { entryStat, requireWhole } from "./whole-tree.js";

const input = z.object({
  path: z.string().describe("Relative to your workspace, or absolute"),
  recursive: z.boolean().optional().describe("Delete a directory with everything in it. Default false"),
});

export function deleteFileTool(context: FileToolsContext): Tool {
  return tool({
    name: "delete_file",
    description:
      "Deletes a file that you have read or written, a symbolic link, an empty directory, or with recursive a directory with everything in it.",
    input,
    annotations: { title: "Delete file", readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    effects: "workspace",
    async execute({ path, recursive = false }, { signal }) {
      const access = context.access();
      const checked = await resolveEntry(access, path, "delete");
      const whole = recursive && (await entryStat(checked.path))?.isDirectory();
      const files = whole ? await requireWhole(context, access, checked, true, signal) : 0;
      const { directory, name } = await openParent(checked);
      try {
        const stat = await lstat(entryOf(directory, name), { bigint: true });
        if (!stat.isDirectory()) {
          if (stat.isFile()) requireSeen(context.seen, checked.path, checked.shown, stat);
          await unlink(entryOf(directory, name));
          return `Deleted "${checked.shown}".`;
        }
        if (recursive) await removeIn(directory, name);
        else await rmdir(entryOf(directory, name));
        return `Deleted the directory "${checked.shown}"${files > 0 ? ` with ${count(files, "file")}` : ""}.`;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "ENOTEMPTY")
          throw new MassGenError("not_empty", `"${checked.shown}" is not empty. Set recursive to delete what is in it, too.`);
        throw readable(error, checked.shown);
      } finally {
        await closeDirectory(directory);
      }
    },
  });
}
