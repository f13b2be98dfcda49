import type { Attributes } from "@opentelemetry/api";
import type { Usage } from "../../token-manager/usage.js";

/** `gen_ai.provider.name` by type of backend, where the conventions have a name of their own. */
const PROVIDERS: Readonly<Record<string, string>> = {
  claude: "anthropic",
  gemini: "gcp.gemini",
  grok: "x_ai",
  azure_openai: "azure.ai.openai",
  moonshot: "moonshot_ai",
};

export const providerName = (backendType: string): string => PROVIDERS[backendType] ?? backendType;

/** What a step or turn spent. */
export function usageAttributes(usage: Usage): Attributes {
  return {
    "gen_ai.usage.input_tokens": usage.inputTokens,
    "gen_ai.usage.output_tokens": usage.outputTokens,
    ...(usage.cachedInputTokens !== undefined && { "gen_ai.usage.cache_read.input_tokens": usage.cachedInputTokens }),
    ...(usage.cacheWriteTokens !== undefined && { "gen_ai.usage.cache_creation.input_tokens": usage.cacheWriteTokens }),
    ...(usage.reasoningTokens !== undefined && { "gen_ai.usage.reasoning.output_tokens": usage.reasoningTokens }),
    ...(usage.estimated && { "massgen.usage.estimated": true }),
  };
}

/** Where in the protocol a span belongs. */
export function scopeAttributes(event: {
  runId: string;
  agentId: string;
  turnId: string;
  phase: string;
  attempt: number;
  epoch: number;
}): Attributes {
  return {
    "massgen.run.id": event.runId,
    "massgen.turn.id": event.turnId,
    "massgen.phase": event.phase,
    "massgen.attempt": event.attempt,
    "massgen.epoch": event.epoch,
    "gen_ai.agent.id": event.agentId,
    "gen_ai.agent.name": event.agentId,
  };
}
