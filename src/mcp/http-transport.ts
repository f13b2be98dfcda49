import type { AuthProvider } from "@modelcontextprotocol/client";
import type { openTransport } from "../backends/transport.js";
import { MassGenError } from "../errors.js";
import { type ActiveCalls, CALL_HEADER } from "./active-call.js";
import type { ServerAddress } from "./config.js";
import type { Sdk } from "./sdk.js";
import { MAX_MESSAGE_BYTES, type ServerTransport } from "./stdio-transport.js";

type Fetch = typeof globalThis.fetch;
type HttpAddress = Exclude<ServerAddress, { type: "stdio" }>;
type Pool = Awaited<ReturnType<typeof openTransport>>;

/** How long a server may take to say goodbye, in ms of real time. */
const GOODBYE_MS = 1000;

/** A server that is reached by URL, over a connection pool of its own. */
export function httpTransport(address: HttpAddress, sdk: Sdk, pool: Pool, calls: ActiveCalls): ServerTransport {
  return address.type === "sse" ? sseTransport(address, sdk, pool) : streamableTransport(address, sdk, pool, calls);
}

function sseTransport(address: HttpAddress, sdk: Sdk, pool: Pool): ServerTransport {
  let failure: string | undefined;
  // All answers come over one stream; the SDK would open another one and leave the calls waiting.
  const onEnd = (problem?: string) => {
    failure ??= problem ?? "ended the stream that its answers come over";
    void transport.close();
  };
  const sse = new sdk.SSEClientTransport(address.url, requestsTo(address, boundedFetch(pool.fetch, onEnd)));
  const transport = completed(sse, pool, { failure: () => failure });
  return transport;
}

function streamableTransport(address: HttpAddress, sdk: Sdk, pool: Pool, calls: ActiveCalls): ServerTransport {
  let tooLong: string | undefined;
  const fetch = boundedFetch(pool.fetch, (problem) => {
    tooLong = problem;
  });
  const http = new sdk.StreamableHTTPClientTransport(address.url, requestsTo(address, fetch));
  const send = http.send.bind(http) as ServerTransport["send"];
  const transport = completed(http, pool, {
    failure: () => undefined,
    async sayGoodbye() {
      const late = new Promise((resolve) => setTimeout(resolve, GOODBYE_MS).unref());
      await Promise.race([http.terminateSession().catch(() => {}), late]);
    },
  });
  transport.send = (message, options = {}) => {
    const { [CALL_HEADER]: number, ...rest } = options.headers ?? {};
    const call = number === undefined ? undefined : calls.get(number);
    // The SDK does not tell a call that its reply broke off; the call would wait for ever.
    return send(message, { ...options, headers: rest, ...(call && { onRequestStreamEnd: () => call.streamEnded(tooLong) }) });
  };
  return transport;
}

const SENT_TOKENS = 10;

/** What the SDK's transports are told of requests. A login has it ask other hosts too, and they get nothing that is meant for the server. */
function requestsTo({ url, headers, login }: HttpAddress, fetch: Fetch) {
  const requestInit = { headers: { ...headers } };
  if (login === undefined) return { requestInit, fetch };
  const { provider, sent } = login;
  return {
    requestInit,
    authProvider: provider as AuthProvider,
    fetch: (input: string | URL, init: RequestInit = {}) => {
      const all = new Headers(init.headers);
      if (new URL(input).origin !== url.origin)
        for (const [name, value] of Object.entries(headers)) if (all.get(name) === value) all.delete(name);
      const [, token] = /^(?:Bearer|DPoP) (.+)$/i.exec(all.get("authorization") ?? "") ?? [];
      if (token !== undefined && !sent.includes(token)) sent.splice(0, Math.max(0, sent.push(token) - SENT_TOKENS));
      return fetch(input, { ...init, headers: all });
    },
  };
}

interface Extras {
  failure(): string | undefined;
  sayGoodbye?(): Promise<void>;
}

/** The SDK's transport with what every transport here has. Closing it closes its connections. */
function completed(sdkTransport: object, pool: Pool, { failure, sayGoodbye }: Extras): ServerTransport {
  const transport = sdkTransport as ServerTransport;
  const closeTransport = transport.close.bind(transport);
  let closing: Promise<void> | undefined;
  const end = (politely: boolean) => {
    closing ??= (async () => {
      if (politely) await sayGoodbye?.();
      await closeTransport();
      await pool.close();
    })();
    return closing;
  };
  return Object.assign(transport, {
    failure,
    settled: async () => {},
    errorTail: () => "",
    close: () => end(true),
    kill: () => end(false),
    keepAlive: () => {},
  });
}

/** Bounds what the SDK holds in memory of one message. `onEnd` hears of an event stream that is over, and of a message too long. */
function boundedFetch(fetch: Fetch, onEnd: (problem?: string) => void): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const { body, status, statusText } = response;
    if (body === null || !response.ok) return response;
    const isEventStream = /^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "");
    const reader = body.getReader();
    let size = 0;
    const bounded = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          try {
            const { done, value } = await reader.read();
            if (done) {
              if (isEventStream) onEnd();
              return controller.close();
            }
            const lineEnd = isEventStream ? value.lastIndexOf(10) : -1;
            size = lineEnd === -1 ? size + value.length : value.length - lineEnd - 1;
            if (size > MAX_MESSAGE_BYTES)
              throw new MassGenError("mcp_flood", `sent a message longer than ${MAX_MESSAGE_BYTES / 2 ** 20} MB`);
            controller.enqueue(value);
          } catch (error) {
            if (error instanceof MassGenError) onEnd(error.message);
            else if (isEventStream) onEnd();
            controller.error(error);
            reader.cancel(error).catch(() => {});
          }
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    return new Response(bounded, { status, statusText, headers: [...response.headers] });
  };
}
