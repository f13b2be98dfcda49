import type { ModelSettings } from "../backends/backend.js";

type Effort = NonNullable<ModelSettings["reasoningEffort"]> | "max";

/** What one family of models takes on the Responses API. */
export interface ModelRule {
  /** The id without vendor prefix and date, e.g. `gpt-5.2-codex`. The first row that fits counts. */
  match: RegExp;
  /** Efforts it takes; `undefined`: it rejects `reasoning` altogether. */
  efforts?: readonly Effort[];
  /** What is asked for where nobody says anything. Default: nothing, the API's own default is right. */
  defaultEffort?: Effort;
  /** Whether its reasoning can be carried along encrypted (`include`). Default: where it has efforts. */
  encrypted?: boolean;
  /** Takes `temperature`, `top_p` and `top_logprobs`: always, never, or with effort `none` only. */
  sampling: boolean | "without-reasoning";
  /** Takes `text.verbosity`. */
  verbosity?: true;
  /** Tuned for short system prompts, and served on the Responses API only. */
  codex?: true;
  /** Takes tools on the Responses API only. */
  toolsOnResponses?: true;
  contextWindow?: number;
  maxOutputTokens?: number;
}

const GPT5 = { contextWindow: 400_000, maxOutputTokens: 128_000 };
const O_SERIES = { contextWindow: 200_000, maxOutputTokens: 100_000 };

/**
 * Sources (read 2026-11): platform.openai.com/docs/models/<id> (efforts, windows), /docs/guides/latest-model ("Using GPT-5.2":
 * 5.1 and later default to no reasoning; sampling only with effort none), /docs/guides/reasoning (encrypted reasoning),
 * docs.x.ai/docs/guides/reasoning (Grok: no `reasoning_effort` but for the mini models); GPT-6: developers.openai.com/api/docs/guides/
 * latest-model and deployment-checklist (efforts up to `max`; Astra and 6.1 Sol cannot be kept from reasoning, and chat completions
 * take no tools beside it).
 */
