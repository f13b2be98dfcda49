import { oneLine } from "../../terminal-text.js";

const COLOURS: Readonly<Record<string, number>> = { trace: 90, debug: 36, info: 32, warn: 33, error: 31 };
/** Told by the line itself, or of use to programs alone. */
const HIDDEN: ReadonlySet<string> = new Set(["level", "time", "msg", "run", "turn", "seq", "component", "event", "trace_id", "span_id"]);
const SCOPE: ReadonlySet<string> = new Set(["agent", "phase", "attempt", "epoch", "step"]);

/** One line of JSON as a line for people: time, level, run, what happened, and the rest as `key=value`. Safe for a terminal. */
export function prettyLine(json: string, colours: boolean): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return `${oneLine(json)}\n`;
  }
  const paint = (code: number, text: string) => (colours && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text);
  const level = String(record.level);
  const time = String(record.time).slice(11, 23);
  // The end of the run's id is enough to tell runs apart by eye.
  const run = oneLine(String(record.run)).slice(-6);
  const rest = Object.entries(record)
    .filter(([key]) => !HIDDEN.has(key) && !SCOPE.has(key))
    .map(([key, value]) => `${oneLine(key)}=${oneLine(typeof value === "string" ? quoted(value) : JSON.stringify(value))}`);
  const line = [
    paint(90, time),
    paint(COLOURS[level] ?? 0, level.toUpperCase().padEnd(5)),
    paint(90, run),
    oneLine(String(record.msg)),
    paint(90, rest.join(" ")),
  ];
  return `${line.filter((part) => part !== "").join(" ")}\n`;
}

const quoted = (text: string): string => (/^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text));
