import type { GoogleGenAI } from "@google/genai";
import { checkGeminiParams, geminiRequestParams } from "../../api-params-handler/gemini.js";
import { type GeminiRule, geminiRule } from "../../api-params-handler/gemini-models.js";
import { BackendError, MassGenError } from "../../errors.js";
import { continuationOf, type GeminiTarget, toGeminiContents, toGeminiToolChoice, toGeminiTools } from "../../formatter/gemini.js";
import type { Backend, BackendCapabilities, BackendChunk, BackendRequest, CallOptions, ModelInfo, StreamOptions } from "../backend.js";
import { connectionError, type WireOrigin } from "../errors.js";
import { openTransport, type Transport } from "../transport.js";
import { type GeminiConfig, keyEnv, type ResolvedGeminiConfig, resolveGeminiConfig } from "./config.js";
import { geminiError } from "./errors.js";
import { type Exchange, openExchange } from "./exchange.js";
import { loadGemini, newClient } from "./sdk.js";
import { type GeminiStream, readGeminiStream, truncated } from "./stream.js";
import type { GeminiChunk } from "./wire.js";

interface Connection {
  client: GoogleGenAI;
  transport: Transport;
}

/** What goes into a request besides its contents. */
interface Plan {
  contents: unknown[];
  config: Record<string, unknown>;
  extraBody: Record<string, unknown>;
}

/** The contents travel past the SDK, which would drop the fields of a part that it does not know. */
const PLACEHOLDER = "-";

/** One model step over Gemini's `streamGenerateContent`. */
export class GeminiBackend implements Backend {
  readonly type = "gemini";
  private readonly config: ResolvedGeminiConfig;
  private readonly rule: GeminiRule;
  private connection: Promise<Connection> | undefined;
  private readonly open = new Set<AbortController>();

  /** Throws a `ConfigError` for a key, a parameter or a base URL that cannot work. A missing key shows at the first request. */
  constructor(config: GeminiConfig) {
    this.config = resolveGeminiConfig(config, process.env);
    this.rule = geminiRule(this.config.model);
  }

  get model(): string {
    return this.config.model;
  }

  /** Where requests go, without the API version. */
  get baseUrl(): string {
    return this.config.baseUrl;
  }

  get capabilities(): BackendCapabilities {
    const { tools = true, contextWindow, maxOutputTokens } = this.rule;
    return {
      toolChoice: tools ? { required: true, named: true } : {},
      tools,
      input: ["image/*", "audio/*", "video/*", "application/pdf", "text/*"],
      ...(contextWindow !== undefined && { contextWindow }),
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    };
  }

  stream(request: BackendRequest, options: StreamOptions = {}): AsyncGenerator<BackendChunk> {
    const step = this.openStep(options.signal);
    return readGeminiStream(async () => {
      step.begin();
      return this.start(request, options, step.signal);
    }, step.end);
  }

  /** Exact, from `countTokens`: system message, messages and tools. */
  async countTokens(request: BackendRequest, options: CallOptions = {}): Promise<number> {
    const warnings: string[] = [];
    const { contents, config } = this.plan(request, warnings);
    const { systemInstruction, tools, toolConfig } = config;
    const model = this.config.model.includes("/") ? this.config.model : `models/${this.config.model}`;
    const system = systemInstruction === undefined ? {} : { systemInstruction: { parts: [{ text: systemInstruction }] } };
    const body = { generateContentRequest: { model, contents, ...system, ...(tools !== undefined && { tools, toolConfig }) } };
    return this.call(
      options.signal,
      async (client, httpOptions, abortSignal) => {
        const { totalTokens } = await client.models.countTokens({
          model: this.config.model,
          contents: PLACEHOLDER,
          config: { abortSignal, httpOptions },
        });
        if (totalTokens === undefined) {
          throw new BackendError("unknown", "Gemini: the answer to countTokens holds no count.", { provider: this.type });
        }
        return totalTokens;
      },
      body,
    );
  }

