/**
 * A way to make room. `native`: the provider condenses (OpenAI and Azure `/responses/compact`, Claude's compaction edit). `clear`: old
 * tool results are taken out. `summary`: the same model writes a summary. `trim`: the oldest whole exchanges are left out.
 */
export type CompactionMethod = "native" | "clear" | "summary" | "trim";

/** Why a conversation was compacted: it came near the window; the provider said it was too long; the provider did it by itself. */
export type CompactionReason = "high-water" | "overflow" | "provider";

/** When and how a conversation is made to fit the model's context window. */
export interface CompactionOptions {
  /** Of the window, less the room for the reply: the part above which room is made. Default 0.8. */
  highWater?: number;
  /** The part that is aimed at. Default 0.5. */
  lowWater?: number;
  /** Tried in this order; the first that works is kept. Default `["native", "clear", "summary", "trim"]`. */
  methods?: CompactionMethod[];
  /**
   * Exchanges at the end that stay as they are, where they take no more than a third of the room; the very last of a turn always does,
   * though its results may be shortened. Default 3.
   */
  keepExchanges?: number;
  /** The newest tool results, which `clear` leaves. Default 3. */
  keepToolResults?: number;
  /** Tokens below which the provider is not asked: its answer would save nothing. Default 8,000. */
  floor?: number;
  /** A result that saves less than this part is thrown away. Default 0.2. */
  minSaving?: number;
  /** Model steps after which room is made again at the earliest, unless the request would not fit. Default 3. */
  coolDown?: number;
  /** Milliseconds for one request that condenses. Default 120,000. */
  timeoutMs?: number;
  /** Texts the models read, overridden one by one. */
  prompts?: Partial<CompactionPrompts>;
}

export interface CompactionPrompts {
  /** The system message of the model that writes a summary. */
  summary(): string;
  /** Put before a summary, after the task. */
  resume(): string;
  /** Takes the place of a tool's result. */
  cleared(result: { toolName: string }): string;
  /** Put after the task, where exchanges are left out. */
  trimmed(left: { messages: number }): string;
}

/** The options with their defaults. */
export type CompactionPlan = Required<Omit<CompactionOptions, "prompts">> & Pick<CompactionOptions, "prompts">;
