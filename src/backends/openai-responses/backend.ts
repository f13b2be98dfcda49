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
import { modelLimits } from "../model-limits.js";
import { connectOpenAI, type OpenAIConnection, openAIError, stepAborted } from "../openai-client.js";
import { untilAborted } from "../until-aborted.js";
import { tailOf } from "../wire-fetch.js";
import { type ResolvedResponsesConfig, type ResponsesConfig, resolveOpenAIConfig } from "./config.js";
import { type RawResponse, type ResponsesEvent, type ResponsesStream, readResponsesStream, truncated } from "./stream.js";
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
  private connection: Promise<OpenAIConnection> | undefined;
  private uploads: { result: Promise<Uploaded>; abort: AbortController } | undefined;
  private readonly open = new Set<AbortController>();

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

  stream(request: BackendRequest, options: StreamOptions = {}): AsyncGenerator<BackendChunk> {
    const abort = new AbortController();
    const { signal } = options;
    const onAbort = () => abort.abort(signal?.reason);
    const open = async () => {
      if (signal?.aborted) throw stepAborted(this.type, signal);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.open.add(abort);
      return this.start(request, options, abort.signal);
    };
    return readResponsesStream(open, () => {
      signal?.removeEventListener("abort", onAbort);
      this.open.delete(abort);
    });
  }

  /** What the server lists. */
  async listModels(options: CallOptions = {}): Promise<ModelInfo[]> {
    return readModels(await this.call(options.signal, ({ client }, call) => client.get("/models", call)));
  }

  /** Ends what is under way and deletes uploaded files. */
  async close(): Promise<void> {
    for (const abort of this.open) abort.abort();
    const { uploads } = this;
    this.uploads = undefined;
    uploads?.abort.abort();
    const uploaded = await uploads?.result.catch(() => undefined);
    await uploaded?.remove();
    const connection = await this.connection?.catch(() => undefined);
    this.connection = undefined;
    await connection?.close();
  }

  private async start(request: BackendRequest, options: StreamOptions, signal: AbortSignal): Promise<ResponsesStream> {
    const connection = await this.connect();
    const { type, baseUrl, model } = this.config;
    const warnings: string[] = [];
    const body = this.body(request, await this.uploaded(connection, signal), warnings);
    const { trace } = options;
    const headers = {
      ...(trace?.traceparent && { traceparent: trace.traceparent }),
      ...(trace?.tracestate && { tracestate: trace.tracestate }),
    };
    let opened: { data: AsyncIterable<unknown>; response: Response };
    try {
      opened = await connection.client.responses
        .create(body as unknown as OpenAI.Responses.ResponseCreateParamsStreaming, { signal, headers, maxRetries: 0 })
        .withResponse();
    } catch (error) {
      throw this.toError(error, connection, signal);
    }
    const tail = tailOf(opened.response);
    return {
      events: opened.data as AsyncIterable<ResponsesEvent>,
      warnings,
      provider: type,
      endpoint: baseUrl,
      model,
      firstCallId: countCalls(request),
      errorFrom: (error) => wireError({ body: error }, this.origin),
      failed: (error) => {
        // One SDK line hands on the beginning of an event that never ended.
        if (error instanceof SyntaxError && tail?.endedInside() && !signal.aborted) return truncated(type, error);
        // Another throws for an error inside the stream, and keeps less of it than was sent.
        const inStream = error instanceof connection.sdk.APIError && error.status === undefined && !signal.aborted;
        const body = inStream ? errorIn(tail?.lastEvent()) : undefined;
        return body === undefined ? this.toError(error, connection, signal) : wireError({ body }, this.origin, error);
      },
      aborted: () => (signal.aborted ? stepAborted(type, signal) : undefined),
      began: (id) => {
        // The provider goes on with a background reply that nobody reads.
        if (body.background !== true) return;
        const cancel = () => {
          connection.client.responses.cancel(id, { maxRetries: 0, timeout: 10_000 }).catch(() => {});
        };
        if (signal.aborted) cancel();
        else signal.addEventListener("abort", cancel, { once: true });
      },
    };
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
    const body = await this.call(options.signal, async (connection, call) => {
      const core = this.core(request, await this.uploaded(connection, call.signal), []);
      return connection.client.responses.inputTokens.count(only(core, COUNTED) as never, call);
    });
    const { input_tokens } = body as { input_tokens?: unknown };
    if (typeof input_tokens === "number") return input_tokens;
    throw new BackendError("unsupported", `${this.config.label} did not count the tokens.`, { provider: this.type });
  }

  private async compactInput(request: BackendRequest, options: CallOptions): Promise<CompactionResult> {
    const body = (await this.call(options.signal, async (connection, call) => {
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
  private async call<T>(
    signal: AbortSignal | undefined,
    work: (connection: OpenAIConnection, call: { maxRetries: number; signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    if (signal?.aborted) throw stepAborted(this.type, signal);
    const connection = await this.connect();
    const abort = new AbortController();
    const onAbort = () => abort.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.open.add(abort);
    try {
      return await work(connection, { maxRetries: 0, signal: abort.signal });
    } catch (error) {
      throw this.toError(error, connection, abort.signal);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.open.delete(abort);
    }
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
    try {
      return await untilAborted(this.uploads.result, signal, () => stepAborted(this.type, signal));
    } catch (error) {
      throw this.toError(error, connection, signal);
    }
  }

  private connect(): Promise<OpenAIConnection> {
    const { apiKey, headers, query, longWaits, fetch } = this.config;
    this.connection ??= connectOpenAI({
      origin: this.origin,
      apiKey,
      headers,
      longWaits,
      fetch,
      wholeReply,
      ...(query && { query }),
    }).catch((error: unknown) => {
      this.connection = undefined;
      throw error;
    });
    return this.connection;
  }

  private get origin(): WireOrigin {
    const { type, label, baseUrl, model, keyEnv, apiKey } = this.config;
    return { provider: type, label, baseUrl, model, keyEnv, apiKey: typeof apiKey === "string" ? apiKey : undefined };
  }

  private toError(error: unknown, { sdk }: OpenAIConnection, signal: AbortSignal | undefined): unknown {
    return openAIError(error, sdk, this.origin, signal);
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

/** A reply that came whole, as the event that would have ended its stream. */
function wholeReply(body: unknown, url: string): unknown {
  if (!/\/responses(\?|$)/.test(url)) return undefined;
  const { object, status } = (body ?? {}) as RawResponse & { object?: string };
  if (object !== "response") return body;
  const type = status === "failed" || status === "cancelled" || status === "incomplete" ? status : "completed";
  return { type: `response.${type}`, response: body };
}

/** The error of the last event of a stream, where it is one. */
function errorIn(event: unknown): unknown {
  const { type, error, response } = (event ?? {}) as ResponsesEvent;
  if (type === "response.failed" && response?.error) return { error: response.error };
  return type === "error" ? { error: error ?? event } : undefined;
}

function countCalls(request: BackendRequest): number {
  let count = 0;
  for (const { content } of request.messages) {
    if (typeof content !== "string") for (const part of content) if (part.type === "tool-call") count++;
  }
  return count;
}
