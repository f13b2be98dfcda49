import type { BackendError } from "../../errors.js";
import { type WireFailure, type WireOrigin, wireError } from "../errors.js";

/** google.rpc.Status. */
interface Status {
  code?: unknown;
  message?: unknown;
  status?: unknown;
  details?: unknown;
}

interface Detail {
  reason?: unknown;
  retryDelay?: unknown;
  violations?: { quotaId?: unknown }[];
}

/** The error of a request that Google refused, or of an error object inside a stream. */
export function geminiError(failure: WireFailure, origin: WireOrigin, cause?: unknown): BackendError {
  const status = statusOf(failure.body);
  if (!status) return wireError(failure, origin, cause);
  const details = Array.isArray(status.details) ? (status.details as Detail[]) : [];
  const message = typeof status.message === "string" ? status.message : "";
  const code = codeOf(status, details, message);
  const body = { error: { message, ...(code && { code }), type: status.status, status: status.code } };
  return wireError({ ...failure, body, headers: withDelay(failure.headers, details) }, origin, cause);
}

/** The code by which the shared classification knows it. */
function codeOf(status: Status, details: Detail[], message: string): string | undefined {
  const reasons = details.map((detail) => String(detail?.reason ?? ""));
  if (reasons.some((reason) => /^API_KEY_(INVALID|EXPIRED)$/.test(reason))) return "invalid_api_key";
  if (/unregistered callers|api key (was reported|expired|not valid)/i.test(message)) return "invalid_api_key";
  if (status.status === "RESOURCE_EXHAUSTED" || status.code === 429) {
    // One message serves for limits per minute and per day, and for a tier that has none of it.
    const quotas = details.flatMap((detail) => (Array.isArray(detail?.violations) ? detail.violations : []));
    const spent = quotas.some(({ quotaId }) => /PerDay/i.test(String(quotaId)));
    return spent || /limit: 0\b|credits? (are|is) depleted|prepay/i.test(message) ? "insufficient_quota" : "rate_limit_exceeded";
  }
  // Someone on the way hung up.
  return status.status === "CANCELLED" || status.code === 499 ? "server_error" : undefined;
}

/** RetryInfo stands in the body; a header wins. */
function withDelay(headers: Headers | undefined, details: Detail[]): Headers | undefined {
  const seconds = details.map((detail) => /^(\d+(?:\.\d+)?)s$/.exec(String(detail?.retryDelay ?? ""))?.[1]).find(Boolean);
  if (seconds === undefined || headers?.has("retry-after") || headers?.has("retry-after-ms")) return headers;
  const copy = new Headers([...(headers ?? [])]);
  copy.set("retry-after-ms", String(Math.round(Number(seconds) * 1000)));
  return copy;
}

function statusOf(body: unknown): Status | undefined {
  const outer = Array.isArray(body) ? body[0] : body;
  const inner = typeof outer === "object" && outer !== null ? (outer as { error?: unknown }).error : undefined;
  return typeof inner === "object" && inner !== null && !Array.isArray(inner) ? (inner as Status) : undefined;
}
