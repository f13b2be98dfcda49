import type OpenAI from "openai";
import { checkResponsesParams, responsesBodyParams } from "../../api-params-handler/openai-responses.js";
import { BackendError, ConfigError } from "../../errors.js";
import {
  fromResponsesItems,
  type ResponseItem,
  type ResponsesTarget,
  toResponsesInput,
  toResponsesToolChoice,
  toResponsesTools,
} from "../../formatter/openai-responses.js";
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
import { readModels } from "../chat-completions/models.js";
import { type WireOrigin, wireError } from "../errors.js";
import { Kept } from "../kept.js";
import { modelLimits } from "../model-limits.js";
import { OpenRequests } from "../open-requests.js";
import { connectOpenAI, type OpenAIConnection } from "../openai-client.js";
import type { OpenedReply } from "../read-reply.js";
import { countToolCalls, traceHeaders } from "../request-parts.js";
import { untilAborted } from "../until-aborted.js";
import { stepAborted } from "../wire-fetch.js";
import { type ResolvedResponsesConfig, type ResponsesConfig, resolveOpenAIConfig } from "./config.js";
import { responsesReader } from "./stream.js";
import { type Uploaded, upload } from "./upload.js";
import { attach } from "./upload-files.js";
import { type RawResponsesUsage, toResponsesUsage } from "./usage.js";

/** One model step over OpenAI's Responses API: OpenAI's own, xAI's, Azure's, and every server that speaks it. */
export class OpenAIResponsesBackend implements Backend {
  readonly type: string;
  readonly model: string;
  /** Where requests go. */
  readonly baseUrl: string;
  readonly countTokens?: (request: BackendRequest, options?: CallOptions) => Promise<number>;
  readonly compact?: (request: BackendRequest, options?: CallOptions) => Promise<CompactionResult>;
  private readonly config: ResolvedResponsesConfig;
  private readonly requests = new OpenRequests(() => this.origin);
  private readonly connection = new Kept(() => this.connect());
  private uploads: { result: Promise<Uploaded>; abort: AbortController } | undefined;

  /** Throws a `ConfigError` for a key, a parameter or a URL that cannot work. A missing key shows at the first request. */
  constructor(given: ResponsesConfig | ResolvedResponsesConfig) {
    const config = "builtinTools" in given && "rule" in given ? given : responsesOnly(given as ResponsesConfig);
    this.config = config;
    this.type = config.type;
    this.model = config.model;
    this.baseUrl = config.baseUrl;
    if (config.counts) {
      this.countTokens = (request, options = {}) => this.count(request, options);
      this.compact = (request, options = {}) => this.compactInput(request, options);
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
      ...(this.type !== "azure_openai" && modelLimits(this.type, this.model)),
      ...(rule?.codex && { shortPrompts: true }),
    };
  }

  stream(request: BackendRequest, options: StreamOptions = {}): AsyncIterableIterator<BackendChunk> {
    return this.requests.stream(options.signal, (signal) => this.start(request, options, signal));
  }

  /** What the server lists. */
  async listModels(options: CallOptions = {}): Promise<ModelInfo[]> {
    return this.call(options, async ({ client }, call) => readModels(await client.get("/models", call)));
  }

  /** Ends what is under way and deletes uploaded files. */
  async close(): Promise<void> {
    this.requests.abort();
    const { uploads } = this;
    this.uploads = undefined;
    uploads?.abort.abort();
    const uploaded = await uploads?.result.catch(() => undefined);
    await uploaded?.remove();
    await this.connection.close();
  }

  private async start(request: BackendRequest, options: StreamOptions, signal: AbortSignal): Promise<OpenedReply> {
    const connection = await this.connection.get();
    const { responses } = connection.client;
    const { type, baseUrl, model } = this.config;
    const warnings: string[] = [];
    const body = this.body(request, await this.uploaded(connection, signal), warnings);
    const call = { signal, headers: traceHeaders(options), maxRetries: 0 };
    const sent = responses.create(body as unknown as OpenAI.Responses.ResponseCreateParamsStreaming, call).asResponse();
    const response = await this.requests.sent(sent, signal);
    const reader = responsesReader({
      provider: type,
      endpoint: baseUrl,
      model,
      firstCallId: countToolCalls(request),
      errorFrom: (error) => wireError({ body: error }, this.origin),
      began: (id) => {
        // The provider goes on with a background reply that nobody reads.
        if (body.background !== true) return;
        const cancel = () => {
          responses.cancel(id, { maxRetries: 0, timeout: 10_000 }).catch(() => {});
        };
        if (signal.aborted) cancel();
        else signal.addEventListener("abort", cancel, { once: true });
      },
    });
    return { response, reader, warnings };
  }

  private body(request: BackendRequest, uploaded: Uploaded | undefined, warnings: string[]): Record<string, unknown> {
    const { openai } = this.config;
    const { stream_options, ...core } = this.core(request, uploaded, warnings);
    const body: Record<string, unknown> = { ...core, stream: true };
    const options = { ...(openai && { include_obfuscation: false }), ...(stream_options as object | undefined) };
    if (stream_options !== null && Object.keys(options).length > 0) body.stream_options = options;
    return body;
  }

