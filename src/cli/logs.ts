import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { compactionLine } from "../compaction-line.js";
import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import { type CoordinationEvent, type EventOfType, isDelta } from "../orchestrator/events.js";
import { FILES } from "../run-record/files.js";
import { followEvents } from "../run-record/follow.js";
import { findEvents, listRecords, noEvents, type RecordSummary, readEvents, readStatus } from "../run-record/read-record.js";
import { dollars, harmless, oneLine, padded, plural, preview, truncate } from "../terminal-text.js";
import type { Cost } from "../token-manager/prices.js";
import type { Usage } from "../token-manager/usage.js";
import { EXIT, type Io } from "./io.js";
import type { Flags } from "./program.js";

type Wanted = (event: CoordinationEvent) => boolean;

/** Lists the records in a directory, or prints or follows the one that `path` is. */
export async function showLogs(path: string | undefined, flags: Flags, io: Io): Promise<number> {
  if (path === undefined)
    throw new ConfigError("bad_option", "Which records? Give a directory of them, or of one run: massgen logs <dir>.");
  const one = await isRecord(path);
  if (!one && !flags.follow && !filters(flags)) return list(path, flags.json === true, io);
  const file = await findEvents(path);
  const stop = new AbortController();
  const off = io.onInterrupt(() => stop.abort("interrupted"));
  try {
    return await print(file, flags, stop.signal, io);
  } finally {
    off();
  }
}

const filters = ({ agent, type, phase }: Flags): boolean => agent !== undefined || type !== undefined || phase !== undefined;

async function isRecord(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile()) return true;
  return stat(join(path, FILES.events)).then(
    (events) => events.isFile(),
    () => false,
  );
}

async function list(dir: string, json: boolean, io: Io): Promise<number> {
  const records = await listRecords(dir);
  if (json) for (const record of records) io.stdout.write(`${JSON.stringify(record)}\n`);
  else if (records.length === 0) io.stderr.write(`massgen: there is no record in "${dir}".\n`);
  else {
    const width = Math.max(...records.map(({ runId }) => runId.length));
    const winners = Math.max(6, ...records.map((record) => winnerOf(record).length));
    const columns = io.stdout.columns ?? Number.POSITIVE_INFINITY;
    io.stdout.write(
      `${padded("run", width)}  ${padded("began (UTC)", 19)}  ${padded("outcome", 8)}  ${padded("winner", winners)}  ${padded("cost", 9)}  question\n`,
    );
    for (const record of records) io.stdout.write(`${truncate(summaryLine(record, width, winners), columns)}\n`);
  }
  return EXIT.ok;
}

const winnerOf = ({ winner }: RecordSummary): string => oneLine(winner ?? "");

function summaryLine(record: RecordSummary, width: number, winners: number): string {
  const { runId, startedAt, outcome, reason, cost, question } = record;
  const began = new Date(startedAt);
  const when = Number.isNaN(began.getTime()) ? "" : began.toISOString().slice(0, 19).replace("T", " ");
  const ended = outcome === "finished" && reason !== null && reason !== "consensus" ? ` (${reason})` : "";
  const cells = [padded(oneLine(runId), width), padded(when, 19), padded(outcome, 8), padded(winnerOf(record), winners)];
  return `${[...cells, padded((cost && dollars(cost)) || "-", 9)].join("  ")}  ${preview(question ?? "", 120)}${ended}`.trimEnd();
}

async function print(file: string, flags: Flags, signal: AbortSignal, io: Io): Promise<number> {
  const wanted = wantedBy(flags);
  const status = await readStatus(dirname(file));
  if (!flags.json && status?.question != null) io.stdout.write(`${oneLine(status.question)}\n`);
  let bad = 0;
  let printed = false;
  const seen: Seen = { agents: new Set(), types: new Set() };
  let start: number | undefined;
  let ended = false;
  const onBad = () => {
    if (flags.follow && start === undefined) throw noEvents(file); // it would be waited for in vain
    bad++;
  };
  const events = flags.follow ? followEvents(file, { signal, onBad }) : readEvents(file, onBad);
  for await (const event of events) {
    if (signal.aborted) return EXIT.interrupted;
    start ??= event.time;
    ended = event.type === "run-finish" || event.type === "run-error" || event.type === "run-abort";
    seen.types.add(event.type);
    if ("agentId" in event && event.agentId !== undefined) seen.agents.add(event.agentId);
    if (!wanted(event)) continue;
    printed = true;
    // Whoever reads slowly is waited for.
    const line = flags.json ? JSON.stringify(event) : lineOf(event, start);
    if (!io.stdout.write(`${line}\n`)) await drained(io);
  }
  if (signal.aborted) return EXIT.interrupted;
  if (start === undefined && bad > 0) throw noEvents(file);
  if (!printed && filters(flags)) io.stderr.write(`massgen: ${noneOf(flags, seen)}\n`);
  if (bad > 0) io.stderr.write(`massgen: ${bad} lines of ${file} are no events and are left out.\n`);
  if (!ended && !flags.json) io.stderr.write("massgen: the record breaks off here: the run goes on, or its process has ended.\n");
  return EXIT.ok;
}

