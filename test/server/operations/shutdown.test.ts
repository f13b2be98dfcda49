import { describe, expect, test } from "vitest";
import { createServer } from "../../../src/server/index.js";
import { member, startTeam } from "../helpers.js";
import { contentOf, gate, readUntil, startEmulated, textOf } from "./emulated.js";

const held = () => {
  const wait = gate();
  return { wait, present: () => ({ text: "Final words.", hold: { afterChunks: 0, until: wait.opened } }) };
};

describe("a server that stops", () => {
  for (const stream of [true, false]) {
    test(`lets a reply under way come to its last byte (${stream ? "streamed" : "whole"})`, async () => {
      const { wait, present } = held();
      const server = await startEmulated({ say: { present } });
      const reply = server.chat({ stream }).then((response) => response.text());
      await server.emulator.until((requests) => requests.length === 5);
      const stopped = server.stop({ drainMs: 60_000 });
      expect((await fetch(`${server.url}/ready`)).status).toBe(503);
      const refused = await server.chat();
      expect([refused.status, refused.headers.get("retry-after"), await refused.json()]).toMatchObject([
        503,
        "5",
        { error: { code: "shutting_down" } },
      ]);
      wait.open();
      const text = await reply;
      if (stream) expect([contentOf(text), text.endsWith("data: [DONE]\n\n")]).toEqual(["Final words.", true]);
      else expect(JSON.parse(text).choices[0].message.content).toBe("Final words.");
      await stopped;
      await expect(fetch(`${server.url}/health`)).rejects.toThrow();
    });
  }

  test("serves those who wait for a place before it goes", async () => {
    const { wait, present } = held();
    const server = await startEmulated({ agents: 1, server: { maxRuns: 1 }, say: { present } });
    const first = server.chat();
    await server.emulator.nextRequest();
    const second = server.chat();
    while ((await server.metric("massgen_requests_queued")) !== 1);
    const stopped = server.stop({ drainMs: 60_000 });
    wait.open();
    expect(await textOf(await first)).toBe("Final words.");
    expect(await textOf(await second)).toBe("Final words.");
    await stopped;
  });

  test("stops what takes too long, says so to its clients, and starts nothing of what waited", async () => {
    const { present } = held();
    const server = await startEmulated({ agents: 1, server: { maxRuns: 1 }, say: { present } });
    const reader = (await server.chat({ stream: true })).body!.getReader();
    await server.emulator.nextRequest();
    const waiting = server.chat();
    while ((await server.metric("massgen_requests_queued")) !== 1);
    const said = readUntil(reader, '"error"');
    const told = waiting.then(async (response) => [response.status, ((await response.json()) as { error: { code: string } }).error.code]);
    const stopped = server.stop({ drainMs: 60_000 });
    await server.stop({ drainMs: 0 });
    await stopped;
    expect(await server.emulator.requests[0]!.closed).toBe("client-left");
    expect(server.emulator.requests).toHaveLength(1);
    expect((await server.logged(2)).map(({ outcome }) => outcome).sort()).toEqual(["error", "error"]);
    expect(await said).toContain("shutting_down");
    expect(await told).toEqual([503, "shutting_down"]);
  });

  test("does not wait for connections without a request", async () => {
    const server = await startEmulated();
    await (await fetch(`${server.url}/health`)).text(); // its connection is kept alive
    await server.stop({ drainMs: 60_000 });
  });
});

test("a handler drains without a socket of its own", async () => {
  const { orchestrator } = await startTeam([member("one")]);
  const server = createServer({ models: { team: orchestrator } });
  await server.drain();
  expect((await server.fetch(new Request("http://any/ready"))).status).toBe(503);
  await server.close();
});