export const modelRules: readonly ModelRule[] = [
  // Chat variants of GPT-5: served without a choice of effort.
  { match: /^gpt-5-chat(-latest)?$/, sampling: true, contextWindow: 128_000, maxOutputTokens: 16_384 },
  { match: /^gpt-5\.\d+-chat(-latest)?$/, sampling: false, contextWindow: 128_000, maxOutputTokens: 16_384 },
  { match: /^gpt-5-codex(-mini)?$/, efforts: ["low", "medium", "high"], sampling: false, verbosity: true, codex: true, ...GPT5 },
  { match: /^gpt-5-pro$/, efforts: ["high"], sampling: false, verbosity: true, contextWindow: 400_000, maxOutputTokens: 272_000 },
  { match: /^gpt-5(-mini|-nano)?$/, efforts: ["minimal", "low", "medium", "high"], sampling: false, verbosity: true, ...GPT5 },
  {
    match: /^gpt-5\.1-codex(-mini)?$/,
    efforts: ["low", "medium", "high"],
    defaultEffort: "medium",
    sampling: false,
    verbosity: true,
    codex: true,
    ...GPT5,
  },
  {
    match: /^gpt-5\.\d+-codex(-\w+)*$/,
    efforts: ["low", "medium", "high", "xhigh"],
    defaultEffort: "medium",
    sampling: false,
    verbosity: true,
    codex: true,
    ...GPT5,
  },
  { match: /^gpt-5\.\d+-pro$/, efforts: ["medium", "high", "xhigh"], defaultEffort: "medium", sampling: false, verbosity: true, ...GPT5 },
  {
    match: /^gpt-5\.1(-\w+)*$/,
    efforts: ["none", "low", "medium", "high"],
    defaultEffort: "medium",
    sampling: "without-reasoning",
    verbosity: true,
    ...GPT5,
  },
  {
    match: /^gpt-5\.\d+(-\w+)*$/,
    efforts: ["none", "low", "medium", "high", "xhigh"],
    defaultEffort: "medium",
    sampling: "without-reasoning",
    verbosity: true,
    ...GPT5,
  },
  {
    match: /^gpt-6-astra(-\w+)*$|^gpt-6\.1-sol(-\w+)*$/,
    efforts: ["low", "medium", "high", "xhigh", "max"],
    defaultEffort: "medium",
    sampling: false,
    verbosity: true,
    toolsOnResponses: true,
    contextWindow: 1_050_000,
    maxOutputTokens: 128_000,
  },
  // The rest of GPT-6, and what is newer than this table.
  {
    match: /^gpt-([6-9]|\d\d)(\.\d+)?-codex(-\w+)*$/,
    efforts: ["low", "medium", "high", "xhigh", "max"],
    defaultEffort: "medium",
    sampling: false,
    verbosity: true,
    codex: true,
  },
  {
    match: /^gpt-([6-9]|\d\d)(\.\d+)?(-\w+)*$/,
    efforts: ["none", "low", "medium", "high", "xhigh", "max"],
    defaultEffort: "medium",
    sampling: "without-reasoning",
    verbosity: true,
  },
  { match: /^codex-mini(-latest)?$/, efforts: ["low", "medium", "high"], sampling: false, codex: true, ...O_SERIES },
  { match: /^o1-(mini|preview)$/, sampling: false, contextWindow: 128_000, maxOutputTokens: 65_536 },
  { match: /^(o3|o4-mini)-deep-research$/, efforts: ["medium"], sampling: false, ...O_SERIES },
  { match: /^(o1|o1-pro|o3|o3-pro|o3-mini|o4-mini)$/, efforts: ["low", "medium", "high"], sampling: false, ...O_SERIES },
  { match: /^gpt-oss-/, efforts: ["low", "medium", "high"], encrypted: false, sampling: true, contextWindow: 131_072 },
  { match: /^gpt-4\.1(-mini|-nano)?$/, sampling: true, contextWindow: 1_047_576, maxOutputTokens: 32_768 },
  { match: /^(gpt-4o|chatgpt-4o)(-[a-z]\w*)*$/, sampling: true, contextWindow: 128_000, maxOutputTokens: 16_384 },
  { match: /^gpt-(4|3\.5)(-|$)/, sampling: true },
  { match: /^grok-3-mini(-\w+)*$/, efforts: ["low", "high"], sampling: true, contextWindow: 131_072 },
  { match: /^grok-[\w.-]*non-reasoning/, sampling: true },
  { match: /^grok-(4|code)/, encrypted: true, sampling: true },
  { match: /^grok-/, sampling: true },
];

/** The row of a model, whatever vendor prefix, date or fine-tuning its id carries; `undefined` for one that no row knows. */
export function modelRule(model: string): ModelRule | undefined {
  const id = model
    .toLowerCase()
    .replace(/^ft:([^:]+):.*$/, "$1")
    .replace(/^(openai|azure|xai|x-ai)[./]/, "")
    .replace(/-\d{4}-\d{2}-\d{2}$|-\d{4}$/, "")
    // As Azure spells it.
    .replace(/^gpt-35(?!\d)/, "gpt-3.5");
  return modelRules.find((rule) => rule.match.test(id));
}

/**
 * The effort to ask for on chat completions where nobody says one. Later models than these take no effort beside tools there.
 */
export function chatDefaultEffort(model: string): Effort | undefined {
  return /^gpt-5\.[12](-\d{4}-\d{2}-\d{2})?$/.test(model) ? "medium" : undefined;
}

/**
 * The nearest effort that a model takes: the next stronger one, else its strongest. `undefined` where nobody knows: a level that is
 * younger than this, and `max` of models whose row ends with `xhigh`.
 */
export function nearestEffort(wanted: string, efforts: readonly Effort[]): Effort | undefined {
  const order = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
  const at = order.indexOf(wanted);
  if (at < 0 || (wanted === "max" && efforts.includes("xhigh"))) return undefined;
  return efforts.find((effort) => order.indexOf(effort) >= at) ?? efforts.at(-1);
}
