import type { TraceContext } from "../backends/backend.js";
import type { CoordinationEvent } from "../orchestrator/events.js";
import type { LoggingPlan } from "./options.js";

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
}

/** Logging and tracing of an orchestrator. */
export interface Telemetry {
  watch(run: WatchedRun): RunWatcher;
  /** Writes out what is pending. Call it when no run is left. */
  close(): Promise<void>;
}

export interface TelemetryPlan {
  logging?: LoggingPlan | undefined;
}

/** Loads what the plan asks for, and nothing else. */
export async function startTelemetry({ logging: plan }: TelemetryPlan): Promise<Telemetry> {
  const logging = plan && (await (await import("./logging/logging.js")).startLogging(plan));
  return {
    watch({ trace }) {
      const caller = callerIds(trace);
      const idsOf = () => caller;
      return {
        onEvent(event) {
          logging?.log(event, idsOf);
        },
      };
    },
    close: async () => logging?.close(),
  };
}

/** The trace id in a `traceparent`. */
export function callerIds(trace: TraceContext | undefined): TraceIds | undefined {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/.exec(trace?.traceparent ?? "");
  const id = match?.[1];
  return id === undefined || /^0+$/.test(id) ? undefined : { trace_id: id };
}
