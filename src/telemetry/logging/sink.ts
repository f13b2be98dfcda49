import { type DestinationStream, destination, pino } from "pino";
import type { LogLevel } from "../levels.js";
import type { Logger, LoggingPlan } from "../options.js";
import { openLogFile } from "./log-file.js";
import { prettyLine } from "./pretty.js";

/** Where records go. */
export interface Sink {
  /** `time`: epoch ms. */
  write(level: LogLevel, time: number, fields: Record<string, unknown>, message: string): void;
  /** Writes out what is pending and closes what was opened. */
  close(): Promise<void>;
}

/** The user's own logger; what it throws is told once and disturbs no run. */
export function loggerSink(logger: Logger): Sink {
  const report = reporter("your logger threw");
  return {
    write(level, _time, fields, message) {
      try {
        if (level === "trace" && logger.trace === undefined) logger.debug(fields, message);
        else (logger as Required<Logger>)[level](fields, message);
      } catch (error) {
        report(error);
      }
    },
    close: () => Promise.resolve(),
  };
}

/** pino, as JSON or as lines for people. Resolves when it can be written to, or is known to be broken; never rejects. */
export async function pinoSink(plan: LoggingPlan): Promise<Sink> {
  const report = reporter("the log cannot be written");
  const { stream, isTerminal, close } = await openDestination(plan, report);
  const colours = isTerminal && process.env.NO_COLOR === undefined;
  const lines: DestinationStream =
    (plan.pretty ?? isTerminal)
      ? { write: (line) => void stream.write(prettyLine(line, colours)) }
      : { write: (line) => void stream.write(line) };
  let now = 0;
  const logger = pino(
    {
      level: "trace",
      base: null,
      // A record has the time of its event.
      timestamp: () => `,"time":"${new Date(now).toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    lines,
  );
  return {
    write(level, time, fields, message) {
      now = time;
      try {
        logger[level](fields, message);
      } catch (error) {
        report(error);
      }
    },
    close,
  };
}

interface Opened {
  stream: { write(line: string): unknown };
  isTerminal: boolean;
  close(): Promise<void>;
}

async function openDestination({ destination: given, pretty }: LoggingPlan, onError: (error: unknown) => void): Promise<Opened> {
  if (typeof given !== "string") {
    return { stream: given, isTerminal: (given as { isTTY?: boolean }).isTTY === true, close: () => Promise.resolve() };
  }
  if (given === "stdout" || given === "stderr") {
    // Written at once: a line comes out before whatever the program prints next.
    const stream = destination({ dest: given === "stdout" ? 1 : 2, sync: true });
    stream.on("error", onError);
    return { stream, isTerminal: (given === "stdout" ? process.stdout : process.stderr).isTTY === true, close: () => Promise.resolve() };
  }
  try {
    const gap = (lost: number) => (pretty ? prettyLine(gapRecord(lost), false) : gapRecord(lost));
    const file = await openLogFile(given, { onError, gap });
    return { stream: file, isTerminal: false, close: () => file.close() };
  } catch (error) {
    onError(error);
    return { stream: { write() {} }, isTerminal: false, close: () => Promise.resolve() };
  }
}

/** Stands where records are missing. */
function gapRecord(lost: number): string {
  const msg = `${lost} ${lost === 1 ? "record is" : "records are"} missing here: they could not be written`;
  return `${JSON.stringify({ level: "warn", time: new Date().toISOString(), component: "run", event: "log-gap", lost, msg })}\n`;
}

/** Tells the first error of its kind as a warning of the process: there is no log to tell it to. */
function reporter(what: string): (error: unknown) => void {
  let told = false;
  return (error) => {
    if (told) return;
    told = true;
    const why = error instanceof Error ? error.message : String(error);
    process.emitWarning(`${what}: ${why}. Further records may be lost.`, { code: "MASSGEN_LOG" });
  };
}
