import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import type { TraceContext } from "../backends/backend.js";
import { Admission } from "./admission.js";
import { type Api, CHAT, RESPONSES } from "./apis.js";
import { authenticator, refuseForeignPages } from "./auth.js";
import { Conductor, type Reply } from "./conductor.js";
import { byteStream, type Sink, type SinkListener, writeEvents } from "./event-stream.js";
import { asHttpError, envelope, HttpError } from "./http-error.js";
import { IdempotentReplies } from "./idempotency.js";
import { Metrics } from "./metrics.js";
import { ModelTable } from "./models.js";
import { type RequestRecord, type RequestStart, resolveServerOptions, type ServerOptions } from "./options.js";
import { ParkedRuns } from "./parked-runs.js";
import { type Json, readJsonBody } from "./requests/body.js";
import type { RunRequest } from "./requests/run-request.js";
import { Sessions } from "./sessions.js";
import { Underway } from "./underway.js";

/** An OpenAI-compatible server, wherever web-standard requests come from. */
export interface Server {
  /** Answers any request; mount it in a framework, or see `serve`. */
  fetch(request: Request): Promise<Response>;
  /** Takes no new requests from now on (`/ready` says 503), and resolves when none is under way any more and no run at work. */
  drain(): Promise<void>;
  /** Stops every run and refuses whatever waits. The orchestrators stay open: they are the caller's. */
  close(): Promise<void>;
}

interface Variables {
  requestId: string;
  startedAt: number;
  trace?: TraceContext;
  model?: string;
  runId?: string;
  /** The reply is streamed: the request is over when the stream is. */
  streamed?: boolean;
}

/** Given with a request by a caller who writes an event stream itself: filled where the reply is one, whose response has no body then. */
export interface DirectReply {
  writeTo?: (sink: Sink) => SinkListener;
}
export interface DirectServer extends Server {
  fetch(request: Request, direct?: DirectReply): Promise<Response>;
}
type Env = { Variables: Variables; Bindings: { direct?: DirectReply } };

/** Makes a server of teams. Throws a `ConfigError` that names the option at fault. */
export function createServer(given: ServerOptions): Server {
  const server = createDirectServer(given);
  // Frameworks give their handlers more than a request.
  return { ...server, fetch: (request) => server.fetch(request) };
}

