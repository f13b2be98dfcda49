import { z } from "zod";
import { MassGenError } from "../../errors.js";
import type { UserPart } from "../../formatter/messages.js";
import { type Tool, tool } from "../../tools/tool.js";
import { wholeCharacters } from "../../whole-characters.js";
import { bytesText, type FileToolsContext, readChecked, requireText } from "./context.js";

const MAX_LINES = 2000;
/** Some 15,000 tokens. */
const MAX_CHARACTERS = 60_000;
/** What providers take as an image; base64 adds a third. */
const MAX_IMAGE_BYTES = 3_750_000;
const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

const input = z.object({
  path: z.string().describe("Relative to your workspace, or absolute"),
  offset: z.int().min(1).optional().describe("First line to read, counted from 1. Default 1"),
  limit: z.int().min(1).optional().describe(`How many lines. Default and most: ${MAX_LINES}`),
  column: z.int().min(1).optional().describe("First character of the first line, counted from 1, to read on in a very long line"),
});

export function readFileTool(context: FileToolsContext): Tool {
  return tool({
    name: "read_file",
    description:
      "Reads a text file, as a whole or some of its lines, or shows an image. Says what was left out of a long file and how to read on. " +
      "A file must be read before it may be overwritten, edited or deleted.",
    input,
    annotations: { title: "Read file", readOnlyHint: true, openWorldHint: false },
    effects: "none",
    async execute({ path, offset = 1, limit = MAX_LINES, column = 1 }, { signal }): Promise<string | UserPart[]> {
      const { checked, bytes, stat, content } = await readChecked(context, path, signal);
      if (content.kind === "binary" && IMAGES.includes(content.mediaType ?? "")) {
        if (bytes.length > MAX_IMAGE_BYTES) {
          const message = `"${checked.shown}" is an image of ${bytesText(bytes.length)}; at most ${bytesText(MAX_IMAGE_BYTES)} can be shown. Make a smaller copy of it with a command, if you have one.`;
          throw new MassGenError("file_too_large", message);
        }
        const text = `${checked.shown} (${content.mediaType}, ${bytesText(bytes.length)}):`;
        return [
          { type: "text", text },
          { type: "file", mediaType: content.mediaType!, data: bytes.toString("base64"), filename: checked.path.split(/[\\/]/).at(-1)! },
        ];
      }
      requireText(content, checked.shown, stat.size);
      const guessed = content.encoding === "windows-1252" ? "\n\n[This is no UTF-8; it is shown as if it were windows-1252.]" : "";
      const text = content.text.replaceAll("\r\n", "\n"); // edit_file takes it so, too
      return excerpt(text, checked.shown, offset, Math.min(limit, MAX_LINES), column) + guessed;
    },
  });
}

/** Some lines of a text, and a notice in brackets of what was left out. */
export function excerpt(text: string, shown: string, offset: number, limit: number, column: number): string {
  if (text === "") return `[${shown} is empty.]`;
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop(); // the last line has its end, and no other line begins
  if (offset > lines.length) throw new MassGenError("bad_range", `"${shown}" has ${lines.length} lines; there is no line ${offset}.`);
  const first = lines[offset - 1]!;
  if (column > first.length + 1) throw new MassGenError("bad_range", `Line ${offset} of "${shown}" has ${first.length} characters.`);
  const taken: string[] = [];
  let left = MAX_CHARACTERS;
  let line = offset;
  for (; line < offset + limit && line <= lines.length; line++) {
    const from = line === offset ? column - 1 : 0;
    const content = lines[line - 1]!;
    if (content.length - from > left) {
      // A whole line at the start of the next call, unless it alone is too long.
      if (taken.length > 0) break;
      const end = wholeCharacters(content, from + left);
      const rest = `line ${line} up to character ${end} of ${content.length}. Read on with offset ${line} and column ${end + 1}`;
      return `${content.slice(from, end)}\n\n[${shown}: ${rest}; the file has ${lines.length} lines.]`;
    }
    taken.push(from === 0 ? content : content.slice(from));
    left -= content.length - from + 1;
  }
  const body = taken.join("\n");
  if (line > lines.length && offset === 1 && column === 1) return text;
  const next = line > lines.length ? "That is the end." : `Read on with offset ${line}.`;
  return `${body}\n\n[${shown}: lines ${offset} to ${line - 1} of ${lines.length}. ${next}]`;
}
