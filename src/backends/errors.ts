import { BackendError, type BackendErrorCode } from "../errors.js";

/** What a failed HTTP exchange, or an error object inside a stream, told. */
export interface WireFailure {
  status?: number | undefined;
  /** The body, parsed where it was JSON. */
  body: unknown;
  headers?: Headers | undefined;
}

/** Whose failure it is, for the message. */
export interface WireOrigin {
  /** Preset or adapter name. */
  provider: string;
  /** As messages name it, e.g. `Groq`. */
  label: string;
  baseUrl: string;
  model: string;
  keyEnv: readonly string[];
  /** Cut out of every message. */
  apiKey?: string | undefined;
  /** How to start the server, where it is the user's own. */
  start?: string | undefined;
}

/** The words of an error body, whatever its shape. */
export interface ErrorWords {
  message: string;
  /** The body's own codes and types, lower case, e.g. `insufficient_quota`. */
  codes: string[];
  /** A status that stands in the body. */
  status?: number;
}

type Json = Record<string, unknown>;

/** Reads OpenAI's shape, FastAPI's `detail`, OpenRouter's nested `metadata.raw`, vLLM's `{ object: "error" }` and plain text. */
export function errorWords(body: unknown): ErrorWords {
  if (typeof body === "string") return { message: plainText(body), codes: [] };
  if (Array.isArray(body)) return errorWords(body[0] ?? "");
  if (typeof body !== "object" || body === null) return { message: "", codes: [] };
  const outer = body as Json;
  const inner = outer.error ?? outer.errors;
  if (typeof inner === "string") return { message: inner, codes: codesOf(outer) };
  if (Array.isArray(inner) && inner.length > 0) return errorWords(inner[0]);
  const error = typeof inner === "object" && inner !== null ? (inner as Json) : outer;
  const codes = codesOf(error);
  const status = [error.code, error.status, outer.code, outer.status].map(Number).find((code) => code >= 400 && code < 600);
  const messages = [text(error.message) ?? detail(error.detail) ?? text(outer.message) ?? detail(outer.detail) ?? ""];
  const metadata = error.metadata as Json | undefined;
  const raw = typeof metadata?.raw === "string" ? errorWords(parsed(metadata.raw)) : undefined;
  if (raw?.message && !messages[0]!.includes(raw.message)) messages.push(raw.message);
  if (raw) codes.push(...raw.codes);
  if (Array.isArray(metadata?.reasons)) messages.push(metadata.reasons.join(", "));
  // llama.cpp tells the window beside its words, and only of late in them.
  if (typeof error.n_ctx === "number" && !messages[0]!.includes(`${error.n_ctx}`)) messages.push(`n_ctx is ${error.n_ctx}`);
  const message = messages.filter(Boolean).join(": ") || JSON.stringify(body);
  return { message, codes, ...(status !== undefined && { status }) };
}

/** The error of an HTTP answer, or of an error object inside a 200 stream. */
export function wireError(failure: WireFailure, origin: WireOrigin, cause?: unknown): BackendError {
  const words = errorWords(failure.body);
  const status = failure.status ?? words.status;
  const code = classify(status, words);
  const inStream = failure.status === undefined;
  const should = failure.headers?.get("x-should-retry");
  const retryable = should === "true" || (should !== "false" && isRetryable(code, status));
  const head = status === undefined ? "" : `${status}${words.message ? " " : ""}`;
  const said = clean(`${head}${words.message}`, origin) || "no reason given";
  const message = `${origin.label}: ${inStream ? "error inside the stream: " : ""}${said}${advice(code, origin)}`;
  return new BackendError(code, message, {
    status,
    retryable,
    retryAfterMs: failure.headers ? retryAfterMs(failure.headers) : undefined,
    provider: origin.provider,
    cause,
  });
}

/** The error of a request that never got an answer, or whose answer broke off. */
export function connectionError(error: unknown, origin: WireOrigin): BackendError {
  const code = causeCode(error);
  const reason = code ?? deepestMessage(error);
  const options = { retryable: true, provider: origin.provider, cause: error };
  if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT") {
    const message = `${origin.label} at ${origin.baseUrl} was silent for 300 s (${code}). Set \`longWaits: true\` to wait longer.`;
    return new BackendError("timeout", message, options);
  }
  if (code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "EAI_AGAIN" || code === "EHOSTUNREACH" || code === "ENETUNREACH") {
    const hint = origin.start ? `Start it with \`${origin.start}\`, or set \`baseUrl\`.` : "Check `baseUrl` and the network.";
    const message = `Cannot reach ${origin.label} at ${origin.baseUrl} (${code}). ${hint}`;
    // A server may be restarting; a name that does not exist stays that way.
    return new BackendError("connection", message, { ...options, retryable: code !== "ENOTFOUND" });
  }
  if (code && /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO/.test(code)) {
    const message = `Cannot reach ${origin.label} at ${origin.baseUrl}: the certificate was not accepted (${code}).`;
    return new BackendError("connection", message, { ...options, retryable: false });
  }
  return new BackendError(
    "connection",
    `The connection to ${origin.label} at ${origin.baseUrl} broke (${clean(reason, origin)}).`,
    options,
  );
}

