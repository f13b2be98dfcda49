import type { Agent } from "../agent/agent.js";
import { listedModel, sellerOf } from "../backends/identity.js";
import { ConfigError } from "../errors.js";
import { atLeast, bad, given, knownKeys, oneOf, shown } from "../option-checks.js";
import { type Budget, limitsDollars, limitsSteps } from "../token-manager/budget.js";
import { type PriceOverrides, priceOf } from "../token-manager/prices.js";

const BUDGET_KEYS = ["maxTokens", "maxUsd", "maxTokensPerAgent", "maxUsdPerAgent", "isSpent", "onUnknownPrice", "warnAt", "onExceed"];
const RATE_KEYS = ["input", "output", "cachedInput", "cacheWrite", "cacheWrite1h", "audioInput", "audioOutput", "imageOutput"];

export function resolveBudget(
  budget: Budget | undefined,
  agents: readonly Agent[],
  prices: PriceOverrides | undefined,
): Budget | undefined {
  if (budget === undefined) return undefined;
  const { isSpent, onUnknownPrice, warnAt, onExceed, ...limits } = given("budget", budget);
  knownKeys(budget, BUDGET_KEYS, "budget");
  for (const key of ["maxTokens", "maxTokensPerAgent"] as const) if (limits[key] !== undefined) atLeast(`budget.${key}`, limits[key], 1);
  for (const key of ["maxUsd", "maxUsdPerAgent"] as const) {
    const usd = limits[key];
    if (usd !== undefined && !(typeof usd === "number" && usd > 0))
      throw bad(`budget.${key}`, `must be a number above 0, not ${String(usd)}`);
  }
  if (isSpent !== undefined && typeof isSpent !== "function") throw bad("budget.isSpent", "must be a function");
  oneOf("budget.onExceed", onExceed, ["finish", "abort"]);
  if (warnAt !== undefined && !limitsSteps(budget)) throw bad("budget.warnAt", "needs a cap, e.g. maxUsd");
  for (const part of [warnAt ?? []].flat())
    if (!(typeof part === "number" && part > 0 && part <= 1))
      throw bad("budget.warnAt", `must be above 0 and at most 1, not ${shown(part)}`);
  if (oneOf("budget.onUnknownPrice", onUnknownPrice, ["deny", "allow"]) === "deny" && limitsDollars(budget)) priced(agents, prices);
  return budget;
}

/** A budget in dollars means nothing for a model whose price nobody knows. */
function priced(agents: readonly Agent[], prices: PriceOverrides | undefined): void {
  for (const { id, backend } of agents) {
    // Empty: the server will name it, and its first step decides.
    if (backend.model === "") continue;
    if (priceOf(backend.type, backend.model, prices, sellerOf(backend), listedModel(backend)) !== null) continue;
    const mine = `prices: { ${JSON.stringify(backend.type)}: { ${JSON.stringify(backend.model)}: { input: …, output: … } } }`;
    const message =
      `budget: no price is known for the model "${backend.model}" of agent "${id}" (${backend.type}), so its dollars cannot be counted. ` +
      `Give one with \`${mine}\` (USD per million tokens, 0 for a server of your own), or set \`budget.onUnknownPrice: "allow"\`.`;
    throw new ConfigError("unknown_price", message, { path: "budget" });
  }
}

export function resolvePrices(prices: PriceOverrides | undefined): PriceOverrides | undefined {
  for (const [provider, models] of Object.entries(given("prices", prices))) {
    for (const [model, price] of Object.entries(given(`prices.${provider}`, models))) {
      const path = `prices.${provider}.${model}`;
      if (price === null) continue;
      const { above, webSearches, ...rates } = given(path, price);
      checkRates(path, rates);
      if (webSearches !== undefined) atLeast(`${path}.webSearches`, webSearches, 0, true);
      if (above === undefined) continue;
      knownKeys(given(`${path}.above`, above), ["inputTokens", "rates"], `${path}.above`);
      atLeast(`${path}.above.inputTokens`, above.inputTokens, 0);
      checkRates(`${path}.above.rates`, given(`${path}.above.rates`, above.rates));
    }
  }
  return prices;
}

function checkRates(path: string, rates: object): void {
  knownKeys(rates, RATE_KEYS, path);
  const figures: Record<string, number> = { input: Number.NaN, output: Number.NaN, ...rates };
  for (const [key, figure] of Object.entries(figures)) atLeast(`${path}.${key}`, figure, 0, true);
}
