import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { createMcpServers } from "../../src/mcp/index.js";
import { type Runtime, systemRuntime } from "../../src/runtime.js";
import { cleanup, fixture, freePort, hurried, npmServer, open, openRun, startHttp } from "./helpers.js";

const modern = (port = 0) => startHttp([fixture("http.mjs"), String(port)], /(http:\S+)/);
const everything = async (transport: "streamableHttp" | "sse") => {
  const port = await freePort();
  const started = await startHttp([npmServer("server-everything"), transport], /listening on port|running on port/i, {
    PORT: String(port),
  });
  return { ...started, url: `http://127.0.0.1:${port}/${transport === "sse" ? "sse" : "mcp"}` };
};

/** A server made of a few lines, which answers as told. */
async function handmade(
  answer: (request: IncomingMessage, response: ServerResponse, body: Record<string, unknown>) => void,
): Promise<string> {
  const http = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const form = request.headers["content-type"] === "application/x-www-form-urlencoded";
    answer(request, response, form ? Object.fromEntries(new URLSearchParams(text)) : text === "" ? {} : JSON.parse(text));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  cleanup(() => {
    http.closeAllConnections();
    return new Promise((resolve) => http.close(resolve));
  });
  return `http://127.0.0.1:${(http.address() as { port: number }).port}/mcp`;
}

const json = (response: ServerResponse, value: unknown, status = 200) =>
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));

/** Answers the handshake of 2025 and one tool; the rest as told. */
const legacy = (
  rest: (request: IncomingMessage, response: ServerResponse, body: Record<string, unknown>) => void,
  resume?: (request: IncomingMessage, response: ServerResponse) => void,
) =>
  handmade((request, response, body) => {
    if (resume && request.method === "GET" && request.headers["last-event-id"]) return resume(request, response);
    handshake(request, response, body, () => rest(request, response, body));
  });

function handshake(request: IncomingMessage, response: ServerResponse, body: Record<string, unknown>, rest: () => void): unknown {
  const { id, method } = body;
  const reply = (result: unknown) => json(response, { jsonrpc: "2.0", id, result });
  if (request.method !== "POST") return response.writeHead(405).end();
  if (method === "server/discover") return json(response, { jsonrpc: "2.0", id, error: { code: -32601, message: "Method not found" } });
  if (method === "initialize") {
    return reply({ protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "handmade", version: "1" } });
  }
  if (id === undefined) return response.writeHead(202).end();
  if (method === "tools/list") {
    const tool = (name: string, readOnlyHint: boolean) => ({ name, inputSchema: { type: "object" }, annotations: { readOnlyHint } });
    return reply({ tools: [tool("write", false), tool("read", true)] });
  }
  return rest();
}

/** A server of 2025 for those it lets in, and who they said they were. */
async function legacyIf(lets: (request: IncomingMessage) => boolean, refuse: (request: IncomingMessage, response: ServerResponse) => void) {
  const tenants = new Set<string | undefined>();
  const url = await handmade((request, response, body) => {
    if (!lets(request)) return refuse(request, response);
    tenants.add(request.headers["x-tenant"]?.toString());
    handshake(request, response, body, () => {
      const text = `sent: ${request.headers.authorization}`;
      json(response, { jsonrpc: "2.0", id: body.id, result: { content: [{ type: "text", text }] } });
    });
  });
  return { url, tenants };
}

