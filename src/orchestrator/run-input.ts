import { type FilePart, textOf } from "../formatter/messages.js";
import type { RunInput } from "./events.js";
import type { Task } from "./prompts/compose.js";

/** The question as an event carries it. */
export function inputOf({ history, message }: Task): RunInput {
  const { content = "" } = message ?? history.findLast(({ role }) => role === "user") ?? {};
  const parts = typeof content === "string" ? [] : content;
  const files = parts.flatMap((part) => (part.type === "file" ? fileOf(part) : []));
  return { text: textOf(content), ...(files[0] && { files }), messages: history.length + (message ? 1 : 0) };
}

function fileOf({ mediaType, data }: FilePart): { mediaType: string; bytes?: number } {
  if (/^https?:/i.test(data)) return { mediaType };
  return { mediaType, bytes: Buffer.byteLength(data.slice(/^data:/i.test(data) ? data.indexOf(",") + 1 : 0), "base64") };
}
