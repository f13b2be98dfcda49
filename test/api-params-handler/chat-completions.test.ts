import { describe, expect, expectTypeOf, test } from "vitest";
import { type ChatParams, chatParams, checkChatParams } from "../../src/api-params-handler/chat-completions.js";
import { chatBodyParams } from "../../src/api-params-handler/chat-completions-request.js";
import { modelRule } from "../../src/api-params-handler/openai-models.js";
import type { BackendConfig } from "../../src/backends/create-backend.js";
import { presets, readersOf, unknownServer } from "../../src/backends/presets.js";
import { ConfigError } from "../../src/errors.js";

const vllm = { ...presets.vllm, type: "vllm", readersOf };
const check = (params: Record<string, unknown>, target = vllm) => checkChatParams(params, target);

describe("checking", () => {
  test("both spellings come out in the API's", () => {
    expect(check({ topP: 0.5, frequency_penalty: 1, chatTemplateKwargs: { enable_thinking: false }, topK: 3 })).toEqual({
      top_p: 0.5,
      frequency_penalty: 1,
      chat_template_kwargs: { enable_thinking: false },
      top_k: 3,
    });
  });

  test("keys inside values as well, where they are not the user's own", () => {
    expect(
      check({ logitBias: { someKey: 1 }, metadata: { myKey: "x" }, chatTemplateKwargs: { myKey: 1 }, extraBody: { topK: 1 } }),
    ).toEqual({
      logit_bias: { someKey: 1 },
      metadata: { myKey: "x" },
      chat_template_kwargs: { myKey: 1 },
      extra_body: { topK: 1 },
    });
    const schema = { type: "object", properties: { firstName: {} } };
    expect(
      check({
        streamOptions: { includeUsage: false },
        responseFormat: { type: "json_schema", jsonSchema: { name: "a", schema } },
        webSearchOptions: { userLocation: { approximate: { city: "Bonn" } } },
      }),
    ).toEqual({
      stream_options: { include_usage: false },
      response_format: { type: "json_schema", json_schema: { name: "a", schema } },
      web_search_options: { user_location: { approximate: { city: "Bonn" } } },
    });
    expect(() => check({ streamOptions: { includeUsage: false, include_usage: true } })).toThrow(
      expect.objectContaining({ code: "duplicate_key", path: "params.streamOptions.include_usage" }),
    );
  });

  test.each([
    [{ temprature: 1 }, /Did you mean "temperature"/],
    [{ top_kk: 1 }, /Did you mean "top_k"/],
    [{ separate_reasoning: true }, /parameter of sglang; vllm does not read it/],
    [{ zzzz: 1 }, /extra_body/],
    [{ model: "x" }, /`model` of the backend/],
    [{ messages: [] }, /the input of the run/],
    [{ stream: false }, /always streamed/],
    [{ tools: [] }, /`tools` of the agent/],
    [{ toolChoice: "auto" }, /`toolChoice` of the run/],
    [{ n: 2 }, /one reply is read/],
    [{ extra_body: { model: "x" } }, /`model` of the backend/],
    [{ top_p: 1, topP: 1 }, /given twice/],
    [{ temperature: "0.7" }, /a number, not the text "0.7"/],
    [{ temperature: Number.NaN }, /a number/],
    [{ logprobs: 1 }, /a boolean/],
    [{ metadata: [] }, /an object, not a list/],
    [{ stop_token_ids: 3 }, /a list/],
  ])("%j is refused", (params, message) => {
    expect(() => check(params)).toThrow(ConfigError);
    expect(() => check(params)).toThrow(message);
  });

  test("nothing of massgen's own config passes as a parameter", () => {
    for (const key of [
      "type",
      "baseUrl",
      "base_url",
      "apiKey",
      "api_key",
      "provider",
      "cwd",
      "mcp_servers",
      "agent_id",
      "enable_web_search",
      "inlineThinking",
    ]) {
      expect(() => check({ [key]: "x" }), key).toThrow(ConfigError);
    }
  });

  test("an unknown server is given what any known one reads", () => {
    const target = { ...unknownServer, type: "chatcompletion", readersOf };
    expect(checkChatParams({ separate_reasoning: true, top_k: 1, repeatPenalty: 1.1 }, target)).toEqual({
      separate_reasoning: true,
      top_k: 1,
      repeat_penalty: 1.1,
    });
  });

  test("no preset's extra shadows a common parameter", () => {
    for (const preset of Object.values(presets)) for (const name of Object.keys(preset.extras)) expect(chatParams).not.toHaveProperty(name);
  });
});