  /** The models that generate content. */
  async listModels(options: CallOptions = {}): Promise<ModelInfo[]> {
    return this.call(options.signal, async (client, httpOptions, abortSignal) => {
      const models: ModelInfo[] = [];
      for await (const model of await client.models.list({ config: { pageSize: 1000, abortSignal, httpOptions } })) {
        const { name, inputTokenLimit, supportedActions } = model;
        if (!name || (supportedActions && !supportedActions.includes("generateContent"))) continue;
        models.push({ id: name.replace(/^models\//, ""), ...(inputTokenLimit && { contextWindow: inputTokenLimit }) });
      }
      return models;
    });
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    for (const abort of this.open) abort.abort();
    const connection = await this.connection?.catch(() => undefined);
    this.connection = undefined;
    await connection?.transport.close();
  }

  /** A signal of the step's own: the SDK never takes its listeners off the one it is given. */
  private openStep(signal: AbortSignal | undefined): { signal: AbortSignal; begin(): void; end(): void } {
    const abort = new AbortController();
    const onAbort = () => abort.abort(signal?.reason);
    return {
      signal: abort.signal,
      begin: () => {
        if (signal?.aborted) throw this.aborted(signal);
        signal?.addEventListener("abort", onAbort, { once: true });
        this.open.add(abort);
      },
      end: () => {
        signal?.removeEventListener("abort", onAbort);
        this.open.delete(abort);
      },
    };
  }

  /** One request that is not streamed. */
  private async call<T>(
    signal: AbortSignal | undefined,
    send: (client: GoogleGenAI, httpOptions: object, signal: AbortSignal) => Promise<T>,
    body?: unknown,
  ): Promise<T> {
    const step = this.openStep(signal);
    let exchange: Exchange | undefined;
    try {
      step.begin();
      const { client, transport } = await this.connect();
      exchange = openExchange(transport.fetch, body);
      return await send(client, { fetch: exchange.fetch }, step.signal);
    } catch (error) {
      throw this.toError(error, exchange, step.signal);
    } finally {
      step.end();
    }
  }

  private async start(request: BackendRequest, options: StreamOptions, signal: AbortSignal): Promise<GeminiStream> {
    const warnings: string[] = [];
    const { contents, config, extraBody } = this.plan(request, warnings);
    const { client, transport } = await this.connect();
    const exchange = openExchange(transport.fetch);
    const { traceparent, tracestate } = options.trace ?? {};
    const headers = { ...(traceparent && { traceparent }), ...(tracestate && { tracestate }) };
    let events: AsyncIterable<unknown>;
    try {
      events = await client.models.generateContentStream({
        model: this.config.model,
        contents: PLACEHOLDER,
        config: {
          ...config,
          abortSignal: signal,
          automaticFunctionCalling: { disable: true },
          automaticContinuation: false,
          httpOptions: { fetch: exchange.fetch, headers, extraBody: { ...extraBody, contents } },
        },
      });
    } catch (error) {
      throw this.toError(error, exchange, signal);
    }
    return {
      events: events as AsyncIterable<GeminiChunk>,
      warnings,
      provider: this.type,
      endpoint: this.config.baseUrl,
      model: this.config.model,
      firstCallId: countCalls(request),
      failed: (error) => {
        const cut = error instanceof SyntaxError && exchange.tail?.endedInside() && !signal.aborted;
        return cut ? truncated(this.type, error) : this.toError(error, exchange, signal);
      },
      lastEvent: () => exchange.tail?.lastEvent(),
      errorFrom: (body) => geminiError({ body }, this.origin),
      aborted: () => (signal.aborted ? this.aborted(signal) : undefined),
    };
  }

  private plan(request: BackendRequest, warnings: string[]): Plan {
    const { model, baseUrl, params, builtins } = this.config;
    const requestParams = request.params ? checkGeminiParams(request.params, "request.params") : {};
    const merged = geminiRequestParams(params, request.settings, requestParams, this.rule, warnings);
    const { retrievalConfig, extraBody = {}, ...config } = merged;
    const target: GeminiTarget = { provider: this.type, endpoint: baseUrl, model, ...(this.rule.signatures && { signatures: true }) };
    const token = continuationOf(request.messages, target);
    const messages = token === undefined ? request.messages : request.messages.slice(0, -1);
    if (request.system) config.systemInstruction = request.system;
    if (token !== undefined) config.continuationToken = token;

    const functions = request.tools?.length ? toGeminiTools(request.tools) : [];
    const mixed = builtins.length > 0 && functions.length > 0;
    if (mixed && !this.rule.mixesTools) {
      const names = builtins.flatMap((tool) => Object.keys(tool)).join(", ");
      warnings.push(`${model} cannot use built-in tools beside functions; ${names} was left out of this step.`);
    }
    const tools = [
      ...(mixed && !this.rule.mixesTools ? [] : builtins),
      ...(functions.length > 0 ? [{ functionDeclarations: functions }] : []),
    ];
    if (tools.length > 0) config.tools = tools;
    const choice = functions.length > 0 ? toGeminiToolChoice(request.toolChoice ?? "auto") : undefined;
    const toolConfig = {
      ...(choice && { functionCallingConfig: choice }),
      ...(retrievalConfig !== undefined && { retrievalConfig }),
      ...(mixed && this.rule.mixesTools && { includeServerSideToolInvocations: true }),
    };
    if (Object.keys(toolConfig).length > 0) config.toolConfig = toolConfig;
    return { contents: toGeminiContents(messages, target), config, extraBody: extraBody as Record<string, unknown> };
  }

  private connect(): Promise<Connection> {
    this.connection ??= this.newConnection().catch((error: unknown) => {
      this.connection = undefined;
      throw error;
    });
    return this.connection;
  }

  private async newConnection(): Promise<Connection> {
    const { apiKey, apiVersion, baseUrl, headers, longWaits, fetch } = this.config;
    if (apiKey === undefined) {
      throw new BackendError("missing_key", `Gemini at ${baseUrl} needs a key. Set ${keyEnv.join(" or ")}, or \`apiKey\` of the backend.`, {
        provider: this.type,
      });
    }
    const sdk = await loadGemini();
    const transport = await openTransport({ fetch, longWaits });
    const client = newClient(sdk, {
      apiKey,
      apiVersion,
      vertexai: false,
      httpOptions: { baseUrl, apiVersion, headers, fetch: transport.fetch },
    });
    return { client, transport };
  }

  private get origin(): WireOrigin {
    const { baseUrl, model, apiKey } = this.config;
    return { provider: this.type, label: "Gemini", baseUrl, model, keyEnv, apiKey };
  }

  private aborted(signal: AbortSignal): BackendError {
    return new BackendError("aborted", "The step was aborted.", { provider: this.type, cause: signal.reason });
  }

  private toError(error: unknown, exchange: Exchange | undefined, signal: AbortSignal): unknown {
    if (error instanceof MassGenError) return error;
    if (signal.aborted) return this.aborted(signal);
    const { origin } = this;
    if (exchange?.failure) return geminiError(exchange.failure, origin, error);
    if (exchange?.broken !== undefined) return connectionError(exchange.broken, origin);
    const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
    if (name === "ApiError") {
      const event = exchange?.tail?.lastEvent() as { error?: unknown } | undefined;
      return geminiError({ body: event?.error ? event : errorIn(message) }, origin, error);
    }
    const options = { retryable: true, provider: this.type, cause: error };
    if (error instanceof SyntaxError) return new BackendError("stream_error", "Gemini sent an event that is not JSON.", options);
    // What fetch throws: "terminated" when the connection breaks while the reply is read.
    if (error instanceof TypeError) return connectionError(error, origin);
    return new BackendError("unknown", `Gemini: ${message}`, { ...options, retryable: false });
  }
}

/** The error object inside the SDK's message. */
function errorIn(message: string): unknown {
  const at = message.indexOf("{");
  try {
    return JSON.parse(message.slice(at));
  } catch {
    return message;
  }
}

function countCalls(request: BackendRequest): number {
  let count = 0;
  for (const { content } of request.messages) {
    if (typeof content !== "string") for (const part of content) if (part.type === "tool-call") count++;
  }
  return count;
}
