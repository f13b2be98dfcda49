import { MassGenError } from "../../errors.js";
import type { Runtime } from "../../runtime.js";
import type { Exit, RunningProcess } from "./executor.js";
import { readAll } from "./output.js";
import { drainedInTime, endSoftly } from "./run-command.js";

/** What is kept of each stream of a job until it is read. */
const KEPT_BYTES = 1024 * 1024;
/** Jobs that have ended are remembered until there are more than this. */
const KEPT_ENDED = 20;

export type JobStatus = "running" | "exited" | "stopped" | "failed";

/** A background job as it is told about. */
export interface JobInfo {
  job_id: string;
  command: string;
  status: JobStatus;
  exit_code?: number | null;
  signal?: string;
  seconds: number;
}

/** What a stream brought since it was last read. */
interface Unread {
  chunks: Buffer[];
  bytes: number;
  /** Bytes that came before these and were not kept. */
  lost: number;
}

const nothing = (): Unread => ({ chunks: [], bytes: 0, lost: 0 });

interface Job {
  id: string;
  command: string;
  child: RunningProcess;
  startedAt: number;
  endedAt?: number;
  exit?: Exit;
  stopping: boolean;
  failure?: string;
  stdout: Unread;
  stderr: Unread;
  over: Promise<void>;
  /** Called at new output and at the end. */
  listeners: Set<() => void>;
}

export interface Jobs {
  /** @throws MassGenError `too_many_jobs` */
  start(command: string, start: () => Promise<RunningProcess>): Promise<JobInfo>;
  list(): JobInfo[];
  /** Waits up to `waitMs` for something new. What is read is not given again. */
  read(id: string, waitMs: number, signal: AbortSignal): Promise<{ info: JobInfo; stdout: Unread; stderr: Unread }>;
  stop(id: string): Promise<JobInfo>;
  stopAll(): Promise<void>;
}

function add(unread: Unread, chunk: Buffer): void {
  unread.chunks.push(chunk);
  unread.bytes += chunk.length;
  for (let first = unread.chunks[0]; first && unread.bytes - first.length >= KEPT_BYTES; first = unread.chunks[0]) {
    unread.chunks.shift();
    unread.bytes -= first.length;
    unread.lost += first.length;
  }
}

export function createJobs(maxRunning: number, runtime: Runtime): Jobs {
  const jobs = new Map<string, Job>();
  let count = 0;
  let starting = 0;
  /** Goes up at `stopAll`, so that a job that was just about to start then ends too. */
  let generation = 0;

  const running = () => [...jobs.values()].filter((job) => job.endedAt === undefined);

  function find(id: unknown): Job {
    const job = jobs.get(String(id));
    if (job !== undefined) return job;
    const known = [...jobs.keys()];
    const hint = known.length === 0 ? "There are no jobs." : `Jobs: ${known.join(", ")}.`;
    throw new MassGenError("unknown_job", `There is no job ${JSON.stringify(id)}. ${hint}`);
  }

  function info(job: Job): JobInfo {
    const { exit } = job;
    const status = job.endedAt === undefined ? "running" : job.failure !== undefined ? "failed" : job.stopping ? "stopped" : "exited";
    return {
      job_id: job.id,
      command: job.command,
      status,
      ...(exit !== undefined && { exit_code: exit.code }),
      ...(exit?.signal && { signal: exit.signal }),
      seconds: Math.round(((job.endedAt ?? runtime.now()) - job.startedAt) / 100) / 10,
    };
  }

  async function start(command: string, begin: () => Promise<RunningProcess>): Promise<JobInfo> {
    if (running().length + starting >= maxRunning) {
      throw new MassGenError("too_many_jobs", `${maxRunning} jobs are running, which is the most there may be. Stop one with stop_job.`);
    }
    const then = generation;
    let child: RunningProcess;
    starting++;
    try {
      child = await begin();
    } finally {
      starting--;
    }
    const job: Job = {
      ...{ id: `job${++count}`, command, child, startedAt: runtime.now(), stopping: false },
      ...{ stdout: nothing(), stderr: nothing(), over: Promise.resolve(), listeners: new Set<() => void>() },
    };
    job.over = follow(job);
    jobs.set(job.id, job);
    forgetOldest();
    if (generation !== then) {
      await stopJob(job);
      throw new MassGenError("closed", "All jobs were stopped before this one had begun.");
    }
    return info(job);
  }

  async function follow(job: Job): Promise<void> {
    const tell = () => {
      for (const listener of [...job.listeners]) listener();
    };
    const keep = (name: "stdout" | "stderr") => (chunk: Buffer) => {
      add(job[name], chunk);
      tell();
    };
    const drained = Promise.all([readAll(job.child.stdout, runtime, keep("stdout")), readAll(job.child.stderr, runtime, keep("stderr"))]);
    try {
      job.exit = await job.child.exited;
      await drainedInTime(job.child, drained, runtime);
      if (job.exit.notSetUp && !job.stopping) job.failure = "its sandbox could not be set up";
    } catch (error) {
      job.failure = error instanceof Error ? error.message : String(error);
      add(job.stderr, Buffer.from(`${job.failure}\n`));
    }
    job.endedAt = runtime.now();
    tell();
  }

  function forgetOldest(): void {
    const ended = [...jobs.values()].filter((job) => job.endedAt !== undefined);
    for (const job of ended.slice(0, Math.max(0, ended.length - KEPT_ENDED))) jobs.delete(job.id);
  }

  async function stopJob(job: Job): Promise<void> {
    if (job.endedAt !== undefined) return;
    job.stopping = true;
    const cancelKill = endSoftly(job.child, runtime);
    await job.over;
    cancelKill();
  }

  const somethingNew = (job: Job) => job.endedAt !== undefined || job.stdout.bytes > 0 || job.stderr.bytes > 0;

  function news(job: Job, waitMs: number, signal: AbortSignal): Promise<void> {
    if (waitMs <= 0 || somethingNew(job) || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        job.listeners.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = runtime.setTimer(waitMs, done);
      job.listeners.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  return {
    start,
    list: () => [...jobs.values()].map(info),
    async read(id, waitMs, signal) {
      const job = find(id);
      await news(job, waitMs, signal);
      const { stdout, stderr } = job;
      job.stdout = nothing();
      job.stderr = nothing();
      return { info: info(job), stdout, stderr };
    },
    async stop(id) {
      const job = find(id);
      await stopJob(job);
      return info(job);
    },
    async stopAll() {
      generation++;
      await Promise.all(running().map(stopJob));
    },
  };
}
