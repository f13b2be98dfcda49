import { appendFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { CoordinationEvent, CoordinationEventType } from "../orchestrator/events.js";
import type { Run } from "../orchestrator/run.js";
import { FILES, makeRunDirectory, pointLatest, safeName, writeWhole } from "./files.js";
import { addEvent, countedVotes, emptyHistory, type RunHistory } from "./history.js";
import type { RecordOptions } from "./options.js";
import { statusOf } from "./status.js";

export interface RecordRunOptions extends RecordOptions {
  /** What was asked, in your words. Default: the text of the message that the run was given. */
  question?: string;
  /** Stops recording; the run goes on. */
  signal?: AbortSignal;
}

/** A run that is being written down. */
export interface RunRecord {
  /** The directory of this run; rejects where it could not be made. */
  readonly dir: Promise<string>;
  /** Resolves when all is written, or recording has stopped. Never rejects: see `onError`. */
  readonly done: Promise<void>;
}

/** At these the files are brought up to date at once. */
const DECISIVE: readonly CoordinationEventType[] = [
  ...(["run-start", "epoch-start", "answer", "vote", "vote-void", "consensus", "run-restart", "agent-out", "input-request"] as const),
  ...(["turn-start", "turn-finish", "turn-interrupt", "turn-error", "run-finish", "run-error", "run-abort"] as const),
];
const decisive = new Set<string>(DECISIVE);

/**
 * Writes a run down in a directory of its own, `<dir>/<runId>`: events, status, answers, votes, usage, the coordination table and a
 * report. A run that has begun is recorded from its beginning. The run never waits for the disk: events that are not written yet
 * stay where the run keeps them, their deltas merged. What fails is told once to `onError`, and the run goes on.
 */
export function recordRun(run: Run, options: RecordRunOptions): RunRecord {
  let told = false;
  const tell = (problem: unknown) => {
    if (told) return;
    told = true;
    const error = problem instanceof Error ? problem : new Error(String(problem));
    if (options.onError !== undefined) options.onError(error);
    else process.emitWarning(`The record of run ${run.runId} is not complete: ${error.message}`, { code: "MASSGEN_RECORD" });
  };
  // Now, so that nothing of a run that is about to start is told apart from the rest.
  const events = run[Symbol.asyncIterator]();
  const dir = makeRunDirectory(options.dir, run.runId);
  const done = dir
    .then((path) => new Recorder(run, path, options, tell).write(events))
    .catch(tell)
    .finally(() => events.return?.())
    .catch(tell);
  return { dir, done };
}

class Recorder {
  readonly #run: Run;
  readonly #dir: string;
  readonly #options: RecordRunOptions;
  readonly #tell: (problem: unknown) => void;
  readonly #history: RunHistory = emptyHistory();
  #statusAt = 0;
  #answers = 0;
  /** Ends the gathering of a batch. */
  #wake: (() => void) | undefined;
  #urgent = false;

  constructor(run: Run, dir: string, options: RecordRunOptions, tell: (problem: unknown) => void) {
    this.#run = run;
    this.#dir = dir;
    this.#options = options;
    this.#tell = tell;
  }

  async write(events: AsyncIterator<CoordinationEvent, undefined>): Promise<void> {
    const { signal, flushMs = 500 } = this.#options;
    if (signal?.aborted) return;
    await pointLatest(dirname(this.#dir), basename(this.#dir));
    const hurry = () => {
      this.#urgent = true;
      this.#wake?.();
    };
    const stop = () => {
      // Whoever waits for the next event hears that there is none.
      void events.return?.();
      hurry();
    };
    for (const type of DECISIVE) this.#run.on(type, hurry);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      let next = events.next();
      for (;;) {
        const first = await next;
        if (first.done) break;
        if (!decisive.has(first.value.type) && !this.#urgent) await this.#gather(flushMs);
        this.#urgent = false;
        const batch = [first.value];
        next = events.next();
        // What is there already settles before the promise that says so.
        for (let more = await ready(next); more !== undefined && !more.done; more = await ready(next)) {
          batch.push(more.value);
          next = events.next();
        }
        await this.#writeBatch(batch);
      }
    } finally {
      for (const type of DECISIVE) this.#run.off(type, hurry);
      signal?.removeEventListener("abort", stop);
    }
  }

  #gather(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #writeBatch(batch: CoordinationEvent[]): Promise<void> {
    // Bounded pieces: a batch may hold all that happened while the disk hung.
    let lines = "";
    for (const event of batch) {
      addEvent(this.#history, event);
      lines += `${JSON.stringify(event)}\n`;
      if (lines.length < 1 << 20) continue;
      await appendFile(join(this.#dir, FILES.events), lines);
      lines = "";
    }
    if (lines !== "") await appendFile(join(this.#dir, FILES.events), lines);
    const types = new Set<string>(batch.map(({ type }) => type));
    const now = Date.now();
    const { statusMs = 1_000 } = this.#options;
    if (![...types].some((type) => decisive.has(type)) && now - this.#statusAt < statusMs) return;
    this.#statusAt = now;
    await this.#writeViews(types);
  }

  async #writeViews(types: ReadonlySet<string>): Promise<void> {
    const history = this.#history;
    const { usage, cost, costByAgent } = this.#run.soFar;
    const { question = history.input?.text, report = true } = this.#options;
    // The events hold everything: a view of them that fails is told, and the rest is written.
    const put = (name: string, text: string) => writeWhole(join(this.#dir, name), text).catch(this.#tell);
    for (const { label, content } of history.answers.slice(this.#answers)) await put(join(FILES.answers, `${safeName(label)}.md`), content);
    this.#answers = history.answers.length;
    if (types.has("vote") || types.has("vote-void") || types.has("consensus") || types.has("run-restart")) {
      const { winner = null, label = null, tally = {}, rule = null, tieRule = null } = history.consensus ?? {};
      await put(FILES.votes, json({ winner, label, rule, tieRule, tally, counted: countedVotes(history), cast: history.votes }));
    }
    const { byAgent, ledger, ...total } = usage;
    await put(FILES.usage, json({ usage: total, cost, byAgent, costByAgent, ledger }));
    await put(FILES.status, json(statusOf(history, { question, cost, costByAgent })));
    if (history.outcome === "running") return;
    const { coordinationTable } = await import("./coordination-table.js");
    await put(FILES.tableText, coordinationTable(history, question, "text"));
    await put(FILES.tableMarkdown, coordinationTable(history, question, "markdown"));
    if (!report) return;
    const { renderReport } = await import("./report/report.js");
    await put(FILES.report, renderReport({ history, question, cost, costByAgent, ledger }));
  }
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Its value, if it is there now. */
function ready<T>(promise: Promise<T>): Promise<T | undefined> {
  return Promise.race([promise, Promise.resolve().then(() => undefined)]);
}
