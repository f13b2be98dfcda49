import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import type { TraceContext } from "../backends/backend.js";
import { Admission } from "./admission.js";
import { authenticator } from "./auth.js";
import { Conductor, type Reply } from "./conductor.js";
import { eventStream, type StreamEncoder } from "./event-stream.js";
import { asHttpError, envelope, HttpError } from "./http-error.js";
import { IdempotentReplies } from "./idempotency.js";
import { Metrics } from "./metrics.js";
import { ModelTable } from "./models.js";
import { type RequestRecord, resolveServerOptions, type ServerOptions } from "./options.js";
import { ParkedRuns } from "./parked-runs.js";
import { ChatStream, chatCompletion } from "./replies/chat.js";
import type { ReplyInfo } from "./replies/common.js";
import { ResponsesStream, responseObject } from "./replies/responses.js";
import { type Json, readJsonBody } from "./requests/body.js";
import { readChatRequest } from "./requests/chat-request.js";
import { readResponsesRequest } from "./requests/responses-request.js";
import type { RunRequest } from "./requests/run-request.js";
import type { Output } from "./served-run.js";
import { Sessions } from "./sessions.js";

/** An OpenAI-compatible server, wherever web-standard requests come from. */
export interface Server {
  /** Answers any request; mount it in a framework, or see `serve`. */
  fetch(request: Request): Promise<Response>;
  /** Takes no new runs from now on (`/ready` says 503), and resolves when none is under way any more. */
  drain(): Promise<void>;
  /** Stops every run. The orchestrators stay open: they are the caller's. */
  close(): Promise<void>;
}

/** How an API reads a request and spells the reply. */
interface Api {
  read(body: Json): RunRequest;
  idPrefix: string;
  encoder(info: ReplyInfo): StreamEncoder;
  whole(outputs: AsyncIterable<Output>, info: ReplyInfo): Promise<object>;
}

const CHAT: Api = {
  read: readChatRequest,
  idPrefix: "chatcmpl-",
  encoder: (info) => new ChatStream(info),
  whole: chatCompletion,
};
const RESPONSES: Api = {
  read: readResponsesRequest,
  idPrefix: "resp_",
  encoder: (info) => new ResponsesStream(info),
  whole: responseObject,
};

type Env = { Variables: { requestId: string; startedAt: number; model?: string; runId?: string; trace?: TraceContext } };

