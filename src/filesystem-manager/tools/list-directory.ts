import { lstat } from "node:fs/promises";
import { z } from "zod";
import { MassGenError } from "../../errors.js";
import { type Tool, tool } from "../../tools/tool.js";
import { resolvePath } from "../check-path.js";
import { entryOf, unlessCode } from "../directories.js";
import { nameTest } from "../names.js";
import { type WalkEntry, walk } from "../walk.js";
import { bytesText, type FileToolsContext } from "./context.js";

const MAX_ENTRIES = 1000;

const input = z.object({
  path: z.string().optional().describe("Relative to your workspace, or absolute. Default: your workspace"),
  depth: z.int().min(1).max(20).optional().describe("How many levels of directories. Default 1"),
});

export function listDirectoryTool(context: FileToolsContext): Tool {
  return tool({
    name: "list_directory",
    description: 'Lists the files and directories in a directory, with sizes. Directories end in "/".',
    input,
    annotations: { title: "List directory", readOnlyHint: true, openWorldHint: false },
    effects: "none",
    async execute({ path = ".", depth = 1 }, { signal }) {
      const access = context.access();
      const checked = await resolvePath(access, path, "read");
      if (!checked.exists) throw new MassGenError("not_found", `There is no "${checked.shown}".`);
      const closed = nameTest(context.exclude);
      const lines: string[] = [];
      let more = 0;
      // What is excluded is named, but not opened.
      for await (const entry of walk(access, checked, { depth, closed: context.exclude, signal })) {
        if (lines.length < MAX_ENTRIES) lines.push(await describe(entry, closed(entry.name) && depth > 1));
        else if (++more > 50_000) break;
      }
      if (lines.length === 0) return `"${checked.shown}" is empty.`;
      if (more > 0)
        lines.push("", `[${more > 50_000 ? "More than 50,000" : more} further entries are left out. List a directory in it, or use glob.]`);
      return `${checked.shown === "." ? "Your workspace" : checked.shown}:\n${lines.join("\n")}`;
    },
  });
}

async function describe({ relative, kind, directory, name }: WalkEntry, closed: boolean): Promise<string> {
  if (kind === "directory") return `${relative}/${closed ? " (not listed)" : ""}`;
  if (kind === "link") return `${relative} (symbolic link)`;
  if (kind === "other") return `${relative} (no ordinary file)`;
  const stat = await lstat(entryOf(directory, name)).catch(unlessCode("ENOENT"));
  return stat === undefined ? relative : `${relative} (${bytesText(stat.size)})`;
}
