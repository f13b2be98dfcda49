import { linkedController } from "../agent/abort.js";
import type { Runtime } from "../runtime.js";

/** How far a call is. */
export interface Progress {
  progress: number;
  total?: number;
  message?: string;
}

/** At least this long between two that are told, in ms; of those in between only the newest counts. */
const GAP_MS = 100;

/** Yields what `work` reports and returns its result. Ending the iteration, or aborting `signal`, aborts the signal of `work`. */
export async function* progressing<R>(
  runtime: Runtime,
  signal: AbortSignal,
  work: (signal: AbortSignal, report: (progress: Progress) => void) => Promise<R>,
): AsyncGenerator<Progress, R> {
  const { controller, unlink } = linkedController(signal);
  let news: Progress | undefined;
  let outcome: { value: R } | { error: unknown } | undefined;
  let wake = () => {};
  let told = Number.NEGATIVE_INFINITY;
  const report = (progress: Progress) => {
    news = progress;
    wake();
  };
  work(controller.signal, report).then(
    (value) => {
      outcome = { value };
      wake();
    },
    (error: unknown) => {
      outcome = { error };
      wake();
    },
  );
  try {
    for (;;) {
      if (outcome !== undefined) {
        if ("error" in outcome) throw outcome.error;
        if (news !== undefined) yield news;
        return outcome.value;
      }
      const due = told + GAP_MS - runtime.now();
      if (news !== undefined && due <= 0) {
        const progress = news;
        news = undefined;
        told = runtime.now();
        yield progress;
        continue;
      }
      let cancel = () => {};
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (news !== undefined) cancel = runtime.setTimer(due, resolve);
      });
      cancel();
    }
  } finally {
    if (outcome === undefined) controller.abort("the result is no longer needed");
    unlink();
  }
}
