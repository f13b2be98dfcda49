import type OpenAI from "openai";
import { BackendError, MassGenError } from "../errors.js";
import { withoutEnvHeaders } from "./env-headers.js";
import { connectionError, type WireOrigin, wireError } from "./errors.js";
import { loadOpenAI, type OpenAISdk } from "./openai-sdk.js";
import { openTransport } from "./transport.js";
import { FetchFailure, type WholeReply, type WrappedBody, wireFetch } from "./wire-fetch.js";

/** The longest a timer of Node can run; our own timeouts end a step long before. */
const NEVER = 2 ** 31 - 1;

export interface OpenAIConnection {
  sdk: OpenAISdk;
  client: OpenAI;
  /** Ends the connections that `longWaits` opened. */
  close(): Promise<void>;
}

export interface OpenAIClientOptions {
  origin: WireOrigin;
  /** `undefined`: the server wants one and there is none. */
  apiKey: string | (() => Promise<string>) | undefined;
  headers: Record<string, string | null>;
  /** Added to the URL of every request. */
  query?: Record<string, string>;
  /** Where requests go if not to the origin's base URL, e.g. below a deployment of it. */
  baseUrl?: string;
  longWaits: boolean;
  fetch?: typeof globalThis.fetch | undefined;
  wholeReply?: WholeReply;
}

/** A client that reads nothing from the environment. Throws a `BackendError` `missing_key` or `missing_sdk`. */
export async function connectOpenAI(options: OpenAIClientOptions): Promise<OpenAIConnection> {
  const { origin, apiKey, query, longWaits, fetch, wholeReply } = options;
  if (apiKey === undefined) {
    const names = origin.keyEnv.join(" or ");
    throw new BackendError(
      "missing_key",
      `${origin.label} at ${origin.baseUrl} needs a key. Set ${names ? `${names}, or ` : ""}\`apiKey\` of the backend.`,
      { provider: origin.provider },
    );
  }
  const sdk = await loadOpenAI();
  const transport = await openTransport({ fetch, longWaits });
  const toOpenAI = new URL(origin.baseUrl).host === "api.openai.com";
  const client = new sdk.OpenAI({
    apiKey,
    adminAPIKey: null,
    baseURL: options.baseUrl ?? origin.baseUrl,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    timeout: NEVER,
    logLevel: "off",
    fetch: wireFetch(transport.fetch, wholeReply),
    defaultHeaders: { ...(!toOpenAI && withoutEnvHeaders("OPENAI_CUSTOM_HEADERS")), ...options.headers },
    ...(query && { defaultQuery: query }),
  });
  return { sdk, client, close: transport.close };
}

/** What the SDK threw, as an error of ours. */
export function openAIError(error: unknown, sdk: OpenAISdk, origin: WireOrigin, signal: AbortSignal | undefined): unknown {
  if (error instanceof MassGenError) return error;
  if (signal?.aborted) return stepAborted(origin.provider, signal);
  if (error instanceof sdk.APIConnectionError) {
    return connectionError(error.cause instanceof FetchFailure ? error.cause.failure : (error.cause ?? error), origin);
  }
  if (error instanceof sdk.APIError) {
    const body = error.error as WrappedBody | undefined;
    if (error.status === undefined) return wireError({ body: { error: body ?? error.message }, headers: error.headers }, origin, error);
    return wireError({ status: error.status, body: body?.massgenBody, headers: error.headers }, origin, error);
  }
  const options = { retryable: true, provider: origin.provider, cause: error };
  if (error instanceof SyntaxError) return new BackendError("stream_error", `${origin.label} sent an event that is not JSON.`, options);
  // What fetch throws: "terminated" when the connection breaks while the reply is read.
  if (error instanceof TypeError) return connectionError(error, origin);
  const message = error instanceof Error ? error.message : String(error);
  return new BackendError("unknown", `${origin.label}: ${message}`, { ...options, retryable: false });
}

export function stepAborted(provider: string, signal: AbortSignal): BackendError {
  return new BackendError("aborted", "The step was aborted.", { provider, cause: signal.reason });
}
