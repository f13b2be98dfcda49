import type { Context, Meter, MeterProvider, Tracer, TracerProvider } from "@opentelemetry/api";
import type { TraceContext } from "../../backends/backend.js";
import type { TracingPlan } from "../options.js";
import { loadApi, type OpenTelemetry } from "./api.js";
import { createMetrics, type Metrics } from "./metrics.js";
import { RunTrace } from "./run-trace.js";

/** What the spans of all runs of an orchestrator are made with. */
export interface Tracing {
  api: OpenTelemetry;
  tracer: Tracer;
  metrics: Metrics;
  content: boolean;
  secrets: readonly string[];
  watch(trace: TraceContext | undefined): RunTrace;
}

const SCOPE = "massgen";

/** Takes the providers of the options, else the global ones. */
export async function startTracing({ content, tracerProvider, meterProvider, secrets }: TracingPlan): Promise<Tracing> {
  const api = await loadApi();
  const tracer = ((tracerProvider as TracerProvider | undefined) ?? api.trace.getTracerProvider()).getTracer(SCOPE);
  const meter: Meter = ((meterProvider as MeterProvider | undefined) ?? api.metrics.getMeterProvider()).getMeter(SCOPE);
  const tracing: Tracing = {
    api,
    tracer,
    content,
    secrets,
    metrics: createMetrics(meter),
    watch: (trace) => new RunTrace(tracing, parentContext(api, trace)),
  };
  return tracing;
}

/** The caller's `traceparent`, else whatever span is active where `run` was called. */
function parentContext(api: OpenTelemetry, trace: TraceContext | undefined): Context {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/.exec(trace?.traceparent ?? "");
  if (match === null) return api.context.active();
  const [, traceId = "", spanId = "", flags = ""] = match;
  const parent = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(trace?.tracestate !== undefined && { traceState: api.createTraceState(trace.tracestate) }),
  };
  return api.isSpanContextValid(parent) ? api.trace.setSpanContext(api.ROOT_CONTEXT, parent) : api.context.active();
}