describe("the body", () => {
  const body = (config: Record<string, unknown>, settings = {}, request: Record<string, unknown> = {}, target = vllm) =>
    chatBodyParams(check(config), settings, check(request), target);

  test("settings win over the config, the request's own over both", () => {
    expect(body({ temperature: 0.1, top_p: 0.1, seed: 1 }, { temperature: 0.2, topP: 0.2 }, { temperature: 0.3 })).toEqual({
      temperature: 0.3,
      top_p: 0.2,
      seed: 1,
    });
  });

  test("penalties", () => {
    expect(body({}, { presencePenalty: 0.5, frequencyPenalty: -1 })).toEqual({ presence_penalty: 0.5, frequency_penalty: -1 });
  });

  test("there is one limit on output tokens", () => {
    expect(body({ max_tokens: 5 }, { maxOutputTokens: 7 }, {}, { ...vllm, maxTokens: "max_completion_tokens" } as never)).toEqual({
      max_completion_tokens: 7,
    });
    expect(body({ max_completion_tokens: 5 }, { maxOutputTokens: 7 })).toEqual({ max_tokens: 7 });
  });

  test("extra_body goes to the top level and merges, null takes out", () => {
    expect(body({ extra_body: { a: 1, b: 1 }, temperature: 1 }, {}, { extra_body: { b: 2 }, temperature: null })).toEqual({ a: 1, b: 2 });
  });

  test("response formats", () => {
    const schema = { type: "object" };
    expect(body({}, { responseFormat: { type: "text" } })).toEqual({});
    expect(body({}, { responseFormat: { type: "json" } })).toEqual({ response_format: { type: "json_object" } });
    expect(body({}, { responseFormat: { type: "json-schema", schema } })).toEqual({
      response_format: { type: "json_schema", json_schema: { name: "response", schema } },
    });
  });

  test("reasoning effort in each server's words", () => {
    const effort = (type: keyof typeof presets, reasoningEffort: "none" | "high") =>
      chatBodyParams({}, { reasoningEffort }, {}, { ...presets[type], type });
    expect(effort("chatcompletion", "high")).toEqual({ reasoning_effort: "high" });
    expect(effort("vllm", "none")).toEqual({ chat_template_kwargs: { enable_thinking: false } });
    expect(effort("openrouter", "high")).toEqual({ reasoning: { effort: "high" } });
    expect(effort("openrouter", "none")).toEqual({ reasoning: { enabled: false } });
    expect(effort("qwen", "none")).toEqual({ enable_thinking: false });
    expect(effort("deepseek", "none")).toEqual({ thinking: { type: "disabled" } });
    expect(effort("zai", "high")).toEqual({ thinking: { type: "enabled" } });
  });

  test("chat_template_kwargs of config and effort are merged", () => {
    expect(body({ chat_template_kwargs: { a: 1 } }, { reasoningEffort: "none" })).toEqual({
      chat_template_kwargs: { a: 1, enable_thinking: false },
    });
  });
});

test("types: each backend's own parameters, in both spellings", () => {
  expectTypeOf<ChatParams<typeof presets.vllm.extras>>().toHaveProperty("top_k").toEqualTypeOf<number | null | undefined>();
  expectTypeOf<ChatParams<typeof presets.vllm.extras>>().toHaveProperty("chatTemplateKwargs");
  const good: BackendConfig[] = [
    { type: "vllm", params: { topK: 1, repetition_penalty: 1 } },
    { type: "groq", model: "m", params: { reasoningFormat: "parsed" } },
    { type: "chatcompletion", baseUrl: "http://localhost:1", params: { anything: 1 } },
  ];
  // @ts-expect-error top_k is not a parameter of Groq
  good.push({ type: "groq", model: "m", params: { top_k: 1 } });
  // @ts-expect-error a hosted model must be named
  good.push({ type: "groq" });
  // @ts-expect-error there is no such type
  good.push({ type: "nope", model: "m" });
  expect(good.length).toBe(6);
});

describe("what OpenAI's models take", () => {
  const send = (model: string, params: Record<string, unknown>, settings = {}, defaultEffort?: string) => {
    const target = { ...presets.chatcompletion, type: "chatcompletion", rule: modelRule(model), model, defaultEffort };
    const warnings: string[] = [];
    return { body: chatBodyParams(checkChatParams(params, target), settings, {}, target, warnings), warnings };
  };

  test.each<[string, Record<string, unknown>, Record<string, unknown>, RegExp[]]>([
    [
      "gpt-5-mini",
      { temperature: 0.2, top_p: 0.5, presence_penalty: 1 },
      {},
      [/gpt-5-mini takes no `temperature`/, /`top_p`/, /`presence_penalty`/],
    ],
    [
      "o3",
      { reasoning_effort: "none", max_tokens: 9 },
      { reasoning_effort: "low", max_completion_tokens: 9 },
      [/no reasoning effort "none"; "low"/],
    ],
    ["gpt-4o", { reasoning_effort: "medium", temperature: 1 }, { temperature: 1 }, [/gpt-4o takes no `reasoning_effort`/]],
    ["gpt-4o", { reasoning_effort: "none", verbosity: "medium", max_tokens: 9 }, { max_tokens: 9 }, []],
    ["gpt-4.1", { verbosity: "low" }, {}, [/`verbosity`/]],
    ["gpt-5", { reasoning_effort: "minimal", verbosity: "low" }, { reasoning_effort: "minimal", verbosity: "low" }, []],
    ["gpt-5.1", { reasoning_effort: "max" }, { reasoning_effort: "high" }, [/"max"; "high"/]],
    ["gpt-5.6-sol", { reasoning_effort: "max" }, { reasoning_effort: "max" }, []],
    ["gpt-5.4", { temperature: 0.2, reasoning_effort: "none" }, { temperature: 0.2, reasoning_effort: "none" }, []],
    ["gpt-5.4", { temperature: 0.2 }, { temperature: 0.2 }, []],
    ["gpt-5.4", { temperature: 0.2, reasoning_effort: "low" }, { reasoning_effort: "low" }, [/unless its reasoning effort is "none"/]],
  ])("%s with %j", (model, params, body, warnings) => {
    const sent = send(model, params);
    expect(sent.body).toEqual(body);
    expect(sent.warnings).toHaveLength(warnings.length);
    for (const [i, warning] of warnings.entries()) expect(sent.warnings[i]).toMatch(warning);
  });

  test("the effort that will be asked for counts, too", () => {
    expect(send("gpt-5.2", {}, { temperature: 0.2 }, "medium").body).toEqual({});
  });

  test("of a model that nobody knows everything is passed on", () => {
    const params = { temperature: 0.2, reasoning_effort: "max", max_tokens: 4 };
    expect(send("my-own", params)).toEqual({ body: params, warnings: [] });
  });
});
