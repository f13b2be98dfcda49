import type { openTransport } from "../backends/transport.js";
import { MassGenError } from "../errors.js";
import { activeCall } from "./active-call.js";
import type { ServerAddress } from "./config.js";
import type { Sdk } from "./sdk.js";
import { MAX_MESSAGE_BYTES, type ServerTransport } from "./stdio-transport.js";

type Fetch = typeof globalThis.fetch;
type HttpAddress = Exclude<ServerAddress, { type: "stdio" }>;
type Pool = Awaited<ReturnType<typeof openTransport>>;

/** How long a server may take to say goodbye, in ms of real time. */
const GOODBYE_MS = 1000;

/** A server that is reached by URL, over connections of its own. */
export function httpTransport({ type, url, headers }: HttpAddress, sdk: Sdk, pool: Pool): ServerTransport {
  let failure: string | undefined;
  const fail = (problem: string) => {
    failure ??= problem;
  };
  const requestInit = { headers: { ...headers } };
  if (type === "sse") {
    // All answers come over one stream; the SDK would open another and leave the calls waiting.
    const onEnd = (isEventStream: boolean) => {
      if (!isEventStream) return;
      fail("ended the stream that its answers come over");
      void transport.close();
    };
    const sse = new sdk.SSEClientTransport(url, { requestInit, fetch: watchedFetch(pool.fetch, onEnd) });
    const transport = sse as unknown as ServerTransport;
    return complete(transport, async () => {});
  }
  const onEnd = (isEventStream: boolean, resumable: boolean, problem?: string) => {
    if (isEventStream) activeCall.getStore()?.streamEnded(resumable, problem);
  };
  const http = new sdk.StreamableHTTPClientTransport(url, { requestInit, fetch: watchedFetch(pool.fetch, onEnd) });
  return complete(http as unknown as ServerTransport, async () => {
    const late = new Promise((resolve) => setTimeout(resolve, GOODBYE_MS).unref());
    await Promise.race([http.terminateSession().catch(() => {}), late]);
  });

  function complete(transport: ServerTransport, sayGoodbye: () => Promise<void>): ServerTransport {
    const plainClose = transport.close.bind(transport);
    let closing: Promise<void> | undefined;
    const end = (polite: boolean) => {
      closing ??= (async () => {
        if (polite) await sayGoodbye();
        await plainClose();
        await pool.close();
      })();
      return closing;
    };
    return Object.assign(transport, {
      failure: () => failure,
      settled: async () => {},
      errorTail: () => "",
      close: () => end(true),
      kill: () => end(false),
      keepAlive: () => {},
    });
  }
}

/** Bounds what the SDK holds in memory of one reply, and tells when a reply is over. */
function watchedFetch(fetch: Fetch, onEnd: (isEventStream: boolean, resumable: boolean, problem?: string) => void): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const { body, status, statusText } = response;
    if (body === null || !response.ok) return response;
    const isEventStream = /^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "");
    const reader = body.getReader();
    let size = 0;
    let resumable = false;
    const watched = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          try {
            const { done, value } = await reader.read();
            if (done) {
              onEnd(isEventStream, resumable);
              return controller.close();
            }
            const lineEnd = isEventStream ? value.lastIndexOf(10) : -1;
            size = lineEnd === -1 ? size + value.length : value.length - lineEnd - 1;
            if (size > MAX_MESSAGE_BYTES)
              throw new MassGenError("mcp_flood", `sent a message longer than ${MAX_MESSAGE_BYTES / 2 ** 20} MB`);
            resumable ||=
              isEventStream && /(^|\n)id:/.test(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1"));
            controller.enqueue(value);
          } catch (error) {
            const tooLong = error instanceof MassGenError;
            onEnd(isEventStream, resumable && !tooLong, tooLong ? error.message : undefined);
            controller.error(error);
            reader.cancel(error).catch(() => {});
          }
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    return new Response(watched, { status, statusText, headers: [...response.headers] });
  };
}
