import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv4 } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { ConfigError } from "../errors.js";
import { checkTime, type ServerOptions } from "./options.js";
import { createDirectServer, type DirectReply } from "./server.js";
import { after } from "./timer.js";

export interface ServeOptions extends ServerOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** 0 for any that is free. Default 4000. */
  port?: number;
  /** Listen beyond this machine without an API key all the same. Default false. */
  allowOpen?: boolean;
  /** How long requests under way may go on when the server stops, in ms. Default 30,000. */
  drainMs?: number;
  /** How long a client may take to send the headers of a request, in ms. Default 15,000. */
  headersTimeoutMs?: number;
  /** How long a client may take to send a whole request, in ms. Default 60,000. */
  bodyTimeoutMs?: number;
}

export interface RunningServer {
  /** e.g. `http://127.0.0.1:4000`. */
  url: string;
  port: number;
  /**
   * Takes nothing new, lets what is under way finish for `drainMs`, and closes. Meanwhile it still listens, so that `/ready` can
   * say 503. Called once more, it shortens the time to the smaller of both.
   */
  stop(options?: { drainMs?: number }): Promise<void>;
}

/**
 * Serves teams over HTTP.
 * @throws ConfigError `open_server` for a host beyond this machine without API keys, `port_in_use` or `cannot_listen`.
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { host = "127.0.0.1", port = 4000, allowOpen = false, drainMs = 30_000, ...others } = options;
  const { headersTimeoutMs = 15_000, bodyTimeoutMs = 60_000, ...rest } = others;
  checkTime("drainMs", drainMs, 0);
  checkTime("headersTimeoutMs", headersTimeoutMs);
  checkTime("bodyTimeoutMs", bodyTimeoutMs);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ConfigError("bad_option", `port must be a whole number from 0 to 65535, not ${port}.`, { path: "port" });
  }
  if (!isLoopback(host) && (rest.apiKeys ?? []).length === 0 && !allowOpen) {
    const message = `Listening on ${host} without an API key would let everybody who reaches this machine spend your tokens. Give \`apiKeys\`, or \`allowOpen: true\`.`;
    throw new ConfigError("open_server", message, { path: "host" });
  }
  const server = createDirectServer(rest);
  let stopping: Promise<void> | undefined;
  const listener = getRequestListener(
    async (request, { outgoing }) => {
      const direct: DirectReply = {};
      const response = await server.fetch(request, direct);
      if (direct.writeTo === undefined) return response;
      writeDirectly(direct.writeTo, response, outgoing as ServerResponse);
      return RESPONSE_ALREADY_SENT;
    },
    { overrideGlobalObjects: false },
  );
  const http = createHttpServer(
    {
      headersTimeout: finite(Math.min(headersTimeoutMs, bodyTimeoutMs)),
      requestTimeout: finite(bodyTimeoutMs),
      // How often Node looks for clients that are too slow.
      connectionsCheckingInterval: Math.min(5_000, headersTimeoutMs, bodyTimeoutMs),
      keepAliveTimeout: 75_000,
      maxHeaderSize: 32_768,
    },
    listener,
  );
  http.on("request", (_, response) => {
    // A connection kept alive must not keep a server that stops.
    response.once("close", () => stopping !== undefined && setImmediate(() => http.closeIdleConnections()));
  });
  await new Promise<void>((resolve, reject) => {
    http.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen(error, host, port)));
    http.listen(port, host, () => {
      http.removeAllListeners("error");
      resolve();
    });
  });
  const address = http.address() as AddressInfo;
  const hurry = new AbortController();
  return {
    url: `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    stop(given = {}) {
      const cancel = after(given.drainMs ?? drainMs, () => hurry.abort());
      if (given.drainMs === 0) hurry.abort();
      stopping ??= stop();
      return stopping.finally(cancel);
    },
  };

  async function stop(): Promise<void> {
    const late = new Promise<void>((resolve) => {
      if (hurry.signal.aborted) resolve();
      else hurry.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([server.drain(), late]);
    // The last bytes of a reply may still be on their way.
    const closed = new Promise<void>((resolve) => http.close(() => resolve()));
    http.closeIdleConnections();
    await Promise.race([closed, late]);
    await server.close();
    // Whoever still listens hears why it ends.
    let cancel = () => {};
    const enough = new Promise<void>((resolve) => {
      cancel = after(LAST_WORDS_MS, resolve);
    });
    await Promise.race([closed, enough]);
    cancel();
    http.closeAllConnections();
    await closed;
  }
}

// Where an application has let hono replace the global `Response`, the adapter looks at its headers only once the body has been read.
void RESPONSE_ALREADY_SENT.body;

/**
 * Writes an event stream to a socket, without a web stream between. It begins in the next turn of the event loop, when the run's first
 * requests have left; headers and first event leave together.
 */
function writeDirectly(writeTo: NonNullable<DirectReply["writeTo"]>, { status, headers }: Response, outgoing: ServerResponse): void {
  outgoing.writeHead(status, Object.fromEntries(headers));
  setImmediate(() => {
    const { drained, left } = writeTo({ write: (events) => outgoing.write(events), end: () => outgoing.end() });
    outgoing.on("drain", drained).on("close", left).on("error", left);
    if (outgoing.destroyed) left();
  });
}

/** How long the last words to clients whose runs were stopped may take. */
const LAST_WORDS_MS = 500;

/** Node's word for no limit is 0. */
const finite = (ms: number) => (ms === Number.POSITIVE_INFINITY ? 0 : ms);

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

function cannotListen(error: NodeJS.ErrnoException, host: string, port: number): ConfigError {
  if (error.code === "EADDRINUSE") {
    const message = `Port ${port} on ${host} is taken. Stop what listens there, or choose another port.`;
    return new ConfigError("port_in_use", message, { path: "port", cause: error });
  }
  return new ConfigError("cannot_listen", `Cannot listen on ${host}, port ${port}: ${error.message}.`, { path: "host", cause: error });
}
