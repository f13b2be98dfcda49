import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Backend, BackendChunk, BackendRequest, FinishReason, StreamOptions } from "../../src/backends/backend.js";
import type { Message } from "../../src/formatter/messages.js";
import type { Usage } from "../../src/token-manager/usage.js";

export interface Seen {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies freely
  body: any;
}

export interface TestServer {
  url: string;
  port: number;
  seen: Seen[];
  close(): Promise<void>;
}

/** An HTTP server on 127.0.0.1 that remembers what it was asked. */
export async function serve(
  handle: (response: ServerResponse, request: Seen, raw: IncomingMessage) => void | Promise<void>,
): Promise<TestServer> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      const text = Buffer.concat(pieces).toString("utf8");
      const entry = { method: request.method!, url: request.url!, headers: request.headers, body: text ? JSON.parse(text) : undefined };
      seen.push(entry);
      void handle(response, entry, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export function sse(events: unknown[], done = true): string {
  return `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")}${done ? "data: [DONE]\n\n" : ""}`;
}

/** A chunk of one choice. */
export function delta(fields: Record<string, unknown>, finish: string | null = null): Record<string, unknown> {
  return { id: "c1", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, delta: fields, finish_reason: finish }] };
}

export function sendSse(response: ServerResponse, body: string | Buffer): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(body);
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}

/** A whole reply, folded from its chunks. */
export interface Reply {
  chunks: BackendChunk[];
  text: string;
  reasoning: string;
  calls: { id: string; name: string; input: unknown; invalid?: string }[];
  /** Joined `tool-input-delta`s by call id. */
  streamedInputs: Record<string, string>;
  usage?: Usage;
  sources: { url?: string; title?: string; text?: string }[];
  message?: Message;
  finish?: FinishReason;
  raw?: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was thrown
  error?: any;
}

/** Runs one step to its end; what it throws is in `error`. */
export async function collect(backend: Backend, request: Partial<BackendRequest> = {}, options: StreamOptions = {}): Promise<Reply> {
  const reply: Reply = { chunks: [], text: "", reasoning: "", calls: [], streamedInputs: {}, sources: [] };
  try {
    for await (const chunk of backend.stream({ messages: [{ role: "user", content: "hi" }], ...request }, options)) fold(reply, chunk);
  } catch (error) {
    reply.error = error;
  }
  return reply;
}

function fold(reply: Reply, chunk: BackendChunk): void {
  if (reply.finish) throw new Error("a chunk came after finish");
  reply.chunks.push(chunk);
  switch (chunk.type) {
    case "text-delta":
      reply.text += chunk.delta;
      break;
    case "reasoning-delta":
      reply.reasoning += chunk.delta;
      break;
    case "tool-input-start":
      reply.streamedInputs[chunk.toolCallId] = "";
      break;
    case "tool-input-delta":
      reply.streamedInputs[chunk.toolCallId] += chunk.delta;
      break;
    case "tool-call": {
      const { toolCallId: id, toolName: name, input, invalid } = chunk;
      reply.calls.push({ id, name, input, ...(invalid !== undefined && { invalid }) });
      break;
    }
    case "source": {
      const { type: _, ...source } = chunk;
      reply.sources.push(source);
      break;
    }
    case "usage":
      if (reply.usage) throw new Error("usage came twice");
      reply.usage = chunk.usage;
      break;
    case "message":
      reply.message = chunk.message;
      break;
    case "finish":
      reply.finish = chunk.reason;
      if (chunk.raw !== undefined) reply.raw = chunk.raw;
      break;
  }
}
