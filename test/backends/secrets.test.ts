import { expect, test } from "vitest";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { parseConfig } from "../../src/config/index.js";

const SECRET = "sk-0123456789";

function refusal(make: () => unknown): Error {
  try {
    make();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it was taken");
}

test.each<[string, object]>([
  ["a key in a list", { type: "openai", model: "m", apiKey: [SECRET] }],
  ["headers as a text", { type: "claude", model: "m", headers: `x-api-key: ${SECRET}` }],
  ["headers as a list", { type: "gemini", model: "m", headers: [SECRET] }],
  ["a key in a list, for a chat server", { type: "groq", model: "m", apiKey: [SECRET] }],
  ["headers as a text, for a chat server", { type: "vllm", model: "m", headers: `x-api-key: ${SECRET}` }],
  ["a password in the URL", { type: "vllm", baseUrl: `http://user:${SECRET}@host/v1` }],
  ["a user in the URL", { type: "vllm", baseUrl: `http://${SECRET}@host/v1` }],
  ["a key in the URL's query", { type: "gemini", model: "m", baseUrl: `https://host/v1?key=${SECRET}` }],
])("no message shows %s", (_, config) => {
  const { name, message } = refusal(() => createBackend(config as BackendConfig));
  expect(name).toBe("ConfigError");
  expect(message).not.toContain(SECRET);
});

test.each(["api_key: 123456789", "headers: { x-api-key: 123456789 }", "base_url: http://user:123456789@host/v1"])(
  "nor does one about a file: %s",
  (line) => {
    const { message } = refusal(() => parseConfig(`agents: [{ backend: { type: vllm, ${line} } }]`, { env: {} }));
    expect(message).not.toContain("123456789");
    expect(message).toContain(line.split(/: ?\{? ?/)[0]);
  },
);
