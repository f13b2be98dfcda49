import type { CoordinationEvent } from "../../orchestrator/events.js";
import { compileFilter } from "../filter.js";
import { severity } from "../levels.js";
import type { LoggingPlan } from "../options.js";
import type { TraceIds } from "../telemetry.js";
import { componentOf, fieldsOf, levelOf, messageOf } from "./record.js";
import { createRedactor } from "./redact.js";
import { loggerSink, pinoSink } from "./sink.js";

export interface Logging {
  /** Writes an event down, where the filter lets it pass. `idsOf` is asked for those that pass alone. */
  log(event: CoordinationEvent, idsOf: (event: CoordinationEvent) => TraceIds | undefined): void;
  close(): Promise<void>;
}

/** Turns events into records. Shared by all runs of an orchestrator. */
export async function startLogging(plan: LoggingPlan): Promise<Logging> {
  const filter = compileFilter(plan.rules);
  const sink = plan.logger === undefined ? await pinoSink(plan) : loggerSink(plan.logger);
  const redactor = createRedactor({ secrets: [...plan.secrets, ...environmentSecrets()] });
  return {
    log(event, idsOf) {
      const level = levelOf(event);
      // Deltas are by far the most events, and nearly always end here.
      if (severity[level] < filter.least) return;
      const component = componentOf(event);
      const agent = "agentId" in event ? event.agentId : undefined;
      const phase = "phase" in event ? event.phase : undefined;
      const threshold = filter.threshold({ component, type: event.type, agent, phase });
      if (severity[level] < threshold) return;
      const fields = { component, event: event.type, ...fieldsOf(event, threshold <= severity.debug), ...idsOf(event) };
      sink.write(level, event.time, redactor.value(fields) as Record<string, unknown>, redactor.text(messageOf(event)));
    },
    close: () => sink.close(),
  };
}

/** Whatever the process was given as a secret is one, whatever it looks like. */
function environmentSecrets(): string[] {
  return Object.entries(process.env).flatMap(([name, value]) =>
    value !== undefined && /(?:_KEY|_TOKEN|_SECRET|_PASSWORD|_CREDENTIALS)$/i.test(name) ? [value] : [],
  );
}
