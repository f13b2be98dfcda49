import type { Usage } from "./token-manager/usage.js";

/** Every error massgen throws or reports: a stable `code`, a message that says what to do, and the `cause`. */
export class MassGenError extends Error {
  /** Stable, kebab- or snake-case identifier; safe to switch on. */
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The caller gave something that cannot work: an unknown key, a missing model, a bad value. */
export class ConfigError extends MassGenError {
  /** Where in the given options or file, e.g. `agents[1].backend.modle`. */
  readonly path: string;

  constructor(code: string, message: string, options: { path?: string; cause?: unknown } = {}) {
    super(code, message, options);
    this.path = options.path ?? "";
  }
}

/** What went wrong on a provider's wire. */
export type BackendErrorCode =
  | "authentication"
  | "permission"
  | "model_not_found"
  | "not_found"
  | "bad_request"
  | "context_overflow"
  | "content_filter"
  | "rate_limit"
  | "quota"
  | "overloaded"
  | "server_error"
  | "connection"
  | "timeout"
  | "stream_truncated"
  | "stream_error"
  | "missing_sdk"
  | "missing_key"
  | "unsupported"
  | "aborted"
  | "unknown";

export interface BackendErrorOptions {
  /** HTTP status, where there was one. */
  status?: number | undefined;
  /** Whether the same request may succeed later. */
  retryable?: boolean;
  /** How long the provider asked to wait, in ms. */
  retryAfterMs?: number | undefined;
  /** Preset or adapter name, e.g. `groq`. */
  provider?: string | undefined;
  cause?: unknown;
}

/** A failed model step. */
export class BackendError extends MassGenError {
  declare readonly code: BackendErrorCode;
  readonly status: number | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly provider: string | undefined;
  /** What was spent before it failed, where the provider says so and no `usage` chunk could: of a compaction. */
  declare readonly usage?: Usage;

  constructor(code: BackendErrorCode, message: string, options: BackendErrorOptions = {}) {
    super(code, message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.provider = options.provider;
  }
}

/** A JSON-safe picture of an error, as it appears in events and logs. */
export interface ErrorInfo {
  name: string;
  code: string;
  message: string;
  status?: number;
  retryable?: boolean;
  retryAfterMs?: number;
  provider?: string;
  /** Of a run without an answer: what its agents failed of, where all of them failed of the same. */
  cause?: ErrorInfo;
}

export function errorInfo(error: unknown): ErrorInfo {
  if (error instanceof BackendError) {
    return {
      name: error.name,
      code: error.code,
      message: error.message,
      retryable: error.retryable,
      ...(error.status !== undefined && { status: error.status }),
      ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
      ...(error.provider !== undefined && { provider: error.provider }),
    };
  }
  if (error instanceof MassGenError) return { name: error.name, code: error.code, message: error.message };
  if (error instanceof Error) return { name: error.name, code: "unknown", message: error.message };
  return { name: "Error", code: "unknown", message: String(error) };
}

/** The error that a picture shows, made anew: what was thrown would hold on to whatever it happened in. */
export function errorOf({ code, message, ...info }: ErrorInfo): MassGenError {
  return info.retryable === undefined ? new MassGenError(code, message) : new BackendError(code as BackendErrorCode, message, info);
}
