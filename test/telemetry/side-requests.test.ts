import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import type { BackendConfig } from "../../src/backends/create-backend.js";
import type { OrchestratorOptions } from "../../src/orchestrator/options.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { type EmulatedPrompt, type Emulator, newAnswer, scriptedBackend, startEmulator, vote } from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CALLER = { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` };
const STEPS = 24;

/** A real SDK that keeps its spans and metrics. */
function sdk() {
  const kept = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(kept)] });
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const meterProvider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })] });
  onTestFinished(() => meterProvider.shutdown());
  /** Sum of the tokens that went into steps with this purpose. */
  async function inputTokens(purpose: string | undefined): Promise<number> {
    await meterProvider.forceFlush();
    const metrics =
      exporter
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
    const points = metrics
      .filter(({ descriptor }) => descriptor.name === "gen_ai.client.token.usage")
      .flatMap(({ dataPoints }) => dataPoints.map(({ attributes, value }) => ({ attributes, sum: (value as { sum: number }).sum })));
    return points
      .filter(({ attributes: a }) => a["gen_ai.token.type"] === "input" && a["massgen.purpose"] === purpose)
      .reduce((total, { sum }) => total + sum, 0);
  }
  return { tracing: { tracerProvider, meterProvider }, spans: () => kept.getFinishedSpans(), inputTokens };
}

type LogRecord = Record<string, unknown> & { event: string; msg: string };

let emulator: Emulator;
afterEach(() => emulator?.close());

const wires: [string, () => BackendConfig][] = [
  ["OpenAI", () => ({ type: "openai", model: "gpt-5.2", baseUrl: emulator.baseUrl, apiKey: "key-for-tests", contextWindow: 12_000 })],
  ["Claude", () => ({ type: "claude", model: "claude-sonnet-5", baseUrl: emulator.url, apiKey: "key-for-tests", contextWindow: 12_000 })],
];

const readShelf = tool({
  name: "read_shelf",
  description: "Reads what is on a shelf.",
  input: { type: "object", properties: {} },
  execute: () => "dust and paper. ".repeat(400),
});

/** An agent whose conversation grows beyond its window, and what is logged of it. */
async function survey(backend: () => BackendConfig, options: Partial<OrchestratorOptions> = {}): Promise<LogRecord[]> {
  let steps = 0;
  const respond = () => (steps++ < STEPS ? { text: "On.", toolCalls: [{ name: "read_shelf", input: {} }] } : "All is read.");
  emulator = await startEmulator({ contextWindow: 12_000, respond, compact: () => "Shelves were read." });
  const lines: string[] = [];
  await using orchestrator = new Orchestrator({
    agents: [{ id: "reader", backend: backend(), tools: [readShelf] }],
    maxSteps: 2 * STEPS,
    logging: { level: "debug", destination: { write: (line) => void lines.push(line) } },
    ...options,
  });
  await orchestrator.run("Survey the archive.", { trace: CALLER }).result;
  return lines.map((line) => JSON.parse(line) as LogRecord);
}

const sent = () => emulator.requests.map(({ path, headers }) => ({ path, traceparent: String(headers.traceparent) }));
const idOf = (span: ReadableSpan) => span.spanContext().spanId;

