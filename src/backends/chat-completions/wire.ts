import type OpenAI from "openai";
import { BackendError } from "../../errors.js";
import { toChatMessages, toChatToolChoice, toChatTools } from "../../formatter/chat-completions.js";
import type { BackendChunk, BackendRequest, CallOptions, ModelInfo, StreamOptions } from "../backend.js";
import { type WireOrigin, wireError } from "../errors.js";
import type { Wire } from "../lazy-wire.js";
import { OpenRequests } from "../open-requests.js";
import { connectOpenAI, type OpenAIConnection } from "../openai-client.js";
import type { OpenedReply } from "../read-reply.js";
import { countToolCalls, traceHeaders } from "../request-parts.js";
import { untilAborted } from "../until-aborted.js";
import { stepAborted } from "../wire-fetch.js";
import type { ResolvedChatConfig } from "./config.js";
import { readModels, servedModels } from "./models.js";
import { requestParams } from "./request-params.js";
import { chatReader } from "./stream.js";

const NO_TOOLS: ReadonlySet<string> = new Set();

/** What the backend gives its wire. */
export interface ChatWireOptions {
  config: ResolvedChatConfig;
  /** Hears of the server's only model, which stands in for one that the config does not name. */
  onModel(model: ModelInfo): void;
}

/** Throws a `BackendError` `missing_key` or `missing_sdk`. */
export async function openChat(options: ChatWireOptions): Promise<Wire> {
  const { apiKey, headers, longWaits, fetch, client } = options.config;
  const connection = await connectOpenAI({
    origin: originOf(options.config, options.config.model),
    apiKey,
    headers: { ...client?.headers, ...headers },
    longWaits,
    fetch,
    ...(client && { baseUrl: client.baseUrl }),
    ...(client?.query && { query: client.query }),
  });
  return new ChatWire(options, connection);
}

class ChatWire implements Wire {
  private readonly config: ResolvedChatConfig;
  private readonly options: ChatWireOptions;
  private readonly connection: OpenAIConnection;
  private readonly requests = new OpenRequests(() => this.origin);
  private found: ModelInfo | undefined;
  private lookup: { result: Promise<ModelInfo>; abort: AbortController; waiting: number } | undefined;

  constructor(options: ChatWireOptions, connection: OpenAIConnection) {
    this.config = options.config;
    this.options = options;
    this.connection = connection;
  }

  stream(request: BackendRequest, options: StreamOptions): AsyncIterableIterator<BackendChunk> {
    return this.requests.stream(options.signal, (signal) => this.start(request, options, signal));
  }

  async listModels(options: CallOptions): Promise<ModelInfo[]> {
    const url = this.config.client?.modelsUrl ?? "/models";
    return this.requests.call(options.signal, async (signal) =>
      readModels(await this.connection.client.get(url, { maxRetries: 0, headers: traceHeaders(options), signal })),
    );
  }

  async close(): Promise<void> {
    this.requests.abort();
    this.lookup?.abort.abort();
    await this.connection.close();
  }

  private async start(request: BackendRequest, options: StreamOptions, signal: AbortSignal): Promise<OpenedReply> {
    const { client } = this.connection;
    const { type, baseUrl, inlineThinking } = this.config;
    const model = this.config.model || (await this.onlyModel(signal, options)).id;
    const warnings: string[] = [];
    const body = this.body(request, model, warnings) as unknown as OpenAI.ChatCompletionCreateParamsStreaming;
    const call = { signal, headers: traceHeaders(options), maxRetries: 0 };
    const response = await this.requests
      .sent(client.chat.completions.create(body, call).asResponse(), signal)
      .catch(async (error: unknown) => {
        throw await this.withModels(error, signal, options);
      });
    const reader = chatReader({
      provider: type,
      endpoint: baseUrl,
      model,
      toolNames: request.tools === undefined ? NO_TOOLS : new Set(request.tools.map((tool) => tool.name)),
      firstCallId: countToolCalls(request),
      inlineThinking,
      errorFrom: (error) => wireError({ body: error }, this.origin),
    });
    return { response, reader, warnings };
  }

  private body(request: BackendRequest, model: string, warnings: string[]): Record<string, unknown> {
    const { type, preset, baseUrl, openai } = this.config;
    const { stream_options, parallel_tool_calls, ...params } = requestParams(this.config, request, warnings);
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

  /** The one model that the server lists. Asked for once, in the trace of the first of all steps that wait for it. */
  private async onlyModel(signal: AbortSignal, options: CallOptions): Promise<ModelInfo> {
    if (this.found) return this.found;
    if (!this.lookup) {
      const abort = new AbortController();
      const started = { result: this.findModel({ ...options, signal: abort.signal }), abort, waiting: 0 };
      const forget = () => {
        if (this.lookup === started) this.lookup = undefined;
      };
      started.result.then(forget, forget);
      this.lookup = started;
    }
    const lookup = this.lookup;
    lookup.waiting++;
    try {
      return await untilAborted(lookup.result, signal, () => stepAborted(this.config.type, signal));
    } finally {
      if (--lookup.waiting === 0) {
        // Whoever comes now must not wait for what is being aborted.
        if (this.lookup === lookup) this.lookup = undefined;
        lookup.abort.abort();
      }
    }
  }

  private async findModel(options: CallOptions): Promise<ModelInfo> {
    const models = await this.listModels(options);
    const [only] = models;
    if (only && models.length === 1) {
      this.found = only;
      this.options.onModel(only);
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
  private async withModels(error: unknown, signal: AbortSignal, options: CallOptions): Promise<unknown> {
    if (!(error instanceof BackendError) || error.code !== "model_not_found" || signal.aborted) return error;
    try {
      const models = await this.listModels({ ...options, signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]) });
      const served = servedModels(
        models.map((model) => model.id),
        this.origin.model,
      );
      const { status, retryable, provider, cause } = error;
      return new BackendError("model_not_found", `${error.message} ${served}`.trim(), { status, retryable, provider, cause });
    } catch {
      return error;
    }
  }

  private get origin(): WireOrigin {
    return originOf(this.config, this.config.model || (this.found?.id ?? ""));
  }
}

function originOf({ type, label, baseUrl, preset, apiKey }: ResolvedChatConfig, model: string): WireOrigin {
  const secret = typeof apiKey === "string" ? apiKey : undefined;
  return { provider: type, label, baseUrl, model, keyEnv: preset.keyEnv, apiKey: secret, start: preset.start };
}
