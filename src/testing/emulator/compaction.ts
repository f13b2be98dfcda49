import { estimateTokens } from "../../token-manager/estimate.js";
import type { EmulatedPrompt, Reply } from "./reply.js";

/** A compaction as it goes on the wire. */
export interface Compaction {
  /** `null`: it came to none. */
  summary: string | null;
  /** What was said of it: usage, finish reason. */
  reply: Reply;
  /** Nothing else is in the response. */
  alone: boolean;
}

/** What is said of a compaction that nobody scripted: its length is always the same. */
export function plainSummary(prompt: EmulatedPrompt): string {
  return `Summary of the conversation so far (${prompt.messages.filter(({ role }) => role !== "system").length} messages).`;
}

/** The compaction that a reply stands for. `inputTokens`: those of the request. */
export function compactionOf(reply: Reply, alone: boolean, inputTokens: number): Compaction {
  const { fault, text = "" } = reply;
  const grown = `${text} ${"and so on ".repeat(Math.ceil(inputTokens * 0.8) + 1)}`;
  return { reply, alone, summary: fault?.type === "no-summary" ? null : fault?.type === "grown-summary" ? grown : text };
}

export function summaryTokens({ summary }: Compaction): number {
  return estimateTokens(summary ?? "");
}
