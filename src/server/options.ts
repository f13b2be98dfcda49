import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import type { EventOfType } from "../orchestrator/events.js";
import type { Orchestrator } from "../orchestrator/orchestrator.js";
import type { Progress } from "./replies/common.js";
import type { SessionsOptions } from "./sessions.js";
import { MAX_DELAY_MS } from "./timer.js";

export interface ServerOptions {
  /** The teams that clients may ask for, by the names they use. The first is also called `massgen`. */
  models: Record<string, Orchestrator>;
  /** Keys of which each request must bring one, as `Authorization: Bearer <key>` or `x-api-key`. Default: none is asked for. */
  apiKeys?: string[];
  /** How chat completions tell drafts, evaluation and votes: as `reasoning_content`, as `<details>` in the content, or not at all. Default `reasoning_content`. */
  progress?: Progress;
  /** Whether titles, tags and the like go to one agent instead of a team: `true` to its first one, or an agent's id. Default true. */
  backgroundJobs?: boolean | string;
  /** Runs at the same time. Default 64. */
  maxRuns?: number;
  /** Requests that wait for a place. Default 256. */
  maxQueued?: number;
  /** How long a request waits for a place, in ms. Default 60,000. */
  queueTimeoutMs?: number;
  /** How long a run waits for the results of the client's tools, in ms. Default 600,000; the orchestrator's `inputTimeoutMs` bounds it too. */
  parkedTtlMs?: number;
  /** Runs that wait for such results at the same time; the one that waits longest makes room. Default 256. */
  maxParked?: number;
  /** Default 20 MiB. */
  maxBodyBytes?: number;
  /** How long a request may take in all, its body and the wait for a place included, in ms. Default: none beyond the orchestrator's own limits. */
  requestTimeoutMs?: number;
  /** Between two comments on a silent stream, in ms; `Infinity` for none. Default 10,000. */
  heartbeatMs?: number;
  /** Origins that browsers may call from, `["*"]` for any. Default: none. */
  corsOrigins?: string[];
  /** How long the reply to a request with an `Idempotency-Key` is kept for its repetition, in ms. Default 600,000. */
  idempotencyTtlMs?: number;
  /** Such replies that are kept; the oldest makes room. Default 1,000. */
  maxIdempotent?: number;
  /** Continues conversations by the header `X-Session-Id`, else by `user`: the server keeps them. Default: stateless. */
  sessions?: boolean | Partial<SessionsOptions>;
  /** Whether `/metrics` is open to all even where keys are asked for. Default false. */
  openMetrics?: boolean;
  /**
   * Decides what a run asks that its client cannot answer: an approval (true, false or `{ approved, reason, input }`), a toolkit's
   * question, the result of a tool of the team's that has no `execute`. The run waits, at most as long as the orchestrator's
   * `inputTimeoutMs`. What it throws counts as a refusal. Default: approvals are denied, questions stay unanswered, at once.
   */
  onInputRequest?: (event: EventOfType<"input-request">, context: InputRequestContext) => unknown;
  /** Told of every request when it comes in, except of probes. */
  onRequest?: (start: RequestStart) => void;
  /** Told of every request when it is over, except of probes (`/health`, `/ready`, `/metrics`). */
  log?: (record: RequestRecord) => void;
}

/** Whose run asks. */
export interface InputRequestContext {
  /** Of the HTTP request that began the run. */
  requestId: string;
  /** What the client sent as these. */
  user?: string;
  metadata?: Record<string, string>;
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal;
}

export interface RequestStart {
  requestId: string;
  traceparent?: string;
  method: string;
  path: string;
}

export interface RequestRecord extends RequestStart {
  runId?: string;
  model?: string;
  status: number;
  outcome: "ok" | "error" | "disconnected";
  durationMs: number;
  /** What only the operator may see. */
  error?: unknown;
}

