import type { GoogleGenAI } from "@google/genai";
import { checkGeminiParams, geminiRequestParams } from "../../api-params-handler/gemini.js";
import { type GeminiRule, geminiRule } from "../../api-params-handler/gemini-models.js";
import { BackendError } from "../../errors.js";
import { continuationOf, type GeminiTarget, toGeminiContents, toGeminiToolChoice, toGeminiTools } from "../../formatter/gemini.js";
import type { Backend, BackendCapabilities, BackendChunk, BackendRequest, CallOptions, ModelInfo, StreamOptions } from "../backend.js";
import type { WireOrigin } from "../errors.js";
import { Kept } from "../kept.js";
import { OpenRequests } from "../open-requests.js";
import type { OpenedReply } from "../read-reply.js";
import { countToolCalls, traceHeaders } from "../request-parts.js";
import { openTransport } from "../transport.js";
import { wireFetch } from "../wire-fetch.js";
import { type GeminiConfig, keyEnv, type ResolvedGeminiConfig, resolveGeminiConfig } from "./config.js";
import { geminiError } from "./errors.js";
import { fetchWithBody, openStream } from "./exchange.js";
import { loadGemini, newClient } from "./sdk.js";
import { geminiReader } from "./stream.js";

interface Connection {
  client: GoogleGenAI;
  fetch: typeof globalThis.fetch;
  close(): Promise<void>;
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
  private readonly requests = new OpenRequests(() => this.origin, geminiError);
  private readonly connection = new Kept(() => this.connect());

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

  stream(request: BackendRequest, options: StreamOptions = {}): AsyncIterableIterator<BackendChunk> {
    return this.requests.stream(options.signal, (signal) => this.start(request, options, signal));
  }

  /** Exact, from `countTokens`: system message, messages and tools. */
  async countTokens(request: BackendRequest, options: CallOptions = {}): Promise<number> {
    const warnings: string[] = [];
    const { contents, config } = this.plan(request, warnings);
    const { systemInstruction, tools, toolConfig } = config;
    const model = this.config.model.includes("/") ? this.config.model : `models/${this.config.model}`;
    const system = systemInstruction === undefined ? {} : { systemInstruction: { parts: [{ text: systemInstruction }] } };
    const body = { generateContentRequest: { model, contents, ...system, ...(tools !== undefined && { tools, toolConfig }) } };
    return this.requests.call(options.signal, async (abortSignal) => {
      const { client, fetch } = await this.connection.get();
      const httpOptions = { fetch: fetchWithBody(fetch, body) };
      const { totalTokens } = await client.models.countTokens({
        model: this.config.model,
        contents: PLACEHOLDER,
        config: { abortSignal, httpOptions },
      });
      if (totalTokens === undefined) {
        throw new BackendError("unknown", "Gemini: the answer to countTokens holds no count.", { provider: this.type });
      }
      return totalTokens;
    });
  }

  /** The models that generate content. */
  async listModels(options: CallOptions = {}): Promise<ModelInfo[]> {
    return this.requests.call(options.signal, async (abortSignal) => {
      const { client } = await this.connection.get();
      const models: ModelInfo[] = [];
      for await (const model of await client.models.list({ config: { pageSize: 1000, abortSignal } })) {
        const { name, inputTokenLimit, supportedActions } = model;
        if (!name || (supportedActions && !supportedActions.includes("generateContent"))) continue;
        models.push({ id: name.replace(/^models\//, ""), ...(inputTokenLimit && { contextWindow: inputTokenLimit }) });
      }
      return models;
    });
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.requests.abort();
    await this.connection.close();
  }

  private async start(request: BackendRequest, options: StreamOptions, abortSignal: AbortSignal): Promise<OpenedReply> {
    const { model, baseUrl } = this.config;
    const warnings: string[] = [];
    const { contents, config, extraBody } = this.plan(request, warnings);
    const connection = await this.connection.get();
    const open = (fetch: typeof globalThis.fetch) =>
      connection.client.models.generateContentStream({
        model,
        contents: PLACEHOLDER,
        config: {
          ...config,
          abortSignal,
          automaticFunctionCalling: { disable: true },
          automaticContinuation: false,
          httpOptions: { fetch, headers: traceHeaders(options), extraBody: { ...extraBody, contents } },
        },
      });
    const response = await this.requests.sent(openStream(connection.fetch, open), abortSignal);
    const reader = geminiReader({
      provider: this.type,
      endpoint: baseUrl,
      model,
      firstCallId: countToolCalls(request),
      errorFrom: (body) => geminiError({ body }, this.origin),
    });
    return { response, reader, warnings };
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

  private async connect(): Promise<Connection> {
    const { apiKey, apiVersion, baseUrl, headers, longWaits, fetch } = this.config;
    if (apiKey === undefined) {
      throw new BackendError("missing_key", `Gemini at ${baseUrl} needs a key. Set ${keyEnv.join(" or ")}, or \`apiKey\` of the backend.`, {
        provider: this.type,
      });
    }
    const sdk = await loadGemini();
    const transport = await openTransport({ fetch, longWaits });
    const checked = wireFetch(transport.fetch);
    const client = newClient(sdk, {
      apiKey,
      apiVersion,
      vertexai: false,
      httpOptions: { baseUrl, apiVersion, headers, fetch: checked },
    });
    return { client, fetch: checked, close: transport.close };
  }

  private get origin(): WireOrigin {
    const { baseUrl, model, apiKey } = this.config;
    return { provider: this.type, label: "Gemini", baseUrl, model, keyEnv, apiKey };
  }
}
