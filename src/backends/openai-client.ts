import type OpenAI from "openai";
import { BackendError } from "../errors.js";
import { withoutEnvHeaders } from "./env-headers.js";
import type { WireOrigin } from "./errors.js";
import { loadOpenAI, type OpenAISdk } from "./openai-sdk.js";
import { openTransport } from "./transport.js";
import { wireFetch } from "./wire-fetch.js";

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
}

/** A client that reads nothing from the environment. Throws a `BackendError` `missing_key` or `missing_sdk`. */
export async function connectOpenAI(options: OpenAIClientOptions): Promise<OpenAIConnection> {
  const { origin, apiKey, query, longWaits, fetch } = options;
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
    fetch: wireFetch(transport.fetch),
    defaultHeaders: { ...(!toOpenAI && withoutEnvHeaders("OPENAI_CUSTOM_HEADERS")), ...options.headers },
    ...(query && { defaultQuery: query }),
  });
  return { sdk, client, close: transport.close };
}
