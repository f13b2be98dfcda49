import { priceTable } from "./price-table.js";
import { ownUsage, type Usage } from "./usage.js";

export { pricesAsOf } from "./price-table.js";

/** USD per million tokens. */
export interface TokenRates {
  input: number;
  output: number;
  /** Input read from a prompt cache. Default: `input`. */
  cachedInput?: number;
  /** Input written to a prompt cache. Default: `input`. */
  cacheWrite?: number;
  /** Input written to a prompt cache for an hour. Default: `cacheWrite`. */
  cacheWrite1h?: number;
  /** Audio in the input. Where it is missing, audio counts as text and the cost as incomplete. */
  audioInput?: number;
  /** Audio in the output. Where it is missing, audio counts as text and the cost as incomplete. */
  audioOutput?: number;
  /** Pictures in the output. Where it is missing, they count as text and the cost as incomplete. */
  imageOutput?: number;
}

/** What a model costs. */
export interface ModelPrice extends TokenRates {
  /** The rates of a whole request whose input is longer than so many tokens. */
  above?: { inputTokens: number; rates: TokenRates };
  /** USD per thousand web searches. Where it is missing, a step that searched has an incomplete cost. */
  webSearches?: number;
}

/** USD of one or more steps. */
export interface Cost {
  /** `null`: no price is known, which is not free. */
  usd: number | null;
  /** `false`: something in it has no known price, so `usd` is the least that it cost. */
  complete: boolean;
}

export const noCost: Cost = Object.freeze({ usd: 0, complete: true });

/** The sum: what is known of it, as a lower bound where a part is unknown; `null` where nothing is known. */
export function addCost(a: Cost, b: Cost): Cost {
  if (b === noCost) return a;
  if (a === noCost) return b;
  const usd = a.usd === null && b.usd === null ? null : (a.usd ?? 0) + (b.usd ?? 0);
  return { usd, complete: a.complete && b.complete };
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
 * likeness. `null`: unknown, which is not free. A server of your own has no price unless `overrides` gives one. `listedAs`: whose list
 * prices count, where that is not `provider`; `listedModel`: which model's, where `model` is a name of somebody's own.
 */
export function priceOf(
  provider: string,
  model: string,
  overrides?: PriceOverrides,
  listedAs: string = provider,
  listedModel: string = model,
): ModelPrice | null {
  const own = overrides && Object.hasOwn(overrides, provider) ? overrides[provider] : undefined;
  if (own) for (const name of [...spellings(model), ...spellings(listedModel)]) if (Object.hasOwn(own, name)) return own[name] ?? null;
  const [, id = "", undated = ""] = spellings(listedModel);
  const table = tables().get(providers[listedAs] ?? listedAs);
  if (!table) return null;
  return table.byId.get(id) ?? table.byId.get(undated) ?? table.byAlias.get(id) ?? null;
}

/** A model's id as it is, without what Google puts before it, and without its date. */
function spellings(model: string): [string, string, string] {
  const id = model.replace(/^models\//, "");
  return [model, id, id.replace(DATED, "")];
}

/**
 * What one step cost. Sums of several steps must be priced step by step, as long requests may have rates of their own. A step that
 * spent nothing cost nothing, whatever its price. `otherPrice` gives the prices of `usage.otherModels`; without it, they are unknown.
 */
export function costOf(usage: Usage, price: ModelPrice | null, otherPrice?: (model: string) => ModelPrice | null): Cost {
  if (usage.otherModels) {
    const others = Object.entries(usage.otherModels).map(([model, spent]) => costOf(spent, otherPrice?.(model) ?? null));
    return others.reduce(addCost, costOf(ownUsage(usage), price));
  }
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWrite1hTokens = 0 } = usage;
  const { audioOutputTokens = 0, imageOutputTokens = 0, webSearches = 0 } = usage;
  // Some report only the part that is kept for an hour.
  const cacheWriteTokens = Math.max(usage.cacheWriteTokens ?? 0, cacheWrite1hTokens);
  // Sound may have come from the cache: no token is charged twice.
  const uncached = Math.max(0, inputTokens - cachedInputTokens - cacheWriteTokens);
  const audioInputTokens = Math.min(usage.audioInputTokens ?? 0, uncached);
  if (inputTokens === 0 && outputTokens === 0 && webSearches === 0) return noCost;
  if (!price) return { usd: null, complete: false };
  const rates = price.above && inputTokens > price.above.inputTokens ? price.above.rates : price;
  const { input, output, cachedInput = input, cacheWrite = input, cacheWrite1h = cacheWrite } = rates;
  const plainInput = uncached - audioInputTokens;
  const plainOutput = Math.max(0, outputTokens - audioOutputTokens - imageOutputTokens);
  const usd =
    (plainInput * input +
      cachedInputTokens * cachedInput +
      (cacheWriteTokens - cacheWrite1hTokens) * cacheWrite +
      cacheWrite1hTokens * cacheWrite1h +
      audioInputTokens * (rates.audioInput ?? input) +
      plainOutput * output +
      audioOutputTokens * (rates.audioOutput ?? output) +
      imageOutputTokens * (rates.imageOutput ?? output)) /
      1e6 +
    (webSearches * (price.webSearches ?? 0)) / 1000;
  const unknown =
    (audioInputTokens > 0 && rates.audioInput === undefined) ||
    (audioOutputTokens > 0 && rates.audioOutput === undefined) ||
    (imageOutputTokens > 0 && rates.imageOutput === undefined) ||
    (webSearches > 0 && price.webSearches === undefined);
  return { usd, complete: !unknown };
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
  let provider = "";
  for (const line of text.split("\n")) {
    if (line === "") continue;
    if (line.startsWith("# ")) {
      provider = line.slice(2);
      table = { byId: new Map(), byAlias: new Map() };
      all.set(provider, table);
      continue;
    }
    const [names = "", ...words] = line.split(" ");
    const [id = "", ...aliases] = names.split("|");
    const price = priceIn(words, provider);
    if (!price) continue;
    table.byId.set(id, price);
    for (const alias of aliases) table.byAlias.set(alias, price);
  }
  return all;
}

const APART = { write1h: "cacheWrite1h", audioIn: "audioInput", audioOut: "audioOutput", imageOut: "imageOutput" } as const;

function priceIn(words: readonly string[], provider: string): ModelPrice | undefined {
  const figures = words.filter((word) => !word.includes("="));
  const price: ModelPrice | undefined = rates(figures.slice(0, 4));
  if (!price) return undefined;
  const long = figures[4] === undefined ? undefined : rates(figures.slice(5));
  for (const word of words) {
    const [name = "", figure = ""] = word.split("=");
    const [base = "", above = base] = figure.split("/");
    if (name === "searches") price.webSearches = Number(base);
    if (!Object.hasOwn(APART, name)) continue;
    price[APART[name as keyof typeof APART]] = Number(base);
    if (long) long[APART[name as keyof typeof APART]] = Number(above);
  }
  // Google's list tells audio apart only where it costs something else.
  if (provider === "google") for (const each of [price, ...(long ? [long] : [])]) each.audioInput ??= each.input;
  if (long) price.above = { inputTokens: Number(figures[4]!.slice(1)), rates: long };
  return price;
}

function rates(figures: readonly string[]): TokenRates | undefined {
  const [input, output, cachedInput, cacheWrite] = figures.map((figure) => (figure === "-" ? undefined : Number(figure)));
  // A price of input alone (embeddings) is no price of a model that answers.
  if (input === undefined || output === undefined) return undefined;
  return { input, output, ...(cachedInput !== undefined && { cachedInput }), ...(cacheWrite !== undefined && { cacheWrite }) };
}
