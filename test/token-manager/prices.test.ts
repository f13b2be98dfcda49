import { describe, expect, test } from "vitest";
import { priceTable } from "../../src/token-manager/price-table.js";
import { addCost, costOf, type ModelPrice, noCost, priceOf, pricesAsOf } from "../../src/token-manager/prices.js";
import { addUsage, ownUsage } from "../../src/token-manager/usage.js";

describe("priceOf", () => {
  test.each([
    ["openai", "gpt-5.2", { input: 1.75, output: 14 }],
    ["claude", "claude-sonnet-4-5", { input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75 }],
    ["gemini", "gemini-2.5-flash", { input: 0.3, output: 2.5, cachedInput: 0.03 }],
    ["gemini", "models/gemini-2.5-flash", { input: 0.3, output: 2.5 }],
  ])("%s %s by its exact id", (provider, model, price) => {
    expect(priceOf(provider, model)).toMatchObject(price);
  });

  test("a date at the end is not part of the name, unless the table has that very day", () => {
    expect(priceOf("openai", "gpt-5-nano-2025-08-07")).toEqual(priceOf("openai", "gpt-5-nano"));
    expect(priceOf("openai", "gpt-5-nano")).not.toEqual(priceOf("openai", "gpt-5"));
    expect(priceOf("claude", "claude-sonnet-4-5-20250929")).toEqual(priceOf("claude", "claude-sonnet-4-5"));
    expect(priceOf("openai", "gpt-4o-2024-05-13")!.input).toBe(5);
    expect(priceOf("openai", "gpt-4o-2024-08-06")!.input).toBe(2.5);
  });

  test("other names count where the table declares them", () => {
    expect(priceOf("openai", "gpt-5.2-codex")).toEqual(priceOf("openai", "gpt-5.2"));
    expect(priceOf("azure_openai", "gpt-5.2")).toEqual(priceOf("openai", "gpt-5.2"));
  });

  test.each([
    ["openai", ""],
    ["openai", "gpt-5-nano-but-mine"],
    ["openai", "my-gpt-4o"],
    ["openai", "constructor"],
    ["vllm", "Qwen/Qwen3-4B"],
    ["nobody", "gpt-5"],
    ["claude", "gpt-5"],
  ])("%s %j is unknown, not free and not guessed", (provider, model) => {
    expect(priceOf(provider, model)).toBeNull();
  });

  test("overrides come first, for a day as well, and can take a price away", () => {
    const mine: ModelPrice = { input: 1, output: 2 };
    const overrides = { vllm: { "Qwen/Qwen3-4B": mine }, openai: { "gpt-5": mine, "gpt-4o": null } };
    expect(priceOf("vllm", "Qwen/Qwen3-4B", overrides)).toBe(mine);
    expect(priceOf("openai", "gpt-5-2025-08-07", overrides)).toBe(mine);
    expect(priceOf("openai", "gpt-4o", overrides)).toBeNull();
    expect(priceOf("openai", "gpt-5.2", overrides)).toEqual(priceOf("openai", "gpt-5.2"));
  });

  test("another provider's list counts where it is named; overrides stay those of the provider", () => {
    const own = { chatcompletion: { "gpt-4o": null, "gpt-5": { input: 1, output: 2 } } };
    expect(priceOf("chatcompletion", "gpt-5-mini", own, "openai")).toEqual(priceOf("openai", "gpt-5-mini"));
    expect(priceOf("chatcompletion", "gpt-4o", own, "openai")).toBeNull();
    expect(priceOf("chatcompletion", "gpt-5", own, "openai")).toEqual({ input: 1, output: 2 });
  });

  test("a deployment costs what its model does, unless its own name has a price", () => {
    const mine: ModelPrice = { input: 1, output: 2 };
    const price = (overrides?: Record<string, Record<string, ModelPrice | null>>) =>
      priceOf("azure_openai", "gpt-4o", overrides, "azure_openai", "gpt-5.2-2025-12-11");
    expect(price()).toEqual(priceOf("openai", "gpt-5.2"));
    expect(price({ azure_openai: { "gpt-5.2": mine } })).toBe(mine);
    expect(price({ azure_openai: { "gpt-4o": null, "gpt-5.2": mine } })).toBeNull();
  });

  test("the table has a day, and every line of it reads", () => {
    expect(pricesAsOf).toMatch(/^20\d\d-\d\d-\d\d$/);
    const lines = priceTable.split("\n").filter((line) => line && !line.startsWith("#"));
    expect(lines.length).toBeGreaterThan(300);
    for (const line of lines)
      expect(line).toMatch(/^\S+( (\d+(\.\d+)?(e-\d+)?|-)){4}( >\d+( (\d+(\.\d+)?(e-\d+)?|-)){4})?( \w+=\d+(\.\d+)?(\/\d+(\.\d+)?)?)*$/);
  });
});

