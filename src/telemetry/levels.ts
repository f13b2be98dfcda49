/** From the least to the most severe; `off` is a threshold that nothing passes. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "off"] as const;

export type LogThreshold = (typeof LOG_LEVELS)[number];
export type LogLevel = Exclude<LogThreshold, "off">;

/** The parts of a run that records are about. */
export const COMPONENTS = ["run", "coordination", "turn", "model", "tool", "mcp"] as const;
export type Component = (typeof COMPONENTS)[number];

export const severity: Readonly<Record<LogThreshold, number>> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, off: 99 };