  /** What a step, a count and a compaction have in common. */
  private core(request: BackendRequest, uploaded: Uploaded | undefined, warnings: string[]): Record<string, unknown> {
    const { type, model, rule, builtinTools, params } = this.config;
    const requestParams = request.params ? checkResponsesParams(request.params, type, "request.params") : {};
    const { parallel_tool_calls, ...own } = responsesBodyParams(params, request.settings, requestParams, { type, model, rule }, warnings);
    // Nothing is kept at the provider; what it needs again travels encrypted. A background reply has to be kept.
    const store = own.store ?? own.background === true;
    const body: Record<string, unknown> = { ...own, model, store };
    if (request.system) body.instructions = request.system;
    body.input = toResponsesInput(attach(request.messages, uploaded?.parts ?? []), this.target(store === true));
    const encrypted = store !== true && (rule?.encrypted ?? rule?.efforts !== undefined);
    const include = new Set(Array.isArray(own.include) ? own.include : []);
    if (encrypted) include.add("reasoning.encrypted_content");
    if (include.size > 0) body.include = [...include];
    const tools = [...builtinTools, ...(uploaded?.tools ?? []), ...toResponsesTools(request.tools ?? [])];
    if (tools.length > 0) body.tools = tools;
    if (request.tools?.length) {
      if (parallel_tool_calls !== undefined) body.parallel_tool_calls = parallel_tool_calls;
      if (request.toolChoice && request.toolChoice !== "auto") body.tool_choice = toResponsesToolChoice(request.toolChoice);
    }
    return body;
  }

  private async count(request: BackendRequest, options: CallOptions): Promise<number> {
    const body = await this.call(options, async (connection, call) => {
      const core = this.core(request, await this.uploaded(connection, call.signal), []);
      return connection.client.responses.inputTokens.count(only(core, COUNTED) as never, call);
    });
    const { input_tokens } = body as { input_tokens?: unknown };
    if (typeof input_tokens === "number") return input_tokens;
    throw new BackendError("unsupported", `${this.config.label} did not count the tokens.`, { provider: this.type });
  }

  private async compactInput(request: BackendRequest, options: CallOptions): Promise<CompactionResult> {
    const body = (await this.call(options, async (connection, call) => {
      const core = this.core(request, await this.uploaded(connection, call.signal), []);
      return connection.client.responses.compact(only(core, COMPACTED) as never, call);
    })) as unknown as { output?: ResponseItem[]; usage?: RawResponsesUsage };
    if (!Array.isArray(body.output)) {
      throw new BackendError("unsupported", `${this.config.label} did not compact the conversation.`, { provider: this.type });
    }
    const messages = fromResponsesItems(body.output, this.target(false));
    return { messages, ...(body.usage && { usage: toResponsesUsage(body.usage) }) };
  }

  private target(stored: boolean): ResponsesTarget {
    const { type, baseUrl, model } = this.config;
    return { provider: type, endpoint: baseUrl, model, ...(stored && { stored }) };
  }

  /** A request that is no step. */
  private call<T>(
    { signal: outer }: CallOptions,
    send: (connection: OpenAIConnection, call: { maxRetries: number; signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    return this.requests.call(outer, async (signal) => send(await this.connection.get(), { maxRetries: 0, signal }));
  }

  /** The uploaded files. Handed over once, however many steps wait for it; again after a failure. */
  private async uploaded(connection: OpenAIConnection, signal: AbortSignal): Promise<Uploaded | undefined> {
    const { uploadFiles } = this.config;
    if (uploadFiles.length === 0) return undefined;
    if (!this.uploads) {
      const abort = new AbortController();
      const fetch = this.config.fetch ?? globalThis.fetch;
      const started = { abort, result: upload(uploadFiles, connection, fetch, abort.signal) };
      started.result.catch(() => {
        if (this.uploads === started) this.uploads = undefined;
      });
      this.uploads = started;
    }
    return this.requests.sent(
      untilAborted(this.uploads.result, signal, () => stepAborted(this.type, signal)),
      signal,
    );
  }

  private connect(): Promise<OpenAIConnection> {
    const { apiKey, headers, query, longWaits, fetch } = this.config;
    return connectOpenAI({ origin: this.origin, apiKey, headers, longWaits, fetch, ...(query && { query }) });
  }

  private get origin(): WireOrigin {
    const { type, label, baseUrl, model, keyEnv, apiKey } = this.config;
    return { provider: type, label, baseUrl, model, keyEnv, apiKey: typeof apiKey === "string" ? apiKey : undefined };
  }
}

function responsesOnly(config: ResponsesConfig): ResolvedResponsesConfig {
  const resolved = resolveOpenAIConfig(config, process.env);
  if (resolved.wire === "responses") return resolved.config;
  const message = "This config asks for chat completions; make its backend with `createBackend`.";
  throw new ConfigError("wrong_wire", message, { path: "wire" });
}

const COUNTED = ["model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text", "truncation"];
const COMPACTED = ["model", "input", "instructions", "prompt_cache_key", "service_tier"];

function only(body: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.flatMap((key) => (body[key] === undefined ? [] : [[key, body[key]]])));
}
