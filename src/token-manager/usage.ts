/** Tokens of one or more model steps, from the provider's own figures unless `estimated`. */
export interface Usage {
  /** All input tokens, cached ones included. */
  inputTokens: number;
  /** All output tokens, reasoning included. */
  outputTokens: number;
  /** The part of `inputTokens` read from a prompt cache. */
  cachedInputTokens?: number;
  /** The part of `inputTokens` written to a prompt cache. */
  cacheWriteTokens?: number;
  /** The part of `cacheWriteTokens` that is kept for an hour instead of minutes. */
  cacheWrite1hTokens?: number;
  /** The part of `outputTokens` spent on reasoning. */
  reasoningTokens?: number;
  /** The part of `inputTokens` that is audio. */
  audioInputTokens?: number;
  /** The part of `outputTokens` that is audio. */
  audioOutputTokens?: number;
  /** The part of `outputTokens` that is pictures. */
  imageOutputTokens?: number;
  /** Searches of the web that the provider made and charges by number. */
  webSearches?: number;
  /** The part of all these figures that other models than the step's own spent, by their ids: an advisor it asked. */
  otherModels?: Readonly<Record<string, Usage>>;
  /** Some of it is our estimate: the provider reported nothing, or the step was cut short. */
  estimated?: boolean;
}

export const noUsage: Usage = Object.freeze({ inputTokens: 0, outputTokens: 0 });

const OPTIONAL = [
  "cachedInputTokens",
  "cacheWriteTokens",
  "cacheWrite1hTokens",
  "reasoningTokens",
  "audioInputTokens",
  "audioOutputTokens",
  "imageOutputTokens",
  "webSearches",
] as const;

/** The sum; optional figures appear where either side has them. */
export function addUsage(a: Usage, b: Usage): Usage {
  const sum: Usage = { inputTokens: a.inputTokens + b.inputTokens, outputTokens: a.outputTokens + b.outputTokens };
  for (const key of OPTIONAL) if (a[key] !== undefined || b[key] !== undefined) sum[key] = (a[key] ?? 0) + (b[key] ?? 0);
  if (a.otherModels || b.otherModels) {
    const others: Record<string, Usage> = { ...a.otherModels };
    for (const [model, spent] of Object.entries(b.otherModels ?? {})) {
      others[model] = Object.hasOwn(others, model) ? addUsage(others[model] as Usage, spent) : spent;
    }
    sum.otherModels = others;
  }
  if (a.estimated || b.estimated) sum.estimated = true;
  return sum;
}

/** What the step's own model spent. */
export function ownUsage({ otherModels, ...usage }: Usage): Usage {
  for (const spent of Object.values(otherModels ?? {})) {
    usage.inputTokens -= spent.inputTokens;
    usage.outputTokens -= spent.outputTokens;
    for (const key of OPTIONAL) if (usage[key] !== undefined) usage[key] -= spent[key] ?? 0;
  }
  return usage;
}