/** Makes a server of teams. Throws a `ConfigError` that names the option at fault. */
export function createServer(given: ServerOptions): Server {
  const options = resolveServerOptions(given);
  const models = new ModelTable(options.models);
  const authenticate = authenticator(options.apiKeys);
  const admission = new Admission(options);
  const parked = new ParkedRuns({ ttlMs: options.parkedTtlMs, max: options.maxParked });
  const conductor = new Conductor({ models, parked, backgroundJobs: options.backgroundJobs });
  const idempotent = new IdempotentReplies(options.idempotencyTtlMs);
  const { ttlMs = 3_600_000, max = 1_000 } = typeof options.sessions === "object" ? options.sessions : {};
  const sessions = options.sessions === false ? undefined : new Sessions({ ttlMs, max });
  const metrics = new Metrics([
    { name: "massgen_runs_running", help: "Requests at work.", value: () => admission.running },
    { name: "massgen_requests_queued", help: "Requests that wait for a place.", value: () => admission.queued },
    { name: "massgen_runs_parked", help: "Runs that wait for a client's tools.", value: () => parked.size },
  ]);
  const created = Math.floor(Date.now() / 1000);
  const live = new Set<Reply>();
  let draining = false;
  const drained: (() => void)[] = [];

  const app = new Hono<Env>();
  if (options.corsOrigins.length > 0) {
    const exposeHeaders = ["x-request-id", "retry-after"];
    app.use(cors({ origin: options.corsOrigins.includes("*") ? "*" : options.corsOrigins, exposeHeaders }));
  }
  app.use(async (c, next) => {
    const given = c.req.header("x-request-id");
    const requestId = given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : `req_${randomUUID().replaceAll("-", "")}`;
    const traceparent = c.req.header("traceparent");
    const tracestate = c.req.header("tracestate");
    c.set("requestId", requestId);
    c.set("startedAt", performance.now());
    c.header("x-request-id", requestId);
    if (traceparent !== undefined && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent)) {
      c.set("trace", { traceparent, ...(tracestate !== undefined && { tracestate }) });
      c.header("traceparent", traceparent);
    }
    await next();
  });

  app.get("/health", (c) => c.json({ status: "ok", service: "massgen" }));
  app.get("/ready", (c) => (draining ? c.json({ status: "draining" }, 503) : c.json({ status: "ready" })));
  app.get("/metrics", (c) => {
    if (!options.openMetrics) authenticate(c.req.raw.headers);
    return c.text(metrics.text(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
  const describe = (id: string) => ({ id, object: "model", created, owned_by: "massgen" });
  app.get("/v1/models", (c) => {
    authenticate(c.req.raw.headers);
    return c.json({ object: "list", data: models.ids.map(describe) });
  });
  app.get("/v1/models/:id{.+}", (c) => {
    authenticate(c.req.raw.headers);
    return c.json(describe(models.find(c.req.param("id")).id));
  });
  app.post("/v1/chat/completions", (c) => answer(c, CHAT));
  app.post("/v1/responses", (c) => answer(c, RESPONSES));
  for (const path of ["/v1/chat/completions", "/v1/responses"]) {
    app.all(path, (c) => {
      c.header("allow", "POST");
      throw new HttpError(405, `${path} takes POST only.`, { code: "method_not_allowed" });
    });
  }
  app.notFound((c) => {
    throw new HttpError(404, `There is no ${c.req.method} ${c.req.path}.`, { code: "not_found" });
  });
  app.onError((error, c) => refuse(c, error));

  async function answer(c: Context<Env>, api: Api): Promise<Response> {
    const { headers, signal } = c.req.raw;
    const owner = authenticate(headers);
    if (draining) throw new HttpError(503, "The server is shutting down.", { code: "shutting_down", retryAfter: 5 });
    const body = await readJsonBody(c.req.raw, options.maxBodyBytes);
    const request = api.read(body);
    if (headers.get("x-massgen-metadata") === "true") request.wantsMetadata = true;
    c.set("model", models.find(request.model).id);

    const stop = new AbortController();
    const onAbort = () => stop.abort(new HttpError(499, "The client went away."));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    const deadline = timer(options.requestTimeoutMs, () => {
      stop.abort(new HttpError(504, `The request took longer than ${options.requestTimeoutMs} ms.`, { code: "timeout" }));
    });
    let leave = () => {};
    let reply: Reply | undefined;
    const over = (outcome: RequestRecord["outcome"], status: number, error?: unknown) => {
      clearTimeout(deadline);
      signal.removeEventListener("abort", onAbort);
      leave();
      if (reply !== undefined) live.delete(reply);
      if (live.size === 0) for (const done of drained.splice(0)) done();
      record(c, outcome, status, error);
    };
    try {
      reply = stoppable(await begin(request, c, owner, body, stop.signal, (give) => (leave = give)), stop.signal);
      live.add(reply);
      c.set("runId", reply.runId);
      const info = {
        id: `${api.idPrefix}${c.get("requestId").replace(/^req_/, "")}`,
        created: epochSeconds(),
        request,
        progress: options.progress,
      };
      if (!request.stream) {
        const whole = await api.whole(reply.outputs, info);
        over("ok", 200);
        return c.json(whole);
      }
      const stream = eventStream(reply, api.encoder(info), {
        heartbeatMs: options.heartbeatMs,
        onFirst: () => observe("massgen_time_to_first_output_seconds", "From the request to its first progress or text.", c),
        onEnd: ({ outcome, error }) => over(outcome, 200, error),
      });
      return c.body(stream, 200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
      });
    } catch (error) {
      reply?.abort("its request failed");
      const told = asHttpError(stop.signal.aborted ? stop.signal.reason : error);
      over(told.status === 499 ? "disconnected" : "error", told.status, error);
      throw told;
    }
  }

  /** Waits for a place and begins; the layers that the request asks for lie around it. */
  async function begin(
    request: RunRequest,
    c: Context<Env>,
    owner: string,
    body: Json,
    signal: AbortSignal,
    entered: (leave: () => void) => void,
  ) {
    const context = { requestId: c.get("requestId"), owner, trace: c.get("trace") };
    const start = async (each: RunRequest): Promise<Reply> => {
      entered(await admission.enter(signal));
      return conductor.begin(each, context);
    };
    const session = sessions === undefined ? undefined : (c.req.header("x-session-id") ?? request.user);
    const inSession = () => (session === undefined ? start(request) : sessions!.reply(`${owner}/${session}`, request, start));
    const key = c.req.header("idempotency-key");
    return key === undefined ? inSession() : idempotent.reply(`${owner}/${c.req.path}/${key}`, body, inSession);
  }

  function refuse(c: Context<Env>, error: unknown): Response {
    const told = asHttpError(error);
    if (told.retryAfter !== undefined) c.header("retry-after", String(told.retryAfter));
    if (told.status === 401) c.header("www-authenticate", "Bearer");
    if (c.get("model") === undefined) record(c, "error", told.status, error);
    return c.json(envelope(told), told.status as 400);
  }

  function record(c: Context<Env>, outcome: RequestRecord["outcome"], status: number, error?: unknown): void {
    const path = c.req.routePath;
    const model = c.get("model") ?? "none";
    metrics.count("massgen_requests_total", "Requests by route, model, status and outcome.", {
      path,
      model,
      status: String(status),
      outcome,
    });
    observe("massgen_request_duration_seconds", "From the request to the end of its reply.", c);
    const runId = c.get("runId");
    const traceparent = c.get("trace")?.traceparent;
    options.log({
      requestId: c.get("requestId"),
      method: c.req.method,
      path: c.req.path,
      status,
      outcome,
      durationMs: performance.now() - c.get("startedAt"),
      ...(c.get("model") !== undefined && { model }),
      ...(runId !== undefined && { runId }),
      ...(traceparent !== undefined && { traceparent }),
      ...(error !== undefined && { error }),
    });
  }

  function observe(name: string, help: string, c: Context<Env>): void {
    metrics.observe(name, help, { model: c.get("model") ?? "none" }, (performance.now() - c.get("startedAt")) / 1000);
  }

  return {
    fetch: async (request) => app.fetch(request),
    drain() {
      draining = true;
      return live.size === 0 ? Promise.resolve() : new Promise((resolve) => drained.push(resolve));
    },
    async close() {
      draining = true;
      for (const reply of live) reply.abort("the server was shut down");
      parked.close();
      sessions?.close();
    },
  };
}

/** The reply, stopped when the signal says so. */
function stoppable(reply: Reply, signal: AbortSignal): Reply {
  const onAbort = () => reply.abort(signal.reason instanceof Error ? signal.reason.message : "stopped");
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return reply;
}

function timer(ms: number, fn: () => void): NodeJS.Timeout | undefined {
  return Number.isFinite(ms) ? setTimeout(fn, ms) : undefined;
}

const epochSeconds = () => Math.floor(Date.now() / 1000);
