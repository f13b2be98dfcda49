import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import type { RecordedRequest } from "../../../src/testing/index.js";
import { contentOf, framesOf, gate, readUntil, startEmulated, textOf } from "./emulated.js";

/** The request of a chat completion, written by hand: to read the reply at one's own pace. */
function rawRequest(port: number, body: object): string {
  const json = JSON.stringify({ model: "team", messages: [{ role: "user", content: "Which?" }], ...body });
  return `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(json)}\r\nConnection: close\r\n\r\n${json}`;
}

/** The body of a reply in chunks, put together. */
function unchunked(reply: string): string {
  let rest = reply.slice(reply.indexOf("\r\n\r\n") + 4);
  let body = "";
  for (;;) {
    const end = rest.indexOf("\r\n");
    const length = Number.parseInt(rest.slice(0, end), 16);
    if (!(length > 0)) return body;
    body += rest.slice(end + 2, end + 2 + length);
    rest = rest.slice(end + 4 + length);
  }
}

const present = (requests: readonly RecordedRequest[]) => requests.find(({ body }) => !("tools" in (body as object)));

describe("a client that stops reading", () => {
  test("does not stop the run, has its backlog merged, and loses nothing when it reads again", async () => {
    const deltas = 1_000;
    const piece = "0123456789abcdef".repeat(2_048);
    const server = await startEmulated({ say: { present: () => ({ text: piece.repeat(deltas), chunkSize: piece.length }) } });
    const socket = connect(server.port, "127.0.0.1");
    await new Promise<void>((resolve) => socket.once("readable", resolve).write(rawRequest(server.port, { stream: true })));
    // Nobody reads: what was sent lies in the socket's own small buffers, the rest in the run.
    await server.emulator.until((requests) => present(requests)?.end === "complete");
    const received: Buffer[] = [];
    await new Promise<void>((resolve) => socket.on("data", (data) => received.push(data)).on("end", resolve));
    const body = unchunked(Buffer.concat(received).toString("latin1"));
    expect(contentOf(body) === piece.repeat(deltas)).toBe(true);
    const frames = framesOf(body);
    expect(frames.at(-1)).toBe("[DONE]");
    expect(frames.length).toBeLessThan(deltas * 0.8);
    expect((await server.logged(1))[0]).toMatchObject({ outcome: "ok" });
  }, 60_000);

  test("gives its place back when its run is over, read or not", async () => {
    const text = "0123456789abcdef".repeat(1_000_000);
    const server = await startEmulated({
      server: { maxRuns: 1 },
      say: { present: (_, { index }) => (index < 5 ? { text, chunkSize: 65_536 } : "The other's words.") },
    });
    const stalled = connect(server.port, "127.0.0.1");
    await new Promise<void>((resolve) => stalled.once("readable", resolve).write(rawRequest(server.port, { stream: true })));
    expect(await textOf(await server.chat())).toBeTruthy();
    expect(server.records).toHaveLength(1);
    stalled.destroy();
    expect((await server.logged(2))[1]).toMatchObject({ outcome: "disconnected" });
  });
});

describe("a client that goes away", () => {
  for (const stream of [true, false]) {
    test(`takes every agent's request with it (${stream ? "streamed" : "whole"})`, async () => {
      const never = gate();
      const draft = () => ({ text: "I am thinking about it.", hold: { afterChunks: 1, until: never.opened } });
      const server = await startEmulated({ agents: 3, say: { draft } });
      const leave = new AbortController();
      const reply = server.chat({ stream }, { signal: leave.signal }).then((response) => response.text());
      reply.catch(() => {});
      await server.emulator.until((requests) => requests.filter(({ chunksSent }) => chunksSent > 0).length === 3);
      const left = performance.now();
      leave.abort();
      expect(await Promise.all(server.emulator.requests.map(({ closed }) => closed))).toEqual(Array(3).fill("client-left"));
      expect(performance.now() - left).toBeLessThan(1_000); // 50 ms on a quiet machine: see the benchmark
      expect((await server.logged(1))[0]).toMatchObject({ outcome: "disconnected" });
      expect(await server.metric("massgen_runs_running")).toBe(0);
      expect(server.emulator.requests).toHaveLength(3);
    });
  }

  test("before its body is sent is no error of the server's", async () => {
    const server = await startEmulated();
    const socket = connect(server.port, "127.0.0.1");
    const request = rawRequest(server.port, {});
    await new Promise<void>((resolve) => socket.write(request.slice(0, -20), () => resolve()));
    // The server has read the headers once it answers another request on the same machine.
    await fetch(`${server.url}/health`);
    socket.resetAndDestroy();
    expect((await server.logged(1))[0]).toMatchObject({ outcome: "disconnected", status: 499 });
  });
});

