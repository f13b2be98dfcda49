import picomatch from "picomatch";
import { z } from "zod";
import { type Tool, tool } from "../../tools/tool.js";
import { shownPath } from "../check-path.js";
import type { WalkNotes } from "../walk.js";
import { count, type FileToolsContext } from "./context.js";
import { findPaths, globPattern, searchRoot } from "./search.js";

const MAX_RESULTS = 1000;

const input = z.object({
  pattern: z.string().min(1).describe('e.g. "**/*.ts" or "src/{a,b}/*.json"'),
  path: z.string().optional().describe("Directory to search in. Default: your workspace"),
});

export function globTool(context: FileToolsContext): Tool {
  return tool({
    name: "glob",
    description: `Finds files by the pattern of their path: * within a name, ** across directories, {a,b} for choices. Passes by ${context.exclude.slice(0, 4).join(", ")} and the like.`,
    input,
    annotations: { title: "Find files", readOnlyHint: true, openWorldHint: false },
    effects: "none",
    async execute({ pattern, path = "." }, { signal }) {
      const access = context.access();
      const { base, rest } = splitGlob(pattern);
      // The fixed beginning of a pattern may be the label of an answer, or absolute.
      const from = await searchRoot(access, base.startsWith("/") ? base : [path, base].filter((part) => part !== "").join("/"));
      const notes: WalkNotes = { skipped: [], unread: [] };
      const { found, stopped } = await findPaths(access, from, globPattern(rest), context.exclude, MAX_RESULTS, notes, signal);
      const lines = found.slice(0, MAX_RESULTS).map((each) => shownPath(access, each.path));
      if (lines.length === 0) lines.push(`No file matches "${pattern}".`);
      if (found.length > MAX_RESULTS) lines.push("", `[Only the first ${MAX_RESULTS} are shown. Use a narrower pattern.]`);
      if (stopped !== undefined)
        lines.push("", `[The search was stopped ${stopped}; there may be more. Search in a smaller directory, or with a simpler pattern.]`);
      if (notes.unread.length > 0) lines.push("", `[${count(notes.unread.length, "directory")} could not be searched.]`);
      return lines.join("\n");
    },
  });
}

/** A pattern's beginning without wildcards, and what is left of it. */
export function splitGlob(pattern: string): { base: string; rest: string } {
  const { base, glob } = picomatch.scan(pattern);
  if (glob !== "") return { base, rest: glob };
  const cut = base.lastIndexOf("/");
  return cut === -1 ? { base: "", rest: base } : { base: base.slice(0, cut) || "/", rest: base.slice(cut + 1) };
}
