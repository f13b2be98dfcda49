import { z } from "zod";
import { MassGenError } from "../../errors.js";
import { type Tool, tool } from "../../tools/tool.js";
import { decodeFile } from "../text-file.js";
import type { WalkNotes } from "../walk.js";
import { bytesText, count, type FileToolsContext } from "./context.js";
import { type RegexWorker, startRegexWorker } from "./regex-worker.js";
import { findPaths, globPattern, MAX_SEARCHED, regexPattern, SEARCH_MS, searchRoot } from "./search.js";
import { type FileSearch, searchedFiles } from "./searched-files.js";

const MAX_MATCHES = 200;
const MAX_LINE = 500;
const BATCH_CHARACTERS = 2_000_000;

const input = z.object({
  pattern: z.string().min(1).describe("A JavaScript regular expression, matched against each line"),
  path: z.string().optional().describe("File or directory to search in. Default: your workspace"),
  glob: z.string().min(1).optional().describe('Only files of this pattern, e.g. "*.ts" or "src/**"'),
  ignore_case: z.boolean().optional().describe("Default false"),
  context: z.int().min(0).max(10).optional().describe("Lines to show before and after each match. Default 0"),
  files_only: z.boolean().optional().describe("Only name the files that match. Default false"),
});

export function grepTool(tools: FileToolsContext): Tool {
  return tool({
    name: "grep",
    description: `Searches the text of files for a regular expression. Each match is shown as "path:line: text". Passes by ${tools.exclude.slice(0, 4).join(", ")} and the like, and binary files.`,
    input,
    annotations: { title: "Search in files", readOnlyHint: true, openWorldHint: false },
    effects: "none",
    async execute({ pattern, path = ".", glob, ignore_case = false, context = 0, files_only = false }, { signal }) {
      const regex = regexPattern(pattern, ignore_case);
      const access = tools.access();
      const from = await searchRoot(access, path);
      const notes: WalkNotes = { skipped: [], unread: [] };
      const result = emptyResult();
      let wanted: Set<string> | undefined;
      if (glob !== undefined) {
        // A model's pattern too, so it is tested in the thread; then the files are walked once more.
        const only = globPattern(glob.includes("/") ? glob : `**/${glob}`);
        const named = await findPaths(access, from, only, tools.exclude, MAX_SEARCHED, { skipped: [], unread: [] }, signal);
        wanted = new Set(named.found.map(({ relative }) => relative));
        result.stopped = named.stopped;
      }
      const worker = startRegexWorker(regex, SEARCH_MS, signal);
      try {
        await searchAll({ tools, access, from, wanted, signal }, notes, { worker, context, filesOnly: files_only }, result);
      } catch (error) {
        if (!(error instanceof MassGenError) || error.code !== "search_timeout") throw error;
        result.stopped = `after ${SEARCH_MS / 1000} s`;
      } finally {
        await worker.close();
      }
      return [result.lines.length > 0 ? result.lines.join("\n") : `Nothing matches /${pattern}/${regex.flags}.`, ...remarks()].join("\n\n");

      function* remarks() {
        const { matches, stopped, large, binary } = result;
        if (matches > MAX_MATCHES) yield `[Only the first ${MAX_MATCHES} matches are shown. Use a narrower pattern, path or glob.]`;
        if (stopped !== undefined)
          yield `[The search was stopped ${stopped}; there may be more. Use a simpler pattern or a smaller directory.]`;
        const names = `${large.slice(0, 5).join(", ")}${large.length > 5 ? ", …" : ""}`;
        if (large.length > 0) yield `[Not searched, as larger than ${bytesText(tools.maxFileBytes)}: ${names}.]`;
        if (binary > 0 && matches === 0) yield `[${count(binary, "binary file")} passed by.]`;
        if (notes.unread.length > 0) yield `[${count(notes.unread.length, "directory")} could not be searched.]`;
      }
    },
  });
}

interface Result {
  lines: string[];
  matches: number;
  stopped: string | undefined;
  large: string[];
  binary: number;
}

const emptyResult = (): Result => ({ lines: [], matches: 0, stopped: undefined, large: [], binary: 0 });

interface Search {
  worker: RegexWorker;
  context: number;
  filesOnly: boolean;
}

interface Text {
  shown: string;
  text: string;
}

async function searchAll(files: FileSearch, notes: WalkNotes, search: Search, result: Result): Promise<void> {
  let batch: Text[] = [];
  let size = 0;
  const all = searchedFiles(files, notes);
  try {
    for (let next = await all.next(); ; next = await all.next()) {
      if (next.done) {
        if (next.value) result.stopped = `after ${MAX_SEARCHED} files`;
        break;
      }
      const { shown, bytes } = next.value;
      const content = bytes === undefined ? undefined : decodeFile(bytes);
      if (content === undefined) result.large.push(shown);
      else if (content.kind === "binary") result.binary++;
      else {
        batch.push({ shown, text: content.text });
        size += content.text.length;
      }
      if (size < BATCH_CHARACTERS) continue;
      await searchBatch(batch, search, result);
      if (result.matches > MAX_MATCHES) return;
      batch = [];
      size = 0;
    }
    await searchBatch(batch, search, result);
  } finally {
    await all.return(false);
  }
}

async function searchBatch(batch: Text[], { worker, context, filesOnly }: Search, result: Result): Promise<void> {
  if (batch.length === 0) return;
  const texts = batch.map(({ text }) => text);
  const matches = await worker.matchLines(texts, filesOnly ? 1 : MAX_MATCHES + 1);
  for (const [index, found] of matches.entries()) {
    const { shown, text } = batch[index]!;
    if (found.length === 0) continue;
    const left = MAX_MATCHES - result.matches;
    result.matches += found.length;
    if (left <= 0) return;
    if (filesOnly) result.lines.push(shown);
    else result.lines.push(...shownMatches(shown, text.split("\n"), found.slice(0, left), context));
  }
}

/** As `grep -n` has it: ":" after the number of a line that matches, "-" around the others, "--" between what is not together. */
function shownMatches(shown: string, lines: string[], found: number[], context: number): string[] {
  const matching = new Set(found);
  const output: string[] = [];
  const last = lines.length - (lines.length > 1 && lines.at(-1) === "" ? 2 : 1);
  let next = 0;
  for (const at of found) {
    const from = Math.max(next, at - context);
    if (context > 0 && from > next && next > 0) output.push("--");
    for (let line = from; line <= Math.min(last, at + context); line++) {
      const text = lines[line]!.replace(/\r$/, "");
      const rest = text.length - MAX_LINE;
      const cut = rest > 0 ? `${text.slice(0, MAX_LINE)} … [${rest} more characters]` : text;
      output.push(matching.has(line) ? `${shown}:${line + 1}: ${cut}` : `${shown}-${line + 1}- ${cut}`);
      next = line + 1;
    }
  }
  return output;
}