/** As `createServer`, for one who can write an event stream without a stream of bytes between. */
export function createDirectServer(given: ServerOptions): DirectServer {
  const options = resolveServerOptions(given);
  const models = new ModelTable(options.models);
  const authenticate = authenticator(options.apiKeys);
  const admission = new Admission(options);
  const parked = new ParkedRuns({ ttlMs: options.parkedTtlMs, max: options.maxParked });
  const conductor = new Conductor({
    models,
    parked,
    backgroundJobs: options.backgroundJobs,
    onInputRequest: options.onInputRequest,
  });
  const idempotent = new IdempotentReplies({ ttlMs: options.idempotencyTtlMs, max: options.maxIdempotent });
  const sessions = options.sessions === false ? undefined : new Sessions(options.sessions);
  const metrics = new Metrics([
    { name: "massgen_runs_running", help: "Runs at work.", value: () => admission.running },
    { name: "massgen_requests_queued", help: "Requests that wait for a place.", value: () => admission.queued },
    { name: "massgen_runs_parked", help: "Runs that wait for a client's tools.", value: () => parked.size },
  ]);
  const created = epochSeconds();
  const underway = new Underway();
  const shutdown = new AbortController();
  let draining = false;

  const app = new Hono<Env>();
  app.use(async (c, next) => {
    const given = c.req.header("x-request-id");
    const requestId = given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : `req_${randomUUID().replaceAll("-", "")}`;
    const trace = traceOf(c.req.raw.headers);
    c.set("requestId", requestId);
    c.set("startedAt", performance.now());
    c.header("x-request-id", requestId);
    if (trace !== undefined) {
      c.set("trace", trace);
      c.header("traceparent", trace.traceparent);
    }
    const isProbe = c.req.method === "GET" && PROBES.includes(c.req.path);
    if (!isProbe) tell(() => options.onRequest(startOf(c)));
    await next();
    const { status } = c.res;
    if (c.get("streamed") || isProbe) return;
    record(c, status === 499 ? "disconnected" : status < 400 ? "ok" : "error", status, c.error);
  });
  if (options.corsOrigins.length > 0) {
    const exposeHeaders = ["x-request-id", "retry-after"];
    app.use(cors({ origin: options.corsOrigins.includes("*") ? "*" : options.corsOrigins, exposeHeaders }));
  }

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
  app.all("*", (c) => {
    const { method, path } = c.req;
    const route = routeOf(path);
    if (route === "other") throw new HttpError(404, `There is no ${path}. There are: ${PATHS.join(", ")}.`, { code: "not_found" });
    const takes = RUNS.includes(route) ? "POST" : "GET";
    c.header("allow", takes);
    throw new HttpError(405, `${path} takes ${takes}, not ${method}.`, { code: "method_not_allowed" });
  });
  app.onError((error, c) => {
    const told = asHttpError(error);
    if (told.retryAfter !== undefined) c.header("retry-after", String(told.retryAfter));
    if (told.status === 401) c.header("www-authenticate", "Bearer");
    return c.json(envelope(told), told.status as 400);
  });

  async function answer(c: Context<Env>, api: Api): Promise<Response> {
    const { headers, signal } = c.req.raw;
    const owner = authenticate(headers);
    if (options.apiKeys.length === 0) refuseForeignPages(headers, options.corsOrigins);
    if (draining) throw shuttingDown();

    const { stop, over } = underway.request(signal, options.requestTimeoutMs, {
      gone: () => new HttpError(499, "The client went away."),
      late: () => new HttpError(504, `The request took longer than ${options.requestTimeoutMs} ms.`, { code: "timeout" }),
    });
    let reply: Reply | undefined;
    try {
      const body = await readJsonBody(c.req.raw, options.maxBodyBytes);
      const request = api.read(body);
      if (headers.get("x-massgen-metadata") === "true") request.wantsMetadata = true;
      c.set("model", models.find(request.model).id);
      reply = await begin(request, c, owner, body, stop.signal);
      abortWith(reply, stop.signal);
      c.set("runId", reply.runId);
      const id = `${api.idPrefix}${c.get("requestId").replace(/^req_/, "")}`;
      const info = { id, created: epochSeconds(), request, progress: options.progress };
      if (!request.stream) {
        const whole = await api.whole(reply.outputs, info);
        over();
        return c.json(whole);
      }
      const begun = reply;
      const encoder = api.encoder(info);
      const writeTo = (sink: Sink) =>
        writeEvents(sink, begun, encoder, {
          heartbeatMs: options.heartbeatMs,
          stopped: () => stop.signal.reason,
          onFirst: () => observe("massgen_time_to_first_output_seconds", "From the request to its first progress or text.", c),
          onEnd: ({ outcome, error }) => {
            over();
            record(c, outcome, 200, error);
          },
        });
      c.set("streamed", true);
      const { direct } = c.env;
      if (direct === undefined) return c.body(byteStream(writeTo), 200, EVENT_STREAM);
      direct.writeTo = writeTo;
      return c.body(null, 200, EVENT_STREAM);
    } catch (error) {
      reply?.abort("its request failed");
      over();
      throw stop.signal.aborted ? stop.signal.reason : error;
    }
  }

  /** Waits for a place and begins; the layers that the request asks for lie around it. */
  async function begin(request: RunRequest, c: Context<Env>, owner: string, body: Json, signal: AbortSignal): Promise<Reply> {
    const context = { requestId: c.get("requestId"), owner, trace: c.get("trace") };
    const session = sessions === undefined ? undefined : c.req.header("x-session-id")?.trim() || request.user;
    const inSession = (waiting: AbortSignal) => {
      const start = (each: RunRequest) => enter(() => conductor.begin(each, context), waiting);
      return session === undefined ? start(request) : sessions!.reply(`${owner}/${session}`, request, start);
    };
    const key = c.req.header("idempotency-key");
    // Others may come to wait for such a run: it does not go with the client that asked for it first.
    if (key !== undefined) return idempotent.reply(`${owner}/${c.req.path}/${key}`, body, signal, () => inSession(shutdown.signal));
    return inSession(signal);
  }

  /** Begins once there is a place, which is held as long as the run is at work. */
  async function enter(start: () => Reply, signal: AbortSignal): Promise<Reply> {
    const leave = await admission.enter(signal);
    try {
      signal.throwIfAborted();
      const reply = start();
      underway.reply(reply, leave);
      return reply;
    } catch (error) {
      leave();
      throw error;
    }
  }

  function record(c: Context<Env>, outcome: RequestRecord["outcome"], status: number, error?: unknown): void {
    const { model, runId } = c.var;
    const labels = { path: routeOf(c.req.path), model: model ?? "none", status: String(status), outcome };
    metrics.count("massgen_requests_total", "Requests by route, model, status and outcome.", labels);
    if (model !== undefined) observe("massgen_request_duration_seconds", "From the request to the end of its reply.", c);
    const durationMs = performance.now() - c.get("startedAt");
    const known = { ...(model !== undefined && { model }), ...(runId !== undefined && { runId }), ...(error !== undefined && { error }) };
    tell(() => options.log({ ...startOf(c), status, outcome, durationMs, ...known }));
  }

  function observe(name: string, help: string, c: Context<Env>): void {
    metrics.observe(name, help, { model: c.get("model") ?? "none" }, (performance.now() - c.get("startedAt")) / 1000);
  }

  return {
    fetch: async (request: Request, direct?: DirectReply) => app.fetch(request, direct === undefined ? {} : { direct }),
    drain() {
      draining = true;
      return underway.none();
    },
    async close() {
      draining = true;
      shutdown.abort(shuttingDown());
      underway.stop(shuttingDown, "the server was shut down");
      parked.close();
      sessions?.close();
      idempotent.close();
    },
  };
}

