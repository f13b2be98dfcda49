import type { GoogleGenAI } from "@google/genai";
import { checkGeminiParams } from "../../api-params-handler/gemini.js";
import { geminiRequestParams } from "../../api-params-handler/gemini-request.js";
import { BackendError } from "../../errors.js";
import { continuationOf, type GeminiTarget, toGeminiContents, toGeminiToolChoice, toGeminiTools } from "../../formatter/gemini.js";
import type { BackendChunk, BackendRequest, CallOptions, ModelInfo, StreamOptions } from "../backend.js";
import type { WireOrigin } from "../errors.js";
import type { Wire } from "../lazy-wire.js";
import { OpenRequests } from "../open-requests.js";
import type { OpenedReply } from "../read-reply.js";
import { countToolCalls, traceHeaders } from "../request-parts.js";
import { openTransport, type Transport } from "../transport.js";
import { wireFetch } from "../wire-fetch.js";
import type { ResolvedGeminiConfig } from "./config.js";
import { geminiError } from "./errors.js";
import { fetchWithBody, openStream } from "./exchange.js";
import { loadGemini, newClient } from "./sdk.js";
import { geminiReader } from "./stream.js";

/** Throws a `BackendError` `missing_key` or `missing_sdk`. */
export async function openGemini(config: ResolvedGeminiConfig): Promise<GeminiWire> {
  const { apiKey, keyEnv, apiVersion, baseUrl, headers, longWaits, fetch: own } = config;
  if (apiKey === undefined) {
    const message = `Gemini at ${baseUrl} needs a key. Set ${keyEnv.join(" or ")}, or \`apiKey\` of the backend.`;
    throw new BackendError("missing_key", message, { provider: "gemini" });
  }
  const sdk = await loadGemini();
  const transport = await openTransport({ fetch: own, longWaits });
  const fetch = wireFetch(transport.fetch);
  const client = newClient(sdk, { apiKey, apiVersion, vertexai: false, httpOptions: { baseUrl, apiVersion, headers, fetch } });
  return new GeminiWire(config, client, { fetch, close: transport.close });
}

/** What goes into a request besides its contents. */
interface Plan {
  contents: unknown[];
  config: Record<string, unknown>;
  extraBody: Record<string, unknown>;
}

/** The contents travel past the SDK, which would drop the fields of a part that it does not know. */
const PLACEHOLDER = "-";

export class GeminiWire implements Wire {
  private readonly config: ResolvedGeminiConfig;
  private readonly client: GoogleGenAI;
  private readonly transport: Transport;
  private readonly requests = new OpenRequests(() => this.origin, geminiError);

  constructor(config: ResolvedGeminiConfig, client: GoogleGenAI, transport: Transport) {
    this.config = config;
    this.client = client;
    this.transport = transport;
  }

  stream(request: BackendRequest, options: StreamOptions): AsyncIterableIterator<BackendChunk> {
    return this.requests.stream(options.signal, (signal) => this.start(request, options, signal));
  }

  async countTokens(request: BackendRequest, options: CallOptions): Promise<number> {
    const warnings: string[] = [];
    const { contents, config } = this.plan(request, warnings);
    const { systemInstruction, tools, toolConfig } = config;
    const model = this.config.model.includes("/") ? this.config.model : `models/${this.config.model}`;
    const system = systemInstruction === undefined ? {} : { systemInstruction: { parts: [{ text: systemInstruction }] } };
    const body = { generateContentRequest: { model, contents, ...system, ...(tools !== undefined && { tools, toolConfig }) } };
    return this.requests.call(options.signal, async (abortSignal) => {
      const httpOptions = { fetch: fetchWithBody(this.transport.fetch, body), headers: traceHeaders(options) };
      const { totalTokens } = await this.client.models.countTokens({
        model: this.config.model,
        contents: PLACEHOLDER,
        config: { abortSignal, httpOptions },
      });
      if (totalTokens === undefined) {
        throw new BackendError("unknown", "Gemini: the answer to countTokens holds no count.", { provider: "gemini" });
      }
      return totalTokens;
    });
  }

