import type { Backend, BackendCapabilities, BackendChunk, BackendRequest, CallOptions, ModelInfo, StreamOptions } from "../backend.js";
import { LazyWire } from "../lazy-wire.js";
import { type GeminiConfig, type ResolvedGeminiConfig, resolveGeminiConfig } from "./config.js";

/** One model step over Gemini's `streamGenerateContent`. */
export class GeminiBackend implements Backend {
  readonly type = "gemini";
  private readonly config: ResolvedGeminiConfig;
  private readonly wire = new LazyWire(async () => {
    const { openGemini } = await import("./wire.js");
    return openGemini(this.config);
  });

  /** Throws a `ConfigError` for a key, a parameter or a base URL that cannot work. A missing key shows at the first request. */
  constructor(config: GeminiConfig) {
    this.config = resolveGeminiConfig(config, process.env);
  }

  get model(): string {
    return this.config.model;
  }

  /** Where requests go, without the API version. */
  get baseUrl(): string {
    return this.config.baseUrl;
  }

  get capabilities(): BackendCapabilities {
    const { tools = true, contextWindow, maxOutputTokens } = this.config.rule;
    return {
      toolChoice: tools ? { required: true, named: true } : {},
      tools,
      input: ["image/*", "audio/*", "video/*", "application/pdf", "text/*"],
      ...(contextWindow !== undefined && { contextWindow }),
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    };
  }

  stream(request: BackendRequest, options: StreamOptions = {}): AsyncIterableIterator<BackendChunk> {
    return this.wire.stream(request, options);
  }

  /** Exact, from `countTokens`: system message, messages and tools. */
  countTokens(request: BackendRequest, options: CallOptions = {}): Promise<number> {
    return this.wire.call((wire) => wire.countTokens(request, options));
  }

  /** The models that generate content. */
  listModels(options: CallOptions = {}): Promise<ModelInfo[]> {
    return this.wire.call((wire) => wire.listModels(options));
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.wire.close();
  }
}
