import { describe, expect, test } from "vitest";
import { modelRule, nearestEffort } from "../../src/api-params-handler/openai-models.js";
import { checkResponsesParams } from "../../src/api-params-handler/openai-responses.js";
import { responsesBodyParams } from "../../src/api-params-handler/openai-responses-request.js";

const send = (model: string, params: Record<string, unknown> = {}, settings = {}) => {
  const warnings: string[] = [];
  const checked = checkResponsesParams(params, "openai");
  return { body: responsesBodyParams(checked, settings, {}, { type: "openai", rule: modelRule(model), model }, warnings), warnings };
};

describe("effort where nobody says one", () => {
  test.each([
    "gpt-5.1",
    "gpt-5.1-2025-11-13",
    "gpt-5.1-mini",
    "gpt-5.2",
    "gpt-5.2-pro",
    "gpt-5.2-codex",
    "gpt-5.1-codex-max",
    "gpt-5.4-mini-2026-03-17",
    "gpt-5.6-sol",
    "gpt-6-luna",
    "gpt-6-astra",
    "gpt-6.1-sol",
    "gpt-6.1-terra",
    "gpt-6.1",
    "gpt-6.2-codex",
    "openai/gpt-5.2",
  ])("%s is asked for medium", (model) => {
    expect(send(model).body).toEqual({ reasoning: { effort: "medium" } });
  });

  test.each(["gpt-5", "gpt-5-mini", "gpt-5-codex", "gpt-5-pro", "o3", "gpt-4o", "gpt-5.2-chat-latest", "grok-4", "my-own"])(
    "%s is asked for nothing",
    (model) => {
      expect(send(model).body).toEqual({});
    },
  );

  test.each(["gpt-5.1", "gpt-5.2", "gpt-6-luna"])("an explicit none stays, %s", (model) => {
    expect(send(model, { reasoning: { effort: "none" } }).body).toEqual({ reasoning: { effort: "none" } });
    expect(send(model, {}, { reasoningEffort: "none", temperature: 0.3 }).body).toEqual({
      reasoning: { effort: "none" },
      temperature: 0.3,
    });
    expect(send(model, { reasoning: null }).body).toEqual({});
  });
});

test.each(["gpt-6-astra", "gpt-6.1-sol"])("%s cannot be kept from reasoning", (model) => {
  const { body, warnings } = send(model, {}, { reasoningEffort: "none", temperature: 0.3 });
  expect(body).toEqual({ reasoning: { effort: "low" } });
  expect(warnings).toEqual([expect.stringContaining('"low" was sent'), expect.stringContaining("`temperature`")]);
  expect(send(model, { reasoning: { effort: "max" } }).body).toEqual({ reasoning: { effort: "max" } });
});

test.each(["gpt-4o", "gpt-4.1-mini", "gpt-5-chat-latest", "gpt-5.3-chat-latest", "o1-mini", "grok-4"])(
  "%s never gets reasoning",
  (model) => {
    const { body, warnings } = send(model, { reasoning: { effort: "high" } }, {});
    expect(body).toEqual({});
    expect(warnings).toEqual([expect.stringContaining("takes no `reasoning`")]);
  },
);

test.each(["gpt-5-codex", "gpt-5.2-codex", "gpt-5.1-codex-mini", "gpt-6-codex", "codex-mini-latest"])("%s is a Codex model", (model) => {
  expect(modelRule(model)?.codex).toBe(true);
});

test.each([
  ["none", ["low", "high"], "low"],
  ["medium", ["low", "high"], "high"],
  ["max", ["low", "high"], "high"],
  ["max", ["high", "xhigh"], undefined],
  ["beyond", ["low"], undefined],
] as const)("the nearest to %s in %j is %s", (wanted, efforts, nearest) => {
  expect(nearestEffort(wanted, efforts)).toBe(nearest);
});

test("keys inside values are spelled as the API spells them; schemas, metadata and variables stay", () => {
  const schema = { type: "object", properties: { firstName: {} } };
  expect(
    checkResponsesParams(
      {
        contextManagement: [{ type: "compaction", compactThreshold: 1000 }],
        streamOptions: { includeObfuscation: true },
        text: { format: { type: "json_schema", name: "a", schema } },
        metadata: { myKey: "1" },
        prompt: { id: "p", variables: { firstName: "A" } },
      },
      "openai",
    ),
  ).toEqual({
    context_management: [{ type: "compaction", compact_threshold: 1000 }],
    stream_options: { include_obfuscation: true },
    text: { format: { type: "json_schema", name: "a", schema } },
    metadata: { myKey: "1" },
    prompt: { id: "p", variables: { firstName: "A" } },
  });
});