  async listModels(options: CallOptions): Promise<ModelInfo[]> {
    return this.requests.call(options.signal, async (abortSignal) => {
      const models: ModelInfo[] = [];
      for await (const model of await this.client.models.list({
        config: { pageSize: 1000, abortSignal, httpOptions: { headers: traceHeaders(options) } },
      })) {
        const { name, inputTokenLimit, supportedActions } = model;
        if (!name || (supportedActions && !supportedActions.includes("generateContent"))) continue;
        models.push({ id: name.replace(/^models\//, ""), ...(inputTokenLimit && { contextWindow: inputTokenLimit }) });
      }
      return models;
    });
  }

  async close(): Promise<void> {
    this.requests.abort();
    await this.transport.close();
  }

  private async start(request: BackendRequest, options: StreamOptions, abortSignal: AbortSignal): Promise<OpenedReply> {
    const { model, baseUrl } = this.config;
    const warnings: string[] = [];
    const { contents, config, extraBody } = this.plan(request, warnings);
    const open = (fetch: typeof globalThis.fetch) =>
      this.client.models.generateContentStream({
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
    const response = await this.requests.sent(openStream(this.transport.fetch, open), abortSignal);
    const reader = geminiReader({
      provider: "gemini",
      endpoint: baseUrl,
      model,
      firstCallId: countToolCalls(request),
      errorFrom: (body) => geminiError({ body }, this.origin),
    });
    return { response, reader, warnings };
  }

  private plan(request: BackendRequest, warnings: string[]): Plan {
    const { model, baseUrl, rule, builtins } = this.config;
    const { retrievalConfig, extraBody = {}, ...config } = requestParams(this.config, request, warnings);
    const target: GeminiTarget = { provider: "gemini", endpoint: baseUrl, model, ...(rule.signatures && { signatures: true }) };
    const token = continuationOf(request.messages, target);
    const messages = token === undefined ? request.messages : request.messages.slice(0, -1);
    if (request.system) config.systemInstruction = request.system;
    if (token !== undefined) config.continuationToken = token;

    const functions = request.tools?.length ? toGeminiTools(request.tools) : [];
    const mixed = builtins.length > 0 && functions.length > 0;
    if (mixed && !rule.mixesTools) {
      const names = builtins.flatMap((tool) => Object.keys(tool)).join(", ");
      warnings.push(`${model} cannot use built-in tools beside functions; ${names} was left out of this step.`);
    }
    const tools = [...(mixed && !rule.mixesTools ? [] : builtins), ...(functions.length > 0 ? [{ functionDeclarations: functions }] : [])];
    if (tools.length > 0) config.tools = tools;
    const choice = functions.length > 0 ? toGeminiToolChoice(request.toolChoice ?? "auto") : undefined;
    const toolConfig = {
      ...(choice && { functionCallingConfig: choice }),
      ...(retrievalConfig !== undefined && { retrievalConfig }),
      ...(mixed && rule.mixesTools && { includeServerSideToolInvocations: true }),
    };
    if (Object.keys(toolConfig).length > 0) config.toolConfig = toolConfig;
    return { contents: toGeminiContents(messages, target), config, extraBody: extraBody as Record<string, unknown> };
  }

  private get origin(): WireOrigin {
    const { baseUrl, model, keyEnv, apiKey } = this.config;
    return { provider: "gemini", label: "Gemini", baseUrl, model, keyEnv, apiKey };
  }
}

/** The parameters of one request. What is said about them goes into `warnings`. */
function requestParams({ params, rule }: ResolvedGeminiConfig, request: BackendRequest, warnings: string[]): Record<string, unknown> {
  const own = request.params ? checkGeminiParams(request.params, "request.params") : {};
  return geminiRequestParams(params, request.settings, own, rule, warnings);
}
