/** `massgen/token-manager`: usage, prices, counting and budgets. */
export { type Budget, type BudgetUse, RESERVED_OUTPUT_TOKENS, tokensOf } from "./budget.js";
export { type CountOptions, countTokens, ESTIMATE_MARGIN, TOKENIZER_MARGIN, type TokenCount } from "./count.js";
export { estimateTokens } from "./estimate.js";
export {
  addCost,
  type Cost,
  costOf,
  type ModelPrice,
  noCost,
  type PriceOverrides,
  priceOf,
  pricesAsOf,
  type TokenRates,
} from "./prices.js";
export { addUsage, noUsage, type Usage } from "./usage.js";
