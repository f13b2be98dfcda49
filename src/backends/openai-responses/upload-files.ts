import { basename, extname } from "node:path";
import { ConfigError } from "../../errors.js";
import type { FilePart, Message, UserPart } from "../../formatter/messages.js";

/** A file by its path (`~` is the home folder) or URL. Exactly one key. */
export type UploadFile = { imagePath: string } | { audioPath: string } | { filePath: string };

const KINDS = ["imagePath", "audioPath", "filePath"];

const DOCUMENTS = new Set("c cpp cs css doc docx html java js json md pdf php pptx py rb sh tex ts txt".split(" "));

/** Throws a `ConfigError` for an entry that cannot be sent. */
export function checkUploads(files: readonly UploadFile[]): void {
  for (const [i, file] of files.entries()) {
    const at = `uploadFiles[${i}]`;
    const keys = typeof file === "object" && file !== null ? Object.keys(file) : [];
    const key = keys[0] ?? "";
    if (key === "videoPath") throw new ConfigError("unsupported", "OpenAI's models are not sent video; Gemini's are.", { path: at });
    const path = (file as Record<string, unknown>)?.[key];
    if (keys.length !== 1 || !KINDS.includes(key) || typeof path !== "string" || path === "") {
      throw new ConfigError("invalid_value", `${at} must have exactly one of ${KINDS.join(", ")}, with a path or URL.`, { path: at });
    }
    if (key === "filePath" && !DOCUMENTS.has(extensionOf(path).slice(1))) {
      const message = `"${path}" is no document that can be searched. There are ${[...DOCUMENTS].join(", ")}.`;
      throw new ConfigError("unsupported", message, { path: at });
    }
    if (key === "audioPath" && !isUrl(path) && !/^\.(wav|mp3)$/.test(extensionOf(path))) {
      throw new ConfigError("unsupported", `"${path}" must be a wav or mp3.`, { path: at });
    }
  }
}

/** The messages with the parts at the end of the first that is the user's. */
export function attach(messages: readonly Message[], parts: readonly FilePart[]): Message[] {
  if (parts.length === 0) return [...messages];
  const first = messages.findIndex((message) => message.role === "user");
  if (first < 0) return [{ role: "user", content: [...parts] }, ...messages];
  return messages.map((message, i) => {
    if (i !== first || message.role !== "user") return message;
    const content: UserPart[] = typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content;
    return { role: "user", content: [...content, ...parts] };
  });
}

export function isUrl(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

export function nameOf(path: string): string {
  return basename(isUrl(path) ? new URL(path).pathname : path);
}

export function extensionOf(path: string): string {
  return extname(nameOf(path)).toLowerCase();
}
