import { z } from "zod";
import { MassGenError } from "../../errors.js";
import { type Tool, tool } from "../../tools/tool.js";
import { resolvePath } from "../check-path.js";
import { markSeen, requireSeen } from "../seen-files.js";
import { replaceFile } from "../write-file.js";
import { bytesText, count, type FileToolsContext } from "./context.js";

const input = z.object({
  path: z.string().describe("Relative to your workspace, or absolute"),
  content: z.string().describe("The whole content"),
});

export function writeFileTool(context: FileToolsContext): Tool {
  return tool({
    name: "write_file",
    description:
      "Writes a whole text file (UTF-8); makes the directories it needs. A file that exists is replaced, which needs that you have read it. " +
      "For a change in a longer file use edit_file.",
    input,
    annotations: { title: "Write file", readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    effects: "workspace",
    async execute({ path, content }, { signal }) {
      const size = Buffer.byteLength(content);
      if (size > context.maxFileBytes) {
        const message = `The content has ${bytesText(size)}; at most ${bytesText(context.maxFileBytes)} are written. Make several files of it.`;
        throw new MassGenError("file_too_large", message);
      }
      const checked = await resolvePath(context.access(), path, "write");
      let replaced = false;
      const accept = (stat: Parameters<typeof requireSeen>[3] | undefined) => {
        replaced = stat !== undefined;
        if (stat !== undefined) requireSeen(context.seen, checked.path, checked.shown, stat);
      };
      markSeen(context.seen, checked.path, await replaceFile(checked, content, accept, signal));
      const lines = content === "" ? 0 : content.split("\n").length - (content.endsWith("\n") ? 1 : 0);
      return `${replaced ? "Replaced" : "Created"} "${checked.shown}" (${count(lines, "line")}, ${bytesText(size)}).`;
    },
  });
}