describe.each(wires)("a conversation that is compacted on %s", (_, backend) => {
  it("carries the caller's trace in every request, where nothing is traced", async () => {
    await survey(backend);
    expect(sent().length).toBeGreaterThan(STEPS + 1);
    expect(new Set(sent().map(({ traceparent }) => traceparent))).toEqual(new Set([CALLER.traceparent]));
  });

  it("has a span, metrics and records for the compaction, whose request carries that span", async () => {
    const { tracing, spans, inputTokens } = sdk();
    const records = await survey(backend, { tracing });
    const chats = spans().filter(({ name }) => name.startsWith("chat "));
    const compactions = chats.filter(({ attributes }) => attributes["massgen.purpose"] === "compaction");
    expect(compactions.length).toBeGreaterThan(1);
    expect(chats.length).toBe(compactions.length + STEPS + 1);
    const ids = new Set(sent().map(({ traceparent }) => traceparent.split("-")[2]));
    for (const span of compactions) expect(ids).toContain(idOf(span));
    expect(new Set(sent().map(({ traceparent }) => traceparent.split("-")[1]))).toEqual(new Set([TRACE_ID]));

    const events = spans().flatMap((span) => span.events.filter(({ name }) => name === "massgen.compaction"));
    const native = events.filter(({ attributes }) => attributes?.["massgen.method"] === "native");
    expect(native).toHaveLength(compactions.length);
    expect(native[0]?.attributes).toMatchObject({
      "massgen.method": "native",
      "massgen.reason": "high-water",
      "massgen.tokens_before": expect.any(Number),
      "massgen.tokens_after": expect.any(Number),
    });

    const tokens = (list: ReadableSpan[]) => list.reduce((sum, { attributes }) => sum + Number(attributes["gen_ai.usage.input_tokens"]), 0);
    expect(await inputTokens("compaction")).toBe(tokens(compactions));
    expect(await inputTokens(undefined)).toBe(tokens(chats) - tokens(compactions));
    expect(tokens(compactions)).toBeGreaterThan(0);

    const compacted = records.filter(({ event }) => event === "compaction");
    expect(compacted).toHaveLength(events.length);
    expect(compacted.find(({ method }) => method === "native")).toMatchObject({
      level: "info",
      component: "model",
      agent: "reader",
      trace_id: TRACE_ID,
      msg: expect.stringMatching(/^the conversation of reader was compacted \(native, high-water\) from \d+ to \d+ tokens$/),
    });
    const start = records.find(({ event, purpose }) => event === "step-start" && purpose === "compaction");
    expect(start).toMatchObject({ msg: "reader asks its model, for compaction", span_id: idOf(compactions[0]!) });
  });
});

it("the judgement of a task carries the run's span, and its tokens are counted", async () => {
  const { tracing, spans, inputTokens } = sdk();
  const respond = ({ messages }: EmulatedPrompt) =>
    messages.some(({ text }) => text.includes("IRREVERSIBLE")) ? "IRREVERSIBLE: NO" : "Done.";
  emulator = await startEmulator({ respond });
  await using orchestrator = new Orchestrator({
    agents: [{ id: "one", backend: { type: "vllm", model: "m", baseUrl: emulator.baseUrl }, tools: [readShelf] }],
    planningMode: { judge: true },
    tracing,
  });
  await orchestrator.run("Delete the archive.", { trace: CALLER }).result;
  const run = spans().find(({ name }) => name === "invoke_workflow massgen");
  expect(sent()[0]?.traceparent).toBe(`00-${TRACE_ID}-${idOf(run!)}-01`);
  expect(sent()).toHaveLength(2);
  expect(await inputTokens("planning")).toBeGreaterThan(0);
  expect(run?.events.find(({ name }) => name === "massgen.planning")?.attributes).toMatchObject({ "massgen.irreversible": false });
});

it("a budget's warning is an event of the run's span, with its figures", async () => {
  const { tracing, spans } = sdk();
  const usage = { inputTokens: 9_000, outputTokens: 1_000 };
  await using orchestrator = new Orchestrator({
    agents: ["a", "b"].map((id) => ({ id, backend: scriptedBackend([newAnswer(id), vote("agent1"), "Final."], { usage }) })),
    budget: { maxTokens: 1_000_000, warnAt: 0.02 },
    tracing,
  });
  await orchestrator.run("The task").result;
  const run = spans().find(({ name }) => name === "invoke_workflow massgen");
  expect(run?.events.find(({ name }) => name === "massgen.warning")?.attributes).toEqual({
    "massgen.code": "budget_warning",
    "massgen.budget.cap": "maxTokens",
    "massgen.budget.at": 0.02,
    "massgen.budget.spent": 20_000,
    "massgen.budget.limit": 1_000_000,
  });
});
