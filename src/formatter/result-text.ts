import { unsentFile } from "./file-data.js";
import type { ToolResultPart, UserPart } from "./messages.js";

/**
 * What a tool returned, for an API whose results are text alone: its files go into `attachments`, as `spell` writes them, after a line
 * that says whose they are. A file that cannot be sent is told of in the text.
 */
export function resultText<A>(part: ToolResultPart, path: string, attachments: A[], spell: (part: UserPart, path: string) => A): string {
  if (typeof part.output === "string") return part.output;
  const at = `${path} (result of ${part.toolName})`;
  let text = "";
  let introduced = false;
  for (const item of part.output) {
    if (item.type === "text") {
      text += item.text;
      continue;
    }
    let file: A;
    try {
      file = spell(item, at);
    } catch (error) {
      text += `${text ? "\n" : ""}${unsentFile(error, at)}`;
      continue;
    }
    if (!introduced) attachments.push(spell({ type: "text", text: `Returned by ${part.toolName} (${part.toolCallId}):` }, at));
    introduced = true;
    attachments.push(file);
  }
  return introduced ? `${text}${text ? "\n" : ""}(files follow in the next message)` : text;
}
