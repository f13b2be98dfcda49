import type OpenAI from "openai";
import { chatBodyParams, checkChatParams } from "../../api-params-handler/chat-completions.js";
import { BackendError } from "../../errors.js";
import { toChatMessages, toChatToolChoice, toChatTools } from "../../formatter/chat-completions.js";
import type { Backend, BackendCapabilities, BackendChunk, BackendRequest, CallOptions, ModelInfo, StreamOptions } from "../backend.js";
import { type WireOrigin, wireError } from "../errors.js";
import { modelLimits } from "../model-limits.js";
import { connectOpenAI, type OpenAIConnection, openAIError, stepAborted } from "../openai-client.js";
import { readersOf } from "../presets.js";
import { type ChatCompletionsConfig, type ResolvedChatConfig, resolveChatConfig } from "./config.js";
import { readModels, servedModels } from "./models.js";
import { type ChatStream, readChatStream, truncated } from "./stream.js";

/** One model step over chat completions: OpenAI's own, and every server that speaks it (see `presets.ts`). */
export class ChatCompletionsBackend implements Backend {
  readonly type: string;
  private readonly config: ResolvedChatConfig;
  private found: ModelInfo | undefined;
  private connection: Promise<OpenAIConnection> | undefined;
  private lookup: { result: Promise<ModelInfo>; abort: AbortController; waiting: number } | undefined;
  private readonly open = new Set<AbortController>();

  /** Throws a `ConfigError` for a key, a parameter or a base URL that cannot work. A missing key shows at the first request. */
  constructor(config: ChatCompletionsConfig | ResolvedChatConfig) {
    this.config = "preset" in config ? config : resolveChatConfig(config, process.env);
    this.type = this.config.type;
  }

