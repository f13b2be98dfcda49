import { ConfigError } from "../../errors.js";
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
import { modelLimits } from "../model-limits.js";
import { type ResolvedResponsesConfig, type ResponsesConfig, resolveOpenAIConfig } from "./config.js";

/** One model step over OpenAI's Responses API: OpenAI's own, xAI's, Azure's, and every server that speaks it. */
export class OpenAIResponsesBackend implements Backend {
  readonly type: string;
  readonly model: string;
  /** Where requests go. */
  readonly baseUrl: string;
  /** The model behind a deployment of Azure, where the config says it: its price is this one's. */
  readonly baseModel: string | undefined;
  readonly countTokens?: (request: BackendRequest, options?: CallOptions) => Promise<number>;
  readonly compact?: (request: BackendRequest, options?: CallOptions) => Promise<CompactionResult>;
  private readonly config: ResolvedResponsesConfig;
  private readonly wire = new LazyWire(async () => {
    const { openResponses } = await import("./wire.js");
    return openResponses(this.config);
  });

  /** Throws a `ConfigError` for a key, a parameter or a URL that cannot work. A missing key shows at the first request. */
  constructor(given: ResponsesConfig | ResolvedResponsesConfig) {
    const config = "builtinTools" in given && "rule" in given ? given : responsesOnly(given as ResponsesConfig);
    this.config = config;
    this.type = config.type;
    this.model = config.model;
    this.baseUrl = config.baseUrl;
    this.baseModel = config.baseModel;
    if (config.counts) {
      this.countTokens = (request, options = {}) => this.wire.call((wire) => wire.countTokens(request, options));
      this.compact = (request, options = {}) => this.wire.call((wire) => wire.compact(request, options));
    }
  }

  get capabilities(): BackendCapabilities {
    const { rule } = this.config;
    return {
      toolChoice: { required: true, named: true },
      tools: true,
      input: ["image/*", "application/*", "text/*", "audio/wav", "audio/mpeg"],
      ...(rule?.contextWindow !== undefined && { contextWindow: rule.contextWindow }),
      ...(rule?.maxOutputTokens !== undefined && { maxOutputTokens: rule.maxOutputTokens }),
      // A deployment's name says nothing of its model.
      ...((this.type !== "azure_openai" || this.baseModel) && modelLimits(this.type, this.baseModel ?? this.model)),
      ...(rule?.codex && { shortPrompts: true }),
    };
  }

  stream(request: BackendRequest, options: StreamOptions = {}): AsyncIterableIterator<BackendChunk> {
    return this.wire.stream(request, options);
  }

  /** What the server lists. */
  listModels(options: CallOptions = {}): Promise<ModelInfo[]> {
    return this.wire.call((wire) => wire.listModels(options));
  }

  /** Ends what is under way and deletes uploaded files. */
  close(): Promise<void> {
    return this.wire.close();
  }
}

function responsesOnly(config: ResponsesConfig): ResolvedResponsesConfig {
  const resolved = resolveOpenAIConfig(config, process.env);
  if (resolved.wire === "responses") return resolved.config;
  const message = "This config asks for chat completions; make its backend with `createBackend`.";
  throw new ConfigError("wrong_wire", message, { path: "wire" });
}
