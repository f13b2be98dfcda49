import { z } from "zod";
import { backendTypes } from "../backends/create-backend.js";
import { nearest } from "../nearest-key.js";
import type { ModelPrice, PriceOverrides, TokenRates } from "../token-manager/prices.js";
import type { Problem } from "./problems.js";

const usd = z.number().min(0);

const ratesSchema = z.strictObject({
  input: usd,
  output: usd,
  cached_input: usd.optional(),
  cache_write: usd.optional(),
  cache_write_1h: usd.optional(),
  audio_input: usd.optional(),
  audio_output: usd.optional(),
  image_output: usd.optional(),
});

export const modelPriceSchema = z.strictObject({
  ...ratesSchema.shape,
  web_searches: usd.optional(),
  above: z.strictObject({ input_tokens: z.int().min(0), rates: ratesSchema }).optional(),
});

/** By backend type and model; `null`: not known. */
export const pricesSchema = z.record(z.string(), z.record(z.string(), modelPriceSchema.nullable()));

/** Keys of a price and its parts, by the part of the file. */
export const priceKeys: Readonly<Record<string, readonly string[]>> = {
  "orchestrator.prices": Object.keys(modelPriceSchema.shape),
  "orchestrator.prices.above": Object.keys(modelPriceSchema.shape.above.unwrap().shape),
  "orchestrator.prices.above.rates": Object.keys(ratesSchema.shape),
};

/** Prices as options. */
export function pricesOf(given: z.infer<typeof pricesSchema>): PriceOverrides {
  const models = (prices: Record<string, z.infer<typeof modelPriceSchema> | null>) =>
    Object.fromEntries(Object.entries(prices).map(([model, price]) => [model, price && modelPrice(price)]));
  return Object.fromEntries(Object.entries(given).map(([type, prices]) => [type, models(prices)]));
}

/** Prices of a type that no agent can have would be looked up by nobody. */
export function pricesProblems(prices: unknown): Problem[] {
  if (typeof prices !== "object" || prices === null) return [];
  return Object.keys(prices).flatMap((type) => {
    const path = ["orchestrator", "prices", type];
    if (type === "chat_completions") return [{ path, message: "must be written as `chatcompletion`" }];
    if (backendTypes.includes(type)) return [];
    const near = nearest(type, backendTypes);
    return [
      { path, message: `is not a backend. ${near === undefined ? `Take one of ${backendTypes.join(", ")}` : `Did you mean "${near}"?`}` },
    ];
  });
}

function modelPrice({ above, web_searches, ...rates }: z.infer<typeof modelPriceSchema>): ModelPrice {
  return {
    ...tokenRates(rates),
    ...(web_searches !== undefined && { webSearches: web_searches }),
    ...(above && { above: { inputTokens: above.input_tokens, rates: tokenRates(above.rates) } }),
  };
}

function tokenRates(given: z.infer<typeof ratesSchema>): TokenRates {
  const { input, output, cached_input, cache_write, cache_write_1h, audio_input, audio_output, image_output } = given;
  const rest = {
    cachedInput: cached_input,
    cacheWrite: cache_write,
    cacheWrite1h: cache_write_1h,
    audioInput: audio_input,
    audioOutput: audio_output,
    imageOutput: image_output,
  };
  return { input, output, ...Object.fromEntries(Object.entries(rest).filter(([, rate]) => rate !== undefined)) };
}
