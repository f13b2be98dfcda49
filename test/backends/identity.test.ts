import { describe, expect, it, test } from "vitest";
import { createBackend } from "../../src/backends/create-backend.js";
import { sellerOf } from "../../src/backends/identity.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";

const generic = { type: "chatcompletion", model: "gpt-5-mini", apiKey: "k" } as const;

describe("whose list prices a backend has", () => {
  test.each([
    ["https://api.openai.com/v1", "openai"],
    ["https://api.groq.com/openai/v1", "groq"],
    ["https://api.moonshot.ai/v1", "moonshot"],
    ["http://localhost:8000/v1", "chatcompletion"],
    ["https://proxy.example/v1", "chatcompletion"],
  ])("the generic type at %s: those of %s", (baseUrl, seller) => {
    expect(sellerOf(createBackend({ ...generic, baseUrl }))).toBe(seller);
    const wrapped = createBackend({ ...generic, baseUrl, rateLimits: { concurrent: 1 }, uploadFiles: [{ imagePath: "a.png" }] });
    expect(sellerOf(wrapped)).toBe(seller);
  });

  it("any other type has its own", () => {
    expect(sellerOf(createBackend({ type: "claude", model: "claude-opus-5", baseUrl: "https://api.openai.com" }))).toBe("claude");
    expect(sellerOf({ type: "mine" })).toBe("mine");
  });

  it("so that a budget in dollars can be kept", () => {
    const team = (baseUrl: string) => new Orchestrator({ agents: [{ id: "a", backend: { ...generic, baseUrl } }], budget: { maxUsd: 1 } });
    expect(() => team("https://api.openai.com/v1")).not.toThrow();
    expect(() => team("https://proxy.example/v1")).toThrow(expect.objectContaining({ code: "unknown_price" }));
  });
});
