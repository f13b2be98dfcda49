import type { Message, ToolChoice, ToolDefinition, UserPart } from "../formatter/messages.js";
import type { Usage } from "../token-manager/usage.js";

/** An adapter that performs one model step over a provider's wire. */
export interface Backend {
  /** `"openai"`, `"vllm"`, `"my-backend"`. */
  readonly type: string;
  /** The model it asks for; empty until a backend that takes "whatever the server has" has looked. */
  readonly model: string;
  readonly capabilities: BackendCapabilities;
  /**
   * One request and its streamed reply. Ends with exactly one `finish` chunk; throws a `BackendError` otherwise.
   * After `signal` aborts it stops as soon as it can and may end without `finish`.
   */
  stream(request: BackendRequest, options: StreamOptions): AsyncIterable<BackendChunk>;
  countTokens?(request: BackendRequest, options: CallOptions): Promise<number>;
  compact?(request: BackendRequest, options: CallOptions): Promise<CompactionResult>;
  listModels?(options: CallOptions): Promise<ModelInfo[]>;
  close?(): Promise<void>;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** Sent with the request, and with whatever other requests it takes. */
  trace?: TraceContext;
}

export interface StreamOptions extends CallOptions {
  /** Given to backends that are whole agents. */
  host?: AgentHost;
}

/** W3C trace context to send upstream. */
export interface TraceContext {
  traceparent?: string;
  tracestate?: string;
}

/** What a backend that is a whole agent (`capabilities.wholeAgent`) may ask of its surroundings, while its step lasts. */
export interface AgentHost {
  runId: string;
  agentId: string;
  turnId: string;
  /** The agent's working directory, where it has one. */
  workspace?: string;
  /**
   * Calls one of the request's tools as if the model had called it: checked, approved, held back by planning mode, with its events.
   * A decision (`new_answer`, `vote`) is taken down and counts when the step ends. Refusals and failures are results, for the agent
   * to read; it never rejects. What is under way when the step ends is stopped.
   */
  callTool(name: string, input: unknown, options?: { signal?: AbortSignal | undefined }): Promise<HostedResult>;
  /**
   * Asks about something the agent is about to do with a tool of its own: whether its paths may be touched, whether planning mode
   * holds it back, whether the caller of the run allows it. Where `input` comes back, do it with that. Never rejects.
   */
  checkPermission(
    action: OwnCall,
    options?: { signal?: AbortSignal | undefined },
  ): Promise<{ allow: boolean; reason?: string; input?: unknown }>;
  /** For what the agent wants to find again in the next step; survives from step to step of one turn. */
  session: Map<string, unknown>;
}

/** A tool's result, as a model reads it. */
export interface HostedResult {
  /** Its text. */
  output: string;
  isError?: boolean;
  /** All of it, where it has files. */
  parts?: UserPart[];
}

/** A call of a tool that a whole agent brings itself; what is not said of it is taken to act outside the workspace. */
export interface OwnCall {
  tool: string;
  input: unknown;
  /** Which arguments are paths: see `Tool`. */
  paths?: { reads?: readonly string[]; writes?: readonly string[]; deletes?: readonly string[] };
  effects?: "none" | "workspace" | "outside";
  annotations?: { readOnlyHint?: boolean };
  /** Whether the caller of the run has to be asked. Default false. */
  needsApproval?: boolean;
}

export interface BackendCapabilities {
  /** Which forced tool choices the model takes. Default: none, only `auto`. */
  toolChoice?: { required?: boolean; named?: boolean };
  /** Whether it takes tools at all. Default true. */
  tools?: boolean;
  /** Total tokens it can read and write in one step, where known. */
  contextWindow?: number;
  /** Tokens it can write in one step, where known. */
  maxOutputTokens?: number;
  /** Tuned for short system prompts: coordination should be explained in as few words as possible. Default false. */
  shortPrompts?: boolean;
  /** A whole agent that runs its own steps: nothing can be delivered to it between them. */
  wholeAgent?: boolean;
  /** Media types it reads, e.g. `image/*`. */
  input?: string[];
}

export interface BackendRequest {
  system?: string;
  messages: Message[];
  tools?: ToolDefinition[];
  toolChoice?: ToolChoice;
  settings?: ModelSettings;
  /** This API's own parameters, in its own spelling. */
  params?: Record<string, unknown>;
}

/** Settings that every API has in some form. */
export interface ModelSettings {
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  stop?: string[];
  responseFormat?: { type: "text" } | { type: "json" } | { type: "json-schema"; name?: string; schema: Record<string, unknown> };
  seed?: number;
  /** -2 to 2; where an API has none, it is left out with a warning. */
  presencePenalty?: number;
  /** -2 to 2; where an API has none, it is left out with a warning. */
  frequencyPenalty?: number;
  reasoningEffort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh";
}

export type FinishReason = "stop" | "tool-calls" | "length" | "content-filter" | "refusal" | "pause" | "other";

export type BackendChunk =
  | { type: "text-delta"; delta: string }
  | { type: "reasoning-delta"; delta: string; kind?: "raw" | "summary" }
  | { type: "tool-input-start"; toolCallId: string; toolName: string }
  | { type: "tool-input-delta"; toolCallId: string; delta: string }
  | { type: "tool-call"; toolCallId: string; toolName: string; input: unknown; invalid?: string }
  | { type: "builtin-tool"; id: string; toolName: string; state: "started" | "finished" | "failed"; input?: unknown; output?: unknown }
  | { type: "source"; url?: string; title?: string; text?: string }
  /** `partial`: a picture still being drawn, a later one replaces it; it is no part of the reply. */
  | { type: "file"; mediaType: string; data: string; partial?: true }
  | { type: "compaction"; method: string; tokensBefore?: number; tokensAfter?: number }
  | { type: "warning"; code: string; message: string }
  | { type: "response-metadata"; id?: string; model?: string; headers?: Record<string, string> }
  | { type: "usage"; usage: Usage }
  | { type: "message"; message: Message }
  | { type: "finish"; reason: FinishReason; raw?: string };

export interface CompactionResult {
  messages: Message[];
  usage?: Usage;
}

export interface ModelInfo {
  id: string;
  /** Tokens it can read and write in one step, where known. */
  contextWindow?: number;
  /** Tokens it can write in one step, where known. */
  maxOutputTokens?: number;
  /** Epoch seconds. */
  created?: number;
  /** Whether it takes tools, where the provider tells. */
  tools?: boolean;
}
