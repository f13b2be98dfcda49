import { describe, expect, it } from "vitest";
import { type WireOrigin, wireError } from "../../src/backends/errors.js";
import { geminiError } from "../../src/backends/gemini/errors.js";
import { overflowLimit } from "../../src/backends/overflow-limit.js";

const origin: WireOrigin = { provider: "p", label: "Vendor", baseUrl: "https://vendor.example/v1", model: "m", keyEnv: [] };
const openai = (message: string, more = {}) => ({ error: { message, type: "invalid_request_error", param: "messages", ...more } });
const exceeded = (message: string) => openai(message, { code: "context_length_exceeded" });
const vllm = (message: string) => ({ object: "error", message, type: "BadRequestError", param: null, code: 400 });
const anthropic = (message: string, type = "invalid_request_error") => ({ type: "error", error: { type, message } });
const google = (message: string) => ({ error: { code: 400, message, status: "INVALID_ARGUMENT" } });

/** Who said it, with which status, in which body, and the window that it names. */
const refusals: [string, number, unknown, number | undefined][] = [
  [
    "OpenAI, chat",
    400,
    exceeded(
      "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. Please reduce the length of the messages.",
    ),
    8192,
  ],
  [
    "OpenAI, chat with a limit of its own",
    400,
    exceeded(
      "This model's maximum context length is 128000 tokens. However, you requested 140096 tokens (136000 in the messages, 4096 in the completion). Please reduce the length of the messages or completion.",
    ),
    128_000,
  ],
  [
    "OpenAI, completions",
    400,
    openai(
      "This model's maximum context length is 4097 tokens, however you requested 5360 tokens (1360 in your prompt; 4000 for the completion). Please reduce your prompt; or completion length.",
    ),
    4097,
  ],
  [
    "OpenAI, GPT-5",
    400,
    exceeded(
      "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300123 tokens. Please reduce the length of the messages.",
    ),
    272_000,
  ],
  [
    "OpenAI, Responses",
    400,
    {
      error: {
        message: "Your input exceeds the context window of this model. Please adjust your input and try again.",
        type: "invalid_request_error",
        param: "input",
        code: "context_length_exceeded",
      },
    },
    undefined,
  ],
  [
    "Azure",
    400,
    {
      error: {
        code: "context_length_exceeded",
        message:
          "This model's maximum context length is 16385 tokens. However, your messages resulted in 20112 tokens. Please reduce the length of the messages.",
      },
    },
    16_385,
  ],
  [
    "GitHub Models",
    413,
    { error: { code: "tokens_limit_reached", message: "Request body too large for gpt-4o model. Max size: 8000 tokens." } },
    8000,
  ],
  [
    "Copilot",
    400,
    openai("prompt token count of 140000 exceeds the limit of 128000", { code: "model_max_prompt_tokens_exceeded" }),
    128_000,
  ],
  ["Anthropic", 400, anthropic("prompt is too long: 210000 tokens > 200000 maximum"), 200_000],
  [
    "Anthropic, with what is to be written",
    400,
    anthropic(
      "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or `max_tokens` and try again",
    ),
    200_000,
  ],
  ["Anthropic, too many bytes", 413, anthropic("Request exceeds the maximum size", "request_too_large"), undefined],
  ["Bedrock", 400, { message: "The model returned the following errors: Input is too long for requested model." }, undefined],
  ["Gemini", 400, google("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."), 1_048_576],
  ["Gemini, older", 400, google("The input token count exceeds the maximum number of tokens allowed (1048575)."), 1_048_575],
  [
    "Vertex",
    400,
    google(
      "Unable to submit request because the input token count is 1200000 but model only supports up to 1048576. Reduce the input token count and try again.",
    ),
    1_048_576,
  ],
  [
    "vLLM",
    400,
    vllm(
      "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.",
    ),
    4096,
  ],
  [
    "vLLM, input alone",
    400,
    {
      error: vllm(
        "This model's maximum context length is 32768 tokens. However, your request has 40123 input tokens. Please reduce the length of the input messages.",
      ),
    },
    32_768,
  ],
  [
    "vLLM, no room to write",
    400,
    vllm(
      "'max_tokens' or 'max_completion_tokens' is too large: 1000. This model's maximum context length is 8192 tokens and your request has 8000 input tokens (1000 > 8192 - 8000).",
    ),
    8192,
  ],
  [
    "vLLM, newer",
    400,
    vllm(
      "You passed 9001 input tokens and requested 100 output tokens. However, the model's context length is only 8192 tokens, resulting in a maximum input length of 8092 tokens. Please reduce the length of the input prompt.",
    ),
    8192,
  ],
  [
    "vLLM, the engine",
    400,
    vllm(
      "The decoder prompt (length 9000) is longer than the maximum model length of 8192. Make sure that `max_model_len` is no smaller than the number of text tokens.",
    ),
    8192,
  ],
  ["SGLang", 400, vllm("The input (204281 tokens) is longer than the model's context length (202752 tokens)."), 202_752],
  [
    "SGLang, in sum",
    400,
    vllm(
      "Requested token count exceeds the model's maximum context length of 131072 tokens. You requested a total of 140000 tokens: 136000 tokens from the input messages and 4000 tokens for the completion.",
    ),
    131_072,
  ],
  [
    "LM Studio",
    400,
    {
      error:
        "Trying to keep the first 9123 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input",
    },
    4096,
  ],
  [
    "LM Studio, without figures",
    400,
    {
      error:
        "The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length, or provide a shorter input",
    },
    undefined,
  ],
  ["LM Studio, the engine", 400, { error: "Cannot truncate prompt with n_keep (9123) >= n_ctx (4096)" }, 4096],
  [
    "llama.cpp",
    400,
    {
      error: {
        code: 400,
        message: "request (13392 tokens) exceeds the available context size (8192 tokens), try increasing it",
        type: "exceed_context_size_error",
        n_prompt_tokens: 13_392,
        n_ctx: 8192,
      },
    },
    8192,
  ],
  [
    "llama.cpp, older",
    400,
    {
      error: {
        code: 400,
        message: "the request exceeds the available context size. try increasing the context size or enable context shift",
        type: "exceed_context_size_error",
        n_prompt_tokens: 13_392,
        n_ctx: 8192,
      },
    },
    8192,
  ],
  ["Ollama", 400, { error: { message: "prompt too long; exceeded max context length by 100918 tokens", type: "api_error" } }, undefined],
  ["Groq", 400, exceeded("Please reduce the length of the messages or completion."), undefined],
  [
    "Together",
    422,
    {
      error: {
        message:
          "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens and 512 `max_new_tokens`",
        type: "invalid_request_error",
      },
    },
    8193,
  ],
  ["Hugging Face", 422, { error: "Input validation error: `inputs` must have less than 4096 tokens. Given: 5123" }, 4096],
  ["Fireworks", 400, openai("The prompt is too long: 140000, model maximum context length: 131071"), 131_071],
  [
    "OpenRouter",
    400,
    {
      error: {
        message:
          'This endpoint\'s maximum context length is 128000 tokens. However, you requested about 200123 tokens (199123 of text input, 1000 in the output). Please reduce the length of either one, or use the "middle-out" transform to compress your prompt automatically.',
        code: 400,
      },
    },
    128_000,
  ],
  [
    "xAI",
    400,
    {
      code: "Client specified an invalid argument",
      error: "This model's maximum prompt length is 131072 but the request contains 149617 tokens.",
    },
    131_072,
  ],
  [
    "DeepSeek",
    400,
    openai(
      "This model's maximum context length is 65536 tokens. However, you requested 70214 tokens (62022 in the messages, 8192 in the completion). Please reduce the length of the messages or completion.",
    ),
    65_536,
  ],
  [
    "Mistral",
    400,
    {
      object: "error",
      message: "Prompt contains 40046 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
      type: "invalid_request_error",
      code: 3051,
    },
    32_768,
  ],
  [
    "Cerebras",
    400,
    {
      message: "Please reduce the length of the messages or completion. Current length is 9123 while limit is 8192",
      type: "invalid_request_error",
      param: "messages",
      code: "context_length_exceeded",
    },
    8192,
  ],
  ["Moonshot", 400, openai("Invalid request: Your request exceeded model token limit: 262144 (requested: 291351)"), 262_144],
  ["Z.ai", 400, { error: { code: "1261", message: "Prompt exceeds max length" } }, undefined],
  [
    "Qwen",
    400,
    {
      error: {
        code: "invalid_parameter_error",
        message: "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]",
      },
    },
    129_024,
  ],
  ["MiniMax", 400, openai("invalid params, context window exceeds limit (2013)"), undefined],
  [
    "SambaNova",
    400,
    openai(
      "The maximum context length of Meta-Llama-3.1-8B-Instruct is 16384. However, answering your request will take 20123 tokens. Please reduce the length of the messages or the specified max_completion_tokens value.",
    ),
    16_384,
  ],
  ["with commas", 400, openai("Prompt has 5,958,968 tokens, but the configured context size is 256,000 tokens"), 256_000],
  ["an allowed length", 400, openai("Input length 131393 exceeds the maximum allowed input length of 131040 tokens."), 131_040],
  ["a proxy's body", 413, "<html><head><title>413 Request Entity Too Large</title></head></html>", undefined],
];

