import { ConfigError } from "../../errors.js";
import { extensionOf, isUrl } from "../attach.js";

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
