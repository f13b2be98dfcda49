import type {
  Backend,
  BackendCapabilities,
  BackendChunk,
  BackendRequest,
  CallOptions,
  CompactionResult,
  ModelInfo,
  StreamOptions,
} from "../backend.js";
import { LazyWire } from "../lazy-wire.js";
import { type ClaudeConfig, type ResolvedClaudeConfig, resolveClaudeConfig } from "./config.js";

/** One model step on the Anthropic Messages API: Claude, and every server that speaks it. */
export class ClaudeBackend implements Backend {
  readonly type = "claude";
  readonly model: string;
  private readonly config: ResolvedClaudeConfig;
  private readonly wire = new LazyWire(async () => {
    const { openClaude } = await import("./wire.js");
    return openClaude(this.config);
  });

  /** Throws a `ConfigError` for a key, a parameter or a base URL that cannot work. A missing key shows at the first request. */
  constructor(config: ClaudeConfig) {
    this.config = resolveClaudeConfig(config, process.env);
    this.model = this.config.model;
  }

  /** Where requests go; `/v1/messages` follows. */
  get baseUrl(): string {
    return this.config.baseUrl;
  }

  get capabilities(): BackendCapabilities {
    const { rules, params } = this.config;
    const thinking = params.thinking as { type?: string } | null | undefined;
    const forced = rules.forcedTools && thinking?.type !== "enabled";
    return {
      toolChoice: { required: forced, named: forced },
      tools: true,
      maxOutputTokens: rules.maxOutput,
      ...(rules.contextWindow !== undefined && { contextWindow: rules.contextWindow }),
      input: ["image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf", "text/*"],
    };
  }

  stream(request: BackendRequest, options: StreamOptions = {}): AsyncIterableIterator<BackendChunk> {
    return this.wire.stream(request, options);
  }

  /** Counted by the provider; nothing is generated or billed. */
  countTokens(request: BackendRequest, options: CallOptions = {}): Promise<number> {
    return this.wire.call((wire) => wire.countTokens(request, options));
  }

  /** Has the API summarize the conversation; the result is what to send instead of it, to the same model at the same place. */
  compact(request: BackendRequest, options: CallOptions = {}): Promise<CompactionResult> {
    return this.wire.call((wire) => wire.compact(request, options));
  }

  /** What the server lists. */
  listModels(options: CallOptions = {}): Promise<ModelInfo[]> {
    return this.wire.call((wire) => wire.listModels(options));
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.wire.close();
  }
}
