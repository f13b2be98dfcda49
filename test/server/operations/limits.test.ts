import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { startTeam } from "../helpers.js";
import { gate, startEmulated, textOf } from "./emulated.js";

describe("bodies", () => {
  /** Sends pieces of a body, and reads what is said of it. */
  function send(url: string, headers: Record<string, string | number>, pieces: string[]): Promise<{ status: number; body: unknown }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
      });
      request.on("error", reject).on("response", (response) => {
        let text = "";
        response
          .setEncoding("utf8")
          .on("data", (data) => {
            text += data;
          })
          .on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }))
          .on("error", reject);
      });
      for (const piece of pieces) request.write(piece);
      request.end();
    });
  }

  test("that are too long are refused: by their declared length, and by what comes in chunks", async () => {
    const { url, records } = await startEmulated({ server: { maxBodyBytes: 1_000 } });
    const tooLarge = { status: 413, body: { error: { code: "body_too_large", type: "invalid_request_error" } } };
    const body = JSON.stringify({ model: "team", messages: [{ role: "user", content: "x".repeat(5_000) }] });
    expect(await send(url, { "content-length": body.length }, [body])).toMatchObject(tooLarge);
    const pieces = Array.from({ length: 20 }, () => body.slice(0, 500));
    expect(await send(url, { "transfer-encoding": "chunked" }, pieces)).toMatchObject(tooLarge);
    const fits = JSON.stringify({ model: "team", messages: [{ role: "user", content: "Which?" }] });
    expect((await send(url, { "transfer-encoding": "chunked" }, [fits.slice(0, 20), fits.slice(20)])).status).toBe(200);
    expect(records.map(({ status }) => status)).toEqual([413, 413, 200]);
  });

  test("a client that sends its headers or its body too slowly is cut", async () => {
    const server = await startEmulated({ server: { headersTimeoutMs: 100, bodyTimeoutMs: 150 } });
    const cut = (beginning: string) =>
      new Promise<string>((resolve, reject) => {
        let said = "";
        const socket = connect(server.port, "127.0.0.1", () => socket.write(beginning));
        socket
          .setEncoding("utf8")
          .on("data", (data) => {
            said += data;
          })
          .on("error", reject)
          .on("close", () => resolve(said));
      });
    const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n";
    expect(await cut(head)).toMatch(/^HTTP\/1.1 408/);
    expect(await cut(`${head}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"model":`)).toMatch(/^HTTP\/1.1 408/);
    // What was begun for it is over too.
    await server.logged(1);
    await server.stop();
    expect(server.emulator.requests).toHaveLength(0);
  });

  test("a header section that is too long is refused", async () => {
    const { url } = await startTeam();
    const response = await fetch(`${url}/health`, { headers: { "x-long": "x".repeat(40_000) } });
    expect(response.status).toBe(431);
  });
});

describe("the number of runs", () => {
  const held = () => {
    const wait = gate();
    return { wait, draft: () => ({ text: "Hm.", hold: { afterChunks: 0, until: wait.opened } }) };
  };

  test("is capped: others wait in their order, one too many is told to come again", async () => {
    const { wait, draft } = held();
    const order: string[] = [];
    const server = await startEmulated({
      agents: 1,
      server: { maxRuns: 1, maxQueued: 2 },
      say: {
        present: (prompt) => {
          order.push(prompt.messages.at(-1)!.text);
          return draft();
        },
      },
    });
    const ask = (content: string) => server.chat({ messages: [{ role: "user", content }] });
    const first = ask("one");
    await server.emulator.nextRequest();
    const second = ask("two");
    await until(async () => (await server.metric("massgen_requests_queued")) === 1);
    const third = ask("three");
    await until(async () => (await server.metric("massgen_requests_queued")) === 2);
    const refused = await ask("four");
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("5");
    expect(await refused.json()).toMatchObject({ error: { code: "server_busy", type: "server_error" } });
    expect(await server.metric("massgen_runs_running")).toBe(1);
    wait.open();
    for (const reply of [first, second, third]) expect((await reply).status).toBe(200);
    expect(order).toEqual(["one", "two", "three"]);
    expect(await server.metric("massgen_requests_queued")).toBe(0);
    expect(await server.metric("massgen_runs_running")).toBe(0);
  });

  test("one who waited too long is told so, one who left gives up its place in the queue", async () => {
    const { wait, draft } = held();
    const server = await startEmulated({ agents: 1, server: { maxRuns: 1, queueTimeoutMs: 50 }, say: { present: draft } });
    const first = server.chat();
    await server.emulator.nextRequest();
    const late = await server.chat();
    expect([late.status, await late.json()]).toMatchObject([503, { error: { code: "server_busy" } }]);

    const patient = await startEmulated({ agents: 1, server: { maxRuns: 1 }, say: { present: draft } });
    const running = patient.chat();
    await patient.emulator.nextRequest();
    const leave = new AbortController();
    const queued = patient.chat({ stream: true }, { signal: leave.signal });
    queued.catch(() => {});
    await until(async () => (await patient.metric("massgen_requests_queued")) === 1);
    leave.abort();
    expect((await patient.logged(1))[0]).toMatchObject({ outcome: "disconnected", status: 499 });
    expect(await patient.metric("massgen_requests_queued")).toBe(0);
    wait.open();
    expect(await textOf(await running)).toBe("Hm.");
    expect((await first).status).toBe(200);
    expect(patient.emulator.requests).toHaveLength(1);
  });

  test("a place is given back whatever becomes of the run", async () => {
    const server = await startEmulated({
      agents: 1,
      server: { maxRuns: 1, maxQueued: 0 },
      say: { present: (_, { index }) => (index === 0 ? { fault: { type: "status", status: 400 } } : "Well.") },
    });
    expect((await server.chat()).status).toBeGreaterThanOrEqual(400);
    const schema = { $ref: "https://schemas.example/none" };
    const refused = await server.chat({ response_format: { type: "json_schema", json_schema: { name: "x", schema } } });
    expect(refused.status).toBe(400);
    expect(await textOf(await server.chat())).toBe("Well.");
    expect(await (await server.chat({ stream: true })).text()).toContain("Well.");
  });
});

/** Asks until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds()));
}
