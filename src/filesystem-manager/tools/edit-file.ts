import { z } from "zod";
import { MassGenError } from "../../errors.js";
import { type Tool, tool } from "../../tools/tool.js";
import { resolvePath } from "../check-path.js";
import { markSeen, requireSeen } from "../seen-files.js";
import { decodeFile, encodeText } from "../text-file.js";
import { replaceFile } from "../write-file.js";
import { bytesText, type FileToolsContext, readBytes, requireText } from "./context.js";

const input = z.object({
  path: z.string().describe("Relative to your workspace, or absolute"),
  old_string: z.string().min(1).describe("The text to replace, exactly as it is in the file, with enough around it to be found once"),
  new_string: z.string().describe("What takes its place"),
  replace_all: z.boolean().optional().describe("Replace every occurrence. Default false"),
});

export function editFileTool(context: FileToolsContext): Tool {
  return tool({
    name: "edit_file",
    description:
      "Replaces a piece of text in a file that you have read. The piece must occur exactly once, unless replace_all is set. " +
      "The file keeps its encoding and line ends.",
    input,
    annotations: { title: "Edit file", readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    effects: "workspace",
    async execute({ path, old_string: old, new_string: replacement, replace_all: all = false }, { signal }) {
      const checked = await resolvePath(context.access(), path, "write");
      const { shown } = checked;
      const { bytes, stat } = await readBytes(checked, context.maxFileBytes, signal);
      requireSeen(context.seen, checked.path, shown, stat);
      const content = decodeFile(bytes);
      requireText(content, shown, stat.size);
      if (content.encoding === "windows-1252") {
        const message = `"${shown}" is no UTF-8 text, so an edit could change more than it should. Write the whole file anew with write_file, or convert it with a command.`;
        throw new MassGenError("bad_encoding", message);
      }
      const edit = replaceText(content.text, old, replacement, all, shown);
      const data = encodeText(edit.text, content.encoding);
      if (data.length > context.maxFileBytes) {
        const message = `"${shown}" would grow to ${bytesText(data.length)}; at most ${bytesText(context.maxFileBytes)} are written.`;
        throw new MassGenError("file_too_large", message);
      }
      const accept = (now: typeof stat | undefined) => {
        if (now?.ino !== stat.ino || now.mtimeNs !== stat.mtimeNs || now.size !== stat.size) {
          throw new MassGenError("changed", `"${shown}" was changed by someone else at the same moment. Read it again first.`);
        }
      };
      markSeen(context.seen, checked.path, await replaceFile(checked, data, accept, signal));
      const places = edit.lines.length === 1 ? `line ${edit.lines[0]}` : `${edit.lines.length} places, lines ${listed(edit.lines)}`;
      return `Edited "${shown}" at ${places}.`;
    },
  });
}

/** The text with the replacement made, and the lines (from 1) where it began. @throws MassGenError `no_match`, `not_unique`, `no_change` */
export function replaceText(
  text: string,
  old: string,
  replacement: string,
  all: boolean,
  shown: string,
): { text: string; lines: number[] } {
  if (old === replacement) throw new MassGenError("no_change", "old_string and new_string are the same.");
  // A model writes "\n"; in a file with "\r\n" that is what it means.
  const windows = text.includes("\r\n") && !text.includes(old) && !old.includes("\r");
  const wanted = windows ? crlf(old) : old;
  const keepsEnds = windows || (/\r\n/.test(text) && !/[^\r]\n/.test(text));
  const given = keepsEnds && !replacement.includes("\r") ? crlf(replacement) : replacement;
  const at = occurrences(text, wanted);
  if (at.length === 0) throw new MassGenError("no_match", `"${shown}" does not contain old_string. ${hint(text, old)}`);
  const lines = linesOf(text, at);
  if (at.length > 1 && !all) {
    const message = `old_string occurs ${at.length} times in "${shown}", at lines ${listed(lines)}. Add lines around it until it is found once, or set replace_all.`;
    throw new MassGenError("not_unique", message);
  }
  let result = "";
  let from = 0;
  for (const index of at) {
    result += text.slice(from, index) + given;
    from = index + wanted.length;
  }
  return { text: result + text.slice(from), lines };
}

const crlf = (text: string): string => text.replaceAll("\n", "\r\n");

function occurrences(text: string, wanted: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + wanted.length)) found.push(at);
  return found;
}

function linesOf(text: string, offsets: number[]): number[] {
  let line = 1;
  let from = 0;
  return offsets.map((offset) => {
    for (let at = text.indexOf("\n", from); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
    from = offset;
    return line;
  });
}

const listed = (lines: number[]): string => `${lines.slice(0, 10).join(", ")}${lines.length > 10 ? ", …" : ""}`;

/** Where the same words stand with other spaces, which is the usual mistake. */
function hint(text: string, old: string): string {
  const firstLine = (old.split("\n").find((line) => line.trim() !== "") ?? "").trim();
  const line = firstLine === "" ? -1 : text.split("\n").findIndex((each) => each.includes(firstLine));
  return line === -1
    ? "Read the file again and copy the text exactly."
    : `Its first line is like line ${line + 1}; compare spaces, tabs and the lines after it.`;
}
