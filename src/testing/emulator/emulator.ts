import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { MassGenError } from "../../errors.js";
import { anthropicMessages, anthropicModels } from "./anthropic-messages.js";
import { chatCompletions, vllmOverflow } from "./chat-completions.js";
import { type Compaction, compactionOf, plainSummary } from "./compaction.js";
import type { Dialect } from "./dialect.js";
import { gemini, geminiModels } from "./gemini.js";
import { type Action, errorOf, planStream, planWhole } from "./plan.js";
import { createWatch, type OpenRequest, openRequest, type RecordedRequest, readBody } from "./record.js";
import type { EmulatedPrompt, Framing, Refusal, Reply, ReplyRule, ReplySource } from "./reply.js";
import { badRequest } from "./reply.js";
import { replyScript } from "./reply-script.js";
import { azureChat, azureResponses, responses } from "./responses.js";
import { send, settled, sleep } from "./send.js";
import { type ContextWindow, windowOf } from "./window.js";

export interface EmulatorOptions {
  /** Replies to whatever finds no scripted reply. Default: such a request is refused with 400 `script_exhausted`. */
  respond?: ReplyRule;
  /** Models it has: others are refused with 404. Default: any name is taken, and `emulated-model` is listed. */
  models?: readonly string[];
  /** The key that must come as `Authorization: Bearer …`, `api-key`, `x-api-key` or `x-goog-api-key`. Default: none is asked for. */
  apiKey?: string;
  /** Also refuse parameters that OpenAI does not know, as OpenAI itself does. Default false, as most other servers. */
  strict?: boolean;
  /**
   * Tokens that models can read: one figure for all, or one for each by name. Requests beyond it are refused in their API's words.
   * Counted are the texts of the request, at the estimate of token-manager; encrypted content as what it stands for, a file as 1000.
   * Chat completions count what the request wants written, too. The usage of replies and the counting endpoints tell the same figure.
   * Default: no limit.
   */
  contextWindow?: ContextWindow;
  /** In whose words chat completions refuse a request that does not fit. Default `openai`. */
  overflowWords?: "openai" | "vllm";
  /**
   * The text of a reply is the summary of a conversation that is to be compacted, where `replyToCompaction` left none. `false`: the
   * server does not compact, and says so. Default: a short sentence.
   */
  compact?: ReplyRule | false;
  /** How streams are framed unless the reply says otherwise. */
  framing?: Framing;
  /** Port on 127.0.0.1. Default 0: any free one. */
  port?: number;
  /** Closes the emulator when aborted. */
  signal?: AbortSignal;
}

/** A provider on 127.0.0.1 that says what it is told to. */
export interface Emulator extends AsyncDisposable {
  /** e.g. `http://127.0.0.1:41233`. */
  readonly url: string;
  /** `url` with `/v1`: what an OpenAI client calls its base URL. Clients of Anthropic and Gemini take `url`. */
  readonly baseUrl: string;
  /** Every request so far, refused ones included. */
  readonly requests: readonly RecordedRequest[];
  /** Scripted replies that no request has used yet. */
  readonly remaining: number;
  /** Adds replies for whichever models ask next, one request each. */
  reply(...replies: ReplySource[]): void;
  /** Adds replies for one model; they come before those of `reply`. */
  replyTo(model: string, ...replies: ReplySource[]): void;
  /**
   * Adds summaries for the conversations that are compacted next: on `/responses/compact`, by `compaction` or an edit of the Messages
   * API, by `context_management` of the Responses API. The text is the summary; usage, faults and delays are those of the compaction.
   */
  replyToCompaction(...replies: ReplySource[]): void;
  /** The next request that `nextRequest` has not given yet, as soon as it has arrived. */
  nextRequest(options?: { signal?: AbortSignal }): Promise<RecordedRequest>;
  /** Resolves as soon as `predicate` holds; it is asked again whenever a request arrives, gets a delta, or ends. */
  until(predicate: (requests: readonly RecordedRequest[]) => boolean, options?: { signal?: AbortSignal }): Promise<void>;
  /**
   * Throws `script_incomplete` when scripted replies are left, `script_exhausted` when requests found none,
   * `rule_failed` (with the `cause`) when a rule threw.
   */
  assertComplete(): void;
  /** Cuts what is still open and frees the port. */
  close(): Promise<void>;
}

