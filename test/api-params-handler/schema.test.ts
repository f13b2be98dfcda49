import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  chatParams,
  checkChatParams,
  checkClaudeParams,
  checkGeminiParams,
  checkResponsesParams,
  claudeParams,
  geminiParams,
  type ParamKind,
  type ParamsApi,
  paramsSchema,
  responsesParams,
} from "../../src/api-params-handler/index.js";
import { presets } from "../../src/backends/presets.js";
import { ConfigError } from "../../src/errors.js";

const { extras } = presets.vllm;
const apis: Record<ParamsApi, { table: Readonly<Record<string, ParamKind>>; check(params: Record<string, unknown>): unknown }> = {
  "chat-completions": {
    table: { ...chatParams, ...extras },
    check: (params) => checkChatParams(params, { type: "vllm", extras, maxTokens: "max_tokens" }),
  },
  "openai-responses": { table: responsesParams, check: (params) => checkResponsesParams(params, "vllm") },
  claude: { table: claudeParams, check: (params) => checkClaudeParams(params, "2023-06-01") },
  gemini: { table: geminiParams, check: (params) => checkGeminiParams(params) },
};
const options = { type: "vllm", extras, apiVersion: "2023-06-01" } as const;
const VALUES: unknown[] = [1, Number.NaN, true, "x", {}, { model: "m", contents: [] }, [], [{ type: "text" }], null];

describe.each(Object.entries(apis))("the parameters of %s", (api, { table, check }) => {
  const schema = paramsSchema(api as ParamsApi, options);

  it("are judged as the check judges them, in its words", async () => {
    const parse = (await schema).safeParse.bind(await schema);
    const strangers = ["temprature", "model", "messages", "stream", "base_url", "tools"];
    for (const key of [...Object.keys(table), ...strangers]) {
      for (const value of VALUES) {
        const { success, data, error } = parse({ [key]: value });
        try {
          expect({ key, value, data }).toEqual({ key, value, data: check({ [key]: value }) });
        } catch (refusal) {
          if (!(refusal instanceof ConfigError)) throw refusal;
          expect({ key, value, success }).toEqual({ key, value, success: false });
          const known = Object.hasOwn(table, key);
          const path = known ? refusal.path.split(".").slice(1) : [];
          expect(error!.issues).toEqual([expect.objectContaining({ message: refusal.message, path, ...(!known && { keys: [key] }) })]);
        }
      }
    }
  });

  it("everything that is wrong is told at once", async () => {
    const [known, kind] = Object.entries(table).find(([, one]) => one !== "any")!;
    const { error } = (await schema).safeParse({ [known]: kind === "number" ? "x" : 1, temprature: 1, model: "m" });
    expect(error!.issues).toEqual([
      expect.objectContaining({ path: [known] }),
      expect.objectContaining({ keys: ["temprature", "model"], message: expect.stringMatching(/"temperature".*`model` of the backend/) }),
    ]);
  });

  it("as JSON Schema, in both spellings", async () => {
    const { properties, additionalProperties } = z.toJSONSchema(await schema, { io: "input" }) as {
      properties: Record<string, unknown>;
      additionalProperties: unknown;
    };
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(Object.keys(table)));
    expect(properties).toHaveProperty(api === "gemini" ? "max_output_tokens" : "topP");
    expect(JSON.stringify(properties.max_tokens ?? properties.max_output_tokens)).toMatch(/"number".*"null"/);
    expect(additionalProperties).toBe(false);
  });
});

it("a key in two spellings is refused", async () => {
  const { error } = (await paramsSchema("claude", options)).safeParse({ top_p: 1, topP: 1 });
  expect(error!.issues).toEqual([expect.objectContaining({ message: expect.stringContaining("given twice"), path: ["topP"] })]);
});
