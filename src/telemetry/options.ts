import { bad, knownKeys, oneOf, required, shown } from "../option-checks.js";
import { checkRules, type FilterRule, type FilterSource, parseFilter } from "./filter.js";
import { LOG_LEVELS, type LogThreshold } from "./levels.js";
import { isSecretName } from "./secret-names.js";

/** What takes the place of pino: pino's own methods, so most loggers fit as they are. */
export interface Logger {
  /** Where it is missing, `debug` gets these records as well. */
  trace?(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** `stdout`, `stderr`, the path of a file that is appended to, or an object that takes lines. */
export type Destination = "stdout" | "stderr" | (string & {}) | { write(line: string): unknown };

export interface LoggingOptions {
  /** The least severe level that is logged. Default `info`. */
  level?: LogThreshold;
  /** What is logged where, e.g. `"agent=gpt:debug,mcp:off"`; of the pieces that fit, the last counts. */
  filter?: string | FilterRule[];
  /** Default `stderr`. */
  destination?: Destination;
  /** Lines for people instead of JSON. Default: on a terminal. */
  pretty?: boolean;
  /** Your own logger in place of pino. It goes without `destination` and `pretty`. */
  logger?: Logger;
}

/** On with the defaults, a level or a whole filter, or options. */
export type LoggingOption = boolean | LogThreshold | (string & {}) | LoggingOptions;

/** Logging as it was asked for, checked. */
export interface LoggingPlan {
  rules: FilterRule[];
  destination: Destination;
  pretty: boolean | undefined;
  logger: Logger | undefined;
  /** The team's own keys, which no record may have. */
  secrets: string[];
}

export interface TracingOptions {
  /** Puts what models and tools write into the spans, without known secrets. Default false. */
  content?: boolean;
  /** Default: the global one of `@opentelemetry/api`. */
  tracerProvider?: { getTracer(name: string, version?: string): unknown };
  /** Default: the global one of `@opentelemetry/api`. */
  meterProvider?: { getMeter(name: string, version?: string): unknown };
}

/** Tracing as it was asked for, checked. */
export interface TracingPlan {
  content: boolean;
  tracerProvider: TracingOptions["tracerProvider"];
  meterProvider: TracingOptions["meterProvider"];
  /** The team's own keys, which no span may have. */
  secrets: string[];
}

const LOGGING_KEYS = ["level", "filter", "destination", "pretty", "logger"];
/** Turns logging on where the code does not say, and goes before the code's levels where it does. */
const VARIABLE = "MASSGEN_LOG";

/**
 * Checks the option `logging` and the variable `MASSGEN_LOG`; `undefined`: nothing is logged. Throws a `ConfigError` that names the
 * key, or the piece of the filter, at fault.
 */
export function resolveLogging(
  option: LoggingOption | undefined,
  team: readonly { id: string; backend?: unknown }[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): LoggingPlan | undefined {
  if (option === false) return undefined;
  const variable = env[VARIABLE]?.trim() ?? "";
  if (option === undefined && variable === "") return undefined;
  const agents = team.map(({ id }) => id);
  const { level, filter, destination = "stderr", pretty, logger } = optionsOf(option);
  const source = { path: typeof option === "string" ? "logging" : "logging.filter", agents };
  const rules = [
    ...(level === undefined ? [] : [{ level: oneOf("logging.level", level, LOG_LEVELS) }]),
    ...rulesOf(filter, source),
    // One variable may serve several teams: it may name agents that this one does not have.
    ...rulesOf(variable, { path: VARIABLE }),
  ];
  // Nothing is loaded for a log that stays empty.
  if (rules.length > 0 && rules.at(-1)?.level === "off" && Object.keys(rules.at(-1)!).length === 1) return undefined;
  if (pretty !== undefined && typeof pretty !== "boolean") throw bad("logging.pretty", `must be true or false, not ${shown(pretty)}`);
  checkDestination(destination);
  if (logger !== undefined) checkLogger(logger, pretty !== undefined ? "pretty" : destination === "stderr" ? undefined : "destination");
  return { rules, destination, pretty, logger, secrets: secretsOf(team) };
}

function optionsOf(option: LoggingOption | undefined): LoggingOptions {
  if (option === undefined || option === true || option === false) return {};
  if (typeof option === "string") return { filter: option };
  required("logging", option);
  knownKeys(option, LOGGING_KEYS, "logging");
  return option;
}

function rulesOf(filter: string | FilterRule[] | undefined, source: FilterSource): FilterRule[] {
  if (filter === undefined) return [];
  if (typeof filter === "string") return parseFilter(filter, source);
  if (!Array.isArray(filter)) throw bad(source.path, `must be a text like "info,mcp:off", or a list of rules, not ${shown(filter)}`);
  return checkRules(filter, source);
}

function checkDestination(destination: unknown): void {
  const fine =
    typeof destination === "string"
      ? destination !== ""
      : typeof destination === "object" && destination !== null && "write" in destination && typeof destination.write === "function";
  if (!fine) throw bad("logging.destination", `must be "stdout", "stderr", a path or { write(line) }, not ${shown(destination)}`);
}

function checkLogger(logger: Logger, excess: string | undefined): void {
  const missing = (["debug", "info", "warn", "error"] as const).find((method) => typeof logger?.[method] !== "function");
  if (missing !== undefined) throw bad("logging.logger", `has no method "${missing}(fields, message)"`);
  if (excess !== undefined) throw bad(`logging.${excess}`, "has no meaning with a `logger` of your own; set it there");
}

/** Checks the option `tracing`; `undefined`: there is none. Throws a `ConfigError` that names the key at fault. */
export function resolveTracing(
  option: boolean | TracingOptions | undefined,
  team: readonly { backend?: unknown }[],
): TracingPlan | undefined {
  if (option === undefined || option === false) return undefined;
  if (option !== true) {
    required("tracing", option);
    knownKeys(option, ["content", "tracerProvider", "meterProvider"], "tracing");
  }
  const { content = false, tracerProvider, meterProvider }: TracingOptions = option === true ? {} : option;
  if (typeof content !== "boolean") throw bad("tracing.content", `must be true or false, not ${shown(content)}`);
  if (tracerProvider !== undefined && typeof tracerProvider?.getTracer !== "function")
    throw bad("tracing.tracerProvider", "has no method getTracer; give a provider of the OpenTelemetry SDK");
  if (meterProvider !== undefined && typeof meterProvider?.getMeter !== "function")
    throw bad("tracing.meterProvider", "has no method getMeter; give a provider of the OpenTelemetry SDK");
  return { content, tracerProvider, meterProvider, secrets: secretsOf(team) };
}

/** The keys in the agents' plain configs, those in headers included. */
function secretsOf(team: readonly { backend?: unknown }[]): string[] {
  return team.flatMap(({ backend }) => {
    const { apiKey, headers } = (backend ?? {}) as { apiKey?: unknown; headers?: unknown };
    const inHeaders = Object.entries(typeof headers === "object" && headers !== null ? headers : {})
      .filter(([name]) => isSecretName(name))
      // Without the scheme: `Bearer …`.
      .map(([, value]: [string, unknown]) => (typeof value === "string" ? value.replace(/^\w+ /, "") : value));
    return [apiKey, ...inHeaders].filter((value) => typeof value === "string");
  });
}
