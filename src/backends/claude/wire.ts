import type Anthropic from "@anthropic-ai/sdk";
import { checkClaudeParams } from "../../api-params-handler/claude.js";
import { type ClaudeRequestParams, claudeRequestParams } from "../../api-params-handler/claude-request.js";
import { BackendError } from "../../errors.js";
import { type ClaudeTarget, toClaudeMessages, toClaudeToolChoice, toClaudeTools } from "../../formatter/claude.js";
import type { AssistantMessage, ToolChoice } from "../../formatter/messages.js";
import type { Usage } from "../../token-manager/usage.js";
import type { BackendChunk, BackendRequest, CallOptions, CompactionResult, ModelInfo, StreamOptions } from "../backend.js";
import { compactionError, withUsage } from "../compaction-error.js";
import { withoutEnvHeaders } from "../env-headers.js";
import { type WireOrigin, wireError } from "../errors.js";
import type { Wire } from "../lazy-wire.js";
import { OpenRequests } from "../open-requests.js";
import type { OpenedReply } from "../read-reply.js";
import { traceHeaders } from "../request-parts.js";
import { openTransport, type Transport } from "../transport.js";
import { stepAborted, wireFetch } from "../wire-fetch.js";
import { markCachePoints } from "./cache-points.js";
import { carryingCompaction, noSummary, summaryMessage, summaryRequest, userFirst } from "./compaction.js";
import type { ResolvedClaudeConfig } from "./config.js";
import { loadAnthropic } from "./sdk.js";
import { claudeReader } from "./stream.js";

/** The longest a timer of Node can run; our own timeouts end a step long before. */
const NEVER = 2 ** 31 - 1;

/** Throws a `BackendError` `missing_key` or `missing_sdk`. */
export async function openClaude(config: ResolvedClaudeConfig): Promise<ClaudeWire> {
  const { type, apiKey, apiVersion, baseUrl, label, keyEnv, headers, anthropic, longWaits, fetch } = config;
  if (apiKey === undefined) {
    const message = `${label} needs a key. Set ${keyEnv.map((name) => `${name}, or `).join("")}\`apiKey\` of the backend.`;
    throw new BackendError("missing_key", message, { provider: type });
  }
  const sdk = await loadAnthropic();
  const transport = await openTransport({ longWaits, fetch });
  const client = new sdk.Anthropic({
    // Given in code, so that the environment and the profile on disk are not read.
    apiKey,
    webhookKey: null,
    baseURL: baseUrl,
    maxRetries: 0,
    timeout: NEVER,
    logLevel: "off",
    openTelemetry: false,
    fetch: wireFetch(transport.fetch),
    defaultHeaders: {
      ...(!anthropic && withoutEnvHeaders("ANTHROPIC_CUSTOM_HEADERS")),
      ...(apiVersion === "2023-06-01" && { "x-api-key": apiKey, authorization: null }),
      "anthropic-version": apiVersion,
      ...headers,
    },
  });
  return new ClaudeWire(config, client, transport);
}

/** A request as it leaves. */
interface Prepared {
  body: Record<string, unknown>;
  headers: Record<string, string>;
  warnings: string[];
}

export class ClaudeWire implements Wire {
  private readonly config: ResolvedClaudeConfig;
  private readonly client: Anthropic;
  private readonly transport: Transport;
  private readonly requests = new OpenRequests(() => this.origin);

  constructor(config: ResolvedClaudeConfig, client: Anthropic, transport: Transport) {
    this.config = config;
    this.client = client;
    this.transport = transport;
  }

  stream(request: BackendRequest, options: StreamOptions): AsyncIterableIterator<BackendChunk> {
    return this.run(() => this.prepare(request), options);
  }

  async countTokens(request: BackendRequest, options: CallOptions): Promise<number> {
    const { body, headers } = this.prepare(request);
    // Nothing is generated, so what only says how is not taken.
    const { max_tokens, stream, stop_sequences, metadata, service_tier, temperature, top_p, top_k, container, diagnostics, ...counted } =
      body;
    const reply = await this.requests.call(options.signal, (signal) =>
      this.client.post("/v1/messages/count_tokens", {
        body: counted,
        headers: { ...headers, ...traceHeaders(options) },
        ...callOptions(signal),
      }),
    );
    const { input_tokens } = (reply ?? {}) as { input_tokens?: unknown };
    if (typeof input_tokens === "number") return input_tokens;
    throw new BackendError("unsupported", `${this.config.label} does not count tokens.`, { provider: this.config.type });
  }

  async compact(request: BackendRequest, options: CallOptions): Promise<CompactionResult> {
    const { type, label, model, rules } = this.config;
    if (!rules.compacts) {
      throw new BackendError("unsupported", `${label} does not compact conversations with "${model}".`, { provider: type });
    }
    const prepare = () => {
      const prepared = this.prepare({ ...request, toolChoice: "auto" });
      return { ...prepared, ...summaryRequest(prepared, rules.maxOutput) };
    };
    let usage: Usage | undefined;
    let message: AssistantMessage | undefined;
    let raw: string | undefined;
    try {
      for await (const chunk of this.run(prepare, options)) {
        if (chunk.type === "usage") usage = chunk.usage;
        if (chunk.type === "message" && chunk.message.role === "assistant") message = chunk.message;
        if (chunk.type === "finish") raw = chunk.raw;
      }
      if (options.signal?.aborted) throw stepAborted(type, options.signal);
      const summary = summaryMessage(message);
      if (!summary) throw noSummary(raw, label, type);
      return { messages: [summary], ...(usage && { usage }) };
    } catch (error) {
      throw withUsage(compactionError(error, label), usage);
    }
  }

