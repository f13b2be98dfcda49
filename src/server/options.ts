import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import type { Orchestrator } from "../orchestrator/orchestrator.js";
import type { Progress } from "./replies/common.js";

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
  /** How long a request may take in all, in ms. Default: none beyond the orchestrator's own limits. */
  requestTimeoutMs?: number;
  /** Between two comments on a silent stream, in ms. Default 10,000. */
  heartbeatMs?: number;
  /** Origins that browsers may call from, `["*"]` for any. Default: none. */
  corsOrigins?: string[];
  /** How long the reply to a request with an `Idempotency-Key` is kept for its repetition, in ms. Default 600,000. */
  idempotencyTtlMs?: number;
  /** Continues conversations by the header `X-Session-Id`, else by `user`: the server keeps them. Default: stateless. */
  sessions?: boolean | { ttlMs?: number; max?: number };
  /** Whether `/metrics` is open to all even where keys are asked for. Default false. */
  openMetrics?: boolean;
  /** Told of every request when it is over. */
  log?: (record: RequestRecord) => void;
}

export interface RequestRecord {
  requestId: string;
  runId?: string;
  traceparent?: string;
  method: string;
  path: string;
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
  sessions: false as boolean | { ttlMs?: number; max?: number },
  openMetrics: false,
  log: (_record: RequestRecord): void => {},
};

export type ResolvedServerOptions = typeof DEFAULTS & Pick<ServerOptions, "models">;

/** Fills in the defaults. Throws a `ConfigError` that names the option at fault. */
export function resolveServerOptions(options: ServerOptions): ResolvedServerOptions {
  const known = ["models", ...Object.keys(DEFAULTS)];
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known);
    throw bad(key, `is no option of the server${meant === undefined ? "" : `; did you mean ${meant}?`}`);
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved = { ...DEFAULTS, ...given } as ResolvedServerOptions;
  for (const key of ["maxRuns", "maxBodyBytes", "heartbeatMs", "parkedTtlMs", "requestTimeoutMs", "idempotencyTtlMs"] as const)
    atLeast(resolved, key, 1);
  for (const key of ["maxQueued", "queueTimeoutMs", "maxParked"] as const) atLeast(resolved, key, 0);
  if (!["reasoning_content", "details", "off"].includes(resolved.progress))
    throw bad("progress", 'must be "reasoning_content", "details" or "off"');
  if (!Array.isArray(resolved.apiKeys) || resolved.apiKeys.some((key) => typeof key !== "string" || key.trim() === "")) {
    throw bad("apiKeys", "must be a list of keys, none of them blank");
  }
  const { backgroundJobs, models } = resolved;
  if (typeof backgroundJobs === "string") {
    const ids = Object.values(models).flatMap(({ agents }) => agents.map(({ id }) => id));
    if (!ids.includes(backgroundJobs)) throw bad("backgroundJobs", `names the agent "${backgroundJobs}"; there are ${ids.join(", ")}`);
  }
  return resolved;
}

function atLeast(options: ResolvedServerOptions, key: keyof ResolvedServerOptions, least: number): void {
  const value = options[key];
  if (typeof value !== "number" || Number.isNaN(value) || value < least) throw bad(key, `must be a number of at least ${least}`);
}

function bad(key: string, why: string): ConfigError {
  return new ConfigError("bad_option", `${key} ${why}.`, { path: key });
}