const DIALECTS: readonly Dialect[] = [chatCompletions, anthropicMessages, responses, azureResponses, azureChat(chatCompletions), gemini];

/** Starts a real HTTP server that speaks the chat completions API. Close it, or use `await using`. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  options.signal?.throwIfAborted();
  const requests: OpenRequest[] = [];
  const script = replyScript();
  const summaries = replyScript();
  const accepted = { all: 0, models: new Map<string, number>() };
  const compacted = { all: 0, models: new Map<string, number>() };
  const encoded = new WeakMap<Reply, Map<string, Action[]>>();
  const watch = createWatch();
  const stop = new AbortController();
  const working = new Set<Promise<void>>();
  const failures: MassGenError[] = [];
  let ids = 0;
  let given = 0;

  const newId = (prefix: string) => `${prefix}emu${++ids}`;

  function knownModel(model: string): boolean {
    return options.models === undefined || options.models.includes(model);
  }

  function overflow(dialect: Dialect, prompt: EmulatedPrompt, path: string): Refusal | undefined {
    const window = windowOf(options.contextWindow, prompt.model);
    if (window === undefined) return undefined;
    return dialect === chatCompletions && options.overflowWords === "vllm"
      ? vllmOverflow(prompt, window)
      : dialect.overflow(prompt, window, path);
  }

  function refuseUnauthorized(headers: Readonly<Record<string, string>>): Refusal | undefined {
    if (options.apiKey === undefined) return undefined;
    const own = headers["api-key"] ?? headers["x-api-key"] ?? headers["x-goog-api-key"];
    const given = own ?? /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1];
    if (given === options.apiKey) return undefined;
    const message =
      given === undefined
        ? "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        : `Incorrect API key provided: ${given.slice(0, 4)}***.`;
    return { status: 401, message, errorType: "invalid_request_error", code: "invalid_api_key", param: null };
  }

  /** Listing models; anything else that no dialect takes is unknown. */
  function otherPath(method: string, path: string, headers: Readonly<Record<string, string>>): { status: number; body: unknown } | Refusal {
    const describe = (id: string) => ({ id, object: "model", created: 1_700_000_000, owned_by: "emulator" });
    const models = options.models ?? ["emulated-model"];
    if (method === "GET" && path === "/v1/models" && "anthropic-version" in headers)
      return { status: 200, body: anthropicModels(models, options.contextWindow) };
    if (method === "GET" && /^(\/openai)?(\/v1)?\/models$/.test(path))
      return { status: 200, body: { object: "list", data: models.map(describe) } };
    if (method === "GET" && path === "/v1beta/models")
      return { status: 200, body: { models: geminiModels(models, options.contextWindow) } };
    const id = method === "GET" && path.startsWith("/v1/models/") ? decodeURIComponent(path.slice("/v1/models/".length)) : undefined;
    if (id !== undefined) return models.includes(id) ? { status: 200, body: describe(id) } : unknownModel(id);
    return {
      status: 404,
      message: `Unknown request URL: ${method} ${path}. Please check the URL for typos.`,
      errorType: "invalid_request_error",
      code: "unknown_url",
      param: null,
    };
  }

  async function choose(source: ReplySource, prompt: EmulatedPrompt, signal: AbortSignal, count = accepted): Promise<Reply> {
    const modelIndex = count.models.get(prompt.model) ?? 0;
    count.models.set(prompt.model, modelIndex + 1);
    const info = { index: count.all++, modelIndex, signal };
    const reply = typeof source === "function" ? await source(prompt, info) : source;
    return typeof reply === "string" ? { text: reply } : reply;
  }

  function plan(dialect: Dialect, reply: Reply, prompt: EmulatedPrompt, compaction: Compaction | undefined): Action[] {
    const context = { prompt, time: Date.now(), newId, ...(compaction && { compaction }) };
    const make = () =>
      prompt.stream ? planStream(dialect, reply, { ...options.framing, ...reply.framing }, context) : planWhole(dialect, reply, context);
    if (!reply.reuse || compaction) return make();
    const key = JSON.stringify([dialect.name, prompt.model, prompt.stream, prompt.body.stream_options]);
    const kinds = encoded.get(reply) ?? new Map<string, Action[]>();
    encoded.set(reply, kinds);
    const actions = kinds.get(key) ?? make();
    kinds.set(key, actions);
    return actions;
  }

  async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const left = new AbortController();
    let resetting = false;
    let request: OpenRequest | undefined;
    response.once("close", () => {
      left.abort();
      request?.finish(
        response.writableFinished ? "complete" : resetting ? "reset" : stop.signal.aborted ? "emulator-closed" : "client-left",
      );
      watch.changed();
    });

    const raw = await readBody(message);
    let body: unknown;
    let badJson = false;
    try {
      body = raw ? JSON.parse(raw) : undefined;
    } catch {
      body = raw;
      badJson = true;
    }
    request = openRequest(message, body, requests.length);
    requests.push(request);
    if (left.signal.aborted) request.finish("client-left");
    watch.changed();
    if (raw === undefined || left.signal.aborted) return;

    const head = (status: number, headers: Record<string, string>) => {
      response.writeHead(status, { "x-request-id": newId("req_"), ...headers });
      (request as OpenRequest).status = status;
    };
    const sendJson = (status: number, value: unknown, headers: Record<string, string> = {}) => {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      head(status, { "content-type": typeof value === "string" ? "text/plain" : "application/json", ...headers });
      response.end(text);
    };

    const path = request.path.split("?", 1)[0] as string;
    const query = request.path.slice(path.length);
    const dialect = request.method === "POST" ? DIALECTS.find((candidate) => candidate.takes(path, query)) : undefined;
    const refuse = (refusal: Refusal) => {
      const speaker = dialect ?? (path.startsWith("/v1beta/") ? gemini : chatCompletions);
      const said = speaker.refusal?.(refusal) ?? refusal;
      sendJson(said.status, said.body ?? speaker.error(said));
    };
    const unauthorized = refuseUnauthorized(request.headers);
    if (unauthorized) return refuse(unauthorized);
    if (dialect === undefined) {
      const other = otherPath(request.method, path, request.headers);
      return "body" in other ? sendJson(other.status, other.body) : refuse(other);
    }
    if (badJson || typeof body !== "object" || body === null || Array.isArray(body)) {
      return refuse(badRequest("We could not parse the JSON body of your request. The API expects a JSON object."));
    }
    const wrong = dialect.check(body as Record<string, unknown>, options.strict ?? false, path, request.headers);
    if (wrong) return refuse(wrong);
    const prompt = dialect.read(body as Record<string, unknown>, { ...request.headers }, path);
    if (!knownModel(prompt.model)) return refuse(unknownModel(prompt.model));
    const answer = dialect.answer?.(prompt, path, { prompt, time: Date.now(), newId });
    if (answer !== undefined) return sendJson(200, answer);
    const refusal = (options.compact === false && dialect.withoutCompaction?.(prompt, path)) || overflow(dialect, prompt, path);
    if (refusal) return refuse(refusal);

    const compacts = dialect.compacts?.(prompt, path);
    const askSummary = (options.compact || undefined) ?? plainSummary;
    const summary = compacts && { source: summaries.take(prompt.model) ?? askSummary, count: compacted };
    const source = compacts === "alone" ? undefined : (script.take(prompt.model) ?? options.respond);
    if (source === undefined && compacts !== "alone") {
      const last = prompt.messages.at(-1)?.text ?? "";
      const error = new MassGenError(
        "script_exhausted",
        `The emulator has no reply for request ${request.index + 1} (model "${prompt.model}", last message ${JSON.stringify(last.slice(0, 200))}). Add one with reply(), or give a respond rule.`,
      );
      failures.push(error);
      return refuse(badRequest(error.message, null, error.code));
    }
    let reply: Reply;
    let compaction: Compaction | undefined;
    try {
      const said = summary && (await choose(summary.source, prompt, left.signal, summary.count));
      compaction = said && compactionOf(said, compacts === "alone", dialect.inputTokens(prompt));
      reply = source === undefined ? (said as Reply) : await choose(source, prompt, left.signal);
      // What goes wrong with a compaction goes wrong with the reply that it is part of.
      if (said?.fault && !reply.fault) reply = { ...reply, fault: said.fault };
    } catch (cause) {
      if (left.signal.aborted) return;
      const error = new MassGenError("rule_failed", `The emulator's reply rule threw: ${String(cause)}`, { cause });
      failures.push(error);
      return refuse(badRequest(error.message, null, error.code));
    }

    const { fault } = reply;
    const writeOptions = {
      delayMs: reply.delayMs ?? 0,
      signal: left.signal,
      wrote(deltas: number) {
        (request as OpenRequest).chunksSent = deltas;
        watch.changed();
      },
      resetting() {
        resetting = true;
      },
    };
    await sleep(reply.firstByteDelayMs ?? 0, left.signal);
    if (left.signal.aborted) return;
    if (fault?.type === "status") {
      const retry = fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) };
      return sendJson(fault.status, fault.body ?? dialect.error(errorOf(fault)), { ...retry, ...reply.headers });
    }
    const early = fault?.type === "reset" || fault?.type === "stall" ? fault.before : undefined;
    if (early === "headers") return send([{ type: (fault as { type: "reset" | "stall" }).type }], response, writeOptions);
    const actions = plan(dialect, reply, prompt, compaction);
    if (!prompt.stream && reply.hold) await settled(reply.hold.until, left.signal);
    if (left.signal.aborted) return;
    const type = prompt.stream ? "text/event-stream; charset=utf-8" : "application/json";
    head(200, { "content-type": type, "cache-control": "no-cache", ...reply.headers });
    response.flushHeaders();
    watch.changed();
    await send(early === "body" ? [{ type: (fault as { type: "reset" | "stall" }).type }] : actions, response, writeOptions);
  }

  const server = createServer((message, response) => {
    const work = serve(message, response)
      .catch((cause) => {
        failures.push(new MassGenError("emulator_failed", `The emulator failed: ${String(cause)}`, { cause }));
        response.destroy();
      })
      .finally(() => working.delete(work));
    working.add(work);
  });
  // An idle connection the server closes just as a client reuses it would look like a fault nobody asked for.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });

  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      options.signal?.removeEventListener("abort", onAbort);
      stop.abort();
      const down = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await down;
      await Promise.all(working);
      watch.stop();
    })();
    return closing;
  };
  const onAbort = () => void close();
  options.signal?.addEventListener("abort", onAbort, { once: true });

  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    baseUrl: `${url}/v1`,
    requests,
    get remaining() {
      return script.remaining() + summaries.remaining();
    },
    reply: script.add,
    replyTo: script.addFor,
    replyToCompaction: summaries.add,
    nextRequest({ signal } = {}) {
      const look = () => {
        const request = requests[given];
        if (request !== undefined) given++;
        return request;
      };
      return watch.wait<RecordedRequest>(look, signal);
    },
    async until(predicate, { signal } = {}) {
      await watch.wait(() => predicate(requests) || undefined, signal);
    },
    assertComplete() {
      const failure = failures[0];
      if (failure !== undefined) throw failure;
      script.assertEmpty();
      summaries.assertEmpty();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function unknownModel(model: string): Refusal {
  return {
    status: 404,
    message: `The model \`${model}\` does not exist or you do not have access to it.`,
    errorType: "invalid_request_error",
    code: "model_not_found",
    param: null,
  };
}
