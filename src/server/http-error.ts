import { BackendError, ConfigError, MassGenError } from "../errors.js";

export interface HttpErrorOptions {
  /** OpenAI's error type, e.g. `invalid_request_error`. Default: what fits the status. */
  type?: string;
  code?: string;
  /** The field of the request at fault. */
  param?: string;
  /** Seconds, for the header `Retry-After`. */
  retryAfter?: number;
  cause?: unknown;
}

/** What a client is told, in OpenAI's envelope. */
export class HttpError extends Error {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly param: string | null;
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, options: HttpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "HttpError";
    this.status = status;
    this.type = options.type ?? typeOf(status);
    this.code = options.code ?? null;
    this.param = options.param ?? null;
    this.retryAfter = options.retryAfter;
  }
}

/** A 400 that names the field at fault. */
export function badRequest(param: string, message: string, code = "invalid_value"): HttpError {
  return new HttpError(400, message, { param, code });
}

export interface ErrorEnvelope {
  error: { message: string; type: string; param: string | null; code: string | null };
}

export function envelope({ message, type, param, code }: HttpError): ErrorEnvelope {
  return { error: { message, type, param, code } };
}

/** Any error as a client may see it. What is nobody's business (a bug's message) stays here. */
export function asHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof ConfigError) {
    const param = error.path === "" ? undefined : error.path;
    return new HttpError(400, error.message, { code: error.code, ...(param !== undefined && { param }), cause: error });
  }
  if (error instanceof MassGenError) return fromRun(error);
  return new HttpError(500, "The server failed. Its log says why.", { code: "internal_error", cause: error });
}

const STATUS_OF: Record<string, number> = {
  context_overflow: 400,
  bad_request: 400,
  content_filter: 400,
  unsupported: 400,
  // No client tries again by itself: it would spend as much again.
  budget_exceeded: 402,
  rate_limit: 429,
  quota: 429,
  overloaded: 503,
  closed: 503,
  timeout: 504,
  deadline: 504,
  aborted: 503,
};
const CODE_OF: Record<string, string> = { context_overflow: "context_length_exceeded" };

/** A run that failed: mostly the fault of a provider behind it. */
function fromRun(error: MassGenError): HttpError {
  // Where all agents failed for one reason, that reason: a client must not ask again for what is too long.
  const reason = error.code === "no_answer" && error.cause instanceof MassGenError ? error.cause : error;
  const status = STATUS_OF[reason.code] ?? 502;
  const waitMs = reason instanceof BackendError ? reason.retryAfterMs : undefined;
  const retryAfter = waitMs === undefined ? undefined : Math.ceil(waitMs / 1000);
  return new HttpError(status, toldOf(error, reason), {
    code: CODE_OF[reason.code] ?? reason.code,
    ...(retryAfter !== undefined && { retryAfter }),
    cause: error,
  });
}

/** Messages of runs name agents, providers' addresses and files: they are the operator's, and in the log. */
function toldOf({ code }: MassGenError, reason: MassGenError): string {
  const log = "The server's log says more.";
  if (code === "no_answer" && reason.code !== code) return `No agent could answer, all of them for one reason: ${reason.code}. ${log}`;
  if (code === "no_answer") return `No agent could answer. ${log}`;
  if (code === "deadline") return `The time was up before any agent had answered. ${log}`;
  if (code === "budget_exceeded") return `The budget of a request was spent before there was an answer. Asking again costs as much. ${log}`;
  if (code === "aborted") return `The run was stopped. ${log}`;
  return `The run failed: ${code}. ${log}`;
}

function typeOf(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 402) return "billing_error";
  if (status === 403) return "permission_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}