describe("a server that wants a login", () => {
  /** Lets in who has the token; echoes what it was sent. */
  const guarded = (token: () => string, metadata = "") =>
    legacyIf(
      ({ headers }) => headers.authorization === `Bearer ${token()}`,
      (_, response) =>
        response
          .writeHead(401, metadata === "" ? {} : { "www-authenticate": `Bearer resource_metadata="${metadata}"` })
          .end(JSON.stringify({ error: "log in" })),
    );

  it("is given the provider's token, a new one when it refuses that, and no result tells it", async () => {
    let token = "first-token-0123";
    const { url } = await guarded(() => "second-token-4567");
    const refused: string[] = [];
    const authProvider = {
      token: async () => token,
      onUnauthorized: async ({ serverUrl }: { serverUrl: URL }) => {
        refused.push(serverUrl.href);
        token = "second-token-4567";
      },
    };
    const { call, run } = await open({ test: { url, authProvider } });
    expect(run.warnings).toEqual([]);
    expect(refused).toEqual([url]);
    expect(await call("mcp__test__read")).toBe("sent: Bearer [redacted]");
  });

  it("is logged in to by OAuth, with a provider of the SDK; the configured headers stay with the server", async () => {
    let issued = 0;
    const seen: (string | undefined)[] = [];
    const issuer = await handmade((request, response, body) => {
      seen.push(request.headers["x-tenant"]?.toString());
      const at = new URL(issuer).origin;
      if (request.url?.startsWith("/.well-known/"))
        return json(response, {
          issuer: at,
          authorization_endpoint: `${at}/authorize`,
          token_endpoint: `${at}/token`,
          response_types_supported: ["code"],
          grant_types_supported: ["client_credentials"],
        });
      expect(body).toMatchObject({ grant_type: "client_credentials" });
      issued++;
      return json(response, { access_token: "issued-token-89ab", token_type: "Bearer" });
    });
    const resource = await handmade((_, response) =>
      json(response, { resource: server.url, authorization_servers: [new URL(issuer).origin] }),
    );
    const server = await guarded(() => "issued-token-89ab", resource);
    const { ClientCredentialsProvider } = await import("@modelcontextprotocol/client");
    const authProvider = new ClientCredentialsProvider({
      clientId: "massgen",
      clientSecret: "s3cret-s3cret",
      expectedIssuer: new URL(issuer).origin,
    });
    const { call, run } = await open({ test: { url: server.url, authProvider, headers: { "X-Tenant": "tenant-one" } } });
    expect(run.warnings).toEqual([]);
    expect(await call("mcp__test__read")).toBe("sent: Bearer [redacted]");
    expect(issued).toBe(1);
    expect(server.tenants).toEqual(new Set(["tenant-one"]));
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it("that cannot be had costs the run its tools, and the warning says what to give", async () => {
    const { url } = await guarded(() => "never");
    const { run } = await open({ test: { url, authProvider: { token: async () => undefined } } });
    expect(run.warnings[0]?.message).toContain(
      "answered 401 Unauthorized. Give what it asks for (a token, as a rule) as `headers`, or an `authProvider`.",
    );
  });
});

describe("streamable HTTP in the newest protocol", () => {
  it("calls tools, with progress and questions", async () => {
    const { url } = await modern();
    const { call, progress, run } = await open({ test: { url } }, { answer: () => ({ colour: "green" }) });
    expect(run.warnings).toEqual([]);
    expect(await call("mcp__test__echo", { text: "hello" })).toBe("hello");
    expect(await call("mcp__test__steps", { steps: 3, pause: 120 })).toBe("3 steps");
    expect(progress.at(-1)).toEqual({ progress: 3, total: 3, message: "step 3" });
    expect(await call("mcp__test__ask_again")).toBe('{"colour":"green"}');
  });

  it("asks the right run even when several calls are under way", async () => {
    const { url } = await modern();
    const toolkit = createMcpServers({ test: { url } });
    cleanup(() => toolkit.close());
    const one = await openRun(toolkit, { answer: () => ({ colour: "red" }) });
    const two = await openRun(toolkit, { answer: () => ({ colour: "blue" }) });
    const results = await Promise.all([one, two, one, two].map(({ call }) => call("mcp__test__ask_again")));
    expect(results).toEqual(["red", "blue", "red", "blue"].map((colour) => JSON.stringify({ colour })));
  });

  it("loses a call when the server is killed, and goes on when it is back", async () => {
    const port = await freePort();
    const { stop, url } = await modern(port);
    const { call } = await open({ test: { url } }, { runtime: hurried(20) });
    const lost = call("mcp__test__wait");
    lost.catch(() => {});
    const read = call("mcp__test__wait_quietly", { ms: 3000 });
    read.catch(() => {});
    await call("mcp__test__echo", { text: "x" });
    await stop();
    await expect(lost).rejects.toMatchObject({ code: "mcp_call_lost", message: expect.stringContaining("it was not repeated") });
    await expect(read).rejects.toMatchObject({ code: expect.stringMatching(/mcp_(call_lost|unavailable)/) });
    await modern(port);
    expect(await retrying(() => call("mcp__test__echo", { text: "back" }))).toBe("back");
  });

  it("cancels a call by ending its request", async () => {
    const { url } = await modern();
    const { call } = await open({ test: { url } });
    const stop = new AbortController();
    const result = call("mcp__test__wait", {}, { signal: stop.signal });
    await call("mcp__test__echo", { text: "x" });
    stop.abort(new Error("enough"));
    await expect(result).rejects.toThrow("enough");
    expect(await call("mcp__test__echo", { text: "still here" })).toBe("still here");
  });
});

async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let i = 0; ; i++) {
    try {
      return await work();
    } catch (error) {
      if (i === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

describe.each(["streamableHttp", "sse"] as const)("server-everything over %s", (transport) => {
  it("works, and takes up again after a restart that lost its sessions", async () => {
    const { url, child, stop } = await everything(transport);
    const { call, run, names } = await open(
      { all: { url, ...(transport === "sse" && { type: "sse" as const }), connectTimeoutMs: 1e6 } },
      { runtime: hurried(20), answer: () => ({ name: "Anna" }) },
    );
    expect(run.warnings).toEqual([]);
    expect(names()).toContain("mcp__all__echo");
    expect(await call("mcp__all__echo", { message: "hello" })).toBe("Echo: hello");
    const port = new URL(url).port;
    const running = call("mcp__all__trigger-long-running-operation", { duration: 20, steps: 2 });
    running.catch(() => {});
    await call("mcp__all__echo", { message: "x" });
    await stop();
    expect(child.signalCode).toBe("SIGKILL");
    await expect(running).rejects.toMatchObject({ code: expect.stringMatching(/mcp_(call_lost|unavailable)/) }); // tried again: it only reads
    await startHttp([npmServer("server-everything"), transport], /listening on port|running on port/i, { PORT: port });
    expect(await retrying(() => call("mcp__all__echo", { message: "back" }))).toBe("Echo: back");
  }, 20_000);
});

describe("an HTTP server that cannot be used", () => {
  async function warning(config: Parameters<typeof open>[0]): Promise<string> {
    const { run, names } = await open(config);
    expect(names()).toEqual([]);
    expect(run.warnings).toHaveLength(1);
    return run.warnings[0]!.message;
  }

  it("nobody listens", async () => {
    const port = await freePort();
    expect(await warning({ test: { url: `http://127.0.0.1:${port}/mcp?key=topsecret` } })).toBe(
      `The MCP server "test" cannot be reached at http://127.0.0.1:${port}/mcp: ECONNREFUSED. The run goes on without its tools.`,
    );
  });

  it("wants a token; the one it was given is not shown", async () => {
    const url = await handmade((request, response) => json(response, { error: `bad token ${request.headers.authorization}` }, 401));
    const message = await warning({ test: { url, headers: { Authorization: "Bearer abcdefghijk" } } });
    expect(message).toContain("answered 401 Unauthorized. Give what it asks for (a token, as a rule) as `headers`, or an `authProvider`.");
    expect(message).not.toContain("abcdefghijk");
  });

  it("says what is wrong, secrets taken out", async () => {
    const url = await handmade((request, response) => json(response, { error: `no such key: ${request.headers["x-api-key"]}` }, 400));
    const message = await warning({ test: { url, headers: { "X-Api-Key": "abcdefghijk" } } });
    expect(message).toContain("no such key: [redacted]");
  });

  it("is something else", async () => {
    expect(await warning({ test: { url: await handmade((_, response) => json(response, {}, 404)) } })).toContain(
      "Is the URL that of its MCP endpoint?",
    );
    const page = await handmade((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Hello</h1>"));
    expect(await warning({ test: { url: page } })).toContain("does not speak MCP at");
  });

  it("never answers", async () => {
    const url = await handmade(() => {});
    expect(await warning({ test: { url, connectTimeoutMs: 300 } })).toContain("did not answer within 300 ms");
  });

  it("leads elsewhere: another host gets no headers", async () => {
    let visited = 0;
    const other = await handmade((_, response) => {
      visited++;
      json(response, {});
    });
    const url = await handmade((_, response) => response.writeHead(307, { location: other }).end());
    expect(await warning({ test: { url, headers: { "X-Api-Key": "abcdefghijk" } } })).toMatch(/redirect/i);
    expect(visited).toBe(0);
  });

  it("sends a message without end", async () => {
    const url = await handmade((_, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const flood = () => {
        while (response.write("x".repeat(65_536)));
        response.once("drain", flood);
      };
      flood();
    });
    expect(await warning({ test: { url } })).toContain("sent a message longer than 10 MB");
  });
});

describe("a call over HTTP", () => {
  const stream = (response: ServerResponse) => response.writeHead(200, { "content-type": "text/event-stream" });

  it("whose reply breaks off is lost, not waited for", async () => {
    for (const end of [(response: ServerResponse) => response.end(), (response: ServerResponse) => response.destroy()]) {
      let calls = 0;
      const url = await legacy((_, response) => {
        calls++;
        stream(response).write(": hello\n\n", () => end(response));
      });
      const { call } = await open({ test: { url } }, { runtime: hurried(10) });
      await expect(call("mcp__test__write")).rejects.toMatchObject({
        code: "mcp_call_lost",
        message: expect.stringContaining("broke off its reply"),
      });
      expect(calls).toBe(1);
      await expect(call("mcp__test__read")).rejects.toMatchObject({ code: "mcp_call_lost" });
      expect(calls).toBe(3);
    }
  });

  it("whose reply is sent on elsewhere gets it there, and leaves no timer", async () => {
    let timers = 0;
    const runtime: Runtime = {
      ...systemRuntime,
      setTimer(ms, fn) {
        timers++;
        let counted = true;
        const uncount = () => {
          if (counted) timers--;
          counted = false;
        };
        const cancel = systemRuntime.setTimer(ms, () => {
          uncount();
          fn();
        });
        return () => {
          uncount();
          cancel();
        };
      },
    };
    let pending: unknown;
    const resumed: unknown[] = [];
    let ended: Promise<unknown> | undefined;
    const url = await legacy(
      (_, response, { id }) => {
        pending = id;
        stream(response).end("id: e1\nretry: 20\ndata: \n\n");
      },
      (request, response) => {
        resumed.push(request.headers["last-event-id"]);
        ended = new Promise((resolve) => response.once("close", resolve));
        const result = { content: [{ type: "text", text: "after all" }] };
        stream(response).end(`id: e2\ndata: ${JSON.stringify({ jsonrpc: "2.0", id: pending, result })}\n\n`);
      },
    );
    const { call } = await open({ test: { url } }, { runtime });
    expect(await call("mcp__test__write")).toBe("after all");
    expect(resumed).toEqual(["e1"]);
    await ended;
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(timers).toBe(0);
  });

  it("that the server's gateway refuses is not repeated, one that only reads is", async () => {
    let calls = 0;
    const url = await legacy((_, response, { id }) => {
      calls++;
      if (calls < 3) return json(response, { error: "bad gateway" }, 502);
      return json(response, { jsonrpc: "2.0", id, result: { content: [{ type: "text", text: "done" }] } });
    });
    const { call } = await open({ test: { url } }, { runtime: hurried(10) });
    await expect(call("mcp__test__write")).rejects.toMatchObject({
      code: "mcp_call_lost",
      message: expect.stringContaining("answered 502"),
    });
    expect(calls).toBe(1);
    expect(await call("mcp__test__read")).toBe("done");
    expect(calls).toBe(3);
  });

  it("in a session that the server has forgotten is made once more in a new one", async () => {
    let calls = 0;
    const url = await legacy((_, response, { id }) => {
      calls++;
      if (calls === 1) return json(response, { jsonrpc: "2.0", id, error: { code: -32001, message: "Session not found" } }, 404);
      return json(response, { jsonrpc: "2.0", id, result: { content: [{ type: "text", text: "done" }] } });
    });
    const { call } = await open({ test: { url } }, { runtime: hurried(10) });
    expect(await call("mcp__test__write")).toBe("done");
    expect(calls).toBe(2);
  });

  it("that waits for a URL to be opened is made again once the caller of the run has done so", async () => {
    const wanted = { mode: "url", url: "https://login.example/", message: "Log in first", elicitationId: "e1" };
    let calls = 0;
    const url = await legacy((_, response, { id }) => {
      const error = { code: -32042, message: "URL elicitation required", data: { elicitations: [wanted] } };
      if (++calls % 2 === 1) return json(response, { jsonrpc: "2.0", id, error });
      return json(response, { jsonrpc: "2.0", id, result: { content: [{ type: "text", text: "done" }] } });
    });
    const willing = await open({ test: { url } }, { answer: () => true });
    expect(await willing.call("mcp__test__write")).toBe("done");
    expect(willing.run.questions).toEqual([
      { agentId: "anna", message: 'The MCP server "test" asks: Log in first (open https://login.example/)' },
    ]);
    calls = 0;
    const unwilling = await open({ test: { url } }, { answer: () => false });
    await expect(unwilling.call("mcp__test__write")).rejects.toMatchObject({ code: "mcp_call_failed" });
    expect(calls).toBe(1);
  });

  it("has a result of bounded size", async () => {
    const url = await legacy((_, response) => {
      stream(response);
      const flood = () => {
        while (response.write("x".repeat(65_536)));
        response.once("drain", flood);
      };
      flood();
    });
    const { call } = await open({ test: { url } }, { runtime: hurried(10) });
    await expect(call("mcp__test__write")).rejects.toMatchObject({
      code: "mcp_call_lost",
      message: expect.stringContaining("sent a message longer than 10 MB"),
    });
  });
});

it("an HTTP session is ended with the last run that uses it", async () => {
  const seen: string[] = [];
  const url = await handmade((request, response, { id, method }) => {
    seen.push(`${request.method} ${method ?? ""} ${request.headers["mcp-session-id"] ?? ""}`.trim());
    if (request.method === "GET") return response.writeHead(405).end();
    if (request.method === "DELETE") return response.writeHead(200).end();
    if (method === "server/discover") return json(response, { jsonrpc: "2.0", id, error: { code: -32601, message: "no" } });
    if (method === "initialize") {
      response.setHeader("mcp-session-id", "s1");
      return json(response, {
        jsonrpc: "2.0",
        id,
        result: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "x", version: "1" } },
      });
    }
    if (id === undefined) return response.writeHead(202).end();
    return json(response, { jsonrpc: "2.0", id, result: { tools: [] } });
  });
  const toolkit = createMcpServers({ test: { url } });
  cleanup(() => toolkit.close());
  const [one, two] = [await openRun(toolkit), await openRun(toolkit)];
  await one.close();
  expect(seen.at(-1)).not.toMatch(/^DELETE/);
  await two.close();
  expect(seen.at(-1)).toBe("DELETE  s1");
  await openRun(toolkit);
  expect(seen.filter((line) => line.startsWith("POST initialize"))).toHaveLength(2);
});
