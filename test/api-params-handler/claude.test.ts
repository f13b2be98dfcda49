import { describe, expect, test } from "vitest";
import { type ClaudeApiVersion, checkClaudeParams } from "../../src/api-params-handler/claude.js";
import { claudeModel, claudeModels, defaultMaxTokens } from "../../src/api-params-handler/claude-models.js";
import { claudeRequestParams } from "../../src/api-params-handler/claude-request.js";
import type { ModelSettings } from "../../src/backends/backend.js";
import { ConfigError } from "../../src/errors.js";

function params(
  model: string,
  settings: ModelSettings = {},
  own: Record<string, unknown> = {},
  apiVersion: ClaudeApiVersion = "2026-10-21",
) {
  const checked = checkClaudeParams(own, apiVersion);
  return claudeRequestParams(checked, settings, {}, { model, rules: claudeModel(model), apiVersion });
}

describe("models", () => {
  test("are found by id, dated id and alias, never by a part of it", () => {
    expect(claudeModel("claude-sonnet-4-5-20250929")).toBe(claudeModels["claude-sonnet-4-5"]);
    expect(claudeModel("claude-3-5-haiku-latest")).toBe(claudeModels["claude-3-5-haiku"]);
    expect(claudeModel("claude-opus-4-20250514").maxOutput).toBe(32_000);
    expect(claudeModel("claude-sonnet-4-0")).toBe(claudeModels["claude-sonnet-4"]);
    expect(claudeModel("claude-sonnet-4-5-mini")).not.toBe(claudeModels["claude-sonnet-4-5"]);
    expect(claudeModel("gpt-oss:20b").contextWindow).toBeUndefined();
    expect(claudeModel("constructor").maxOutput).toBe(8192);
  });

  test.each([
    ["claude-opus-5-5", 64_000],
    ["claude-sonnet-4-5", 32_000],
    ["claude-3-haiku-20240307", 4096],
    ["claude-next-9", 32_000],
    ["glm-5", 8192],
  ])("%s gets %i output tokens where nobody says", (model, tokens) => {
    expect(params(model).body.max_tokens).toBe(tokens);
  });

  test("no default is above what a model can write", () => {
    for (const rules of Object.values(claudeModels)) expect(defaultMaxTokens(rules)).toBeLessThanOrEqual(rules.maxOutput);
  });
});

describe("reasoning effort", () => {
  test.each([
    ["claude-opus-5-5", "xhigh", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "xhigh" } }],
    ["claude-sonnet-4-6", "xhigh", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "high" } }],
    ["claude-sonnet-5", "minimal", { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "low" } }],
    ["claude-opus-4-5", "medium", { thinking: { type: "enabled", budget_tokens: 10_000 }, output_config: { effort: "medium" } }],
    ["claude-haiku-4-5", "low", { thinking: { type: "enabled", budget_tokens: 4096 } }],
    ["claude-sonnet-4-6", "none", { thinking: { type: "disabled" } }],
    ["claude-sonnet-5-5", "none", { thinking: { type: "between_tools" } }],
  ] as const)("%s: %s", (model, reasoningEffort, expected) => {
    const { body, warnings } = params(model, { reasoningEffort });
    const { max_tokens, ...rest } = body;
    expect(rest).toEqual(expected);
    expect(warnings).toEqual([]);
  });

  test("what a model cannot do is said", () => {
    const always = params("claude-fable-5-1", { reasoningEffort: "none" });
    expect(always.body.output_config).toEqual({ effort: "low" });
    expect(always.warnings).toEqual([expect.stringContaining("always thinks")]);
    const never = params("claude-3-5-haiku", { reasoningEffort: "high" });
    expect(never.body).not.toHaveProperty("thinking");
    expect(never.warnings).toEqual([expect.stringContaining("does not think")]);
  });

  test("the user's own thinking stands", () => {
    const own = { thinking: { type: "disabled" }, outputConfig: { effort: "max" } };
    const { body } = params("claude-sonnet-4-6", { reasoningEffort: "high" }, own);
    expect(body.thinking).toEqual({ type: "disabled" });
  });

  test("a budget fits under the limit", () => {
    expect(params("claude-sonnet-4-5", { reasoningEffort: "xhigh" }).body.max_tokens).toBe(56_000);
    const tight = params("claude-sonnet-4-5", { reasoningEffort: "high", maxOutputTokens: 4000 }).body;
    expect([tight.max_tokens, tight.thinking]).toEqual([4000, { type: "enabled", budget_tokens: 2000 }]);
    expect(params("claude-sonnet-4-5", { reasoningEffort: "high", maxOutputTokens: 1500 }).body).not.toHaveProperty("thinking");
    const own = () => params("claude-sonnet-4-5", { maxOutputTokens: 3000 }, { thinking: { type: "enabled", budget_tokens: 5000 } });
    expect(own).toThrow(ConfigError);
    expect(own).toThrow("5000 tokens");
  });
});

