import { expect, test } from "vitest";
import { contentOf, gate, readUntil, startEmulated, textOf } from "./emulated.js";

const headers = { "idempotency-key": "order-66" };
const held = () => {
  const wait = gate();
  return { wait, present: () => ({ text: "Final words.", chunkSize: 6, hold: { afterChunks: 1, until: wait.opened } }) };
};

test("a repetition after the end gets the same reply, and starts nothing", async () => {
  const server = await startEmulated();
  const first = (await (await server.chat({}, { headers })).json()) as { choices: object[] };
  const requests = server.emulator.requests.length;
  const second = (await (await server.chat({}, { headers })).json()) as { choices: object[] };
  expect(second.choices).toEqual(first.choices);
  expect(server.emulator.requests).toHaveLength(requests);
  const streamed = () => server.chat({ stream: true }, { headers: { "idempotency-key": "streamed" } }).then((response) => response.text());
  const [once, again] = [await streamed(), await streamed()];
  expect(contentOf(again)).toBe(contentOf(once));
  expect(again.match(/reasoning_content/g)).toHaveLength(1); // kept as one text
  expect(await textOf(await server.chat())).toBe("Final words.");
  expect(server.emulator.requests.length).toBe(3 * requests);
});

test("a long reply that is there at once arrives whole", async () => {
  const text = "0123456789abcdef".repeat(20_000);
  const server = await startEmulated({ say: { present: () => ({ text, chunkSize: 65_536 }) } });
  await (await server.chat({ stream: true }, { headers })).text();
  const again = await (await server.chat({ stream: true }, { headers })).text();
  expect(contentOf(again) === text).toBe(true);
  expect(again).toMatch(/data: \[DONE\]\n\n$/);
});

test("a repetition while it runs reads along from the beginning, though the first client has gone", async () => {
  const { wait, present } = held();
  const server = await startEmulated({ say: { present } });
  const leave = new AbortController();
  const first = (await server.chat({ stream: true }, { headers, signal: leave.signal })).body!.getReader();
  await readUntil(first, '"Final "');
  leave.abort();
  await server.logged(1);
  expect(await server.metric("massgen_runs_running")).toBe(1);
  const second = (await server.chat({ stream: true }, { headers })).body!.getReader();
  const beginning = await readUntil(second, '"Final "');
  wait.open();
  expect(contentOf(beginning + (await readUntil(second, "[DONE]")))).toBe("Final words.");
  expect(server.emulator.requests).toHaveLength(5);
  expect(await server.metric("massgen_runs_running")).toBe(0);
});

test("a first client that leaves the queue leaves its place to the repetition", async () => {
  const { wait, present } = held();
  const server = await startEmulated({ agents: 1, server: { maxRuns: 1 }, say: { present } });
  const running = server.chat();
  await server.emulator.nextRequest();
  const leave = new AbortController();
  const first = server.chat({}, { headers, signal: leave.signal });
  first.catch(() => {});
  while ((await server.metric("massgen_requests_queued")) !== 1);
  const second = server.chat({}, { headers });
  leave.abort();
  expect((await server.logged(1))[0]).toMatchObject({ outcome: "disconnected" });
  wait.open();
  expect(await textOf(await second)).toBe("Final words.");
  expect(await textOf(await running)).toBe("Final words.");
  expect(server.emulator.requests).toHaveLength(2);
});

test("another body under the key is refused; another key holder's is its own", async () => {
  const server = await startEmulated({ server: { apiKeys: ["k1", "k2"] } });
  const as = (key: string, body: object = {}) => server.chat(body, { headers: { ...headers, "x-api-key": key } });
  expect((await as("k1")).status).toBe(200);
  const other = await as("k1", { temperature: 0.1 });
  expect([other.status, await other.json()]).toMatchObject([409, { error: { code: "idempotency_key_reused" } }]);
  const requests = server.emulator.requests.length;
  expect((await as("k2", { temperature: 0.1 })).status).toBe(200);
  expect(server.emulator.requests.length).toBeGreaterThan(requests);
});

test("what failed is not kept: the repetition tries again", async () => {
  let fails = true;
  const server = await startEmulated({
    agents: 1,
    say: { present: () => (fails ? { fault: { type: "status", status: 400 } } : "It works now.") },
  });
  expect((await server.chat({}, { headers })).status).toBeGreaterThanOrEqual(400);
  const stream = await (await server.chat({ stream: true }, { headers: { "idempotency-key": "two" } })).text();
  expect(stream).toContain('"error"');
  fails = false;
  expect(await textOf(await server.chat({}, { headers }))).toBe("It works now.");
  expect(await (await server.chat({ stream: true }, { headers: { "idempotency-key": "two" } })).text()).toContain("It works now.");
});

test("replies are kept for their time after the end, and so many of them", async () => {
  const { wait, present } = held();
  const server = await startEmulated({ agents: 1, server: { idempotencyTtlMs: 1 }, say: { present } });
  const first = server.chat({}, { headers });
  await server.emulator.nextRequest();
  const before = performance.now();
  while (performance.now() - before < 5) await new Promise(setImmediate); // longer than a reply is kept
  const second = server.chat({}, { headers });
  while ((await server.metric("massgen_runs_running")) !== 1);
  wait.open();
  await Promise.all([first, second]);
  expect(server.emulator.requests).toHaveLength(1);

  const few = await startEmulated({ agents: 1, server: { maxIdempotent: 1 } });
  for (const key of ["a", "b", "b", "a"]) await (await few.chat({}, { headers: { "idempotency-key": key } })).text();
  expect(few.emulator.requests).toHaveLength(3);
});

test("a stopping server takes such runs with it", async () => {
  const { present } = held();
  const server = await startEmulated({ agents: 1, say: { present } });
  const leave = new AbortController();
  const first = server.chat({}, { headers, signal: leave.signal });
  first.catch(() => {});
  await server.emulator.nextRequest();
  leave.abort();
  await server.logged(1);
  await server.stop({ drainMs: 0 });
  expect(await server.emulator.requests[0]!.closed).toBe("client-left");
});
