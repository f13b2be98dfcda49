import { once } from "node:events";
import { createServer } from "node:http";
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backend } from "../../src/backends/backend.js";
import type { RunOptions } from "../../src/orchestrator/options.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { resolveTracing, type TracingOptions } from "../../src/telemetry/options.js";
import { loadApi } from "../../src/telemetry/tracing/api.js";
import { callTool, fail, hang, newAnswer, scriptedBackend, simulatedTeam, startEmulator, vote } from "../../src/testing/index.js";
import { type JsonSchema, type ToolContext, type ToolOptions, tool } from "../../src/tools/tool.js";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CALLER = { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01`, tracestate: "vendor=1" };
const SECRET = "sk-proj-A1b2C3d4E5f6G7h8J9k0L1m2";

/** A real SDK that keeps its spans. */
function sdk() {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  return { tracerProvider, spans: () => exporter.getFinishedSpans() };
}

/** Two agents: `gpt` uses a tool and wins, `ada` fails at its vote. */
function duo(tracing: TracingOptions | undefined, execute: ToolOptions<JsonSchema>["execute"] = () => "found") {
  const lookUp = tool({ name: "look_up", description: "Looks up.", input: { type: "object", properties: {} }, execute });
  return new Orchestrator({
    agents: [
      {
        id: "gpt",
        tools: [lookUp],
        backend: scriptedBackend([callTool("look_up", { key: SECRET }), newAnswer("A"), vote("agent1"), `Final, with ${SECRET}.`], {
          model: "m1",
        }),
      },
      { id: "ada", backend: scriptedBackend([newAnswer("B"), fail("bad_request")], { model: "m2" }) },
    ],
    ...(tracing !== undefined && { tracing }),
  });
}

async function traced(
  options: RunOptions = {},
  tracing: TracingOptions = {},
  execute?: ToolOptions<JsonSchema>["execute"],
): Promise<readonly ReadableSpan[]> {
  const { tracerProvider, spans } = sdk();
  await using orchestrator = duo({ tracerProvider, ...tracing }, execute);
  await orchestrator.run("The task", options).result;
  return spans();
}

const named = (spans: readonly ReadableSpan[], name: string) => spans.filter((span) => span.name === name);
const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;

const manager = new AsyncLocalStorageContextManager();
beforeAll(() => {
  context.setGlobalContextManager(manager.enable());
});
afterAll(() => {
  context.disable();
});

describe("the spans of a run", () => {
  it("are the run, its turns, their model steps and tool calls, one in the other", async () => {
    const spans = await traced();
    const [run] = named(spans, "invoke_workflow massgen");
    expect(run?.parentSpanContext).toBeUndefined();
    expect(run?.attributes).toMatchObject({
      "gen_ai.operation.name": "invoke_workflow",
      "massgen.run.id": expect.stringMatching(/^run_/),
      "massgen.agents": ["gpt", "ada"],
      "massgen.winner": "gpt",
      "massgen.reason": "consensus",
    });
    const turns = spans.filter(({ name }) => name.startsWith("invoke_agent "));
    expect(turns.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(turns.map(() => idOf(run)));
    expect(turns.map(({ attributes: a }) => `${a["gen_ai.agent.id"]} ${a["massgen.phase"]} ${a["massgen.outcome"]}`).sort()).toEqual([
      "ada draft answer",
      "ada evaluate failed",
      "gpt draft answer",
      "gpt evaluate vote",
      "gpt present presented",
    ]);
    const [lookUp] = named(spans, "execute_tool look_up");
    const drafting = turns.find(({ attributes: a }) => a["gen_ai.agent.id"] === "gpt" && a["massgen.phase"] === "draft");
    expect(lookUp?.parentSpanContext?.spanId).toBe(idOf(drafting));
    expect(lookUp?.attributes).toMatchObject({
      "gen_ai.tool.name": "look_up",
      "gen_ai.tool.type": "function",
      "gen_ai.tool.call.id": expect.any(String),
    });
    const steps = named(spans, "chat m1").filter(({ parentSpanContext }) => parentSpanContext?.spanId === idOf(drafting));
    expect(steps).toHaveLength(2);
    expect(steps[0]?.kind).toBe(SpanKind.CLIENT);
    expect(steps[0]?.attributes).toMatchObject({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "scripted",
      "gen_ai.request.model": "m1",
      "gen_ai.response.finish_reasons": ["tool-calls"],
      "gen_ai.usage.input_tokens": expect.any(Number),
      "gen_ai.usage.output_tokens": expect.any(Number),
      "massgen.step.status": "ok",
    });
    expect(run?.events.map(({ name }) => name)).toContain("massgen.consensus");
    expect(drafting?.events.map(({ name }) => name)).toEqual(["massgen.answer"]);
  });

  it("name what failed", async () => {
    const spans = await traced();
    const failed = spans.filter(({ status }) => status.code === SpanStatusCode.ERROR);
    expect(failed.map(({ name, attributes }) => `${name} ${attributes["error.type"]}`)).toEqual([
      "chat m2 bad_request",
      "invoke_agent ada bad_request",
    ]);
  });

  it("have content on request alone, and without secrets even then", async () => {
    const without = JSON.stringify((await traced()).map(({ attributes, events }) => [attributes, events.map((event) => event.attributes)]));
    for (const text of ["Final", "found", SECRET]) expect(without).not.toContain(text);
    const spans = await traced({}, { content: true });
    expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toContain(SECRET);
    const [lookUp] = named(spans, "execute_tool look_up");
    expect(lookUp?.attributes["gen_ai.tool.call.result"]).toBe('"found"');
    const [run] = named(spans, "invoke_workflow massgen");
    expect(JSON.parse(String(run?.attributes["gen_ai.output.messages"]))).toEqual([
      { role: "assistant", parts: [{ type: "text", content: "Final, with [redacted]." }] },
    ]);
    const presented = named(spans, "chat m1").find(({ attributes: a }) => a["massgen.phase"] === "present");
    expect(String(presented?.attributes["gen_ai.output.messages"])).toContain("Final, with [redacted].");
  });

  it("of a whole agent's step last as long as it does, tools in the middle of it included", async () => {
    const { tracerProvider, spans } = sdk();
    const look = tool({ name: "look_up", description: "Looks up.", input: { type: "object", properties: {} }, execute: () => "found" });
    const backend: Backend = {
      type: "cli",
      model: "m",
      capabilities: { wholeAgent: true },
      async *stream(_, { host }) {
        await host?.callTool("look_up", {});
        yield { type: "text-delta", delta: "Final." };
        yield { type: "finish", reason: "stop" };
      },
    };
    await using orchestrator = new Orchestrator({ agents: [{ id: "one", backend, tools: [look] }], tracing: { tracerProvider } });
    const run = orchestrator.run("The task");
    const times: Record<string, number> = {};
    run.on("*", ({ type, time }) => {
      times[type] = time;
      for (const begun = Date.now(); Date.now() === begun; ); // no two events in one millisecond
    });
    await run.result;
    const [step] = named(spans(), "chat m");
    const ended = (step?.endTime[0] ?? 0) * 1e3 + (step?.endTime[1] ?? 0) / 1e6;
    expect(Math.round(ended)).toBe(times["step-finish"]);
    expect(named(spans(), "execute_tool look_up")).toHaveLength(1);
  });

  it("end with the run when it is aborted in the middle", async () => {
    const { tracerProvider, spans } = sdk();
    await using orchestrator = new Orchestrator({
      agents: [{ id: "one", backend: scriptedBackend([hang()]) }],
      tracing: { tracerProvider },
    });
    const run = orchestrator.run("The task");
    run.on("step-start", () => run.abort("enough"));
    await expect(run.result).rejects.toMatchObject({ code: "aborted" });
    expect(spans().map(({ name }) => name)).toEqual(["chat scripted-model", "invoke_agent one", "invoke_workflow massgen"]);
    expect(spans()[1]?.attributes).toMatchObject({ "massgen.outcome": "interrupted", "massgen.reason": "abort" });
  });

  it("belong to the caller's trace, by `traceparent` or by the span that is active", async () => {
    const given = await traced({ trace: CALLER });
    expect(new Set(given.map((span) => span.spanContext().traceId))).toEqual(new Set([TRACE_ID]));
    expect(named(given, "invoke_workflow massgen")[0]?.parentSpanContext).toMatchObject({ spanId: "b7ad6b7169203331", isRemote: true });
    const outer = sdk().tracerProvider.getTracer("test").startSpan("outer");
    const active = await context.with(trace.setSpan(ROOT_CONTEXT, outer), () => traced());
    expect(named(active, "invoke_workflow massgen")[0]?.parentSpanContext?.spanId).toBe(outer.spanContext().spanId);
  });

  it("are the active ones while a tool works", async () => {
    let active: string | undefined;
    const spans = await traced({}, {}, () => {
      active = trace.getActiveSpan()?.spanContext().spanId;
      return "found";
    });
    expect(active).toBe(idOf(named(spans, "execute_tool look_up")[0]));
  });

  it("are told to tools, to send on; where nothing is traced, the caller's are", async () => {
    const told: unknown[] = [];
    const look = (_: unknown, context: ToolContext) => {
      told.push(context.trace);
      return "found";
    };
    const spans = await traced({ trace: CALLER }, {}, look);
    const own = idOf(named(spans, "execute_tool look_up")[0]);
    await using untraced = duo(undefined, look);
    await untraced.run("The task", { trace: CALLER }).result;
    expect(told).toEqual([{ traceparent: `00-${TRACE_ID}-${own}-01`, tracestate: "vendor=1" }, CALLER]);
  });
});

describe("upstream", () => {
  async function headers(tracing: TracingOptions | undefined, options: RunOptions) {
    await using emulator = await startEmulator({ respond: simulatedTeam() });
    await using orchestrator = new Orchestrator({
      agents: ["a", "b"].map((id) => ({ id, backend: { type: "vllm", model: `m-${id}`, baseUrl: emulator.baseUrl } })),
      ...(tracing !== undefined && { tracing }),
    });
    await orchestrator.run("The task", options).result;
    return emulator.requests.map(({ headers: { traceparent, tracestate } }) => ({ traceparent, tracestate }));
  }

  it("every request has the context of its own step's span", async () => {
    const { tracerProvider, spans } = sdk();
    const sent = await headers({ tracerProvider }, { trace: CALLER });
    const steps = spans().filter(({ name }) => name.startsWith("chat "));
    expect(sent.length).toBeGreaterThan(3);
    expect(sent.map(({ traceparent }) => traceparent).sort()).toEqual(steps.map((span) => `00-${TRACE_ID}-${idOf(span)}-01`).sort());
    expect(new Set(sent.map(({ tracestate }) => tracestate))).toEqual(new Set(["vendor=1"]));
  });

  it("says so when the trace is not sampled", async () => {
    const tracerProvider = new BasicTracerProvider({ sampler: new AlwaysOffSampler() });
    const sent = await headers({ tracerProvider }, {});
    expect(sent.every(({ traceparent }) => /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/.test(String(traceparent)))).toBe(true);
  });

  it("has the caller's context where nothing is traced, and none without", async () => {
    for (const tracing of [undefined, {}]) {
      const sent = await headers(tracing, { trace: CALLER });
      expect(new Set(sent.map((each) => JSON.stringify(each)))).toEqual(new Set([JSON.stringify(CALLER)]));
    }
    expect((await headers(undefined, {})).every(({ traceparent }) => traceparent === undefined)).toBe(true);
  });
});

it("records the duration of every operation, and the tokens of every step", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const spans = await traced({}, { meterProvider });
  await meterProvider.forceFlush();
  const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  const points = (name: string) =>
    metrics
      .filter(({ descriptor }) => descriptor.name === name)
      .flatMap(({ dataPoints }) =>
        dataPoints.map(({ attributes, value }) => ({ attributes, value: value as { count: number; sum: number } })),
      );
  const durations = points("gen_ai.client.operation.duration");
  expect(durations.reduce((sum, { value }) => sum + value.count, 0)).toBe(spans.length);
  expect(
    durations.find(({ attributes: a }) => a["error.type"] === "bad_request" && a["gen_ai.operation.name"] === "chat")?.value.count,
  ).toBe(1);
  const input = points("gen_ai.client.token.usage").filter(({ attributes: a }) => a["gen_ai.token.type"] === "input");
  const steps = spans.filter(({ name }) => name.startsWith("chat "));
  expect(input.reduce((sum, { value }) => sum + value.count, 0)).toBe(steps.length);
  expect(input.reduce((sum, { value }) => sum + value.sum, 0)).toBe(
    steps.reduce((sum, { attributes }) => sum + Number(attributes["gen_ai.usage.input_tokens"]), 0),
  );
  await meterProvider.shutdown();
});

it("reaches a collector over OTLP", async () => {
  let body = "";
  const collector = createServer((request, response) => {
    request.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    request.on("end", () => response.writeHead(200, { "content-type": "application/json" }).end("{}"));
  });
  collector.listen(0, "127.0.0.1");
  await once(collector, "listening");
  const { port } = collector.address() as { port: number };
  const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${port}/v1/traces` });
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
  try {
    await using orchestrator = duo({ tracerProvider });
    await orchestrator.run("The task", { trace: CALLER }).result;
    await tracerProvider.forceFlush();
    const { resourceSpans } = JSON.parse(body) as {
      resourceSpans: { scopeSpans: { scope: { name: string }; spans: { name: string; traceId: string }[] }[] }[];
    };
    const [scope] = resourceSpans[0]?.scopeSpans ?? [];
    expect(scope?.scope.name).toBe("massgen");
    expect(scope?.spans.map(({ name }) => name)).toContain("execute_tool look_up");
    expect(new Set(scope?.spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE_ID]));
  } finally {
    await tracerProvider.shutdown();
    collector.close();
    collector.closeAllConnections();
  }
});

