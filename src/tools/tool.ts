import type { ToolDefinition } from "../formatter/messages.js";

/** A tool an agent may call. Without `execute` it belongs to the caller of the run. */
export interface Tool extends ToolDefinition {
  execute?(input: unknown, context: ToolContext): unknown;
}

/** What a tool learns about the call. */
export interface ToolContext {
  runId: string;
  agentId: string;
  turnId: string;
  toolCallId: string;
  signal: AbortSignal;
  /** The `context` given to `orchestrator.run`. */
  context: unknown;
}
