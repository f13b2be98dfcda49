export { Agent, type AgentOptions } from "./agent/agent.js";
export type { CompactionMethod, CompactionOptions, CompactionPrompts, CompactionReason } from "./agent/context-window/options.js";
export type {
  AgentHost,
  Backend,
  BackendCapabilities,
  BackendChunk,
  BackendRequest,
  CallOptions,
  CompactionResult,
  FinishReason,
  HostedResult,
  ModelInfo,
  ModelSettings,
  OwnCall,
  StreamOptions,
  TraceContext,
} from "./backends/backend.js";
export { ChatCompletionsBackend } from "./backends/chat-completions/backend.js";
export { ClaudeBackend } from "./backends/claude/backend.js";
export type { ClaudeConfig } from "./backends/claude/config.js";
export { type BackendConfig, createBackend } from "./backends/create-backend.js";
export { GeminiBackend } from "./backends/gemini/backend.js";
export type { GeminiConfig } from "./backends/gemini/config.js";
export { type ListModelsConfig, type ListModelsOptions, listModels, type ModelList } from "./backends/models.js";
export { OpenAIResponsesBackend } from "./backends/openai-responses/backend.js";
export type { RateLimits } from "./backends/rate-limits.js";
export { BackendError, type BackendErrorCode, type BackendErrorOptions, ConfigError, type ErrorInfo, MassGenError } from "./errors.js";
export type * from "./formatter/messages.js";
export { type AgentView, emptyView, fold, type RunView } from "./orchestrator/core/fold.js";
export type { AnswerNovelty, PeerAnswers, Presentation, SelfVote } from "./orchestrator/core/types.js";
export type { EventListener, ListenerType } from "./orchestrator/event-log/event-log.js";
export type * from "./orchestrator/events.js";
export { isDelta, isTerminal } from "./orchestrator/events.js";
export type { LedgerEntry } from "./orchestrator/ledger.js";
export type { AgentConfig, OrchestratorOptions, RunOptions, Timeouts } from "./orchestrator/options.js";
export { Orchestrator } from "./orchestrator/orchestrator.js";
export type { PlanningModeOptions } from "./orchestrator/planning-mode.js";
export { defaultPrompts, escapeData, type Prompts, type ReadableAnswer, type VotingSensitivity } from "./orchestrator/prompts/prompts.js";
export { type FinalAnswer, type PartialResult, type Run, RunError, type RunResult } from "./orchestrator/run.js";
export { approval, type Ballot, borda, type Candidate, type DecisionRule, plurality, unanimity } from "./orchestrator/voting/rule.js";
export { type Runtime, systemRuntime } from "./runtime.js";
export type { FilterRule } from "./telemetry/filter.js";
export type { Component, LogLevel, LogThreshold } from "./telemetry/levels.js";
export type { Destination, Logger, LoggingOption, LoggingOptions, TracingOptions } from "./telemetry/options.js";
export type { Budget, BudgetUse } from "./token-manager/budget.js";
export type { Cost, ModelPrice, PriceOverrides, TokenRates } from "./token-manager/prices.js";
export type { Usage } from "./token-manager/usage.js";
export {
  type JsonSchema,
  type Tool,
  type ToolAnnotations,
  type ToolContext,
  type ToolLogger,
  type ToolOptions,
  type ToolPaths,
  tool,
} from "./tools/tool.js";
export type { CheckedCall, RunToolkit, Toolkit, ToolkitRun, ToolTurn } from "./tools/toolkit.js";