it("gives log records the ids of their spans", async () => {
  const { tracerProvider, spans } = sdk();
  const lines: string[] = [];
  await using orchestrator = new Orchestrator({
    agents: [{ id: "one", backend: scriptedBackend(["Done."], { model: "m" }) }],
    tracing: { tracerProvider },
    logging: { level: "debug", destination: { write: (line) => void lines.push(line) } },
  });
  await orchestrator.run("The task", { trace: CALLER }).result;
  const records = lines.map((line) => JSON.parse(line) as { event: string; trace_id: string; span_id: string });
  expect(new Set(records.map(({ trace_id }) => trace_id))).toEqual(new Set([TRACE_ID]));
  const spanOf = (event: string) => records.find((record) => record.event === event)?.span_id;
  for (const [name, kind] of [
    ["invoke_workflow massgen", "run"],
    ["invoke_agent one", "turn"],
    ["chat m", "step"],
  ] as const) {
    const id = idOf(named(spans(), name)[0]);
    expect([spanOf(`${kind}-start`), spanOf(`${kind}-finish`)], name).toEqual([id, id]);
  }
});

describe("the option `tracing`", () => {
  it("needs its peer, and says so", async () => {
    const missing = () => Promise.reject(Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" }));
    await expect(loadApi(missing)).rejects.toMatchObject({
      code: "missing_peer",
      message: expect.stringContaining("npm i @opentelemetry/api"),
    });
  });

  it("ends a run with the error of what could not be loaded", async () => {
    const tracerProvider = {
      getTracer: () => {
        throw new Error("no tracer today");
      },
    };
    await using orchestrator = duo({ tracerProvider });
    const run = orchestrator.run("The task");
    const types: string[] = [];
    run.on("*", ({ type }) => types.push(type));
    await expect(run.result).rejects.toMatchObject({ message: expect.stringContaining("no tracer today") });
    expect(types).toEqual(["run-start", "run-error"]);
  });

  it.each<[unknown, string]>([
    [5, "tracing: must be an object, not 5"],
    [{ contents: true }, 'tracing.contents: unknown option, did you mean "content"?'],
    [{ content: "all" }, 'tracing.content: must be true or false, not "all"'],
    [{ tracerProvider: {} }, "tracing.tracerProvider: has no method getTracer"],
    [{ meterProvider: {} }, "tracing.meterProvider: has no method getMeter"],
  ])("%j is refused", (option, message) => {
    expect(() => resolveTracing(option as TracingOptions, [])).toThrow(message);
  });
});
