import type { Backend, BackendCapabilities, BackendChunk, BackendRequest, CallOptions, ModelInfo, StreamOptions } from "../backend.js";
import { LazyWire } from "../lazy-wire.js";
import { modelLimits } from "../model-limits.js";
import { type ChatCompletionsConfig, type ResolvedChatConfig, resolveChatConfig } from "./config.js";

/** One model step over chat completions: OpenAI's own, and every server that speaks it (see `presets.ts`). */
export class ChatCompletionsBackend implements Backend {
  readonly type: string;
  private readonly config: ResolvedChatConfig;
  private found: ModelInfo | undefined;
  private readonly wire = new LazyWire(async () => {
    const { openChat } = await import("./wire.js");
    return openChat({
      config: this.config,
      onModel: (model) => {
        this.found = model;
      },
    });
  });

  /** Throws a `ConfigError` for a key, a parameter or a base URL that cannot work. A missing key shows at the first request. */
  constructor(config: ChatCompletionsConfig | ResolvedChatConfig) {
    this.config = "preset" in config ? config : resolveChatConfig(config, process.env);
    this.type = this.config.type;
  }

  get model(): string {
    return this.config.model || (this.found?.id ?? "");
  }

  /** The model behind a deployment of Azure, where the config says it: its price is this one's. */
  get baseModel(): string | undefined {
    return this.config.baseModel;
  }

  /** Where requests go. */
  get baseUrl(): string {
    return this.config.baseUrl;
  }

  get capabilities(): BackendCapabilities {
    const { type, openai, preset } = this.config;
    return {
      toolChoice: { ...preset.toolChoice },
      tools: true,
      // Of a server that has no name, only the server knows.
      ...((type !== "chatcompletion" || openai) && modelLimits(type, this.baseModel ?? this.model)),
      ...(this.found?.contextWindow !== undefined && { contextWindow: this.found.contextWindow }),
    };
  }

  stream(request: BackendRequest, options: StreamOptions = {}): AsyncIterableIterator<BackendChunk> {
    return this.wire.stream(request, options);
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