/** Milliseconds the server asked to wait: `retry-after-ms`, or `retry-after` in seconds or as a date. */
export function retryAfterMs(headers: Headers, now: number = Date.now()): number | undefined {
  const ms = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (Number.isFinite(ms) && ms >= 0) return ms;
  const after = headers.get("retry-after")?.trim();
  if (!after) return undefined;
  const seconds = Number(after);
  if (Number.isFinite(seconds)) return seconds >= 0 ? Math.round(seconds * 1000) : undefined;
  const date = Date.parse(after);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

const OVERFLOW =
  /context[ _]?(length|window|size)|maximum (context|prompt length|model length)|context.{0,20}exceed|prompt (is |exceeds ).{0,5}(too|max)|prompt too long|prompt token count|too many (input )?tokens|input (is )?too long|input (length|token count)|exceeds? the (maximum|model'?s?) .{0,20}(tokens|length|context)|model token limit|reduce the length|tokens.{0,40}must be <=|must have less than|\bn_ctx\b/i;
const NO_MODEL =
  /model.{0,120}?(not found|not exist|not a valid|unknown|is not available|no access)|(no such|unknown|invalid|unsupported) model|not a valid model|^no (allowed )?(endpoints|providers)|not found for account/i;
const FILTERED = /content[ _]?(filter|policy|management)|moderation|flagged|data_?inspection|safety system|sensitive/i;
const NO_MONEY =
  /insufficient[ _](balance|credit|fund|quota)|(out of|any|all available) credits|payment required|credit balance|billing|arrear|specified api usage limits|spend(ing)? limit|key limit exceeded|free tier.{0,30}exhausted/i;
const WRONG_KEY = /(incorrect|invalid) api[ -]?key/i;

/** Codes of a filter, OpenAI's and others'. */
const REFUSED = new Set(
  "content_filter content_policy_violation data_inspection_failed invalid_prompt bio_policy cyber_policy image_content_policy_violation".split(
    " ",
  ),
);
/** OpenAI on pictures it cannot read, which waiting does not mend. */
const BAD_IMAGE = /^(invalid|empty|unsupported|failed_to_download)_.*image|^image_|^invalid_base64_image$/;

/** A parameter that is wrong; its name must not be read as what it names. */
const BAD_PARAMETER = ["unknown_parameter", "unsupported_parameter", "missing_required_parameter", "invalid_type"];
/** Groq on what the model wrote, not the caller: another try may do. */
const BOTCHED = ["tool_use_failed", "json_validate_failed", "output_parse_failed"];

/** In order: what the body's own codes say, then the status, then the words. */
function classify(status: number | undefined, words: ErrorWords): BackendErrorCode {
  const { message, codes } = words;
  const says = (...wanted: string[]) => wanted.some((code) => codes.includes(code));
  if (
    says("insufficient_quota", "insufficient_user_quota", "billing_not_active", "billing_hard_limit_reached", "billing_error", "arrearage")
  ) {
    return "quota";
  }
  if (says(...BAD_PARAMETER)) return "bad_request";
  if (says(...BOTCHED)) return "stream_error";
  if (says("context_length_exceeded", "context_window_exceeded", "request_too_large_for_context")) return "context_overflow";
  if (codes.some((code) => REFUSED.has(code))) return "content_filter";
  if (says("model_not_found", "model_not_available", "model_decommissioned", "deploymentnotfound")) return "model_not_found";
  if (status === 401 || says("invalid_api_key", "authentication_error")) return "authentication";
  if (status === 402) return "quota";
  // Before the words: a limit per minute, too, may come with advice on billing.
  if (says("rate_limit_exceeded", "rate_limit_error", "too_many_requests", "rate_limit_reached_error")) return "rate_limit";
  if (status === 403) {
    if (FILTERED.test(message)) return "content_filter";
    return NO_MONEY.test(message) ? "quota" : "permission";
  }
  if (status === 404) return /model/i.test(message) || NO_MODEL.test(message) ? "model_not_found" : "not_found";
  if (status === 408) return "timeout";
  if (status === 429) return NO_MONEY.test(message) ? "quota" : "rate_limit";
  if (status === 503 || status === 529 || status === 498 || says("overloaded_error", "engine_overloaded_error")) return "overloaded";
  if (status !== undefined && status >= 500)
    return OVERFLOW.test(message) ? "context_overflow" : status === 501 ? "unsupported" : "server_error";
  if (says("server_error", "internal_server_error", "internalservererror")) return "server_error";
  if (status === undefined) {
    if (says("api_error")) return OVERFLOW.test(message) ? "context_overflow" : "server_error";
    if (says("timeout_error")) return "timeout";
    if (says("permission_error")) return "permission";
    if (says("not_found_error")) return /model/i.test(message) ? "model_not_found" : "not_found";
  }
  if (codes.some((code) => BAD_IMAGE.test(code))) return "bad_request";
  // Whoever counts bytes wants less of them, too.
  if (OVERFLOW.test(message) || status === 413) return "context_overflow";
  if (status === 409 || status === 425) return "server_error";
  if (status !== undefined && status >= 400) {
    if (WRONG_KEY.test(message)) return "authentication";
    if (NO_MODEL.test(message)) return "model_not_found";
    if (FILTERED.test(message)) return "content_filter";
    return NO_MONEY.test(message) ? "quota" : "bad_request";
  }
  if (says("invalid_request_error", "badrequesterror", "bad_request")) return "bad_request";
  return "stream_error";
}

function isRetryable(code: BackendErrorCode, status: number | undefined): boolean {
  // Groq's 413: the request alone is above the minute's tokens, so waiting does not help.
  if (code === "rate_limit") return status !== 413;
  return code === "overloaded" || code === "server_error" || code === "timeout" || code === "stream_error";
}

function advice(code: BackendErrorCode, origin: WireOrigin): string {
  const keys = origin.keyEnv.join(" or ");
  switch (code) {
    case "authentication":
      return ` Set ${keys ? `${keys}, or ` : ""}\`apiKey\` of the backend to a valid key.`;
    case "permission":
      return ` The key${keys ? ` (${keys})` : ""} may not use the model "${origin.model}" or this endpoint.`;
    case "model_not_found":
      return ` "${origin.model}" is not served at ${origin.baseUrl}; \`listModels()\` of the backend tells what is.`;
    case "not_found":
      return ` Nothing answers at ${origin.baseUrl}; check \`baseUrl\` (most servers want it to end in /v1).`;
    case "context_overflow":
      return " Shorten the input, or take a model with a larger context window.";
    case "content_filter":
      return " The provider's filter refused this request; change what it says, or the filter.";
    case "quota":
      return " The account has no credit left for this; waiting will not help.";
    default:
      return "";
  }
}

function codesOf(error: Json): string[] {
  return [error.code, error.type, error.error_type, error.status]
    .filter((code) => typeof code === "string")
    .map((code) => code.toLowerCase());
}

/** FastAPI: a text, or a list of what was wrong where. */
function detail(value: unknown): string | undefined {
  if (!Array.isArray(value)) return typeof value === "object" && value !== null ? errorWords(value).message : text(value);
  const lines = value.map((item: unknown) => {
    const { loc, msg } = (typeof item === "object" && item !== null ? item : { msg: item }) as { loc?: unknown; msg?: unknown };
    return `${Array.isArray(loc) ? `${loc.join(".")}: ` : ""}${text(msg) ?? JSON.stringify(item)}`;
  });
  return lines.join("; ");
}

function text(value: unknown): string | undefined {
  if (typeof value === "string") return value || undefined;
  if (typeof value === "object" && value !== null && "detail" in value) return detail(value.detail);
  return typeof value === "object" && value !== null ? JSON.stringify(value) : undefined;
}

function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return raw;
  }
}