  get model(): string {
    return this.config.model || (this.found?.id ?? "");
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
      ...((type !== "chatcompletion" || openai) && modelLimits(type, this.model)),
      ...(this.found?.contextWindow !== undefined && { contextWindow: this.found.contextWindow }),
    };
  }

  stream(request: BackendRequest, options: StreamOptions = {}): AsyncIterableIterator<BackendChunk> {
    const abort = new AbortController();
    const { signal } = options;
    const onAbort = () => abort.abort(signal?.reason);
    const open = async () => {
      if (signal?.aborted) throw stepAborted(this.type, signal);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.open.add(abort);
      return this.start(request, options, abort.signal);
    };
    return readChatStream(open, () => {
      signal?.removeEventListener("abort", onAbort);
      this.open.delete(abort);
    });
  }

  /** What the server lists. */
  async listModels(options: CallOptions = {}): Promise<ModelInfo[]> {
    const connection = await this.connect();
    try {
      const call = { maxRetries: 0, ...(options.signal && { signal: options.signal }) };
      return readModels(await connection.client.get(this.config.client?.modelsUrl ?? "/models", call));
    } catch (error) {
      throw openAIError(error, connection.sdk, this.origin, options.signal);
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    for (const abort of this.open) abort.abort();
    this.lookup?.abort.abort();
    const connection = await this.connection?.catch(() => undefined);
    this.connection = undefined;
    await connection?.close();
  }

  private async start(request: BackendRequest, options: StreamOptions, signal: AbortSignal): Promise<ChatStream> {
    const connection = await this.connect();
    const { type, baseUrl, inlineThinking } = this.config;
    const model = this.config.model || (await this.onlyModel(signal)).id;
    const warnings: string[] = [];
    const body = this.body(request, model, warnings);
    const { trace } = options;
    const headers = {
      ...(trace?.traceparent && { traceparent: trace.traceparent }),
      ...(trace?.tracestate && { tracestate: trace.tracestate }),
    };
    let response: Response;
    try {
      // The SDK sends; its reading of the stream would cost a third of all time at many streams, and hides how it ended.
      response = await connection.client.chat.completions
        .create(body as unknown as OpenAI.ChatCompletionCreateParamsStreaming, { signal, headers, maxRetries: 0 })
        .asResponse();
    } catch (error) {
      throw await this.withModels(openAIError(error, connection.sdk, this.origin, signal), signal);
    }
    if (!response.body) throw truncated(type);
    return {
      bytes: bytesOf(response.body),
      warnings,
      provider: type,
      endpoint: baseUrl,
      model,
      toolNames: request.tools === undefined ? NO_TOOLS : new Set(request.tools.map((tool) => tool.name)),
      firstCallId: countCalls(request),
      inlineThinking,
      errorFrom: (error) => wireError({ body: error }, this.origin),
      failed: (error) => openAIError(error, connection.sdk, this.origin, signal),
      aborted: () => (signal.aborted ? stepAborted(this.type, signal) : undefined),
    };
  }

  private body(request: BackendRequest, model: string, warnings: string[]): Record<string, unknown> {
    const { type, preset, baseUrl, openai } = this.config;
    const target = { ...preset, type, readersOf };
    const requestParams = request.params ? checkChatParams(request.params, target, "request.params") : {};
    const { stream_options, parallel_tool_calls, ...params } = chatBodyParams(this.config.params, request.settings, requestParams, target);
    const { defaultEffort } = this.config;
    // A null of the user's means: not even the default.
    const said = [this.config.params, requestParams].some((layer) => "reasoning_effort" in layer);
    if (defaultEffort && !said && !("reasoning_effort" in params)) params.reasoning_effort = defaultEffort;
    const chatTarget = { provider: type, endpoint: baseUrl, model, ...(preset.reasoningBack && { reasoningBack: true }) };
    const body: Record<string, unknown> = {
      ...params,
      model,
      messages: toChatMessages(request.system, request.messages, chatTarget),
      stream: true,
    };
    if (stream_options || (stream_options === undefined && preset.streamOptions !== false)) {
      const quiet = openai ? { include_obfuscation: false } : {};
      body.stream_options = { include_usage: true, ...quiet, ...(stream_options as object | undefined) };
    }
    if (request.tools?.length) {
      body.tools = toChatTools(request.tools);
      if (parallel_tool_calls !== undefined) body.parallel_tool_calls = parallel_tool_calls;
      const choice = this.toolChoice(request.toolChoice, warnings);
      if (choice !== "auto") body.tool_choice = toChatToolChoice(choice);
    }
    return body;
  }

  /** The wanted choice, or the nearest that the server takes. */
  private toolChoice(wanted: BackendRequest["toolChoice"] = "auto", warnings: string[]): NonNullable<BackendRequest["toolChoice"]> {
    const { required, named } = this.config.preset.toolChoice;
    if (wanted === "auto" || wanted === "none") return wanted;
    if (wanted === "required" ? required : named) return wanted;
    const instead = wanted !== "required" && required ? "required" : "auto";
    const what = wanted === "required" ? '"required"' : `the tool "${wanted.toolName}"`;
    warnings.push(`${this.config.label} cannot be made to call ${what}; the tool choice "${instead}" was sent.`);
    return instead;
  }

  private connect(): Promise<OpenAIConnection> {
    this.connection ??= this.newConnection().catch((error: unknown) => {
      this.connection = undefined;
      throw error;
    });
    return this.connection;
  }

  private newConnection(): Promise<OpenAIConnection> {
    const { apiKey, headers, longWaits, fetch, client } = this.config;
    const { origin } = this;
    if (!client) return connectOpenAI({ origin, apiKey, headers, longWaits, fetch });
    const { baseUrl, query } = client;
    return connectOpenAI({
      origin,
      apiKey,
      headers: { ...client.headers, ...headers },
      longWaits,
      fetch,
      baseUrl,
      ...(query && { query }),
    });
  }

  /** The one model that the server lists. Asked for once, however many steps wait for it. */
  private async onlyModel(signal: AbortSignal): Promise<ModelInfo> {
    if (this.found) return this.found;
    if (!this.lookup) {
      const abort = new AbortController();
      const result = this.findModel(abort.signal).finally(() => {
        this.lookup = undefined;
      });
      result.catch(() => {});
      this.lookup = { result, abort, waiting: 0 };
    }
    const lookup = this.lookup;
    lookup.waiting++;
    let stop = () => {};
    const stopped = new Promise<never>((_, reject) => {
      stop = () => reject(stepAborted(this.type, signal));
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
    });
    try {
      return await Promise.race([lookup.result, stopped]);
    } finally {
      signal.removeEventListener("abort", stop);
      if (--lookup.waiting === 0) lookup.abort.abort();
    }
  }

  private async findModel(signal: AbortSignal): Promise<ModelInfo> {
    const models = await this.listModels({ signal });
    const [only] = models;
    if (only && models.length === 1) {
      this.found = only;
      return only;
    }
    const { label, baseUrl, type } = this.config;
    const shown = models.slice(0, 20).map((model) => `"${model.id}"`);
    const more = models.length > shown.length ? `, and ${models.length - shown.length} more` : "";
    const why = only
      ? `serves ${models.length} models. Set \`model\` to one of ${shown.join(", ")}${more}.`
      : "lists no model. Set `model`.";
    throw new BackendError("model_not_found", `${label} at ${baseUrl} ${why}`, { provider: type });
  }

  /** Adds to "model not found" what there is; best effort. */
  private async withModels(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (!(error instanceof BackendError) || error.code !== "model_not_found" || signal.aborted) return error;
    try {
      const models = await this.listModels({ signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]) });
      const served = servedModels(
        models.map((model) => model.id),
        this.model,
      );
      const { status, retryable, provider, cause } = error;
      return new BackendError("model_not_found", `${error.message} ${served}`.trim(), { status, retryable, provider, cause });
    } catch {
      return error;
    }
  }

  private get origin(): WireOrigin {
    const { type, label, baseUrl, preset, apiKey } = this.config;
    const secret = typeof apiKey === "string" ? apiKey : undefined;
    return { provider: type, label, baseUrl, model: this.model, keyEnv: preset.keyEnv, apiKey: secret, start: preset.start };
  }
}

const NO_TOOLS: ReadonlySet<string> = new Set();

/** The pieces of a body. Its own iterator would cost each piece two promises more, and 1 KB. */
function bytesOf(body: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  // A fetch of the caller's, or ours, may give bodies that can only be iterated.
  if (typeof body.getReader !== "function") return body as AsyncIterable<Uint8Array>;
  const reader = body.getReader();
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => reader.read() as Promise<IteratorResult<Uint8Array, undefined>>,
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

function countCalls(request: BackendRequest): number {
  let count = 0;
  for (const { content } of request.messages) {
    if (typeof content !== "string") for (const part of content) if (part.type === "tool-call") count++;
  }
  return count;
}
