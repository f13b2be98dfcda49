/** How a model's thinking can be switched: the values that `thinking.type` may have. */
export type ThinkingType = "adaptive" | "enabled" | "disabled" | "between_tools";

/** A value of `output_config.effort`. */
export type ClaudeEffort = "low" | "medium" | "high" | "xhigh" | "max";

/** What is known of one model. */
export interface ClaudeModel {
  /** Tokens it can read and write in one step; absent where not known. */
  contextWindow?: number;
  /** Tokens it can write in one step. */
  maxOutput: number;
  thinking: readonly ThinkingType[];
  efforts: readonly ClaudeEffort[];
  /** `false`: the tool choices `any` and `tool` are rejected. */
  forcedTools: boolean;
  /** `false`: `temperature`, `top_p` and `top_k` are rejected with every API version. */
  sampling: boolean;
  /** The API summarizes a conversation when asked to (`compaction`), and at a threshold (`compact_20260112`). */
  compacts?: true;
}

const LOW_TO_HIGH = ["low", "medium", "high"] as const;
const WITH_MAX = [...LOW_TO_HIGH, "max"] as const;
const ALL = [...LOW_TO_HIGH, "xhigh", "max"] as const;

const M = 1_000_000;

/** Thinks always, as it sees fit, and cannot be made to call a tool. */
const alwaysOn: ClaudeModel = {
  contextWindow: M,
  maxOutput: 128_000,
  thinking: ["adaptive"],
  efforts: ALL,
  forcedTools: false,
  sampling: false,
  compacts: true,
};
/** Thinks as it sees fit, unless told not to. */
const adaptive: ClaudeModel = { ...alwaysOn, thinking: ["adaptive", "disabled"], forcedTools: true };
/** Takes both kinds of thinking. */
const both: ClaudeModel = { ...adaptive, thinking: ["adaptive", "enabled", "disabled"], efforts: WITH_MAX, sampling: true };
/** Thinks within a budget of tokens. */
const manual: ClaudeModel = {
  contextWindow: 200_000,
  maxOutput: 64_000,
  thinking: ["enabled", "disabled"],
  efforts: [],
  forcedTools: true,
  sampling: true,
};
const plain: ClaudeModel = { ...manual, maxOutput: 8192, thinking: ["disabled"] };

/**
 * Rules by model id, without a date. Read in November 2026 from platform.claude.com: /docs/en/models/<model>/overview (limits),
 * /docs/en/build-with-claude/thinking-troubleshooting (thinking types), /docs/en/build-with-claude/effort (levels),
 * /docs/en/models/opus-5-5/whats-new-opus-5-5 (forced tools), /docs/en/api/versioning (sampling),
 * /docs/en/build-with-claude/compaction-on-demand and compaction-threshold (compaction: the same models). Older limits from the models
 * overview of their time. fable-5-2 and mythos-5-2, which the SDK lists and no page describes, are taken to be like 5-1.
 */
export const claudeModels: Readonly<Record<string, ClaudeModel>> = {
  "claude-fable-5-2": alwaysOn,
  "claude-mythos-5-2": alwaysOn,
  "claude-fable-5-1": alwaysOn,
  "claude-mythos-5-1": alwaysOn,
  "claude-opus-5-5": alwaysOn,
  "claude-sonnet-5-5": { ...adaptive, thinking: ["adaptive", "between_tools"] },
  "claude-haiku-5-5": adaptive,
  "claude-fable-5": { ...alwaysOn, forcedTools: true },
  "claude-mythos-5": { ...alwaysOn, forcedTools: true },
  "claude-opus-5": adaptive,
  "claude-sonnet-5": adaptive,
  "claude-opus-4-8": adaptive,
  "claude-opus-4-7": adaptive,
  "claude-mythos-preview": { ...both, thinking: ["adaptive", "enabled"] },
  "claude-opus-4-6": both,
  "claude-sonnet-4-6": both,
  "claude-opus-4-5": { ...manual, efforts: LOW_TO_HIGH },
  "claude-sonnet-4-5": manual,
  "claude-haiku-4-5": manual,
  "claude-opus-4-1": { ...manual, maxOutput: 32_000 },
  "claude-opus-4": { ...manual, maxOutput: 32_000 },
  "claude-sonnet-4": manual,
  "claude-3-7-sonnet": manual,
  "claude-3-5-sonnet": plain,
  "claude-3-5-haiku": plain,
  "claude-3-opus": { ...plain, maxOutput: 4096 },
  "claude-3-haiku": { ...plain, maxOutput: 4096 },
};

/** Other names of models above. */
const aliases: Readonly<Record<string, string>> = { "claude-opus-4-0": "claude-opus-4", "claude-sonnet-4-0": "claude-sonnet-4" };

/** A Claude that is newer than the table: treated like the latest, within limits that every one of them has. */
const newerClaude: ClaudeModel = {
  maxOutput: 64_000,
  thinking: adaptive.thinking,
  efforts: LOW_TO_HIGH,
  forcedTools: true,
  sampling: false,
  compacts: true,
};

/** Any other model behind a server that speaks the Messages API. */
const otherModel: ClaudeModel = {
  maxOutput: 8192,
  thinking: ["enabled", "disabled"],
  efforts: [],
  forcedTools: true,
  sampling: true,
};

/** The rules of a model: by its id, then by its id without the date or `-latest`. */
export function claudeModel(id: string): ClaudeModel {
  const undated = id.replace(/-(\d{8}|latest)$/, "");
  const name = Object.hasOwn(claudeModels, id) ? id : (aliases[undated] ?? undated);
  if (Object.hasOwn(claudeModels, name)) return claudeModels[name] as ClaudeModel;
  return id.startsWith("claude-") ? newerClaude : otherModel;
}

/**
 * `max_tokens` where nobody says: enough for long answers with the thinking before them. Models with a small window get less,
 * since the API counts what may be written against it.
 */
export function defaultMaxTokens(model: ClaudeModel): number {
  return Math.min(model.maxOutput, (model.contextWindow ?? 0) >= M ? 64_000 : 32_000);
}
