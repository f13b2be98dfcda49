import { expect, test } from "vitest";
import { toUsage as chatUsage } from "../../src/backends/chat-completions/usage.js";
import { toUsage as claudeUsage } from "../../src/backends/claude/usage.js";
import { toUsage as geminiUsage } from "../../src/backends/gemini/usage.js";
import { toResponsesUsage } from "../../src/backends/openai-responses/usage.js";

test("chat completions: sounds apart", () => {
  const details = { prompt_tokens_details: { audio_tokens: 4 }, completion_tokens_details: { audio_tokens: 7 } };
  expect(chatUsage({ prompt_tokens: 9, completion_tokens: 8, ...details })).toEqual({
    inputTokens: 9,
    outputTokens: 8,
    audioInputTokens: 4,
    audioOutputTokens: 7,
  });
});

test("Claude: what is cached for an hour, of every pass, and searches", () => {
  const pass = { input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 10, cache_creation: { ephemeral_1h_input_tokens: 6 } };
  expect(claudeUsage({ iterations: [pass, pass], server_tool_use: { web_search_requests: 2 } })).toEqual({
    inputTokens: 22,
    outputTokens: 2,
    cacheWriteTokens: 20,
    cacheWrite1hTokens: 12,
    webSearches: 2,
  });
});

test("Claude: what an advisor spent is in the sum, and apart", () => {
  const own = { type: "message", input_tokens: 10, output_tokens: 5 };
  const advisor = { type: "advisor_message", model: "claude-opus-5", input_tokens: 100, output_tokens: 20, cache_read_input_tokens: 7 };
  expect(claudeUsage({ input_tokens: 10, output_tokens: 5, iterations: [own, advisor, own, advisor] })).toEqual({
    inputTokens: 234,
    outputTokens: 50,
    cachedInputTokens: 14,
    otherModels: { "claude-opus-5": { inputTokens: 214, outputTokens: 40, cachedInputTokens: 14 } },
  });
});

test("Gemini: sounds, pictures and searches", () => {
  const promptTokensDetails = [
    { modality: "TEXT", tokenCount: 3 },
    { modality: "AUDIO", tokenCount: 5 },
  ];
  const candidatesTokensDetails = [{ modality: "IMAGE", tokenCount: 1290 }];
  expect(geminiUsage({ promptTokenCount: 8, candidatesTokenCount: 1300, promptTokensDetails, candidatesTokensDetails }, 2)).toEqual({
    inputTokens: 8,
    outputTokens: 1300,
    audioInputTokens: 5,
    imageOutputTokens: 1290,
    webSearches: 2,
  });
});

test("Responses: searches count, opening a page does not", () => {
  const output = [
    { type: "web_search_call", action: { type: "search" } },
    { type: "web_search_call", action: { type: "open_page" } },
    { type: "message" },
    { type: "web_search_call" },
  ];
  expect(toResponsesUsage({ input_tokens: 1, output_tokens: 2 }, output)).toEqual({ inputTokens: 1, outputTokens: 2, webSearches: 2 });
});
