import type OpenAI from "openai";
import { checkResponsesParams } from "../../api-params-handler/openai-responses.js";
import { responsesBodyParams } from "../../api-params-handler/openai-responses-request.js";
import { BackendError } from "../../errors.js";
import {
  fromResponsesItems,
  type ResponseItem,
  type ResponsesTarget,
  toResponsesInput,
  toResponsesToolChoice,
  toResponsesTools,
} from "../../formatter/openai-responses.js";
import type { Usage } from "../../token-manager/usage.js";
import { attach } from "../attach.js";
import type { BackendChunk, BackendRequest, CallOptions, CompactionResult, ModelInfo, StreamOptions } from "../backend.js";
import { readModels } from "../chat-completions/models.js";
import { compactionError, withUsage } from "../compaction-error.js";
import { type WireOrigin, wireError } from "../errors.js";
import type { Wire } from "../lazy-wire.js";
import { OpenRequests } from "../open-requests.js";
import { connectOpenAI, type OpenAIConnection } from "../openai-client.js";
import type { OpenedReply } from "../read-reply.js";
import { countToolCalls, traceHeaders } from "../request-parts.js";
import { untilAborted } from "../until-aborted.js";
import { stepAborted } from "../wire-fetch.js";
import type { ResolvedResponsesConfig } from "./config.js";
import { responsesReader } from "./stream.js";
import { type Uploaded, upload } from "./upload.js";
import { type RawResponsesUsage, toResponsesUsage } from "./usage.js";

/** Throws a `BackendError` `missing_key` or `missing_sdk`. */
export async function openResponses(config: ResolvedResponsesConfig): Promise<ResponsesWire> {
  const { apiKey, headers, query, longWaits, fetch } = config;
  const origin = originOf(config);
  return new ResponsesWire(config, await connectOpenAI({ origin, apiKey, headers, longWaits, fetch, ...(query && { query }) }));
}

export class ResponsesWire implements Wire {
  private readonly config: ResolvedResponsesConfig;
  private readonly connection: OpenAIConnection;
  private readonly requests = new OpenRequests(() => originOf(this.config));
  private uploads: { result: Promise<Uploaded>; abort: AbortController } | undefined;

  constructor(config: ResolvedResponsesConfig, connection: OpenAIConnection) {
    this.config = config;
    this.connection = connection;
  }

  stream(request: BackendRequest, options: StreamOptions): AsyncIterableIterator<BackendChunk> {
    return this.requests.stream(options.signal, (signal) => this.start(request, options, signal));
  }

  async countTokens(request: BackendRequest, options: CallOptions): Promise<number> {
    const body = await this.requests.call(options.signal, async (signal) => {
      const core = this.core(request, await this.uploaded(signal, options), []);
      const call = { maxRetries: 0, headers: traceHeaders(options), signal };
      return this.connection.client.responses.inputTokens.count(only(core, COUNTED) as never, call);
    });
    const { input_tokens } = body as { input_tokens?: unknown };
    if (typeof input_tokens === "number") return input_tokens;
    throw new BackendError("unsupported", `${this.config.label} did not count the tokens.`, { provider: this.config.type });
  }

  async compact(request: BackendRequest, options: CallOptions): Promise<CompactionResult> {
    const { type, label } = this.config;
    let usage: Usage | undefined;
    try {
      const body = (await this.requests.call(options.signal, (signal) => {
        // Files are attached to what is left when that is sent.
        const core = this.core(request, undefined, []);
        const call = { maxRetries: 0, headers: traceHeaders(options), signal };
        return this.connection.client.responses.compact(only(core, COMPACTED) as never, call);
      })) as unknown as { output?: ResponseItem[]; usage?: RawResponsesUsage | null } | null;
      if (body?.usage) usage = toResponsesUsage(body.usage);
      if (!Array.isArray(body?.output) || !body.output.some((item) => item?.type === "compaction")) {
        throw new BackendError("stream_error", `${label} answered without a compaction of the conversation.`, { provider: type });
      }
      return { messages: fromResponsesItems(body.output, this.target(false)), ...(usage && { usage }) };
    } catch (error) {
      throw withUsage(compactionError(error, label), usage);
    }
  }

  async listModels(options: CallOptions): Promise<ModelInfo[]> {
    return this.requests.call(options.signal, async (signal) =>
      readModels(await this.connection.client.get("/models", { maxRetries: 0, headers: traceHeaders(options), signal })),
    );
  }

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
    const { responses } = this.connection.client;
    const { type, baseUrl, model } = this.config;
    const warnings: string[] = [];
    const body = this.body(request, await this.uploaded(signal, options), warnings);
    const call = { signal, headers: traceHeaders(options), maxRetries: 0 };
    const sent = responses.create(body as unknown as OpenAI.Responses.ResponseCreateParamsStreaming, call).asResponse();
    const response = await this.requests.sent(sent, signal);
    const reader = responsesReader({
      provider: type,
      endpoint: baseUrl,
      model,
      firstCallId: countToolCalls(request),
      errorFrom: (error) => wireError({ body: error }, originOf(this.config)),
      began: (id) => {
        // The provider goes on with a background reply that nobody reads. The signal is aborted whenever it is not read to its end.
        if (body.background !== true) return;
        const cancel = () => {
          responses.cancel(id, { maxRetries: 0, headers: traceHeaders(options), timeout: 10_000 }).catch(() => {});
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
    const { model, rule, builtinTools } = this.config;
    const { parallel_tool_calls, ...own } = requestParams(this.config, request, warnings);
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

  private target(stored: boolean): ResponsesTarget {
    const { type, baseUrl, model } = this.config;
    return { provider: type, endpoint: baseUrl, model, ...(stored && { stored }) };
  }

  /** The uploaded files. Handed over once, in the trace of the first of all steps that wait for it; again after a failure. */
  private async uploaded(signal: AbortSignal, options: CallOptions): Promise<Uploaded | undefined> {
    const { uploadFiles } = this.config;
    if (uploadFiles.length === 0) return undefined;
    if (!this.uploads) {
      const abort = new AbortController();
      const fetch = this.config.fetch ?? globalThis.fetch;
      const started = {
        abort,
        result: upload(uploadFiles, this.connection, fetch, { signal: abort.signal, headers: traceHeaders(options) }),
      };
      started.result.catch(() => {
        if (this.uploads === started) this.uploads = undefined;
      });
      this.uploads = started;
    }
    return this.requests.sent(
      untilAborted(this.uploads.result, signal, () => stepAborted(this.config.type, signal)),
      signal,
    );
  }
}

function originOf({ type, label, baseUrl, model, keyEnv, apiKey }: ResolvedResponsesConfig): WireOrigin {
  return { provider: type, label, baseUrl, model, keyEnv, apiKey: typeof apiKey === "string" ? apiKey : undefined };
}

const COUNTED = ["model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text", "truncation"];
const COMPACTED = ["model", "input", "instructions", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "service_tier"];

function only(body: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.flatMap((key) => (body[key] === undefined ? [] : [[key, body[key]]])));
}

/** The parameters of one request. What is said about them goes into `warnings`. */
function requestParams(config: ResolvedResponsesConfig, request: BackendRequest, warnings: string[]): Record<string, unknown> {
  const { type, model, rule, params } = config;
  const own = request.params ? checkResponsesParams(request.params, type, "request.params") : {};
  return responsesBodyParams(params, request.settings, own, { type, model, rule }, warnings);
}
