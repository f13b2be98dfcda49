// Tells the benchmark where the server under test listens, and what it uses.
import { createServer } from "node:http";
import { setImmediate as turn } from "node:timers/promises";

/** @param {string} url */
export function control(url) {
  const server = createServer(async (request, response) => {
    if (request.url === "/memory") {
      for (let i = 0; i < 5; i++) {
        globalThis.gc?.();
        await turn();
      }
    }
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, external } = process.memoryUsage();
    response.end(JSON.stringify({ cpuUs: user + system, rss, heap: heapUsed + external }));
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    process.send?.({ url, controlUrl: `http://127.0.0.1:${port}` });
  });
}
process.on("disconnect", () => process.exit(0));
