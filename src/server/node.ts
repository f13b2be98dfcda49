import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { ConfigError } from "../errors.js";
import type { ServerOptions } from "./options.js";
import { createServer } from "./server.js";

export interface ServeOptions extends ServerOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** 0 for any that is free. Default 4000. */
  port?: number;
  /** Listen beyond this machine without an API key all the same. Default false. */
  allowOpen?: boolean;
  /** How long requests under way may go on when the server stops, in ms. Default 30,000. */
  drainMs?: number;
}

export interface RunningServer {
  /** e.g. `http://127.0.0.1:4000`. */
  url: string;
  port: number;
  /** Takes nothing new, lets what is under way finish for `drainMs`, and closes. */
  stop(): Promise<void>;
}

/**
 * Serves teams over HTTP.
 * @throws ConfigError `open_server` for a host beyond this machine without API keys; the socket's error when it cannot listen.
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { host = "127.0.0.1", port = 4000, allowOpen = false, drainMs = 30_000, ...rest } = options;
  if (!isLoopback(host) && (rest.apiKeys ?? []).length === 0 && !allowOpen) {
    const message = `Listening on ${host} without an API key would let everybody who reaches this machine spend your tokens. Give \`apiKeys\`, or \`allowOpen: true\`.`;
    throw new ConfigError("open_server", message, { path: "host" });
  }
  const server = createServer(rest);
  const listener = getRequestListener((request) => server.fetch(request), { overrideGlobalObjects: false });
  const http = createHttpServer(
    { headersTimeout: 15_000, requestTimeout: 60_000, keepAliveTimeout: 75_000, maxHeaderSize: 32_768 },
    listener,
  );
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, host, () => {
      http.off("error", reject);
      resolve();
    });
  });
  const address = http.address() as AddressInfo;
  let stopping: Promise<void> | undefined;
  return {
    url: `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    stop: () => (stopping ??= stop()),
  };

  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => http.close(() => resolve()));
    http.closeIdleConnections();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, drainMs);
    });
    await Promise.race([server.drain(), late]);
    clearTimeout(timer);
    await server.close();
    http.closeAllConnections();
    await closed;
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}
