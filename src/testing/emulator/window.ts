import { estimateTokens, TOKENS_PER_FILE } from "../../token-manager/estimate.js";
import { opened } from "./sealed.js";

/** What an emulated model can read: one figure for all models, or one for each by name; a model without has no limit. */
export type ContextWindow = number | Readonly<Record<string, number>>;

export function windowOf(windows: ContextWindow | undefined, model: string): number | undefined {
  if (typeof windows !== "object") return windows;
  return Object.hasOwn(windows, model) ? windows[model] : undefined;
}

/** Fields that hold a file's bytes, or a URL of them. */
const FILES = new Set(["data", "file_data", "image_url", "url"]);
/** Fields that the model never reads. */
const UNREAD = new Set(["signature", "thoughtSignature", "thought_signature", "cache_control"]);

/**
 * Tokens of what a model reads: the estimate of token-manager over its JSON. Encrypted content counts as what it stands for (a
 * compaction as its summary), a file `TOKENS_PER_FILE`, a signature nothing.
 */
export function tokensOf(read: unknown): number {
  let files = 0;
  const json = JSON.stringify(read, function (this: unknown, key, value: unknown) {
    if (typeof value !== "string") return value;
    if (UNREAD.has(key)) return undefined;
    if (key === "encrypted_content") return opened(value) ?? value;
    const text = key === "data" && (this as { type?: unknown }).type === "text";
    if (!FILES.has(key) || text || (key === "url" && !value.startsWith("data:"))) return value;
    files++;
    return undefined;
  });
  return estimateTokens(json ?? "") + files * TOKENS_PER_FILE;
}
