import { BackendError, MassGenError } from "../errors.js";
import { connectionError, type WireFailure, type WireOrigin, wireError } from "./errors.js";

type Fetch = typeof globalThis.fetch;

/** Brings a failed request past the SDKs, which keep only part of what a server said and call whatever mentions a timeout one. */
class FetchFailure extends Error {
  /** What the server answered; absent where there was no answer. */
  readonly refused: WireFailure | undefined;
  readonly thrown: unknown;

  constructor(refused: WireFailure | undefined, thrown?: unknown) {
    super("the request failed");
    this.refused = refused;
    this.thrown = thrown;
  }
}

/** An event that is JSON, and not what the API sends. */
export class UnreadableEvent extends Error {
  constructor(cause: TypeError) {
    super(cause.message, { cause });
  }
}

/** A fetch for an SDK. What it throws, and what the SDK makes of that, `requestError` understands. */
export function wireFetch(fetch: Fetch): Fetch {
  return async (input, init) => {
    let refused: WireFailure;
    try {
      const response = await fetch(input, init);
      const { status, headers } = response;
      const page = headers.get("content-type")?.includes("text/html");
      if (response.ok && !page) return response;
      const text = await response.text();
      const body = response.ok ? { message: "the server answered with a web page instead of a reply", code: "not_found" } : parsed(text);
      refused = { status: response.ok ? 404 : status, headers, body };
    } catch (thrown) {
      throw new FetchFailure(undefined, thrown);
    }
    throw new FetchFailure(refused);
  };
}

/** What to throw for an error of a request, or of reading its reply. `refusal` makes the error of an answer that refuses. */
export function requestError(error: unknown, origin: WireOrigin, signal: AbortSignal | undefined, refusal = wireError): unknown {
  if (error instanceof MassGenError) return error;
  const { provider, label } = origin;
  if (signal?.aborted) return stepAborted(provider, signal);
  const { cause } = (error ?? {}) as { cause?: unknown };
  const failure = error instanceof FetchFailure ? error : cause instanceof FetchFailure ? cause : undefined;
  if (failure?.refused) return refusal(failure.refused, origin, failure.refused);
  if (failure) return connectionError(failure.thrown, origin);
  const options = { retryable: true, provider, cause: error };
  if (error instanceof SyntaxError) return new BackendError("stream_error", `${label} sent an event that is not JSON.`, options);
  if (error instanceof UnreadableEvent) {
    return new BackendError("stream_error", `${label} sent an event that its API does not have (${error.message}).`, options);
  }
  // What fetch throws: "terminated" when the connection breaks while the reply is read.
  if (error instanceof TypeError) return connectionError(error, origin);
  const message = error instanceof Error ? error.message : String(error);
  return new BackendError("unknown", `${label}: ${message}`, { ...options, retryable: false });
}

export function stepAborted(provider: string, signal: AbortSignal): BackendError {
  return new BackendError("aborted", "The step was aborted.", { provider, cause: signal.reason });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
