// A client of a chat completions server that costs next to nothing: a socket, the bytes of HTTP/1.1, and a look at those that come back.
import { connect } from "node:net";

const FIRST = '"content":"w';
const LAST_CHUNK = "\r\n0\r\n\r\n";

/** @typedef {import("node:net").Socket} Socket */

/** Connections that wait for their next request, and since when, by server. @type {Map<string, { socket: Socket, since: number }[]>} */
const idle = new Map();
/** So long one is good for another request, in ms: Node's servers close them after 5 s. */
const FRESH_MS = 2_000;

/**
 * Streams a completion.
 * @param {string} url of the server
 * @param {string} model
 * @returns {Promise<{ firstMs: number, totalMs: number }>} from the request to its first content, and to its end
 */
export function stream(url, model) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    let firstMs = 0;
    let head = "";
    let tail = "";
    const socket = request(url, model);
    const fail = () => {
      socket.destroy();
      reject(new Error(`${url} ended with ${head.slice(-500)}${tail}`));
    };
    socket.once("close", fail).on("data", (data) => {
      if (firstMs === 0) {
        head += data;
        if (head.includes(FIRST)) firstMs = performance.now() - started;
        if (!head.startsWith("HTTP/1.1 200")) return fail();
      }
      tail = (tail + data).slice(-40);
      if (!tail.endsWith(LAST_CHUNK)) return;
      if (!tail.includes("[DONE]") || firstMs === 0) return fail();
      resolve({ firstMs, totalMs: performance.now() - started });
      socket.removeAllListeners("data").off("close", fail);
      keep(url, socket);
    });
  });
}

/**
 * Opens a stream and reads until its first content; returns what cuts it.
 * @param {string} url
 * @param {string} model
 * @returns {Promise<() => void>}
 */
export function begin(url, model) {
  return new Promise((resolve, reject) => {
    let head = "";
    const socket = request(url, model);
    socket
      .once("close", () => reject(new Error(`${url} ended with ${head.slice(-500)}`)))
      .on("data", (data) => {
        if (head.includes(FIRST)) return;
        head += data;
        if (!head.startsWith("HTTP/1.1 200")) socket.destroy();
        if (head.includes(FIRST)) resolve(() => socket.destroy());
      });
  });
}

/**
 * @param {string} url
 * @param {string} model
 * @returns {Socket}
 */
function request(url, model) {
  const { host, hostname, port } = new URL(url);
  const socket = kept(url) ?? connectTo(hostname, Number(port));
  const body = JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "Say something." }] });
  const headers = `host: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nauthorization: Bearer sk-bench`;
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\n${headers}\r\n\r\n${body}`);
  return socket;
}

/**
 * @param {string} host
 * @param {number} port
 */
function connectTo(host, port) {
  // What goes wrong shows as a connection that closes.
  return connect({ host, port, noDelay: true })
    .setEncoding("latin1")
    .on("error", () => {});
}

/**
 * @param {string} url
 * @param {Socket} socket
 */
function keep(url, socket) {
  const sockets = idle.get(url) ?? [];
  idle.set(url, sockets);
  sockets.push({ socket, since: performance.now() });
}

/** @param {string} url */
function kept(url) {
  const sockets = idle.get(url) ?? [];
  for (let last = sockets.pop(); last !== undefined; last = sockets.pop()) {
    if (performance.now() - last.since < FRESH_MS && !last.socket.destroyed) return last.socket;
    last.socket.destroy();
  }
  return undefined;
}

/**
 * @param {string} controlUrl
 * @param {"cpu" | "memory"} what
 * @returns {Promise<{ cpuUs: number, rss: number, heap: number }>}
 */
export async function usage(controlUrl, what) {
  return /** @type {any} */ (await (await fetch(`${controlUrl}/${what}`)).json());
}
