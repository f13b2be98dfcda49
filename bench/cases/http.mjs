// A client of a chat completions server that costs next to nothing: it looks at the bytes alone.
import { Agent, request } from "node:http";

const agent = new Agent({ keepAlive: true, maxSockets: 5_000 });
const FIRST = '"content":"w';

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
    open(url, model, (response) => {
      response
        .setEncoding("latin1")
        .on("data", (data) => {
          if (firstMs === 0) {
            head += data;
            if (head.includes(FIRST)) firstMs = performance.now() - started;
          }
          tail = (tail + data).slice(-20);
        })
        .on("end", () => {
          if (!tail.includes("[DONE]") || firstMs === 0) return reject(new Error(`${url} ended with ${head.slice(-500)}${tail}`));
          resolve({ firstMs, totalMs: performance.now() - started });
        })
        .on("error", reject);
    }).on("error", reject);
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
    open(url, model, (response) => {
      response.setEncoding("latin1").on("data", (data) => {
        if (head.includes(FIRST)) return;
        head += data;
        if (head.includes(FIRST)) resolve(() => response.destroy());
      });
      response.on("error", reject).on("end", () => reject(new Error(`${url} ended with ${head.slice(-500)}`)));
    }).on("error", reject);
  });
}

/**
 * @param {string} url
 * @param {string} model
 * @param {(response: import("node:http").IncomingMessage) => void} onResponse
 */
function open(url, model, onResponse) {
  const body = JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "Say something." }] });
  const headers = { "content-type": "application/json", "content-length": body.length, authorization: "Bearer sk-bench" };
  return request(`${url}/v1/chat/completions`, { method: "POST", agent, headers }, onResponse).end(body);
}

/**
 * @param {string} controlUrl
 * @param {"cpu" | "memory"} what
 * @returns {Promise<{ cpuUs: number, rss: number, heap: number }>}
 */
export async function usage(controlUrl, what) {
  return /** @type {any} */ (await (await fetch(`${controlUrl}/${what}`)).json());
}
