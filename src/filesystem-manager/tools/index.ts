import type { Tool } from "../../tools/tool.js";
import { compareFilesTool } from "./compare-files.js";
import type { FileToolsContext } from "./context.js";
import { copyFileTool } from "./copy-file.js";
import { deleteFileTool } from "./delete-file.js";
import { editFileTool } from "./edit-file.js";
import { globTool } from "./glob.js";
import { grepTool } from "./grep.js";
import { listDirectoryTool } from "./list-directory.js";
import { moveFileTool } from "./move-file.js";
import { readFileTool } from "./read-file.js";
import { writeFileTool } from "./write-file.js";

/** The file tools of one agent. They check every path themselves. */
export function fileTools(context: FileToolsContext): Tool[] {
  return [
    readFileTool(context),
    writeFileTool(context),
    editFileTool(context),
    listDirectoryTool(context),
    globTool(context),
    grepTool(context),
    copyFileTool(context),
    moveFileTool(context),
    deleteFileTool(context),
    compareFilesTool(context),
  ];
}