const DEFAULTS = {
  apiKeys: [] as string[],
  progress: "reasoning_content" as Progress,
  backgroundJobs: true as boolean | string,
  maxRuns: 64,
  maxQueued: 256,
  queueTimeoutMs: 60_000,
  parkedTtlMs: 600_000,
  maxParked: 256,
  maxBodyBytes: 20 * 1024 * 1024,
  requestTimeoutMs: Number.POSITIVE_INFINITY,
  heartbeatMs: 10_000,
  corsOrigins: [] as string[],
  idempotencyTtlMs: 600_000,
  maxIdempotent: 1_000,
  openMetrics: false,
  onInputRequest: undefined as ServerOptions["onInputRequest"],
  onRequest: (_start: RequestStart): void => {},
  log: (_record: RequestRecord): void => {},
};

export type ResolvedServerOptions = typeof DEFAULTS & Pick<ServerOptions, "models"> & { sessions: false | SessionsOptions };

const TIMES = ["queueTimeoutMs", "parkedTtlMs", "requestTimeoutMs", "heartbeatMs", "idempotencyTtlMs"] as const;

/** Fills in the defaults. Throws a `ConfigError` that names the option at fault. */
export function resolveServerOptions(options: ServerOptions): ResolvedServerOptions {
  refuseUnknown(options, ["models", "sessions", ...Object.keys(DEFAULTS)], "");
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved = { ...DEFAULTS, ...given, sessions: resolveSessions(options.sessions) } as ResolvedServerOptions;
  for (const key of TIMES) checkTime(key, resolved[key]);
  for (const key of ["maxRuns", "maxBodyBytes"] as const) checkNumber(key, resolved[key], 1);
  for (const key of ["maxQueued", "maxParked", "maxIdempotent"] as const) checkNumber(key, resolved[key], 0);
  if (!["reasoning_content", "details", "off"].includes(resolved.progress))
    throw bad("progress", 'must be "reasoning_content", "details" or "off"');
  if (!isListOf(resolved.apiKeys, (key) => /^\S+$/.test(key))) throw bad("apiKeys", "must be a list of keys without blanks in them");
  if (!isListOf(resolved.corsOrigins, (origin) => origin === "*" || /^[a-z][a-z0-9+.-]*:\/\/[^/\s]+$|^null$/i.test(origin)))
    throw bad("corsOrigins", 'must be a list of origins like "https://chat.example.org", or ["*"]');
  for (const key of ["log", "onRequest", "onInputRequest"] as const) {
    if (resolved[key] !== undefined && typeof resolved[key] !== "function") throw bad(key, "must be a function");
  }
  const { backgroundJobs, models } = resolved;
  if (typeof backgroundJobs === "string") {
    const ids = Object.values(models).flatMap(({ agents }) => agents.map(({ id }) => id));
    if (!ids.includes(backgroundJobs)) throw bad("backgroundJobs", `names the agent "${backgroundJobs}"; there are ${ids.join(", ")}`);
  }
  return resolved;
}

function resolveSessions(sessions: ServerOptions["sessions"]): false | SessionsOptions {
  if (sessions === undefined || sessions === false) return false;
  const given = sessions === true ? {} : sessions;
  if (typeof given !== "object" || given === null) throw bad("sessions", "must be true, false or { ttlMs, max }");
  refuseUnknown(given, ["ttlMs", "max"], "sessions.");
  const { ttlMs = 3_600_000, max = 1_000 } = given;
  checkTime("sessions.ttlMs", ttlMs);
  checkNumber("sessions.max", max, 1);
  return { ttlMs, max };
}

function refuseUnknown(options: object, known: readonly string[], path: string): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known);
    throw bad(`${path}${key}`, `is no option of the server${meant === undefined ? "" : `; did you mean ${meant}?`}`);
  }
}

function isListOf(value: unknown, holds: (item: string) => boolean): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string" && holds(item));
}

function checkNumber(key: string, value: unknown, least: number): void {
  if (typeof value !== "number" || Number.isNaN(value) || value < least) throw bad(key, `must be a number of at least ${least}`);
}

/** Exported for the options that `serve` adds. */
export function checkTime(key: string, value: unknown, least = 1): void {
  checkNumber(key, value, least);
  if ((value as number) > MAX_DELAY_MS && value !== Number.POSITIVE_INFINITY)
    throw bad(key, `must be at most ${MAX_DELAY_MS} ms (24 days), or Infinity`);
}

function bad(key: string, why: string): ConfigError {
  return new ConfigError("bad_option", `${key} ${why}.`, { path: key });
}
