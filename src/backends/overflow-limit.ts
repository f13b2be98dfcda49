/** How providers name the window in a refusal. Each pattern reads the limit alone, never what was asked for. */
const LIMITS: readonly RegExp[] = [
  // Anthropic: "210000 tokens > 200000 maximum", "188240 + 21333 > 200000"; vLLM: "(1000 > 8192 - 8000)".
  /\d (?:tokens )?> (\d[\d,]*)\b/,
  // OpenAI, vLLM, SGLang, DeepSeek, OpenRouter, xAI, Fireworks, LM Studio, llama.cpp.
  /(?:maximum|context) (?:allowed )?(?:(?:context|prompt|model|input) )?(?:length|size)(?: of [^\s\d]\S*)?(?::| of| is)?(?: only)? \(?(\d[\d,]*)\b/i,
  // Gemini, Copilot, Moonshot, OpenAI's newer models.
  /exceed(?:s|ed)? (?:the |model )?(?:maximum number of tokens allowed \(|(?:configured |token )?limit(?: of|:) )(\d[\d,]*)\b/i,
  // Vertex.
  /supports? (?:only )?up to (\d[\d,]*)\b/i,
  // Mistral.
  /with (\d[\d,]*) maximum context length/i,
  // Together, Hugging Face, Cohere.
  /(?:must be <=|must have less than|cannot exceed) (\d[\d,]*)\b/i,
  // Cerebras.
  /while limit is (\d[\d,]*)\b/i,
  // DashScope.
  /input length should be \[\d+, ?(\d+)\]/i,
  // GitHub Models.
  /max size: (\d[\d,]*) tokens/i,
  // LM Studio, llama.cpp.
  /n_ctx(?: is)?\W{1,5}(\d+)\b/,
];

/** Limits of another kind: of a minute, of what may be written. */
const OTHER = /tokens per (min|day)|\bTPM\b|max_tokens\W+exceeds|allowed number of output/i;

/**
 * The window of a model as a provider's refusal names it, in tokens, e.g. 8192 for "This model's maximum context length is 8192
 * tokens. However, you requested 9000". `undefined` where the message names none.
 */
export function overflowLimit(message: string): number | undefined {
  if (OTHER.test(message)) return undefined;
  for (const pattern of LIMITS) {
    const [, digits] = pattern.exec(message) ?? [];
    if (digits !== undefined) return Number(digits.replaceAll(",", "")) || undefined;
  }
  return undefined;
}