  async listModels(options: CallOptions): Promise<ModelInfo[]> {
    return this.requests.call(options.signal, async (signal) => {
      const found: ModelInfo[] = [];
      let after: string | undefined;
      do {
        const query = { limit: 1000, ...(after !== undefined && { after_id: after }) };
        const page = (await this.client.get("/v1/models", {
          query,
          headers: traceHeaders(options),
          ...callOptions(signal),
        })) as ModelPage | null;
        found.push(...readModels(page));
        const last = page?.last_id;
        after = page?.has_more && last && last !== after ? last : undefined;
      } while (after !== undefined);
      return found;
    });
  }

  async close(): Promise<void> {
    this.requests.abort();
    await this.transport.close();
  }

  private run(prepare: () => Prepared, options: StreamOptions): AsyncIterableIterator<BackendChunk> {
    return this.requests.stream(options.signal, (signal) => this.start(prepare(), options, signal));
  }

  private async start({ body, headers, warnings }: Prepared, options: StreamOptions, signal: AbortSignal): Promise<OpenedReply> {
    // Not `messages.create`, which writes to the console about models that will retire.
    const call = { body, stream: true, headers: { ...headers, ...traceHeaders(options) }, ...callOptions(signal) };
    const response = await this.requests.sent(this.client.post("/v1/messages", call).asResponse(), signal);
    const reader = claudeReader({
      provider: this.config.type,
      label: this.config.label,
      endpoint: this.config.baseUrl,
      model: this.config.model,
      errorFrom: (error) => wireError({ body: error }, this.origin),
    });
    return { response, reader, warnings };
  }

  private prepare(request: BackendRequest): Prepared {
    const { model, promptCaching } = this.config;
    const params = requestParams(this.config, request);
    const { warnings } = params;
    const system = [...params.system, ...(request.system?.trim() ? [{ type: "text", text: request.system }] : [])];
    const tools = [...toClaudeTools(request.tools ?? []), ...params.tools];
    const messages = userFirst(toClaudeMessages(request.messages, this.target));
    const caching = params.body.cache_control ? false : promptCaching;
    const marked = markCachePoints({ system, tools, messages }, caching);
    const choice = tools.length > 0 ? this.toolChoice(request.toolChoice, thinkingType(params.body.thinking), warnings) : undefined;
    const toolChoice = tools.length > 0 ? toClaudeToolChoice(choice, params.disableParallelToolUse) : undefined;
    const body = {
      ...params.body,
      model,
      ...(marked.system.length > 0 && { system: marked.system }),
      messages: marked.messages,
      ...(tools.length > 0 && { tools: marked.tools }),
      ...(toolChoice && { tool_choice: toolChoice }),
      stream: true,
    };
    return { ...carryingCompaction({ body, headers: params.headers }, warnings), warnings };
  }

  /** What the model is made to call, if it can be made to. */
  private toolChoice(wanted: ToolChoice | undefined, thinking: string | undefined, warnings: string[]): ToolChoice | undefined {
    if (wanted === undefined || typeof wanted === "string" ? wanted !== "required" : false) return wanted;
    if (this.config.rules.forcedTools && thinking !== "enabled") return wanted;
    const why = this.config.rules.forcedTools ? "while it thinks within a budget" : `on "${this.config.model}"`;
    warnings.push(`Claude cannot be made to call a tool ${why}; the tool choice "auto" was sent.`);
    return "auto";
  }

  private get target(): ClaudeTarget {
    return { provider: this.config.type, endpoint: this.config.baseUrl, model: this.config.model };
  }

  private get origin(): WireOrigin {
    const { type, label, baseUrl, keyEnv, apiKey } = this.config;
    return { provider: type, label, baseUrl, model: this.config.model, keyEnv, apiKey };
  }
}

interface ModelPage {
  data?: { id?: unknown; created_at?: unknown; max_input_tokens?: unknown }[];
  has_more?: boolean;
  last_id?: string | null;
}

function readModels(page: ModelPage | null): ModelInfo[] {
  return (page?.data ?? []).flatMap(({ id, created_at, max_input_tokens: window }) => {
    if (typeof id !== "string" || !id) return [];
    const created = typeof created_at === "string" ? Math.floor(Date.parse(created_at) / 1000) : Number.NaN;
    return [{ id, ...(typeof window === "number" && window > 0 && { contextWindow: window }), ...(created > 0 && { created }) }];
  });
}

function callOptions(signal: AbortSignal) {
  return { maxRetries: 0, timeout: NEVER, signal };
}

function thinkingType(thinking: unknown): string | undefined {
  return (thinking as { type?: string } | null | undefined)?.type;
}

function requestParams(
  { model, rules, apiVersion, serverTools, params }: ResolvedClaudeConfig,
  request: BackendRequest,
): ClaudeRequestParams {
  const own = request.params ? checkClaudeParams(request.params, apiVersion, "request.params") : {};
  return claudeRequestParams(params, request.settings, own, { model, rules, apiVersion, serverTools });
}
