import type OpenAI from "openai";
import { chatBodyParams, checkChatParams } from "../../api-params-handler/chat-completions.js";
import { BackendError, MassGenError } from "../../errors.js";
import { toChatMessages, toChatToolChoice, toChatTools } from "../../formatter/chat-completions.js";
import type { Backend, BackendCapabilities, BackendChunk, BackendRequest, CallOptions, ModelInfo, StreamOptions } from "../backend.js";
import { connectionError, type WireOrigin, wireError } from "../errors.js";
import { loadOpenAI, type OpenAISdk } from "../openai-sdk.js";
import { readersOf } from "../presets.js";
import { type ChatCompletionsConfig, type ResolvedChatConfig, resolveChatConfig } from "./config.js";
import { readModels, servedModels } from "./models.js";
import { type ChatStream, readChatStream, truncated } from "./stream.js";
import { FetchFailure, type WrappedBody, wireFetch } from "./wire-fetch.js";

/** The longest a timer of Node can run; our own timeouts end a step long before. */
const NEVER = 2 ** 31 - 1;

interface Connection {
  sdk: OpenAISdk;
  client: OpenAI;
  /** Ends the connections that `longWaits` opened. */
  close(): Promise<void>;
}

/** One model step over chat completions: OpenAI's own, and every server that speaks it (see `presets.ts`). */
export class ChatCompletionsBackend implements Backend {
  readonly type: string;
  private readonly config: ResolvedChatConfig;
  private found: ModelInfo | undefined;
  private connection: Promise<Connection> | undefined;
  private lookup: { result: Promise<ModelInfo>; abort: AbortController; waiting: number } | undefined;
  private readonly open = new Set<AbortController>();

  /** Throws a `ConfigError` for a key, a parameter or a base URL that cannot work. A missing key shows at the first request. */
  constructor(config: ChatCompletionsConfig) {
    this.config = resolveChatConfig(config, process.env);
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
    const { toolChoice } = this.config.preset;
    return {
      toolChoice: { ...toolChoice },
      tools: true,
      ...(this.found?.contextWindow !== undefined && { contextWindow: this.found.contextWindow }),
    };
  }

  stream(request: BackendRequest, options: StreamOptions = {}): AsyncIterableIterator<BackendChunk> {
    const abort = new AbortController();
    const { signal } = options;
    const onAbort = () => abort.abort(signal?.reason);
    const open = async () => {
      if (signal?.aborted) throw this.aborted(signal);
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
      return readModels(await connection.client.get("/models", call));
    } catch (error) {
      throw this.toError(error, connection, options.signal);
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
      throw await this.withModels(this.toError(error, connection, signal), signal);
    }
    if (!response.body) throw truncated(type);
    return {
      bytes: response.body as AsyncIterable<Uint8Array>,
      warnings,
      provider: type,
      endpoint: baseUrl,
      model,
      toolNames: new Set(request.tools?.map((tool) => tool.name)),
      firstCallId: countCalls(request),
      inlineThinking,
      errorFrom: (error) => wireError({ body: error }, this.origin),
      failed: (error) => this.toError(error, connection, signal),
      aborted: () => (signal.aborted ? this.aborted(signal) : undefined),
    };
  }

  private body(request: BackendRequest, model: string, warnings: string[]): Record<string, unknown> {
    const { type, preset, baseUrl, openai } = this.config;
    const target = { ...preset, type, readersOf };
    const requestParams = request.params ? checkChatParams(request.params, target, "request.params") : {};
    const { stream_options, parallel_tool_calls, ...params } = chatBodyParams(this.config.params, request.settings, requestParams, target);
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

  private connect(): Promise<Connection> {
    this.connection ??= this.newConnection().catch((error: unknown) => {
      this.connection = undefined;
      throw error;
    });
    return this.connection;
  }

  private async newConnection(): Promise<Connection> {
    const { apiKey, baseUrl, label, preset, type, headers, openai } = this.config;
    if (apiKey === undefined) {
      const names = preset.keyEnv.join(" or ");
      throw new BackendError(
        "missing_key",
        `${label} at ${baseUrl} needs a key. Set ${names ? `${names}, or ` : ""}\`apiKey\` of the backend.`,
        { provider: type },
      );
    }
    const sdk = await loadOpenAI();
    const transport = await this.transport();
    const client = new sdk.OpenAI({
      apiKey,
      adminAPIKey: null,
      baseURL: baseUrl,
      organization: null,
      project: null,
      webhookSecret: null,
      maxRetries: 0,
      timeout: NEVER,
      logLevel: "off",
      fetch: wireFetch(transport.fetch),
      defaultHeaders: { ...(!openai && withoutEnvHeaders()), ...headers },
    });
    return { sdk, client, close: transport.close };
  }

  private async transport(): Promise<{ fetch: typeof globalThis.fetch; close(): Promise<void> }> {
    const close = async () => {};
    if (this.config.fetch) return { fetch: this.config.fetch, close };
    if (!this.config.longWaits) return { fetch: (input, init) => globalThis.fetch(input, init), close };
    const undici = await import("undici");
    const dispatcher = new undici.Agent({ headersTimeout: 0, bodyTimeout: 0 });
    const fetch = (input: unknown, init: object = {}) => undici.fetch(input as string, { ...init, dispatcher });
    return { fetch: fetch as unknown as typeof globalThis.fetch, close: () => dispatcher.destroy() };
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
      stop = () => reject(this.aborted(signal));
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
    return { provider: type, label, baseUrl, model: this.model, keyEnv: preset.keyEnv, apiKey, start: preset.start };
  }

  private aborted(signal: AbortSignal): BackendError {
    return new BackendError("aborted", "The step was aborted.", { provider: this.type, cause: signal.reason });
  }

  private toError(error: unknown, { sdk }: Connection, signal: AbortSignal | undefined): unknown {
    if (error instanceof MassGenError) return error;
    if (signal?.aborted) return this.aborted(signal);
    const { origin } = this;
    if (error instanceof sdk.APIConnectionError) {
      return connectionError(error.cause instanceof FetchFailure ? error.cause.failure : (error.cause ?? error), origin);
    }
    if (error instanceof sdk.APIError) {
      const body = error.error as WrappedBody | undefined;
      if (error.status === undefined) return wireError({ body: { error: body ?? error.message }, headers: error.headers }, origin, error);
      return wireError({ status: error.status, body: body?.massgenBody, headers: error.headers }, origin, error);
    }
    const options = { retryable: true, provider: this.type, cause: error };
    if (error instanceof SyntaxError) return new BackendError("stream_error", `${origin.label} sent an event that is not JSON.`, options);
    // What fetch throws: "terminated" when the connection breaks while the reply is read.
    if (error instanceof TypeError) return connectionError(error, origin);
    const message = error instanceof Error ? error.message : String(error);
    return new BackendError("unknown", `${origin.label}: ${message}`, { ...options, retryable: false });
  }
}

/** OPENAI_CUSTOM_HEADERS is meant for OpenAI; the SDK would send it to every host. */
function withoutEnvHeaders(): Record<string, null> {
  const lines = (process.env.OPENAI_CUSTOM_HEADERS ?? "").split("\n");
  return Object.fromEntries(lines.flatMap((line) => (line.includes(":") ? [[line.slice(0, line.indexOf(":")).trim(), null]] : [])));
}

function countCalls(request: BackendRequest): number {
  let count = 0;
  for (const { content } of request.messages) {
    if (typeof content !== "string") for (const part of content) if (part.type === "tool-call") count++;
  }
  return count;
}
