import type { Attributes, Meter } from "@opentelemetry/api";
import type { Usage } from "../../token-manager/usage.js";

export interface Metrics {
  /** One model step, tool call or turn; `ms` is how long it took. */
  duration(ms: number, attributes: Attributes): void;
  tokens(usage: Usage, attributes: Attributes): void;
}

/** The buckets that the conventions advise. */
const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];

export function createMetrics(meter: Meter): Metrics {
  const duration = meter.createHistogram("gen_ai.client.operation.duration", {
    description: "GenAI operation duration.",
    unit: "s",
    advice: { explicitBucketBoundaries: SECONDS },
  });
  const tokens = meter.createHistogram("gen_ai.client.token.usage", {
    description: "Number of input and output tokens used.",
    unit: "{token}",
    advice: { explicitBucketBoundaries: TOKENS },
  });
  return {
    duration: (ms, attributes) => duration.record(ms / 1000, attributes),
    tokens(usage, attributes) {
      tokens.record(usage.inputTokens, { ...attributes, "gen_ai.token.type": "input" });
      tokens.record(usage.outputTokens, { ...attributes, "gen_ai.token.type": "output" });
    },
  };
}
