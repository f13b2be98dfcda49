// @ts-nocheck
// `node http.mjs [port]`: the test tools over streamable HTTP, in the newest protocol. Writes its URL.
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { createMcpHandler } from "@modelcontextprotocol/server";
import { testServer } from "./tools.mjs";

const handler = createMcpHandler(testServer);
const http = createServer(async (req, res) => {
  const aborted = new AbortController();
  res.on("close", () => aborted.abort());
  const hasBody = req.method === "POST";
  const request = new Request(`http://${req.headers.host}${req.url}`, {
    method: req.method,
    headers: Object.entries(req.headers).map(([name, value]) => [name, String(value)]),
    signal: aborted.signal,
    ...(hasBody && { body: Readable.toWeb(req), duplex: "half" }),
  });
  const response = await handler.fetch(request);
  res.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body)
    Readable.fromWeb(response.body)
      .on("error", () => res.destroy())
      .pipe(res);
  else res.end();
});
http.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => console.log(`http://127.0.0.1:${http.address().port}/mcp`));
