import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../src/index.js";
import { createServer, serve } from "../../../src/server/index.js";
import { member, startTeam } from "../helpers.js";
import { startEmulated } from "./emulated.js";

const KEY = "sk-of-the-house";

describe("keys", () => {
  test("a request without one, with a wrong one, or with a part of one is refused and starts nothing", async () => {
    const server = await startEmulated({ server: { apiKeys: ["sk-other", KEY] } });
    const given: Record<string, string>[] = [
      {},
      { authorization: "Bearer sk-wrong" },
      { authorization: `Bearer ${KEY.slice(0, -1)}` },
      { authorization: `Bearer ${KEY}x` },
      { authorization: `Basic ${KEY}` },
      { "x-api-key": "sk-wrong" },
    ];
    for (const headers of given) {
      const response = await server.chat({}, { headers });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      const { error } = (await response.json()) as { error: Record<string, unknown> };
      expect(error).toMatchObject({ type: "authentication_error", param: null });
      expect(["missing_api_key", "invalid_api_key"]).toContain(error.code);
    }
    expect(server.emulator.requests).toHaveLength(0);
  });

  test("any of them opens every route, as a bearer or as x-api-key", async () => {
    const server = await startEmulated({ server: { apiKeys: ["sk-other", KEY] } });
    expect((await server.chat({}, { headers: { authorization: `bearer ${KEY}` } })).status).toBe(200);
    expect((await server.chat({}, { headers: { "x-api-key": "sk-other" } })).status).toBe(200);
    for (const path of ["/v1/models", "/v1/models/team", "/metrics"]) {
      expect((await fetch(server.url + path)).status).toBe(401);
      expect((await fetch(server.url + path, { headers: { "x-api-key": KEY } })).status).toBe(200);
    }
    for (const path of ["/health", "/ready"]) expect((await fetch(server.url + path)).status).toBe(200);
  });

  test("/metrics can be open where keys are asked for", async () => {
    const { url } = await startTeam(undefined, { apiKeys: [KEY], openMetrics: true });
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
  });
});