describe("a request that is too long", () => {
  it.each(refusals)("%s", (who, status, body, limit) => {
    const refused = who === "Gemini" || who === "Vertex" ? geminiError : wireError;
    const error = refused({ status, body }, origin);
    expect([error.code, error.retryable]).toEqual(["context_overflow", false]);
    expect(overflowLimit(error.message)).toBe(limit);
    // Inside a stream there is no status.
    if (status === 400 && typeof body === "object" && "error" in (body as object)) {
      expect(wireError({ body }, origin).code).toBe("context_overflow");
    }
  });
});

describe("what is no window", () => {
  it.each([
    "Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Requested 40000.",
    "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5",
    "max_tokens exceeds the limit of 8192",
    "The service is overloaded.",
    "",
    "Vendor: 400 Please adjust your input. 12345 tokens were requested.",
  ])("%s", (message) => {
    expect(overflowLimit(message)).toBeUndefined();
  });

  it("a limit of a minute is a rate limit, though it comes as 413", () => {
    const message =
      "Request too large for model `openai/gpt-oss-120b` in organization `org_1` service tier `on_demand` on tokens per minute (TPM): Limit 8000, Requested 9123, please reduce your message size and try again.";
    const body = { error: { message, type: "tokens", code: "rate_limit_exceeded" } };
    expect(wireError({ status: 413, body }, origin).code).toBe("rate_limit");
  });
});
