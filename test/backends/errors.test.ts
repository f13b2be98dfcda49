import { describe, expect, test } from "vitest";
import { retryAfterMs, wireError } from "../../src/backends/errors.js";

const origin = {
  provider: "vendor",
  label: "Vendor",
  baseUrl: "https://api.vendor.example/v1",
  model: "its-model",
  keyEnv: ["VENDOR_API_KEY"],
  apiKey: "sk-very-secret-0123",
};
const failed = (status: number | undefined, body: unknown) => wireError({ status, body }, origin);

describe("what providers' own words stand for", () => {
  test.each<[string, number, unknown, string, boolean]>([
    [
      "xAI: a wrong key is a 400",
      400,
      {
        code: "Client specified an invalid argument",
        error: "Incorrect API key provided: xa***fe. You can obtain one from https://console.x.ai.",
      },
      "authentication",
      false,
    ],
    [
      "xAI: no credits",
      403,
      {
        code: "The caller does not have permission",
        error: "Your newly created team doesn't have any credits yet. You can purchase credits.",
      },
      "quota",
      false,
    ],
    [
      "xAI: spending limit",
      429,
      {
        code: "Some resource has been exhausted",
        error: "Your team has either used all available credits or reached its monthly spending limit.",
      },
      "quota",
      false,
    ],
    ["OpenRouter: nobody serves it", 404, { error: { message: "No endpoints found for foo/bar.", code: 404 } }, "model_not_found", false],
    [
      "OpenRouter: nobody serves it with tools",
      404,
      { error: { message: "No endpoints found that support tool use. To learn more, visit: https://openrouter.ai/docs", code: 404 } },
      "model_not_found",
      false,
    ],
    ["OpenRouter: limit of a key", 403, { error: { message: "Key limit exceeded (total limit).", code: 403 } }, "quota", false],
    [
      "a parameter whose name sounds like a filter",
      400,
      { error: { message: "Unknown parameter: 'moderation'.", type: "invalid_request_error", code: "unknown_parameter" } },
      "bad_request",
      false,
    ],
    [
      "a parameter whose name sounds like an overflow",
      400,
      { error: { message: "Unknown parameter: 'context_length_exceeded_behavior'.", code: "unknown_parameter" } },
      "bad_request",
      false,
    ],
    [
      "Groq: a call the model botched",
      400,
      { error: { message: "Failed to call a function. See 'failed_generation'.", type: "invalid_request_error", code: "tool_use_failed" } },
      "stream_error",
      true,
    ],
    [
      "Groq: JSON the model botched",
      400,
      { error: { message: "Failed to generate JSON.", type: "invalid_request_error", code: "json_validate_failed" } },
      "stream_error",
      true,
    ],
    [
      "Groq: a withdrawn model",
      400,
      { error: { message: "The model `llama3-8b` has been decommissioned.", code: "model_decommissioned" } },
      "model_not_found",
      false,
    ],
    [
      "Qwen: an unpaid bill",
      400,
      { error: { code: "Arrearage", message: "Access denied, please make sure your account is in good standing." } },
      "quota",
      false,
    ],
    [
      "Qwen: the free tier is used up",
      403,
      { error: { code: "AllocationQuota.FreeTierOnly", message: "The free tier of the model has been exhausted." } },
      "quota",
      false,
    ],
    [
      "Together: too long",
      422,
      { error: { message: "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens" } },
      "context_overflow",
      false,
    ],
    [
      "Ollama calls everything api_error: its status counts",
      400,
      { error: { message: "gemma3:latest does not support tools", type: "api_error" } },
      "bad_request",
      false,
    ],
    [
      "NVIDIA: an unknown model",
      404,
      { status: 404, title: "Not Found", detail: "Function 'abc': Not found for account 'x'" },
      "model_not_found",
      false,
    ],
  ])("%s", (_, status, body, code, retryable) => {
    expect(failed(status, body)).toMatchObject({ code, status, retryable });
  });

  test.each([
    ["permission_error", "permission", false],
    ["billing_error", "quota", false],
    ["not_found_error", "model_not_found", false],
    ["timeout_error", "timeout", true],
    ["overloaded_error", "overloaded", true],
    ["api_error", "server_error", true],
    ["invalid_request_error", "bad_request", false],
    ["authentication_error", "authentication", false],
    ["rate_limit_error", "rate_limit", true],
    ["an_error_of_the_future", "stream_error", true],
  ])("Anthropic's %s inside a stream is %s", (type, code, retryable) => {
    expect(failed(undefined, { type: "error", error: { type, message: "model: claude-x" } })).toMatchObject({ code, retryable });
  });

  test("a detail inside a message is read like a detail", () => {
    const detail = [{ type: "extra_forbidden", loc: ["body", "foo"], msg: "Extra inputs are not permitted" }];
    expect(failed(422, { object: "error", message: { detail }, type: "invalid_request_error" }).message).toContain(
      "422 body.foo: Extra inputs are not permitted.",
    );
  });
});

test("the key is in no message, however the server repeats it", () => {
  for (const body of [
    "bad key sk-very-secret-0123",
    { error: { message: "sk-very-secret-0123" } },
    { detail: { key: "sk-very-secret-0123" } },
  ]) {
    expect(failed(401, body).message).not.toContain("secret");
  }
});

test("a message that ends in space and full stop is not given another", () => {
  expect(failed(400, { error: { message: "No. " } }).message).toBe("Vendor: 400 No.");
});

test.each([
  [{ "retry-after": "2" }, 2000],
  [{ "retry-after": "0" }, 0],
  [{ "retry-after-ms": "1500", "retry-after": "9" }, 1500],
  [{ "retry-after": "Thu, 01 Jan 1970 00:00:05 GMT" }, 4000],
  [{ "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }, 0],
  [{ "retry-after": "-1" }, undefined],
  [{ "retry-after": "soon" }, undefined],
])("%j asks for %s ms", (headers, ms) => {
  expect(retryAfterMs(new Headers(headers as Record<string, string>), 1000)).toBe(ms);
});