/** What the caller's function throws is the process's, not the request's. */
function tell(say: () => void): void {
  try {
    say();
  } catch (failure) {
    queueMicrotask(() => {
      throw failure;
    });
  }
}

function startOf({ req, var: { requestId, trace } }: Context<Env>): RequestStart {
  const { method, path } = req;
  return { requestId, method, path, ...(trace?.traceparent !== undefined && { traceparent: trace.traceparent }) };
}

const EVENT_STREAM = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

const RUNS = ["/v1/chat/completions", "/v1/responses"];
const PROBES = ["/health", "/ready", "/metrics"];
const PATHS = [...RUNS, "/v1/models", "/v1/models/{id}", ...PROBES];

/** The route of a path, of which there are few. */
function routeOf(path: string): string {
  if (RUNS.includes(path) || PROBES.includes(path) || path === "/v1/models") return path;
  return path.startsWith("/v1/models/") ? "/v1/models/{id}" : "other";
}

/** W3C trace context, where it is valid. */
function traceOf(headers: Headers): TraceContext | undefined {
  const traceparent = headers.get("traceparent");
  if (traceparent === null || !/^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent))
    return undefined;
  const tracestate = headers.get("tracestate");
  return { traceparent, ...(tracestate !== null && { tracestate }) };
}

function abortWith(reply: Reply, signal: AbortSignal): void {
  const onAbort = () => reply.abort(signal.reason instanceof Error ? signal.reason.message : "stopped");
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
}

const shuttingDown = () => new HttpError(503, "The server is shutting down.", { code: "shutting_down", retryAfter: 5 });
const epochSeconds = () => Math.floor(Date.now() / 1000);
