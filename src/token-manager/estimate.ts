import type { BackendRequest } from "../backends/backend.js";

/** What an image or document counts; its base64 text says nothing about its tokens. */
export const TOKENS_PER_FILE = 1000;

/**
 * Tokens of a text, roughly: four ASCII characters make one, anything else counts one and a half characters each.
 * Good to about ±25 % on prose and code; a provider's own figures always take precedence.
 */
export function estimateTokens(text: string): number {
  let wide = 0;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) wide++;
  return Math.ceil((text.length - wide) / 4 + wide / 1.5);
}

/**
 * What a provider says to the model before the first tool, by backend type; from recorded requests. Servers of open models: what
 * their chat templates say. Others add next to nothing.
 */
const TOOL_FRAME: Readonly<Record<string, number>> = {
  claude: 450,
  grok: 200,
  vllm: 150,
  sglang: 150,
  lmstudio: 150,
};

/**
 * Input tokens of a request by a counter of texts. Files count `TOKENS_PER_FILE` each. What a provider is sent back as it came counts
 * nothing: its texts and calls stand beside it, and the rest is signatures, ciphers and pictures, whose length says nothing.
 */
export function requestTokens(request: BackendRequest, count: (text: string) => number, provider = ""): number {
  let files = 0;
  const json = JSON.stringify([request.messages, request.tools ?? []], (_key, value: unknown) => {
    if (typeof value !== "object" || value === null || !("type" in value) || !("data" in value)) return value;
    if (value.type === "provider") return undefined;
    if (value.type !== "file") return value;
    files++;
    return undefined;
  });
  const frame = request.tools?.length ? (TOOL_FRAME[provider] ?? 0) : 0;
  return count(request.system ?? "") + count(json) + files * TOKENS_PER_FILE + frame;
}
