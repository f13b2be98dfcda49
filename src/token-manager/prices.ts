import { priceTable } from "./price-table.js";
import type { Usage } from "./usage.js";

export { pricesAsOf } from "./price-table.js";

/** USD per million tokens. */
export interface TokenRates {
  input: number;
  output: number;
  /** Input read from a prompt cache. Default: `input`. */
  cachedInput?: number;
  /** Input written to a prompt cache. Default: `input`. */
  cacheWrite?: number;
}

/** What a model costs. */
export interface ModelPrice extends TokenRates {
  /** The rates of a whole request whose input is longer than so many tokens. */
  above?: { inputTokens: number; rates: TokenRates };
}

/** Prices of your own, by provider (a backend `type`) and model id. They come first; `null`: the price is not known. */
export type PriceOverrides = Readonly<Record<string, Readonly<Record<string, ModelPrice | null>>>>;

/** Whose prices a backend type has, where the table calls them differently. */
const providers: Readonly<Record<string, string>> = {
  claude: "anthropic",
  gemini: "google",
  grok: "x-ai",
  azure_openai: "openai",
  moonshot: "moonshotai",
};

/** The end of an id that names a day: `-2025-08-07`, `-20250929`. */
const DATED = /[-@](\d{4}-\d{2}-\d{2}|\d{8})$/;

/**
 * The price of a model: by its exact id, by its id without the date at its end, by another name that the table declares; never by
 * likeness. `null`: unknown, which is not free. A server of your own has no price unless `overrides` gives one.
 */
export function priceOf(provider: string, model: string, overrides?: PriceOverrides): ModelPrice | null {
  const id = model.replace(/^models\//, "");
  const undated = id.replace(DATED, "");
  const own = overrides && Object.hasOwn(overrides, provider) ? overrides[provider] : undefined;
  for (const name of [model, id, undated]) if (own && Object.hasOwn(own, name)) return own[name] ?? null;
  const table = tables().get(providers[provider] ?? provider);
  if (!table) return null;
  return table.byId.get(id) ?? table.byId.get(undated) ?? table.byAlias.get(id) ?? null;
}

/**
 * USD of the usage of one step; `null` where the price is unknown. Sums of several steps must be priced step by step, as long
 * requests may have rates of their own.
 */
export function costOf(usage: Usage, price: ModelPrice | null): number | null {
  if (!price) return null;
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0 } = usage;
  const rates = price.above && inputTokens > price.above.inputTokens ? price.above.rates : price;
  const { input, output, cachedInput = input, cacheWrite = input } = rates;
  const plain = Math.max(0, inputTokens - cachedInputTokens - cacheWriteTokens);
  return (plain * input + cachedInputTokens * cachedInput + cacheWriteTokens * cacheWrite + outputTokens * output) / 1e6;
}

interface Table {
  byId: Map<string, ModelPrice>;
  byAlias: Map<string, ModelPrice>;
}

let parsed: Map<string, Table> | undefined;

/** Read when first asked for. */
function tables(): Map<string, Table> {
  parsed ??= parse(priceTable);
  return parsed;
}

function parse(text: string): Map<string, Table> {
  const all = new Map<string, Table>();
  let table: Table = { byId: new Map(), byAlias: new Map() };
  for (const line of text.split("\n")) {
    if (line === "") continue;
    if (line.startsWith("# ")) {
      table = { byId: new Map(), byAlias: new Map() };
      all.set(line.slice(2), table);
      continue;
    }
    const [names = "", ...figures] = line.split(" ");
    const [id = "", ...aliases] = names.split("|");
    const base = rates(figures.slice(0, 4));
    if (!base) continue;
    const more = figures[4] === undefined ? undefined : rates(figures.slice(5));
    const price: ModelPrice = { ...base, ...(more && { above: { inputTokens: Number(figures[4]!.slice(1)), rates: more } }) };
    table.byId.set(id, price);
    for (const alias of aliases) table.byAlias.set(alias, price);
  }
  return all;
}

function rates(figures: readonly string[]): TokenRates | undefined {
  const [input, output, cachedInput, cacheWrite] = figures.map((figure) => (figure === "-" ? undefined : Number(figure)));
  // A price of input alone (embeddings) is no price of a model that answers.
  if (input === undefined || output === undefined) return undefined;
  return { input, output, ...(cachedInput !== undefined && { cachedInput }), ...(cacheWrite !== undefined && { cacheWrite }) };
}
