// Writes src/token-manager/price-table.ts from the price data that @pydantic/genai-prices bundles (MIT): node scripts/prices.mjs
// Only ids that the data names whole are taken over. Its patterns are not: a price is found by an exact id or not at all.
import { writeTable } from "./genai-prices.mjs";

const PROVIDERS = "openai anthropic google x-ai groq deepseek mistral cerebras together fireworks moonshotai zai".split(" ");
const APART = {
  write1h: "cache_write_1h_mtok",
  audioIn: "input_audio_mtok",
  audioOut: "output_audio_mtok",
  imageOut: "output_image_mtok",
  searches: "web_searches_kcount",
};
const DATED = /[-@](\d{4}-\d{2}-\d{2}|\d{8})$/;

/** @typedef {{ equals?: string, or?: Match[] }} Match */
/** @typedef {number | { base: number, tiers: { start: number, price: number }[] } | undefined} Rate */
/** @typedef {Record<string, Rate>} Rates */

await writeTable({
  script: "prices.mjs",
  file: "src/token-manager/price-table.ts",
  providers: PROVIDERS,
  lines,
  day: { name: "pricesAsOf", doc: "The day of the prices." },
  text: {
    name: "priceTable",
    doc: `/**
 * A line per model: its id and its other names, then USD per million tokens of input, output, cached input and cache write ("-":
 * not told); where long requests cost more, the number of input tokens above which they do and the same four figures. What is
 * priced apart follows by name: writing to a cache for an hour, audio read and made, pictures made (USD per million tokens; after a
 * slash: of long requests), web searches (USD per thousand).
 */`,
  },
});

/**
 * @param {string} _provider
 * @param {{ id: string, match: Match, prices: Rates | { constraint?: { start_date?: string, type: string }, prices: Rates }[] }[]} models
 * @param {string} day
 */
function lines(_provider, models, day) {
  /** @type {string[]} */
  const rows = [];
  const ids = new Set(models.map((model) => model.id));
  /** @type {Set<string>} */
  const taken = new Set();
  for (const { id, match, prices } of models) {
    const list = Array.isArray(prices) ? prices : [{ prices }];
    // Prices of a time of day are left out; of those with a first day, the last that has come counts.
    const valid = list.filter(({ constraint }) => !constraint || (constraint.start_date !== undefined && constraint.start_date <= day));
    const rates = (valid.at(-1) ?? list[0])?.prices;
    if (!rates || typeof rates.input_mtok === "undefined" || rates.requests_kcount !== undefined) continue;
    const names = equals(match).filter((name) => name !== id && !ids.has(name) && !taken.has(name));
    // What the rule for dates finds by itself needs no line; a date that stands for another model does.
    const aliases = names.filter((name) => name.replace(DATED, "") !== id);
    for (const name of [id, ...aliases]) taken.add(name);
    rows.push([[id, ...aliases].join("|"), ...figures(rates), ...apart(rates)].join(" "));
  }
  return rows;
}

/** @param {Match} match @returns {string[]} */
function equals(match) {
  if (match.equals !== undefined) return /\s/.test(match.equals) ? [] : [match.equals];
  return (match.or ?? []).flatMap(equals);
}

/** Input, output, cached input, cache write; then the same above a number of input tokens. @param {Rates} rates */
function figures(rates) {
  const keys = ["input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"];
  const tiers = keys.flatMap((key) => tiersOf(rates[key]));
  const row = (/** @type {(rate: Rate) => number | undefined} */ read) => keys.map((key) => read(rates[key]) ?? "-").join(" ");
  const base = row((rate) => (typeof rate === "object" ? rate.base : rate));
  const start = Math.min(...tiers.map((tier) => tier.start));
  if (tiers.length === 0) return [base];
  return [
    base,
    `>${start}`,
    row((rate) => (typeof rate === "object" ? (rate.tiers.find((tier) => tier.start === start)?.price ?? rate.base) : rate)),
  ];
}

/** What is priced apart: `name=figure`, and `/figure` for long requests. @param {Rates} rates */
function apart(rates) {
  return Object.entries(APART).flatMap(([name, key]) => {
    const rate = rates[key];
    if (rate === undefined) return [];
    return typeof rate === "object"
      ? `${name}=${[rate.base, ...rate.tiers.slice(0, 1).map((tier) => tier.price)].join("/")}`
      : `${name}=${rate}`;
  });
}

/** @param {Rate} rate */
function tiersOf(rate) {
  return typeof rate === "object" ? rate.tiers : [];
}
