import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, test, vi } from "vitest";
import type { BackendConfig } from "../../src/backends/create-backend.js";
import { type ListModelsConfig, listModels } from "../../src/backends/list-models.js";
import { knownModels, modelLimits } from "../../src/backends/model-limits.js";
import { startEmulator } from "../../src/testing/index.js";
import { virtualRuntime } from "../agent/support.js";
import { sendJson, serve } from "./http.js";

const ids = (list: { models: { id: string }[] }) => list.models.map(({ id }) => id);
const HOUR = 3_600_000;

/** A server that lists what it is told to; `undefined`: it fails. */
async function server(models: { current: unknown[] | undefined; wait?: Promise<void> }) {
  return serve(async (response) => {
    await models.wait;
    if (models.current) sendJson(response, 200, { object: "list", data: models.current });
    else sendJson(response, 503, { error: { message: "busy" } });
  });
}

describe("listModels", () => {
  test.each(["chatcompletion", "vllm", "openai", "grok", "azure_openai", "claude", "gemini"])("asks live: %s", async (type) => {
    await using emulator = await startEmulator({ models: ["one", "two"], apiKey: "secret" });
    const baseUrl = ["claude", "gemini", "azure_openai"].includes(type) ? emulator.url : emulator.baseUrl;
    const config = { type, baseUrl, apiKey: "secret" } as ListModelsConfig;
    const runtime = virtualRuntime();
    const list = await listModels(config, { runtime });
    expect(list).toMatchObject({ source: "live", asOf: runtime.now() });
    expect(ids(list)).toEqual(["one", "two"]);
  });

  it("keeps a list for 24 h for each key and base URL, and asks again after it", async () => {
    const models = { current: [{ id: "a" }] };
    await using _ = await closing(server(models));
    const { url, seen } = _.value;
    const runtime = virtualRuntime();
    const ask = (apiKey: string, more = {}) => listModels({ type: "vllm", baseUrl: url, apiKey }, { runtime, ...more });
    expect((await ask("k1")).source).toBe("live");
    const asOf = runtime.now();
    await runtime.advance(24 * HOUR - 1);
    expect(await ask("k1")).toMatchObject({ source: "cache", asOf, models: [{ id: "a" }] });
    expect((await ask("k2")).source).toBe("live");
    expect((await ask("k1", { maxAgeMs: 0 })).source).toBe("live");
    await runtime.advance(24 * HOUR);
    expect((await ask("k1")).source).toBe("live");
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer k1", "Bearer k2", "Bearer k1", "Bearer k1"]);
  });

  it("takes the config of an agent as it is", async () => {
    const agent: BackendConfig = { type: "vllm", model: "a", apiKey: "limited", rateLimits: { concurrent: 1 } };
    for (const id of ["a", "b"]) {
      await using _ = await closing(server({ current: [{ id }] }));
      expect(await listModels({ ...agent, baseUrl: _.value.url })).toMatchObject({ source: "live", models: [{ id }] });
    }
  });

  it("gives the old list and says why when the provider does not answer", async () => {
    const models: { current: unknown[] | undefined } = { current: [{ id: "a" }] };
    await using _ = await closing(server(models));
    const runtime = virtualRuntime();
    const config: ListModelsConfig = { type: "openai", baseUrl: _.value.url, apiKey: "stale" };
    const { asOf } = await listModels(config, { runtime });
    models.current = undefined;
    await runtime.advance(25 * HOUR);
    expect(await listModels(config, { runtime })).toMatchObject({
      source: "stale",
      asOf,
      models: [{ id: "a" }],
      error: { code: "overloaded", status: 503 },
    });
  });

  it("sends one request for all who ask at once, and gives it up when all have left", async () => {
    let release = () => {};
    const wait = new Promise<void>((resolve) => {
      release = resolve;
    });
    const models = { current: [{ id: "a" }], wait };
    await using _ = await closing(server(models));
    const config: ListModelsConfig = { type: "vllm", baseUrl: _.value.url, apiKey: "flight" };
    const leaver = new AbortController();
    const left = listModels(config, { signal: leaver.signal });
    const stays = [listModels(config), listModels(config)];
    leaver.abort();
    await expect(left).rejects.toMatchObject({ name: "BackendError", code: "aborted" });
    release();
    expect((await Promise.all(stays)).map(ids)).toEqual([["a"], ["a"]]);
    expect(_.value.seen).toHaveLength(1);

    models.wait = new Promise(() => {});
    const alone = new AbortController();
    const gone = listModels(config, { signal: alone.signal, maxAgeMs: 0 });
    alone.abort();
    await expect(gone).rejects.toMatchObject({ code: "aborted" });
    await expect(listModels(config, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
    delete (models as { wait?: unknown }).wait;
    expect((await listModels(config, { maxAgeMs: 0 })).source).toBe("live");
  });

  it("falls back on the bundled list, where the provider's own host is meant", async () => {
    const fetch = async () => new Response('{"error":{"message":"no such key","code":"invalid_api_key"}}', { status: 401 });
    for (const type of ["openai", "claude", "gemini", "grok", "groq"] as const) {
      const list = await listModels({ type, apiKey: `wrong-${type}`, fetch });
      expect(list).toMatchObject({ source: "bundled", error: { code: "authentication" } });
      expect(list.models).toEqual(knownModels(type));
      expect(list.models.length).toBeGreaterThan(2);
      expect(new Date(list.asOf).getFullYear()).toBeGreaterThan(2025);
    }
    await using _ = await closing(server({ current: undefined }));
    await expect(listModels({ type: "openai", baseUrl: _.value.url, apiKey: "k" })).rejects.toMatchObject({ code: "overloaded" });
    await expect(listModels({ type: "vllm", baseUrl: _.value.url })).rejects.toMatchObject({ code: "overloaded" });
  });

  it("does not pass off the bundled list as that of a host that the environment names", async () => {
    await using _ = await closing(server({ current: undefined }));
    vi.stubEnv("OPENAI_BASE_URL", _.value.url);
    try {
      for (const type of ["openai", "chatcompletion"] as const) {
        await expect(listModels({ type, apiKey: `env-${type}` })).rejects.toMatchObject({ code: "overloaded" });
      }
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("does not keep a list without models", async () => {
    const models = { current: [] as unknown[] };
    await using _ = await closing(server(models));
    const config: ListModelsConfig = { type: "vllm", baseUrl: _.value.url, apiKey: "starting" };
    expect(await listModels(config)).toMatchObject({ source: "live", models: [] });
    models.current = [{ id: "a" }];
    expect(await listModels(config)).toMatchObject({ source: "live", models: [{ id: "a" }] });
  });

  it("tells which models take tools, and leaves out those that do not, where the provider says so", async () => {
    const body = [
      { id: "a/tools", context_length: 1000, top_provider: { max_completion_tokens: 500 }, supported_parameters: ["tools", "seed"] },
      { id: "a/none", supported_parameters: ["seed"] },
    ];
    await using _ = await closing(server({ current: body }));
    const config: ListModelsConfig = { type: "openrouter", baseUrl: _.value.url, apiKey: "or" };
    expect((await listModels(config)).models).toEqual([
      { id: "a/tools", contextWindow: 1000, maxOutputTokens: 500, tools: true },
      { id: "a/none", tools: false },
    ]);
    expect(ids(await listModels(config, { toolsOnly: true }))).toEqual(["a/tools"]);
    const silent: ListModelsConfig = { type: "vllm", baseUrl: _.value.url, apiKey: "or" };
    expect(ids(await listModels(silent, { toolsOnly: true }))).toEqual(["a/tools"]);
  });

  it("keeps lists in a folder when asked to, without the key, and does without one that is broken", async () => {
    const folder = await mkdtemp(join(tmpdir(), "models-"));
    try {
      await using _ = await closing(server({ current: [{ id: "a" }] }));
      const cacheDirectory = join(folder, "inner");
      const config: ListModelsConfig = { type: "vllm", baseUrl: _.value.url, apiKey: "very-secret" };
      await listModels(config, { cacheDirectory });
      const [name] = await readdir(cacheDirectory);
      const text = await readFile(join(cacheDirectory, name!), "utf8");
      expect(name).toMatch(/^models-[0-9a-f]{32}\.json$/);
      expect(text).not.toContain("very-secret");
      expect(JSON.parse(text)).toMatchObject({ models: [{ id: "a" }] });
      // Another process begins with nothing but the folder.
      vi.resetModules();
      const another = await import("../../src/backends/list-models.js");
      expect(await another.listModels(config, { cacheDirectory })).toMatchObject({ source: "cache", models: [{ id: "a" }] });
      await writeFile(join(cacheDirectory, name!), "{");
      vi.resetModules();
      const third = await import("../../src/backends/list-models.js");
      expect((await third.listModels(config, { cacheDirectory })).source).toBe("live");
      // A file stands where the folder should be.
      expect((await listModels(config, { cacheDirectory: join(cacheDirectory, name!), maxAgeMs: 0 })).source).toBe("live");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("limits of models", () => {
  test.each([
    ["openai", "gpt-5.2", { contextWindow: 400_000, maxOutputTokens: 128_000 }],
    // The family's rule says 400,000; the table knows this one.
    ["openai", "gpt-5.4", { contextWindow: 1_050_000, maxOutputTokens: 128_000 }],
    ["openai", "gpt-5.4-2026-03-05", { contextWindow: 1_050_000, maxOutputTokens: 128_000 }],
    // The table rounds.
    ["openai", "gpt-4.1", { contextWindow: 1_047_576, maxOutputTokens: 32_768 }],
    ["grok", "grok-4.5", { contextWindow: 500_000 }],
    ["claude", "claude-sonnet-4-5-20250929", { contextWindow: 200_000, maxOutputTokens: 64_000 }],
    ["claude", "claude-of-tomorrow", {}],
    ["gemini", "gemini-2.5-pro", { contextWindow: 1_048_576, maxOutputTokens: 65_536 }],
    ["groq", "openai/gpt-oss-120b", { contextWindow: 131_072 }],
    ["vllm", "gpt-5.2", {}],
    ["poe", "GPT-5", {}],
  ])("%s %s", (type, model, limits) => {
    expect(modelLimits(type, model)).toEqual(limits);
  });
});

async function closing<T extends { close(): Promise<void> }>(opened: Promise<T>) {
  const value = await opened;
  return { value, [Symbol.asyncDispose]: () => value.close() };
}