describe("settings", () => {
  test("sampling goes where it is taken and is named where it is not", () => {
    const settings = { temperature: 0.5, topP: 0.9 };
    const newest = params("claude-sonnet-4-5", settings);
    expect(newest.body).not.toHaveProperty("temperature");
    expect(newest.warnings).toHaveLength(1);
    const older = params("claude-sonnet-4-5", settings, {}, "2023-06-01");
    expect([older.body.temperature, older.body.top_p]).toEqual([0.5, undefined]);
    expect(older.warnings).toEqual([expect.stringContaining("topP")]);
    expect(params("claude-opus-4-8", settings, {}, "2023-06-01").body).not.toHaveProperty("temperature");
    const thinking = params("claude-sonnet-4-5", { ...settings, reasoningEffort: "low" }, {}, "2023-06-01");
    expect(thinking.body).not.toHaveProperty("temperature");
    expect(thinking.warnings).toEqual([expect.stringContaining("While Claude thinks")]);
  });

  test("a schema, stops, and what there is nothing for", () => {
    const schema = { type: "object" };
    const { body, warnings } = params("claude-sonnet-5", {
      responseFormat: { type: "json-schema", schema },
      reasoningEffort: "low",
      stop: ["x"],
      seed: 1,
    });
    expect(body.output_config).toEqual({ format: { type: "json_schema", schema }, effort: "low" });
    expect(body.stop_sequences).toEqual(["x"]);
    expect(warnings).toEqual([expect.stringContaining("seed")]);
    expect(params("m", { responseFormat: { type: "json" } }).warnings).toHaveLength(1);
    expect(params("m", { presencePenalty: 1, frequencyPenalty: 0 })).toMatchObject({ warnings: [expect.stringContaining("penalties")] });
    expect(params("m", { presencePenalty: 0 }).warnings).toEqual([]);
  });
});

describe("betas", () => {
  test.each([
    [{ context_management: { edits: [{ type: "compact_20260112" }] } }, "compact-2026-01-12"],
    [{ context_management: { edits: [{ type: "clear_tool_uses_20250919" }] } }, "context-management-2025-06-27"],
    [{ fallbacks: [{ model: "x" }] }, "server-side-fallback-2026-07-01"],
    [{ speed: "fast", betas: ["mine", "fast-mode-2026-02-01"] }, "mine,fast-mode-2026-02-01"],
    [{ container: { skills: [] } }, "skills-2025-10-02"],
  ])("%j needs %s", (own, betas) => {
    expect(params("claude-opus-4-6", {}, own).headers).toEqual({ "anthropic-beta": betas });
  });

  test("without any there is no header, and null leaves a parameter out", () => {
    const { headers, body } = params("claude-opus-4-6", {}, { max_tokens: null, metadata: null, extra_body: { new_thing: 1 } });
    expect(headers).toEqual({});
    expect(body).toEqual({ max_tokens: 64_000, new_thing: 1 });
  });
});

test("keys inside values are spelled as the API spells them; schemas stay", () => {
  const schema = { type: "object", properties: { firstName: {} } };
  const own = {
    thinking: { type: "enabled", budgetTokens: 2000 },
    outputConfig: { format: { type: "json_schema", schema } },
    contextManagement: { edits: [{ type: "clear_tool_uses_20250919", clearToolInputs: true }] },
    metadata: { userId: "u" },
    system: [{ type: "text", text: "Be brief.", cacheControl: { type: "ephemeral" } }],
  };
  expect(checkClaudeParams(own, "2023-06-01")).toEqual({
    thinking: { type: "enabled", budget_tokens: 2000 },
    output_config: { format: { type: "json_schema", schema } },
    context_management: { edits: [{ type: "clear_tool_uses_20250919", clear_tool_inputs: true }] },
    metadata: { user_id: "u" },
    system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
  });
  expect(params("claude-haiku-4-5", {}, { thinking: { type: "enabled", budgetTokens: 60_000 } }).body.max_tokens).toBe(64_000);
});

test("a temperature above what Claude takes becomes the most it takes, and is told", () => {
  const { body, warnings } = params("claude-sonnet-4-5", { temperature: 1.5 }, {}, "2023-06-01");
  expect(body.temperature).toBe(1);
  expect(warnings).toEqual([expect.stringContaining("1 was sent instead of 1.5")]);
});