interface Seen {
  agents: Set<string>;
  types: Set<string>;
}

/** Why a filter let nothing through, where it is a name that does not occur. */
function noneOf({ agent, type, phase }: Flags, { agents, types }: Seen): string {
  const why = [unknownOf(agent, [...agents], "agent"), unknownOf(type, [...types], "type of event"), unknownOf(phase, PHASES, "phase")];
  const found = why.filter((each) => each !== undefined);
  const text = `no event of this record fits${found.length > 0 ? `: ${found.join("; ")}` : ""}`;
  return text.endsWith("?") ? text : `${text}.`;
}

function unknownOf(given: string[] | undefined, known: readonly string[], kind: string): string | undefined {
  const unknown = listed(given)?.find((each) => !known.includes(each));
  if (unknown === undefined) return undefined;
  const near = nearest(unknown, known);
  return `"${oneLine(unknown)}" is no ${kind} in it; ${near === undefined ? `there are ${known.map(oneLine).join(", ")}` : `did you mean "${oneLine(near)}"?`}`;
}

const PHASES = ["draft", "evaluate", "present", "review"];

const listed = (given: string[] | undefined) => given?.flatMap((each) => each.split(",")).map((each) => each.trim());

function drained({ stdout }: Io): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      for (const type of ["drain", "close", "error"]) stdout.off(type, over);
      resolve();
    };
    for (const type of ["drain", "close", "error"]) stdout.on(type, over);
  });
}

/** Without a filter for types the deltas are left out of what is printed as text: answers and the result hold them. */
function wantedBy({ agent, type, phase, json }: Flags): Wanted {
  const [agents, types, phases] = [agent, type, phase].map(listed);
  return (event) => {
    if (types === undefined ? !json && isDelta(event) : !types.includes(event.type)) return false;
    if (agents !== undefined && !("agentId" in event && agents.includes(event.agentId))) return false;
    return phases === undefined || ("phase" in event && phases.includes(event.phase));
  };
}

/** What a line need not say, or says elsewhere. */
const COMMON = new Set(["type", "runId", "seq", "time", "agentId", "turnId", "stepId", "phase", "attempt", "epoch", "usage", "fromSeq"]);

function lineOf(event: CoordinationEvent, start: number): string {
  const time = `+${((event.time - start) / 1000).toFixed(2)}s`.padStart(10);
  const agent = "agentId" in event ? oneLine(String(event.agentId)) : "-";
  const phase = "phase" in event ? String(event.phase) : "";
  return `${time}  ${padded(agent, 12)}  ${padded(phase, 8)}  ${padded(event.type, 17)}  ${detail(event)}`.trimEnd();
}

function detail(event: CoordinationEvent): string {
  if (event.type === "answer") return `${event.label}: ${preview(event.content, 200)}`;
  if (event.type === "vote") return `${event.label}: ${oneLine(event.reason)}`;
  if (event.type === "consensus") return `${event.label} by ${oneLine(event.winner)}, ${event.reason}, of ${event.votes.length} votes`;
  if (event.type === "turn-error" || event.type === "run-error") return oneLine(event.error.message);
  if (event.type === "run-start") return event.agents.map(({ agentId, model }) => `${oneLine(agentId)} (${oneLine(model)})`).join(", ");
  if (event.type === "turn-start") return `reads ${event.labels.join(", ") || "no answer"}; may ${event.offered.join(", ") || "present"}`;
  if (event.type === "epoch-start") return `of ${event.labels.join(", ")}${event.voteOnly ? ", votes only" : ""}`;
  if (event.type === "step-finish") return stepEnd(event);
  if (event.type === "usage") return `${spent(event.agentUsage, event.agentCost)}; all agents ${spent(event.usage, event.cost)}`;
  if (event.type === "compaction") return compactionLine(event);
  if (isDelta(event)) return oneLine(event.delta);
  const rest = Object.entries(event).filter(([key]) => !COMMON.has(key));
  const text = rest.map(([key, value]) => `${key}=${typeof value === "string" ? oneLine(value) : JSON.stringify(value)}`).join(" ");
  return truncate(harmless(text), 300);
}

function stepEnd({ status, usage, finishReason, error }: EventOfType<"step-finish">): string {
  const facts = [status, finishReason, `${usage.inputTokens} + ${plural(usage.outputTokens, "token")}`, error && oneLine(error.message)];
  return facts.filter((fact) => fact !== undefined).join(", ");
}

function spent(usage: Usage, cost: Cost): string {
  const usd = dollars(cost);
  return `${plural(usage.inputTokens + usage.outputTokens, "token")}${usd ? `, ${usd}` : ""}`;
}