describe("who may listen and call", () => {
  test("beyond this machine only with a key, or when told so", async () => {
    const { orchestrator } = await startTeam();
    const models = { team: orchestrator };
    for (const host of ["0.0.0.0", "::", "127.0.0.1.example.org", "", "192.168.0.1"]) {
      await expect(serve({ models, host, port: 0 })).rejects.toMatchObject({ code: "open_server" });
    }
    for (const options of [{ allowOpen: true }, { apiKeys: [KEY] }]) {
      const server = await serve({ models, host: "0.0.0.0", port: 0, ...options });
      await server.stop();
    }
  });

  test("a port that is taken is said so", async () => {
    const { orchestrator, port } = await startTeam();
    await expect(serve({ models: { team: orchestrator }, port })).rejects.toMatchObject({ code: "port_in_use", path: "port" });
  });

  test("without keys, pages from elsewhere are refused, even with a simple request", async () => {
    const server = await startEmulated();
    const from = (origin: string, contentType = "text/plain") =>
      server.chat({}, { headers: { origin, "content-type": contentType } }).then(({ status }) => status);
    expect(await from("https://evil.example")).toBe(403);
    expect(await from("http://localhost.evil.example:4000")).toBe(403);
    expect(await from("null")).toBe(403);
    expect(server.emulator.requests).toHaveLength(0);
    expect(await from("http://localhost:3000")).toBe(200);
    expect(await from("app://obsidian.md")).toBe(200);
    const allowing = await startEmulated({ server: { corsOrigins: ["https://chat.example"] } });
    expect((await allowing.chat({}, { headers: { origin: "https://chat.example" } })).status).toBe(200);
    const keyed = await startEmulated({ server: { apiKeys: [KEY] } });
    expect((await keyed.chat({}, { headers: { origin: "https://evil.example", "x-api-key": KEY } })).status).toBe(200);
  });

  test("CORS is off unless configured, and then on errors too", async () => {
    const preflight = { method: "OPTIONS", headers: { origin: "https://chat.example", "access-control-request-method": "POST" } };
    const closed = await startTeam();
    const refused = await fetch(`${closed.url}/v1/chat/completions`, preflight);
    expect(refused.status).toBe(405);
    expect(refused.headers.get("access-control-allow-origin")).toBeNull();

    const open = await startTeam(undefined, { corsOrigins: ["https://chat.example"], apiKeys: [KEY] });
    const allowed = await fetch(`${open.url}/v1/chat/completions`, {
      ...preflight,
      headers: { ...preflight.headers, "access-control-request-headers": "authorization, content-type" },
    });
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://chat.example");
    expect(allowed.headers.get("access-control-allow-headers")).toContain("authorization");
    const error = await fetch(`${open.url}/v1/models`, { headers: { origin: "https://chat.example" } });
    expect(error.status).toBe(401);
    expect(error.headers.get("access-control-allow-origin")).toBe("https://chat.example");
    const other = await fetch(`${open.url}/v1/models`, { headers: { origin: "https://other.example", "x-api-key": KEY } });
    expect(other.headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("what is not there", () => {
  test("404 for paths, 405 with Allow for methods, 415 for bodies that are not JSON", async () => {
    const { url, chat } = await startEmulated();
    const told = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(url + path, init);
      const { error } = (await response.json()) as { error: { code: string } };
      return [response.status, error.code, response.headers.get("allow")];
    };
    expect(await told("/v1/embeddings", { method: "POST" })).toEqual([404, "not_found", null]);
    // The usual mistake: a base URL without its /v1.
    expect(await (await fetch(`${url}/chat/completions`, { method: "POST" })).text()).toContain("There are: /v1/chat/completions, ");
    expect(await told("/v1/models/nope")).toEqual([404, "model_not_found", null]);
    expect(await told("/v1/chat/completions")).toEqual([405, "method_not_allowed", "POST"]);
    expect(await told("/v1/responses", { method: "DELETE" })).toEqual([405, "method_not_allowed", "POST"]);
    expect(await told("/v1/models", { method: "POST" })).toEqual([405, "method_not_allowed", "GET"]);
    const form = await chat({}, { headers: { "content-type": "application/x-www-form-urlencoded" } });
    expect([form.status, ((await form.json()) as { error: object }).error]).toMatchObject([415, { code: "unsupported_media_type" }]);
  });

  test("a request that is no HTTP does no harm", async () => {
    const { port, url } = await startTeam();
    await new Promise<void>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.write("\x16\x03\x01 what?\r\n\r\n"));
      socket.on("error", () => {}).on("close", () => resolve());
      socket.resume();
    });
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

describe("ids and traces", () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

  test("a request id goes out as it came in, and is told in the log and in the reply's id", async () => {
    const server = await startEmulated();
    const response = await server.chat({}, { headers: { "x-request-id": "req-7.of:mine" } });
    expect(response.headers.get("x-request-id")).toBe("req-7.of:mine");
    expect(((await response.json()) as { id: string }).id).toBe("chatcmpl-req-7.of:mine");
    const [record] = await server.logged(1);
    expect(record).toMatchObject({
      requestId: "req-7.of:mine",
      method: "POST",
      path: "/v1/chat/completions",
      model: "team",
      status: 200,
      outcome: "ok",
      runId: expect.stringMatching(/^run_/),
      durationMs: expect.any(Number),
    });
  });

  test("without one, or with one that could break a log, it makes its own; errors carry it too", async () => {
    const server = await startEmulated();
    for (const headers of [{}, { "x-request-id": "a b" }, { "x-request-id": "x".repeat(129) }] as Record<string, string>[]) {
      const response = await server.chat({ n: 3 }, { headers });
      expect(response.status).toBe(400);
      expect(response.headers.get("x-request-id")).toMatch(/^req_[0-9a-f]{32}$/);
    }
    const ids = (await server.logged(3)).map(({ requestId }) => requestId);
    expect(new Set(ids).size).toBe(3);
  });

  test("a trace goes to every agent's provider, back to the client, and into the log; an invalid one nowhere", async () => {
    const server = await startEmulated();
    const response = await server.chat({}, { headers: { traceparent, tracestate: "house=1" } });
    await response.text();
    expect(response.headers.get("traceparent")).toBe(traceparent);
    const traces = server.emulator.requests.map(({ headers }) => headers.traceparent?.slice(0, 36));
    expect(traces.length).toBeGreaterThan(4);
    expect(new Set(traces)).toEqual(new Set([traceparent.slice(0, 36)]));
    expect((await server.logged(1))[0]).toMatchObject({ traceparent });
    const invalid = await server.chat(
      {},
      { headers: { traceparent: traceparent.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0".repeat(32)) } },
    );
    await invalid.text();
    expect(invalid.headers.get("traceparent")).toBeNull();
    expect((await server.logged(2))[1]).not.toHaveProperty("traceparent");
  });

  test("every request is logged once, refused ones with the reason, probes not at all", async () => {
    const server = await startEmulated();
    await fetch(`${server.url}/health`);
    await fetch(`${server.url}/metrics`);
    await (await fetch(`${server.url}/v1/models`)).text();
    await (await server.chat({ model: "nope" })).text();
    await (await server.chat({ stream: true })).text();
    const records = await server.logged(3);
    expect(records.map(({ path, status, outcome }) => [path, status, outcome])).toEqual([
      ["/v1/models", 200, "ok"],
      ["/v1/chat/completions", 404, "error"],
      ["/v1/chat/completions", 200, "ok"],
    ]);
    expect(records[1]!.error).toMatchObject({ code: "model_not_found" });
  });

  test("a log that throws disturbs no reply, and its error is the process's", async () => {
    const failure = new Error("the disk is full");
    const raised = new Promise((resolve) => process.once("uncaughtException", resolve));
    const others = process.listeners("uncaughtException").slice(0, -1);
    for (const other of others) process.off("uncaughtException", other);
    try {
      const { client } = await startTeam(undefined, {
        log: () => {
          throw failure;
        },
      });
      expect((await client.models.list()).data.length).toBeGreaterThan(0);
      expect(await raised).toBe(failure);
    } finally {
      for (const other of others) process.on("uncaughtException", other);
    }
  });
});

test("options that cannot be are named", async () => {
  const { orchestrator } = await startTeam([member("one")]);
  const models = { team: orchestrator };
  const refused: [object, string][] = [
    [{ maxRun: 3 }, "maxRun"],
    [{ maxRuns: 0 }, "maxRuns"],
    [{ heartbeatMs: Number.NaN }, "heartbeatMs"],
    [{ parkedTtlMs: 2 ** 31 }, "parkedTtlMs"],
    [{ apiKeys: ["has blank"] }, "apiKeys"],
    [{ apiKeys: [""] }, "apiKeys"],
    [{ corsOrigins: ["example.org"] }, "corsOrigins"],
    [{ sessions: { ttl: 5 } }, "sessions.ttl"],
    [{ sessions: { max: 0 } }, "sessions.max"],
    [{ progress: "loud" }, "progress"],
    [{ backgroundJobs: "nobody" }, "backgroundJobs"],
  ];
  for (const [options, path] of refused) {
    const make = () => createServer({ models, ...options });
    expect(make, path).toThrow(ConfigError);
    expect(make).toThrow(expect.objectContaining({ path }));
  }
  expect(() => createServer({ models: {} })).toThrow(expect.objectContaining({ code: "no_models" }));
  await createServer({ models, heartbeatMs: Number.POSITIVE_INFINITY, sessions: { max: 5 } }).close();
});
