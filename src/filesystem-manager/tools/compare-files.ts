import { createTwoFilesPatch } from "diff";
import { z } from "zod";
import { MassGenError } from "../../errors.js";
import { type Tool, tool } from "../../tools/tool.js";
import type { FileAccess } from "../access.js";
import { type CheckedPath, resolvePath } from "../check-path.js";
import { type WalkNotes, walk } from "../walk.js";
import { bytesText, count, type FileToolsContext, readBytes, readChecked } from "./context.js";
import { entryStat } from "./whole-tree.js";

const MAX_LINES = 500;
const MAX_FILES = 5000;
/** How long the comparison may hold up everything else in the process, and how different the texts may be. */
const DIFF_MS = 300;
const MAX_CHANGES = 5000;

const input = z.object({
  first: z.string().describe("File or directory, e.g. agent1.1/main.py"),
  second: z.string().describe("The one to compare it with, e.g. main.py"),
  context: z.int().min(0).max(20).optional().describe("Lines to show around each difference. Default 3"),
});

export function compareFilesTool(tools: FileToolsContext): Tool {
  return tool({
    name: "compare_files",
    description: "Compares two text files as a unified diff, or two directories as lists of the files that differ.",
    input,
    annotations: { title: "Compare files", readOnlyHint: true, openWorldHint: false },
    effects: "none",
    async execute({ first, second, context = 3 }, { signal }) {
      const access = tools.access();
      const a = await resolvePath(access, first, "read");
      const b = await resolvePath(access, second, "read");
      const [isDirectory, isOtherDirectory] = [await isDirectoryAt(a), await isDirectoryAt(b)];
      if (isDirectory !== isOtherDirectory) {
        throw new MassGenError(
          "bad_comparison",
          `One of "${a.shown}" and "${b.shown}" is a directory, the other is not. Compare like with like.`,
        );
      }
      return isDirectory ? compareDirectories(tools, access, a, b, signal) : compareTexts(tools, first, second, context, signal);
    },
  });
}

async function isDirectoryAt(checked: CheckedPath): Promise<boolean> {
  const stat = await entryStat(checked.path);
  if (stat === undefined) throw new MassGenError("not_found", `There is no "${checked.shown}".`);
  return stat.isDirectory();
}

async function compareTexts(tools: FileToolsContext, first: string, second: string, context: number, signal: AbortSignal): Promise<string> {
  const a = await readChecked(tools, first, signal);
  const b = await readChecked(tools, second, signal);
  const names = `"${a.checked.shown}" and "${b.checked.shown}"`;
  if (a.bytes.equals(b.bytes)) return `${names} are the same.`;
  if (a.content.kind === "binary" || b.content.kind === "binary") {
    return `${names} differ, and are not both text: ${bytesText(a.stat.size)} and ${bytesText(b.stat.size)}.`;
  }
  const [before, after] = [a.content.text.replaceAll("\r\n", "\n"), b.content.text.replaceAll("\r\n", "\n")];
  if (before === after) return `${names} differ in encoding or line ends only.`;
  const limits = { context, timeout: DIFF_MS, maxEditLength: MAX_CHANGES };
  const patch = createTwoFilesPatch(a.checked.shown, b.checked.shown, before, after, undefined, undefined, limits);
  if (patch === undefined)
    return `${names} differ too much for a diff (${bytesText(a.stat.size)} and ${bytesText(b.stat.size)}). Read them.`;
  const lines = patch.split("\n").slice(1, -1); // without the rule above the names
  const added = lines.filter((line, at) => at > 1 && line.startsWith("+")).length;
  const removed = lines.filter((line, at) => at > 1 && line.startsWith("-")).length;
  const rest = lines.length - MAX_LINES;
  const notice = rest > 0 ? `\n\n[${rest} more lines of the diff are left out. Read the files from there.]` : "";
  return `${count(added, "line")} added, ${removed} removed.\n${lines.slice(0, MAX_LINES).join("\n")}${notice}`;
}

async function compareDirectories(
  tools: FileToolsContext,
  access: FileAccess,
  a: CheckedPath,
  b: CheckedPath,
  signal: AbortSignal,
): Promise<string> {
  const notes: WalkNotes = { skipped: [], unread: [] };
  const [inA, inB] = [await filesOf(tools, access, a, notes, signal), await filesOf(tools, access, b, notes, signal)];
  const lines: string[] = [];
  let same = 0;
  for (const relative of [...new Set([...inA, ...inB])].sort()) {
    if (!inB.has(relative)) lines.push(`only in ${a.shown}: ${relative}`);
    else if (!inA.has(relative)) lines.push(`only in ${b.shown}: ${relative}`);
    else {
      const result = await comparison(tools, access, `${a.path}/${relative}`, `${b.path}/${relative}`, signal);
      if (result === "same") same++;
      else lines.push(`${result}: ${relative}`);
    }
  }
  const rest = lines.length - MAX_LINES;
  const notice = rest > 0 ? `\n\n[${rest} more are left out. Compare directories in it.]` : "";
  const left = notes.skipped.length + notes.unread.length;
  const passed =
    left > 0
      ? `\n\n[${count(left, "entry")} with names like ${tools.exclude.slice(0, 4).join(", ")}, or that cannot be read: not compared.]`
      : "";
  return `${count(same, "file")} the same, ${lines.length} not.\n${lines.slice(0, MAX_LINES).join("\n")}${notice}${passed}`.trim();
}

async function filesOf(
  tools: FileToolsContext,
  access: FileAccess,
  from: CheckedPath,
  notes: WalkNotes,
  signal: AbortSignal,
): Promise<Set<string>> {
  const files = new Set<string>();
  for await (const { kind, relative } of walk(access, from, { exclude: tools.exclude, signal }, notes)) {
    if (kind !== "file") continue;
    if (files.size === MAX_FILES)
      throw new MassGenError("too_many_files", `"${from.shown}" has more than ${MAX_FILES} files. Compare directories in it.`);
    files.add(relative);
  }
  return files;
}

async function comparison(tools: FileToolsContext, access: FileAccess, a: string, b: string, signal: AbortSignal): Promise<string> {
  const [statA, statB] = [await entryStat(a), await entryStat(b)];
  if (statA?.size !== statB?.size) return "differs";
  if ((statA?.size ?? 0) > tools.maxFileBytes) return "too large to compare";
  const first = await readBytes(await resolvePath(access, a, "read"), tools.maxFileBytes, signal);
  const second = await readBytes(await resolvePath(access, b, "read"), tools.maxFileBytes, signal);
  return first.bytes.equals(second.bytes) ? "same" : "differs";
}
