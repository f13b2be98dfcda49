import type { Backend, BackendRequest, CallOptions } from "../backends/backend.js";
import { estimateTokens, requestTokens } from "./estimate.js";

/** Input tokens of a request that has not been sent. */
export interface TokenCount {
  tokens: number;
  /** `endpoint`: the provider counted. `tokenizer`: `gpt-tokenizer`. `estimate`: by the length of the texts. */
  method: "endpoint" | "tokenizer" | "estimate";
  /** How far off `tokens` may be, as a part of it: 0.25 is a quarter. Measured on recorded requests; an endpoint's is 0. */
  margin: number;
  /** Why the provider's endpoint did not count, where it has one. */
  error?: unknown;
}

export interface CountOptions extends CallOptions {
  /** `false`: ask nobody and count on this machine. Default true. */
  endpoint?: boolean;
}

/** Recorded requests above a hundred tokens lie within it; smaller ones consist of little but the provider's own frame. */
export const ESTIMATE_MARGIN = 0.35;
export const TOKENIZER_MARGIN = 0.25;

/** Backends whose models `gpt-tokenizer` knows. */
const TOKENIZED = ["openai", "azure_openai"];

/**
 * Counts the input tokens of a request: by the provider's endpoint where the backend has one, else (and where that fails) with
 * `gpt-tokenizer` for models of OpenAI, if it is installed, else by the length of the texts. Throws only when aborted.
 */
export async function countTokens(backend: Backend, request: BackendRequest, options: CountOptions = {}): Promise<TokenCount> {
  const { endpoint = true, signal, trace } = options;
  signal?.throwIfAborted();
  let failure: { error: unknown } | undefined;
  if (endpoint && backend.countTokens !== undefined) {
    try {
      const tokens = await backend.countTokens(request, { ...(signal && { signal }), ...(trace && { trace }) });
      return { tokens, method: "endpoint", margin: 0 };
    } catch (error) {
      signal?.throwIfAborted();
      failure = { error };
    }
  }
  const count = TOKENIZED.includes(backend.type) ? await loadTokenizer() : undefined;
  signal?.throwIfAborted();
  if (count !== undefined)
    return { tokens: requestTokens(request, count, backend.type), method: "tokenizer", margin: TOKENIZER_MARGIN, ...failure };
  return { tokens: requestTokens(request, estimateTokens, backend.type), method: "estimate", margin: ESTIMATE_MARGIN, ...failure };
}

let tokenizer: Promise<((text: string) => number) | undefined> | undefined;

/** `gpt-tokenizer` with the encoding of all models since gpt-4o, if it is installed. */
function loadTokenizer(): Promise<((text: string) => number) | undefined> {
  tokenizer ??= import("gpt-tokenizer/encoding/o200k_base").then(
    // Texts that look like special tokens are only texts here.
    ({ countTokens: count }) =>
      (text: string) =>
        count(text, { disallowedSpecial: new Set<string>() }),
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ERR_MODULE_NOT_FOUND") return undefined;
      throw error;
    },
  );
  return tokenizer;
}
