import { afterEach, beforeEach, expect, test } from "vitest";
import type { Backend } from "../../src/backends/backend.js";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { collect, sendJson, serve, type TestServer } from "./http.js";

const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "vendor=1" };
const request = { messages: [{ role: "user" as const, content: "Hello" }] };

let server: TestServer;
beforeEach(async () => {
  server = await serve((response) => sendJson(response, 404, { error: { message: "nothing here", code: "model_not_found" } }));
});
afterEach(() => server.close());

const wires: [string, (url: string) => object][] = [
  ["chat completions", (url) => ({ type: "vllm", model: "m", baseUrl: `${url}/v1` })],
  ["OpenAI", (url) => ({ type: "openai", model: "gpt-5.2", baseUrl: `${url}/v1` })],
  ["Azure", (url) => ({ type: "azure_openai", model: "gpt-5.2", baseUrl: url })],
  ["Claude", (url) => ({ type: "claude", model: "claude-sonnet-5", baseUrl: url })],
  ["Gemini", (url) => ({ type: "gemini", model: "gemini-2.5-flash", baseUrl: url })],
];
const calls: [string, (backend: Backend) => Promise<unknown> | undefined][] = [
  ["a step", (backend) => collect(backend, request, { trace })],
  ["a count of tokens", (backend) => backend.countTokens?.(request, { trace })],
  ["a compaction", (backend) => backend.compact?.(request, { trace })],
  ["a list of models", (backend) => backend.listModels?.({ trace })],
];

test.each(wires.flatMap(([wire, config]) => calls.map(([what, call]) => [wire, what, config, call] as const)))(
  "%s: %s carries the trace that it was given",
  async (_, what, config, call) => {
    const backend = createBackend({ apiKey: "key-for-tests", ...config(server.url) } as BackendConfig);
    const asked = call(backend);
    if (asked === undefined) return expect(["a count of tokens", "a compaction"]).toContain(what);
    await asked.catch(() => {}); // what the server says to it is not the question
    expect(server.seen.length).toBeGreaterThan(0);
    expect(server.seen.map(({ headers }) => [headers.traceparent, headers.tracestate])).toEqual(
      server.seen.map(() => [trace.traceparent, trace.tracestate]),
    );
    await backend.close?.();
  },
);

test("a model that has to be asked for first is asked for in the trace of the step", async () => {
  const backend = createBackend({ type: "vllm", model: "", baseUrl: `${server.url}/v1` });
  await collect(backend, request, { trace });
  expect(server.seen.map(({ method, headers }) => [method, headers.traceparent])).toEqual([["GET", trace.traceparent]]);
  await backend.close?.();
});
