import type { TraceContext } from "../backends/backend.js";
import type { CoordinationEvent } from "../orchestrator/events.js";
import type { LoggingPlan, TracingPlan } from "./options.js";

/** Ids of the span that a record belongs to. */
export interface TraceIds {
  trace_id: string;
  span_id?: string;
}

/** What is known of a run before its first event. */
export interface WatchedRun {
  runId: string;
  /** The caller's. */
  trace: TraceContext | undefined;
}

/** Sees every event of one run, before any listener does. */
export interface RunWatcher {
  onEvent(event: CoordinationEvent): void;
  /** The context of the run's span, once the run has started. */
  trace?(): TraceContext | undefined;
  /** Runs a model step in its span; it gives what the provider is to be sent, for which `trace` stands in. */
  inStep?<T>(stepId: string, trace: TraceContext | undefined, work: (trace: TraceContext | undefined) => T): T;
  /** Runs a tool in the span of its call, and gives it that span's context. */
  inTool?<T>(turnId: string, toolCallId: string, work: (trace: TraceContext | undefined) => T): T;
}

/** Logging and tracing of an orchestrator. */
export interface Telemetry {
  watch(run: WatchedRun): RunWatcher;
  /** Writes out what is pending. Call it when no run is left. */
  close(): Promise<void>;
}

export interface TelemetryPlan {
  logging?: LoggingPlan | undefined;
  tracing?: TracingPlan | undefined;
}

/** Loads what the plan asks for, and nothing else. */
export async function startTelemetry(plan: TelemetryPlan): Promise<Telemetry> {
  // First what may be missing: a log that was opened would stay open.
  const tracing = plan.tracing && (await (await import("./tracing/tracing.js")).startTracing(plan.tracing));
  const logging = plan.logging && (await (await import("./logging/logging.js")).startLogging(plan.logging));
  let closing: Promise<void> | undefined;
  return {
    watch({ trace }) {
      const caller = callerIds(trace);
      if (tracing === undefined) return { onEvent: (event) => logging?.log(event, () => caller) };
      const spans = tracing.watch(trace);
      const idsOf = (event: CoordinationEvent) => spans.idsOf(event) ?? caller;
      return {
        onEvent(event) {
          // Its record belongs to the span that an event begins, or ends.
          const ends = logging !== undefined && endsSpan(event);
          if (ends) logging.log(event, idsOf);
          spans.onEvent(event);
          if (!ends) logging?.log(event, idsOf);
        },
        trace: () => spans.trace(),
        inStep: (stepId, given, work) => spans.inStep(stepId, given, work),
        inTool: (turnId, toolCallId, work) => spans.inTool(turnId, toolCallId, work),
      };
    },
    close() {
      closing ??= logging?.close() ?? Promise.resolve();
      return closing;
    },
  };
}

const endsSpan = ({ type }: CoordinationEvent): boolean =>
  isEnd.test(type) || type === "run-abort" || type === "turn-interrupt" || type === "tool-result";
const isEnd = /-(?:finish|error)$/;

/** The trace id in a `traceparent`. */
export function callerIds(trace: TraceContext | undefined): TraceIds | undefined {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/.exec(trace?.traceparent ?? "");
  const id = match?.[1];
  return id === undefined || /^0+$/.test(id) ? undefined : { trace_id: id };
}