describe("silence", () => {
  test("is broken by comments that clients skip, and by nothing when there is something to say", async () => {
    const wait = gate();
    const server = await startEmulated({
      server: { heartbeatMs: 20 },
      say: { present: () => ({ text: "Final words.", hold: { afterChunks: 0, until: wait.opened } }) },
    });
    const response = await server.chat({ stream: true });
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    const reader = response.body!.getReader();
    const begun = await readUntil(reader, ": keep-alive\n\n: keep-alive\n\n");
    expect(begun.startsWith("data: {")).toBe(true);
    wait.open();
    const ended = await readUntil(reader, "[DONE]");
    expect(contentOf(ended)).toBe("Final words.");
  });

  test("the role comes at once, before any agent has said a word", async () => {
    const wait = gate();
    const server = await startEmulated({ say: { draft: async () => wait.opened.then(() => "Draft.") } });
    const reader = (await server.chat({ stream: true })).body!.getReader();
    expect(await readUntil(reader, '"role":"assistant"')).toContain('"content":""');
    await reader.cancel();
    wait.open();
  });
});

describe("errors", () => {
  const broken = () => ({ fault: { type: "status" as const, status: 400, message: "No such thing here.", code: "unsupported_value" } });

  test("before the first word of a whole reply have a status and an envelope", async () => {
    const server = await startEmulated({ say: { draft: broken } });
    const response = await server.chat();
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(await response.json()).toMatchObject({ error: { message: expect.any(String), type: expect.any(String), param: null } });
    expect((await server.logged(1))[0]).toMatchObject({ outcome: "error", status: response.status, error: expect.any(Error) });
  });

  test("in a stream are its last frame, without [DONE]", async () => {
    const server = await startEmulated({ say: { draft: broken } });
    const response = await server.chat({ stream: true });
    expect(response.status).toBe(200);
    const frames = framesOf(await response.text());
    expect(frames.at(-1)).toMatchObject({ error: { message: expect.any(String), code: expect.any(String) } });
    expect(frames).not.toContain("[DONE]");
    expect((await server.logged(1))[0]).toMatchObject({ outcome: "error", status: 200 });
  });

  test("a presentation that fails before it said anything gives the voted answer", async () => {
    const server = await startEmulated({ say: { present: broken } });
    expect(contentOf(await (await server.chat({ stream: true })).text())).toBe("A draft of m1.");
    expect(await textOf(await server.chat())).toBe("A draft of m1.");
  });

  test("one that fails after it had begun ends a stream in an error frame, and a whole reply in the voted answer", async () => {
    const present = () => ({ text: "A beginning that is cut off here.", fault: { type: "reset" as const, afterChunks: 1 } });
    const server = await startEmulated({ say: { present } });
    const frames = framesOf(await (await server.chat({ stream: true })).text());
    expect(frames.at(-1)).toMatchObject({ error: { code: "text_voided" } });
    expect(await textOf(await server.chat())).toBe("A draft of m1.");
  });

  test("a request that takes too long is stopped with all it began, and says so", async () => {
    const never = gate();
    const say = { draft: () => ({ text: "Hm.", hold: { afterChunks: 1, until: never.opened } }) };
    const server = await startEmulated({ server: { requestTimeoutMs: 100 }, say });
    const whole = await server.chat();
    expect([whole.status, await whole.json()]).toMatchObject([504, { error: { code: "timeout" } }]);
    const frames = framesOf(await (await server.chat({ stream: true })).text());
    expect(frames.at(-1)).toMatchObject({ error: { code: "timeout" } });
    await Promise.all(server.emulator.requests.map(({ closed }) => closed));
  });
});

describe("with reviews", () => {
  test("nothing of the text is said before it is accepted, and nothing of a rejected one ever", async () => {
    let presented = 0;
    const server = await startEmulated({
      team: { maxRestarts: 1 },
      say: {
        present: ({ tools }) =>
          tools.some(({ name }) => name === "restart_orchestration")
            ? { toolCalls: [{ name: "restart_orchestration", input: { reason: "Too short.", instructions: "Say more." } }] }
            : ["The rejected words.", "The accepted words."][presented++]!,
      },
    });
    const body = await (await server.chat({ stream: true })).text();
    expect(contentOf(body)).toBe("The accepted words.");
    expect(presented).toBe(2);
    expect(body).toContain("Say more.");
    expect(body).not.toContain("rejected words");
  });
});
