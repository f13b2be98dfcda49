import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseConfig } from "../../src/config/index.js";
import { priceKeys } from "../../src/config/prices.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";

const parse = (prices: string) =>
  parseConfig(`agents: [{ backend: { type: vllm, model: m } }]\norchestrator:\n  budget: { max_usd: 1 }\n  prices: ${prices}\n`, {
    env: {},
  });

it("become the options of the same name", () => {
  const options = parse(`
    vllm: { m: { input: 0, output: 0.5 } }
    openai:
      gpt-5.2:
        input: 1
        output: 2
        cached_input: 3
        cache_write: 4
        cache_write_1h: 5
        audio_input: 6
        audio_output: 7
        image_output: 8
        web_searches: 9
        above: { input_tokens: 200000, rates: { input: 10, output: 11, cached_input: 12, cache_write_1h: 13 } }
      gpt-4o: null`);
  expect(options.prices).toEqual({
    vllm: { m: { input: 0, output: 0.5 } },
    openai: {
      "gpt-5.2": {
        input: 1,
        output: 2,
        cachedInput: 3,
        cacheWrite: 4,
        cacheWrite1h: 5,
        audioInput: 6,
        audioOutput: 7,
        imageOutput: 8,
        webSearches: 9,
        above: { inputTokens: 200_000, rates: { input: 10, output: 11, cachedInput: 12, cacheWrite1h: 13 } },
      },
      "gpt-4o": null,
    },
  });
  // Takes every key: one that the options do not know would be refused, and the budget needs the price.
  expect(() => new Orchestrator(options)).not.toThrow();
});

it("every key of the file becomes one of the options", () => {
  for (const [part, keys] of Object.entries(priceKeys)) {
    const rates = Object.fromEntries(keys.filter((key) => key !== "above" && key !== "rates").map((key) => [key, 1]));
    const place = part.endsWith("above") ? { rates: { input: 1, output: 1 }, ...rates } : rates;
    const inner = part.endsWith("rates") ? { input_tokens: 1, rates } : place;
    const price = part === "orchestrator.prices" ? rates : { input: 1, output: 1, above: inner };
    const { prices } = parse(JSON.stringify({ vllm: { m: price } }));
    expect(() => new Orchestrator({ ...parse(JSON.stringify({ vllm: { m: price } })) })).not.toThrow();
    expect(JSON.stringify(prices).match(/":\d/g)).toHaveLength(JSON.stringify(price).match(/":\d/g)!.length);
  }
});

it.each([
  [
    "{ vllm: { a/b.c: { input: 1, output: 1, cached_inputs: 1 } } }",
    'orchestrator.prices.vllm.a/b.c.cached_inputs is not a known key. Did you mean "cached_input"?',
  ],
  [
    "{ vllm: { m: { input: 1, output: 1, above: { input_token: 1, rates: { input: 1, output: 1 } } } } }",
    'above.input_token is not a known key. Did you mean "input_tokens"?',
  ],
  [
    "{ vllm: { m: { input: 1, output: 1, above: { input_tokens: 1, rates: { input: 1, output: 1, webs: 1 } } } } }",
    "above.rates.webs is not a known key. There are input, output",
  ],
  ["{ vllm: { m: { input: 1 } } }", "orchestrator.prices.vllm.m.output is missing"],
  ["{ vllm: { m: { input: -1, output: 1 } } }", "m.input must be at least 0, not -1"],
  ["{ vllm: { m: { input: cheap, output: 1 } } }", 'm.input must be a number, not "cheap"'],
  ["{ vllm: { m: 3 } }", "orchestrator.prices.vllm.m must be a mapping of keys to values, not 3"],
  ["{ vlm: { m: { input: 1, output: 1 } } }", 'orchestrator.prices.vlm is not a backend. Did you mean "vllm"?'],
  ["{ chat_completions: { m: { input: 1, output: 1 } } }", "must be written as `chatcompletion`"],
])("%s", (prices, problem) => {
  expect(() => parse(prices)).toThrow(expect.objectContaining({ code: "invalid_config" }));
  expect(() => parse(prices)).toThrow(problem);
  expect(() => parse(prices)).toThrow(/ 4:\d+ /);
});

it("at the top of the file they are told where they belong", () => {
  expect(() => parseConfig("agents: [{ backend: { type: vllm } }]\nprices: {}\n", { env: {} })).toThrow(
    "prices does not belong here: it belongs under `orchestrator`",
  );
});

it("the configurations in docs/costs.md are valid", () => {
  const docs = readFileSync(new URL("../../docs/costs.md", import.meta.url), "utf8");
  const blocks = [...docs.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);
  expect(blocks.length).toBeGreaterThan(0);
  for (const text of blocks) expect(() => new Orchestrator(parseConfig(text, { env: {} }))).not.toThrow();
});
