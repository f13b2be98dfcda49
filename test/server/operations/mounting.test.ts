import { createServer as createHttpServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener, serve as serveNode } from "@hono/node-server";
import { Hono } from "hono";
import OpenAI from "openai";
import { describe, expect, onTestFinished, test } from "vitest";
import { createServer } from "../../../src/server/index.js";
import { startTeam } from "../helpers.js";
import { gate, startEmulated } from "./emulated.js";

/** A handler over the team of an emulated server. */
async function handlerOf(...options: Parameters<typeof startEmulated>) {
  const emulated = await startEmulated(...options);
  const handler = createServer({ models: { team: emulated.orchestrator } });
  onTestFinished(() => handler.close());
  return { ...emulated, handler };
}

async function listen(listener: RequestListener): Promise<string> {
  const http = createHttpServer(listener);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

async function works(baseURL: string): Promise<void> {
  const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
  const messages = [{ role: "user" as const, content: "Which?" }];
  let text = "";
  for await (const { choices } of await client.chat.completions.create({ model: "team", messages, stream: true })) {
    text += choices[0]?.delta.content ?? "";
  }
  expect(text).toBe("Final words.");
  expect((await client.chat.completions.create({ model: "team", messages })).choices[0]!.message.content).toBe("Final words.");
  await expect(client.chat.completions.create({ model: "nope", messages })).rejects.toMatchObject({ status: 404, code: "model_not_found" });
  expect((await client.models.retrieve("team")).id).toBe("team");
}

describe("the handler works", () => {
  test("without any socket", async () => {
    const { handler } = await handlerOf();
    const response = await handler.fetch(
      new Request("https://any.example/v1/chat/completions", {
        method: "POST",
        body: JSON.stringify({ model: "team", messages: [{ role: "user", content: "Which?" }], stream: true }),
      }),
    );
    expect(await response.text()).toMatch(/Final words\.[\s\S]*data: \[DONE\]\n\n$/);
    expect(response.headers.get("transfer-encoding")).toBeNull(); // not of HTTP/2
  });

  test("in plain node:http", async () => {
    const { handler } = await handlerOf();
    await works(`${await listen(getRequestListener(handler.fetch, { overrideGlobalObjects: false }))}/v1`);
  });

  test("in plain node:http under a path, beside other things, as in Express", async () => {
    const { handler } = await handlerOf();
    const listener = getRequestListener(handler.fetch, { overrideGlobalObjects: false });
    const url = await listen((request, response) => {
      if (!request.url!.startsWith("/ai/")) return void response.end("My own app");
      request.url = request.url!.slice("/ai".length); // what Express does for `app.use("/ai", listener)`
      void listener(request, response);
    });
    expect(await (await fetch(url)).text()).toBe("My own app");
    await works(`${url}/ai/v1`);
  });

  test("in a Hono app under a path", async () => {
    const { handler } = await handlerOf();
    const app = new Hono().get("/", (c) => c.text("My own app")).mount("/ai", handler.fetch);
    const url = await new Promise<string>((resolve) => {
      const http = serveNode({ fetch: app.fetch, port: 0, hostname: "127.0.0.1", overrideGlobalObjects: false }, ({ port }) =>
        resolve(`http://127.0.0.1:${port}`),
      );
      onTestFinished(() => void http.close());
    });
    expect(await (await fetch(url)).text()).toBe("My own app");
    await works(`${url}/ai/v1`);
  });

  test("and sends no calls of a run that was stopped before they were read", async () => {
    const { handler, orchestrator } = await handlerOf({ say: { present: () => ({ toolCalls: [{ name: "look", input: {} }] }) } });
    const begin = orchestrator.run.bind(orchestrator);
    const asked = new Promise<void>((resolve) => {
      orchestrator.run = (...args) => begin(...args).once("input-request", () => resolve());
    });
    const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];
    const body = JSON.stringify({ model: "team", messages: [{ role: "user", content: "Which?" }], stream: true, tools });
    const response = await handler.fetch(new Request("https://any.example/v1/chat/completions", { method: "POST", body }));
    await asked;
    await handler.close();
    const text = await response.text();
    expect(text).toContain('"code":"shutting_down"');
    expect(text).not.toContain("[DONE]");
  });

  test("and stops its agents when a client of the app goes away", async () => {
    const never = gate();
    const { handler, emulator } = await handlerOf({
      say: { draft: () => ({ text: "Hm.", hold: { afterChunks: 1, until: never.opened } }) },
    });
    const app = new Hono().mount("/ai", handler.fetch);
    const url = await listen(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
    const leave = new AbortController();
    const body = JSON.stringify({ model: "team", messages: [{ role: "user", content: "Which?" }], stream: true });
    const response = await fetch(`${url}/ai/v1/chat/completions`, { method: "POST", body, signal: leave.signal });
    expect(response.status).toBe(200);
    await emulator.until((requests) => requests.filter(({ chunksSent }) => chunksSent > 0).length === 2);
    leave.abort();
    expect(await Promise.all(emulator.requests.map(({ closed }) => closed))).toEqual(["client-left", "client-left"]);
  });
});

describe("/metrics", () => {
  test("is Prometheus' text format: typed families, cumulative buckets, counts that add up", async () => {
    const server = await startEmulated();
    await (await server.chat()).text();
    await (await server.chat({ stream: true })).text();
    await (await server.chat({ model: 'no"such\\\n' })).text();
    await fetch(`${server.url}/nowhere/at/all`);
    const response = await fetch(`${server.url}/metrics`);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    expect(text.endsWith("\n")).toBe(true);

    const types = new Map<string, string>();
    const samples = new Map<string, number>();
    for (const line of text.trimEnd().split("\n")) {
      const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
      if (type !== null) {
        expect(types.has(type[1]!), line).toBe(false);
        types.set(type[1]!, type[2]!);
      } else if (!/^# HELP \S+ \S/.test(line)) {
        const sample = /^([a-z_]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})?) (\d+(?:\.\d+)?(?:e-?\d+)?)$/.exec(line);
        expect(sample, line).not.toBeNull();
        expect(types.has(/^[a-z_]+?(?=(_bucket|_sum|_count)?(\{|$))/.exec(sample![1]!)![0]), line).toBe(true);
        samples.set(sample![1]!, Number(sample![2]));
      }
    }
    const requests = (labels: string) => samples.get(`massgen_requests_total{${labels}}`);
    expect(requests('path="/v1/chat/completions",model="team",status="200",outcome="ok"')).toBe(2);
    expect(requests('path="/v1/chat/completions",model="none",status="404",outcome="error"')).toBe(1);
    expect(requests('path="other",model="none",status="404",outcome="error"')).toBe(1);
    expect(samples.get("massgen_runs_running")).toBe(0);
    for (const name of ["massgen_request_duration_seconds", "massgen_time_to_first_output_seconds"]) {
      const buckets = [...samples].filter(([key]) => key.startsWith(`${name}_bucket{model="team"`)).map(([, value]) => value);
      expect(buckets.length).toBeGreaterThan(5);
      expect([...buckets].sort((a, b) => a - b)).toEqual(buckets);
      expect(buckets.at(-1)).toBe(samples.get(`${name}_count{model="team"}`));
      expect(samples.get(`${name}_sum{model="team"}`)).toBeGreaterThan(0);
    }
  });

  test("has few series, whatever clients ask for", async () => {
    const { url } = await startTeam();
    for (let i = 0; i < 30; i++) {
      await fetch(`${url}/v1/models/m${i}`);
      await fetch(`${url}/path${i}`);
    }
    const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n").filter((line) => line.startsWith("massgen_requests_total{"));
    expect(lines.sort()).toEqual([
      'massgen_requests_total{path="/v1/models/{id}",model="none",status="404",outcome="error"} 30',
      'massgen_requests_total{path="other",model="none",status="404",outcome="error"} 30',
    ]);
  });
});
