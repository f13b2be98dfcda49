import { Worker } from "node:worker_threads";
import { MassGenError } from "../../errors.js";

/** A regular expression, as it crosses to another thread. */
export interface Pattern {
  source: string;
  flags: string;
}

export interface RegexWorker {
  /** For every text the indexes of its lines that match, at most `most` of each. */
  matchLines(texts: string[], most: number): Promise<number[][]>;
  close(): Promise<void>;
}

/**
 * Tests a pattern in a thread of its own, which can be stopped: JavaScript's expressions can take exponential time, and the
 * pattern is a model's. The thread's program is text, so that it runs from whatever the library is bundled into.
 * @param timeoutMs for everything together; then `search_timeout`, and so is every later call
 */
export function startRegexWorker(pattern: Pattern, timeoutMs: number, signal: AbortSignal): RegexWorker {
  const worker = new Worker(PROGRAM, {
    eval: true,
    workerData: pattern,
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  let waiting: { resolve(value: number[][]): void; reject(error: unknown): void } | undefined;
  let failure: unknown;
  const fail = (error: unknown) => {
    failure ??= error;
    waiting?.reject(failure);
    waiting = undefined;
    worker.terminate().catch(() => {});
  };
  const onAbort = () => fail(signal.reason);
  const late = () => fail(new MassGenError("search_timeout", `The search took longer than ${timeoutMs / 1000} s.`));
  const timer = setTimeout(late, timeoutMs);
  worker.on("message", (found: number[][]) => {
    waiting?.resolve(found);
    waiting = undefined;
  });
  worker.on("error", fail);
  worker.on("exit", () => fail(new MassGenError("search_failed", "The search was stopped before it had finished.")));
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return {
    matchLines(texts, most) {
      if (failure !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        worker.postMessage({ texts, most });
      });
    },
    async close() {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      failure ??= new MassGenError("search_failed", "The search is closed.");
      await worker.terminate();
    },
  };
}

const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const pattern = new RegExp(workerData.source, workerData.flags);
parentPort.on("message", ({ texts, most }) => {
  parentPort.postMessage(texts.map((text) => {
    const found = [];
    let from = 0;
    for (let line = 0; (from < text.length || line === 0) && found.length < most; line++) {
      let to = text.indexOf("\\n", from);
      if (to === -1) to = text.length;
      if (pattern.test(text.slice(from, text[to - 1] === "\\r" && to > from ? to - 1 : to))) found.push(line);
      from = to + 1;
    }
    return found;
  }));
});
`;
