import { createReadStream } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { MassGenError } from "../errors.js";
import type { CoordinationEvent } from "../orchestrator/events.js";
import type { LedgerEntry } from "../orchestrator/ledger.js";
import type { Cost } from "../token-manager/prices.js";
import { FILES, LATEST } from "./files.js";
import { addEvent, emptyHistory, type RunHistory } from "./history.js";
import type { RunStatus } from "./status.js";

/** A record, as it was read from its directory or from its events alone. */
export interface ReadRecord {
  /** The directory it is in. */
  dir: string;
  history: RunHistory;
  question: string | undefined;
  cost: Cost | undefined;
  costByAgent: Record<string, Cost>;
  ledger: LedgerEntry[];
  /** Lines of `events.jsonl` that are no events, e.g. one that a crash cut off. */
  badLines: number;
}

/** One line about a record. */
export interface RecordSummary extends Pick<RunStatus, "runId" | "question" | "startedAt" | "winner" | "label" | "reason" | "cost"> {
  dir: string;
  /** `crashed`: it says that it runs, and the process that recorded it is gone. */
  outcome: RunStatus["outcome"] | "crashed";
  /** Epoch ms. */
  updatedAt: number;
}

/**
 * The `events.jsonl` that a path means: the file itself, the directory of a run, or a directory of records, of which it is the latest.
 * Throws a `MassGenError` `no_record` when there is none.
 */
export async function findEvents(path: string): Promise<string> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile()) return path;
  for (const dir of [path, join(path, LATEST)]) {
    const events = join(dir, FILES.events);
    if (await exists(events)) return dir === path ? events : join(await realpath(dir), FILES.events);
  }
  const newest = info?.isDirectory() ? (await listRecords(path)).at(-1) : undefined;
  if (newest !== undefined) return join(newest.dir, FILES.events);
  const why = info === undefined ? "there is no such file or directory" : `it holds no ${FILES.events}, nor does a directory in it`;
  throw new MassGenError(
    "no_record",
    `"${path}" is no record of a run: ${why}. Runs are recorded with --record <dir>, or the option \`record\`.`,
  );
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    (info) => info.isFile(),
    () => false,
  );

/** The lines of a record. Torn ones and such that are no events are counted, not given. */
export async function* readEvents(path: string, onBad: () => void = () => {}): AsyncGenerator<CoordinationEvent> {
  let rest = "";
  const stream = createReadStream(path, { encoding: "utf8", highWaterMark: 1 << 20 });
  for await (const chunk of stream) {
    const lines = (rest + (chunk as string)).split("\n");
    rest = lines.pop() as string;
    for (const line of lines) {
      const event = parseEvent(line);
      if (event !== undefined) yield event;
      else if (line.trim() !== "") onBad();
    }
  }
  const last = parseEvent(rest);
  if (last !== undefined) yield last;
  else if (rest.trim() !== "") onBad();
}

/** The event on a line, or `undefined`. */
export function parseEvent(line: string): CoordinationEvent | undefined {
  if (line === "") return undefined;
  try {
    const event = JSON.parse(line) as CoordinationEvent | null;
    const fine = typeof event === "object" && event !== null && typeof event.type === "string" && Number.isInteger(event.seq);
    return fine && typeof event.time === "number" ? event : undefined;
  } catch {
    return undefined;
  }
}

/** A file whose lines are something else. */
export const noEvents = (path: string): MassGenError =>
  new MassGenError(
    "no_record",
    `"${path}" is no record of a run: no line of it is an event. The events of a run are in the ${FILES.events} of its record; ` +
      "what `logging` writes is for other programs to search.",
  );

/** Reads a record: all of it follows from its events but the ledger, which is read from beside them, with the recorder's own question and costs. */
export async function readRecord(path: string): Promise<ReadRecord> {
  const events = await findEvents(path);
  const dir = dirname(events);
  const history = emptyHistory();
  let badLines = 0;
  let lines = 0;
  for await (const event of readEvents(events, () => badLines++)) {
    lines++;
    try {
      addEvent(history, event);
    } catch {
      // It lacks what an event of its type has.
      badLines++;
    }
  }
  if (lines === 0 && badLines > 0) throw noEvents(path);
  const beside = basename(events) === FILES.events;
  const status = beside ? await readJson<RunStatus>(join(dir, FILES.status)) : undefined;
  const usage = beside
    ? await readJson<{ cost: Cost; costByAgent: Record<string, Cost>; ledger: LedgerEntry[] }>(join(dir, FILES.usage))
    : undefined;
  return {
    dir,
    history,
    question: status?.question ?? history.input?.text,
    cost: usage?.cost ?? history.cost,
    costByAgent: usage?.costByAgent ?? costByAgentOf(history),
    ledger: usage?.ledger ?? [],
    badLines,
  };
}

const costByAgentOf = ({ agents }: RunHistory): Record<string, Cost> =>
  Object.fromEntries(agents.flatMap(({ agentId, cost }) => (cost === undefined ? [] : [[agentId, cost]])));

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

/** The records in a directory, oldest first. Throws a `MassGenError` `no_record` when the directory cannot be read. */
export async function listRecords(dir: string): Promise<RecordSummary[]> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such directory" : message;
    throw new MassGenError(
      "no_record",
      `"${dir}" holds no records of runs: ${why}. Runs are recorded with --record <dir>, or the option \`record\`.`,
      {
        cause,
      },
    );
  }
  const records: RecordSummary[] = [];
  for (const name of names) {
    if (name === LATEST) continue;
    const record = await summaryOf(join(dir, name));
    if (record !== undefined) records.push(record);
  }
  return records.sort((a, b) => a.startedAt - b.startedAt);
}

async function summaryOf(dir: string): Promise<RecordSummary | undefined> {
  const status = await readJson<RunStatus>(join(dir, FILES.status));
  if (status !== undefined && typeof status.runId === "string") {
    const { runId, question, startedAt, updatedAt, winner, label, reason, cost } = status;
    const outcome = status.outcome === "running" && isGone(status) ? "crashed" : status.outcome;
    return { dir, runId, question, startedAt, updatedAt, outcome, winner, label, reason, cost };
  }
  if (!(await exists(join(dir, FILES.events)))) return undefined;
  const { history, question = null, cost } = await readRecord(dir);
  const { runId, start, end, outcome, winner = null, label = null, reason = null } = history;
  return { dir, runId, question, startedAt: start, updatedAt: end, outcome, winner, label, reason, cost: cost ?? null };
}

/** Whether the process that recorded it is certainly not there any more. */
export function isGone({ pid, host }: Pick<RunStatus, "pid" | "host">): boolean {
  if (host !== hostname() || !Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** The status of a record, if it has one. */
export const readStatus = (dir: string): Promise<RunStatus | undefined> => readJson<RunStatus>(join(dir, FILES.status));