/** An HTML page says nothing a user wants to read whole. */
function plainText(body: string): string {
  const bare = /^\s*</.test(body) ? body.replace(/<(style|script)[\s\S]*?<\/\1>/gi, " ").replace(/<[^>]*>/g, " ") : body;
  return bare.replace(/\s+/g, " ").trim();
}

function clean(message: string, origin: WireOrigin): string {
  let out = message.trimEnd();
  if (origin.apiKey && origin.apiKey.length >= 8) out = out.replaceAll(origin.apiKey, "***");
  if (out.length > 1000) out = `${out.slice(0, 1000)}…`;
  return /[.!?…]$/.test(out) || out === "" ? out : `${out}.`;
}

function causeCode(error: unknown): string | undefined {
  let at = error;
  for (let depth = 0; depth < 6 && typeof at === "object" && at !== null; depth++) {
    const { code, errors, cause } = at as { code?: unknown; errors?: unknown[]; cause?: unknown };
    if (typeof code === "string") return code;
    at = cause ?? errors?.[0];
  }
  return undefined;
}

function deepestMessage(error: unknown): string {
  let message = "";
  let at = error;
  for (let depth = 0; depth < 6 && at instanceof Error; depth++) {
    if (at.message) message = at.message;
    at = at.cause;
  }
  return message || String(error);
}
