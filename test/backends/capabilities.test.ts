import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { withTable } from "../../scripts/backend-table.js";
import type { Backend } from "../../src/backends/backend.js";
import { type BackendInfo, backendInfo, backendInfos } from "../../src/backends/capabilities.js";
import { type BackendConfig, backendTypes, createBackend } from "../../src/backends/create-backend.js";

const made = ({ type, defaultModel = "m" }: BackendInfo, more = {}) =>
  createBackend({ type, model: defaultModel, baseUrl: "http://127.0.0.1:9", ...more } as BackendConfig);

const takes = (config: object) => {
  try {
    createBackend(config as BackendConfig);
    return true;
  } catch {
    return false;
  }
};

/** Whether media of a kind can be put into a request at all: what cannot is refused before anything is sent. */
async function reads(backend: Backend, mediaType: string): Promise<boolean> {
  const content = [{ type: "file" as const, mediaType, data: "AAAA" }];
  try {
    for await (const _ of backend.stream({ messages: [{ role: "user", content }] }, {}));
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "connection";
  } finally {
    await backend.close?.();
  }
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("contextWindow of a config", () => {
  test.each(backendTypes)("goes before what is known of the model of %s", async (type) => {
    const config = { type, model: "gpt-5.2", baseUrl: "http://127.0.0.1:9", contextWindow: 32_768 };
    const more = type === "claude" || type === "gemini" ? { uploadFiles: [{ filePath: "a.pdf" }] } : {};
    const backend = createBackend({ ...config, ...more, rateLimits: { concurrent: 1 } } as BackendConfig);
    const known = createBackend({ ...config, contextWindow: undefined } as unknown as BackendConfig);
    expect(known.capabilities.contextWindow).not.toBe(32_768);
    expect(backend.capabilities).toEqual({ ...known.capabilities, contextWindow: 32_768 });
    await Promise.all([backend.close?.(), known.close?.()]);
  });

  test.each([0, -1, 1.5, Number.NaN, "8192"])("%j is refused", (contextWindow) => {
    const config = { type: "vllm", model: "m", contextWindow } as unknown as BackendConfig;
    expect(() => createBackend(config)).toThrow(expect.objectContaining({ code: "invalid_value", path: "contextWindow" }));
  });

  it("a misspelt key is told", () => {
    const config = { type: "vllm", model: "m", contextwindow: 5 } as unknown as BackendConfig;
    expect(() => createBackend(config)).toThrow('Did you mean "contextWindow"?');
  });
});

describe("the registry of backends", () => {
  it("has every type", () => {
    expect(backendInfos.map(({ type }) => type).sort()).toEqual(backendTypes.filter((type) => type !== "chat_completions").sort());
    expect(backendInfo("chat_completions")?.type).toBe("chatcompletion");
    expect(backendInfo("nothing")).toBeUndefined();
  });

  test.each(backendInfos.map((info) => [info.type, info] as const))("says of %s what it is", async (type, info) => {
    const { features } = info;
    const backend = made(info);
    const { toolChoice } = backend.capabilities;
    expect(Boolean(toolChoice?.required || toolChoice?.named)).toBe(features.forcedTools);
    expect(backend.countTokens !== undefined).toBe(features.countTokens);
    expect(backend.compact !== undefined).toBe(features.compact);
    const base = { type, model: "m", baseUrl: "http://127.0.0.1:9" };
    expect(takes({ ...base, enableWebSearch: true })).toBe(features.webSearch);
    expect(takes({ ...base, enableCodeInterpreter: true }) || takes({ ...base, enableCodeExecution: true })).toBe(features.codeExecution);
    expect(takes({ ...base, uploadFiles: [] })).toBe(features.uploads);
    await backend.close?.();
  });

  test.each(["vllm", "openai", "grok", "azure_openai", "claude", "gemini"])("says what %s reads", async (type) => {
    const info = backendInfo(type) as BackendInfo;
    const { imageInput, audioInput, videoInput, documentInput } = info.features;
    const kinds = ["image/png", "audio/wav", "video/mp4", "application/pdf"];
    const found = await Promise.all(kinds.map((kind) => reads(made(info, { apiKey: "k" }), kind)));
    expect(found).toEqual([imageInput, audioInput, videoInput, documentInput]);
  });

  it("names the key that each backend asks for", async () => {
    for (const info of backendInfos) {
      if (info.local || info.type === "azure_openai") continue;
      for (const name of info.keyEnv) vi.stubEnv(name, undefined);
      for (const name of ["OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL"]) vi.stubEnv(name, undefined);
      const backend = createBackend({ type: info.type, model: info.defaultModel ?? "m" } as BackendConfig);
      const asked = async () => {
        for await (const _ of backend.stream({ messages: [{ role: "user", content: "hi" }] }, {}));
      };
      await expect(asked()).rejects.toMatchObject({ code: "missing_key", message: expect.stringContaining(info.keyEnv[0]!) });
    }
  });
});

it("docs/backends.md is current: npx tsx scripts/backend-table.ts", () => {
  const page = readFileSync(new URL("../../docs/backends.md", import.meta.url), "utf8");
  expect(withTable(page)).toBe(page);
});