describe("costOf", () => {
  const price: ModelPrice = {
    input: 2,
    output: 10,
    cachedInput: 0.2,
    cacheWrite: 2.5,
    above: { inputTokens: 1000, rates: { input: 4, output: 20 } },
  };

  test("cached, written and other input apart; reasoning is output", () => {
    const usage = { inputTokens: 1000, cachedInputTokens: 600, cacheWriteTokens: 100, outputTokens: 50, reasoningTokens: 40 };
    expect(costOf(usage, price).usd).toBeCloseTo((300 * 2 + 600 * 0.2 + 100 * 2.5 + 50 * 10) / 1e6, 12);
  });

  test("a long request costs more, all of it; rates that are missing are those of input", () => {
    expect(costOf({ inputTokens: 1001, cachedInputTokens: 1001, outputTokens: 1 }, price).usd).toBeCloseTo((1001 * 4 + 20) / 1e6, 12);
  });

  test("sound that came from the cache is charged once", () => {
    const rates: ModelPrice = { input: 1, output: 1, cachedInput: 0.1, audioInput: 2 };
    const usage = { inputTokens: 1000, cachedInputTokens: 800, audioInputTokens: 900, outputTokens: 0 };
    expect(costOf(usage, rates).usd).toBeCloseTo((800 * 0.1 + 200 * 2) / 1e6, 12);
  });

  test("what is kept for an hour counts as written, also where nothing else says so", () => {
    const rates: ModelPrice = { input: 1, output: 1, cacheWrite: 1.25, cacheWrite1h: 2 };
    expect(costOf({ inputTokens: 100, cacheWrite1hTokens: 100, outputTokens: 0 }, rates).usd).toBeCloseTo(200 / 1e6, 12);
  });

  test("an unknown price is unknown; no tokens cost nothing", () => {
    expect(costOf({ inputTokens: 5, outputTokens: 5 }, null)).toEqual({ usd: null, complete: false });
    expect(costOf({ inputTokens: 0, outputTokens: 0 }, price)).toEqual({ usd: 0, complete: true });
    expect(costOf({ inputTokens: 0, outputTokens: 0 }, null)).toEqual({ usd: 0, complete: true });
  });

  test("what is kept in the cache for an hour, sounds, pictures and searches have prices of their own", () => {
    const claude = priceOf("claude", "claude-sonnet-4-5")!;
    const usage = { inputTokens: 100, cacheWriteTokens: 100, cacheWrite1hTokens: 60, outputTokens: 0, webSearches: 3 };
    expect(costOf(usage, claude)).toEqual({ usd: expect.closeTo((40 * 3.75 + 60 * 6) / 1e6 + 0.03, 12), complete: true });
    const long = { inputTokens: 300_000, cacheWriteTokens: 300_000, cacheWrite1hTokens: 300_000, outputTokens: 0 };
    expect(costOf(long, claude).usd).toBeCloseTo(0.3 * 12, 12);
    const audio = costOf(
      { inputTokens: 100, audioInputTokens: 40, outputTokens: 10, audioOutputTokens: 9 },
      priceOf("openai", "gpt-audio"),
    );
    expect(audio).toEqual({ usd: expect.closeTo((60 * 2.5 + 40 * 32 + 10 + 9 * 64) / 1e6, 12), complete: true });
    const drawn = costOf({ inputTokens: 0, outputTokens: 1300, imageOutputTokens: 1290 }, priceOf("gemini", "gemini-2.5-flash-image"));
    expect(drawn).toEqual({ usd: expect.closeTo((10 * 2.5 + 1290 * 30) / 1e6, 12), complete: true });
  });

  test.each([{ webSearches: 1 }, { audioInputTokens: 5 }, { audioOutputTokens: 5 }, { imageOutputTokens: 5 }])(
    "%j without a price of its own leaves a lower bound",
    (extra) => {
      expect(costOf({ inputTokens: 10, outputTokens: 10, ...extra }, price)).toEqual({
        usd: expect.closeTo(120 / 1e6, 12),
        complete: false,
      });
    },
  );

  test("what other models spent has their prices, and is a lower bound without", () => {
    const advisor = { inputTokens: 500, outputTokens: 20, cachedInputTokens: 100 };
    const usage = { inputTokens: 1400, outputTokens: 70, cachedInputTokens: 200, otherModels: { adviser: advisor } };
    // Not a long request: the model's own part of it is not.
    const own = (800 * 2 + 100 * 0.2 + 50 * 10) / 1e6;
    const asked = (name: string) => (name === "adviser" ? { input: 5, output: 25, cachedInput: 0.5 } : null);
    const others = (400 * 5 + 100 * 0.5 + 20 * 25) / 1e6;
    expect(costOf(usage, price, asked)).toEqual({ usd: expect.closeTo(own + others, 12), complete: true });
    expect(costOf(usage, price)).toEqual({ usd: expect.closeTo(own, 12), complete: false });
    const twice = addUsage(addUsage(usage, { inputTokens: 1, outputTokens: 1 }), usage);
    expect(twice.otherModels).toEqual({ adviser: { inputTokens: 1000, outputTokens: 40, cachedInputTokens: 200 } });
    expect(ownUsage(usage)).toEqual({ inputTokens: 900, outputTokens: 50, cachedInputTokens: 100 });
  });

  test("Gemini's sounds cost what its text does unless the list says otherwise", () => {
    const usage = { inputTokens: 1e6, audioInputTokens: 1e6, outputTokens: 0 };
    expect(costOf(usage, { ...priceOf("gemini", "gemini-2.5-flash")! })).toEqual({ usd: 1, complete: true });
    expect(costOf({ ...usage, inputTokens: 1e5, audioInputTokens: 1e5 }, priceOf("gemini", "gemini-2.5-pro"))).toEqual({
      usd: expect.closeTo(0.125, 12),
      complete: true,
    });
  });
});

describe("addCost", () => {
  test("an unknown part makes the sum a lower bound, and only unknown parts make it unknown", () => {
    const unknown = { usd: null, complete: false };
    expect(addCost({ usd: 1, complete: true }, { usd: 2, complete: true })).toEqual({ usd: 3, complete: true });
    expect(addCost({ usd: 1, complete: true }, unknown)).toEqual({ usd: 1, complete: false });
    expect(addCost(unknown, { usd: 1, complete: true })).toEqual({ usd: 1, complete: false });
    expect(addCost(noCost, unknown)).toEqual(unknown);
    expect(addCost(unknown, unknown)).toEqual(unknown);
  });
});
