import { describe, expect, test } from "vitest";
import { checkGeminiParams } from "../../src/api-params-handler/gemini.js";
import { geminiRule } from "../../src/api-params-handler/gemini-models.js";
import { geminiRequestParams } from "../../src/api-params-handler/gemini-request.js";
import type { ModelSettings } from "../../src/backends/backend.js";
import { ConfigError } from "../../src/errors.js";

describe("checking", () => {
  test("both spellings, null and undefined", () => {
    expect(
      checkGeminiParams({ topK: 3, max_output_tokens: 9, thinking_config: { thinkingBudget: 1 }, seed: null, labels: undefined }),
    ).toEqual({
      topK: 3,
      maxOutputTokens: 9,
      thinkingConfig: { thinkingBudget: 1 },
      seed: null,
    });
  });

  test("keys inside values as well, where they are not the user's own", () => {
    const responseSchema = { type: "OBJECT", properties: { first_name: { type: "STRING" } } };
    expect(
      checkGeminiParams({
        thinking_config: { thinking_budget: 0, include_thoughts: false },
        image_config: { aspect_ratio: "1:1" },
        speech_config: { voice_config: { prebuilt_voice_config: { voice_name: "Kore" } } },
        response_schema: responseSchema,
        labels: { my_label: "x" },
        extra_body: { some_thing: 1 },
      }),
    ).toEqual({
      thinkingConfig: { thinkingBudget: 0, includeThoughts: false },
      imageConfig: { aspectRatio: "1:1" },
      speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: "Kore" } } },
      responseSchema,
      labels: { my_label: "x" },
      extraBody: { some_thing: 1 },
    });
  });

  test.each([
    [{ temprature: 1 }, "unknown_key", /"temperature"/],
    [{ max_tokens: 1 }, "unknown_key", /"maxOutputTokens"/],
    [{ stop: ["x"] }, "unknown_key", /"stopSequences"/],
    [{ zzz: 1 }, "unknown_key", /extraBody/],
    [{ topK: "3" }, "invalid_value", /a number.*"3"/],
    [{ safetySettings: {} }, "invalid_value", /a list/],
    [{ topK: 1, top_k: 2 }, "duplicate_key", /twice/],
    [{ contents: [] }, "reserved_key", /input of the run/],
    [{ tool_config: {} }, "reserved_key", /toolChoice/],
    [{ candidateCount: 2 }, "reserved_key", /more agents/],
    [{ tools: [{ googleMaps: {} }] }, "reserved_key", /`builtinTools` of the backend/],
    [{ extraBody: { contents: [] } }, "reserved_key", /input of the run/],
    [{ constructor: 1 }, "unknown_key", /constructor/],
  ])("%j is refused", (params, code, message) => {
    const check = () => checkGeminiParams(params as Record<string, unknown>);
    expect(check).toThrow(ConfigError);
    expect(check).toThrow(message);
    expect(check).toThrow(expect.objectContaining({ code }));
  });
});

describe("merging", () => {
  const merge = (model: string, settings?: ModelSettings, config = {}, request = {}) => {
    const warnings: string[] = [];
    const params = geminiRequestParams(config, settings, request, geminiRule(model), warnings);
    return { ...params, ...(warnings.length > 0 && { warnings }) } as Record<string, unknown>;
  };

  test("the request wins over settings, settings over the config, null leaves out", () => {
    expect(
      merge("gemma-3", { temperature: 1, maxOutputTokens: 5 }, { temperature: 0, topK: 1, seed: 1 }, { maxOutputTokens: 6, seed: null }),
    ).toEqual({
      temperature: 1,
      topK: 1,
      maxOutputTokens: 6,
    });
  });

  test("all settings", () => {
    const schema = { type: "object" };
    expect(
      merge("gemma-3", {
        topP: 0.5,
        stop: ["x"],
        seed: 4,
        presencePenalty: 1,
        frequencyPenalty: 0.5,
        responseFormat: { type: "json-schema", schema },
      }),
    ).toEqual({
      topP: 0.5,
      presencePenalty: 1,
      frequencyPenalty: 0.5,
      stopSequences: ["x"],
      seed: 4,
      responseMimeType: "application/json",
      responseJsonSchema: schema,
    });
    expect(merge("gemma-3", { responseFormat: { type: "json" } })).toEqual({ responseMimeType: "application/json" });
    expect(merge("gemma-3", { responseFormat: { type: "text" }, stop: [] })).toEqual({});
  });

  test.each([
    ["gemini-3-flash-preview", "none", { thinkingLevel: "MINIMAL" }],
    ["gemini-3-flash-preview", "medium", { thinkingLevel: "MEDIUM" }],
    ["gemini-3.1-pro-preview", "none", { thinkingLevel: "LOW" }],
    ["gemini-3.1-pro-preview", "xhigh", { thinkingLevel: "HIGH" }],
    ["gemini-3.6-flash", "low", { thinkingLevel: "LOW" }],
    ["gemini-2.5-pro", "none", { thinkingBudget: 128 }],
    ["gemini-2.5-pro", "high", { thinkingBudget: 24_576 }],
    ["gemini-2.5-flash", "none", { thinkingBudget: 0 }],
    ["models/gemini-2.5-flash-lite", "low", { thinkingBudget: 1024 }],
  ] as const)("%s thinks with effort %s as %j", (model, reasoningEffort, thinking) => {
    expect(merge(model, { reasoningEffort }).thinkingConfig).toEqual({ includeThoughts: true, ...thinking });
  });

  test.each(["gemini-2.0-flash", "gemini-2.5-flash-image", "gemma-3-27b-it"])("%s is not asked to think, and says so", (model) => {
    expect(merge(model, { reasoningEffort: "high" })).toEqual({ warnings: [expect.stringContaining("reasoningEffort")] });
    expect(merge(model, { reasoningEffort: "none" })).toEqual({});
  });

  test("of level and budget the later one is sent", () => {
    const { thinkingConfig } = merge(
      "gemini-3-pro",
      { reasoningEffort: "low" },
      {},
      { thinkingConfig: { thinkingBudget: 7, includeThoughts: false } },
    );
    expect(thinkingConfig).toEqual({ includeThoughts: false, thinkingBudget: 7 });
  });

  test("what is asked of a model that no rule knows is sent as a level", () => {
    expect(merge("some-proxy-model", { reasoningEffort: "high" })).toEqual({ thinkingConfig: { thinkingLevel: "HIGH" } });
    expect(merge("some-proxy-model")).toEqual({});
  });
});
