import { createHash } from "node:crypto";
import type { Reply } from "./conductor.js";
import { HttpError } from "./http-error.js";
import type { Output } from "./output.js";
import { after } from "./timer.js";

export interface IdempotencyOptions {
  /** How long a reply is kept after its end, in ms. */
  ttlMs: number;
  /** Replies kept; the oldest makes room. */
  max: number;
}

interface Kept {
  /** Of the body: another request under the same key is refused. */
  digest: string;
  recorded: Promise<Recorded>;
  cancel: () => void;
}

/**
 * Replies to requests that carried an `Idempotency-Key`, for their repetitions. Such a run goes on when its client goes
 * away: the repetition finds it finished, or reads along. What failed is not kept: its repetition begins anew.
 */
export class IdempotentReplies {
  readonly #options: IdempotencyOptions;
  readonly #kept = new Map<string, Kept>();

  constructor(options: IdempotencyOptions) {
    this.#options = options;
  }

  /**
   * The reply kept under the key, or the one that `begin` begins. The signal stops the waiting for it, not what was begun.
   * @throws HttpError 409 when the key was used for another body; what `begin` throws, which is not kept.
   */
  async reply(key: string, body: unknown, signal: AbortSignal, begin: () => Promise<Reply>): Promise<Reply> {
    const digest = createHash("sha256").update(JSON.stringify(body)).digest("hex");
    const known = this.#kept.get(key);
    if (known !== undefined && known.digest !== digest) {
      throw new HttpError(409, "This `Idempotency-Key` was used for another request. Take a new one.", { code: "idempotency_key_reused" });
    }
    const recorded = await unlessAborted((known ?? this.#begun(key, digest, begin)).recorded, signal);
    const reader = recorded.reader();
    return { outputs: reader.outputs, abort: reader.stop, runId: recorded.runId, rests: recorded.ended };
  }

  close(): void {
    for (const { cancel } of this.#kept.values()) cancel();
    this.#kept.clear();
  }

  #begun(key: string, digest: string, begin: () => Promise<Reply>): Kept {
    const kept: Kept = { digest, recorded: begin().then((reply) => new Recorded(reply)), cancel: () => {} };
    this.#kept.set(key, kept);
    const forget = () => {
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
    };
    const onEnd = ({ failed }: Recorded) => {
      if (failed || this.#kept.get(key) !== kept) return forget();
      kept.cancel = after(this.#options.ttlMs, forget);
      if (this.#kept.size <= this.#options.max) return;
      const [oldest] = this.#kept.keys();
      this.#kept.get(oldest!)!.cancel();
      this.#kept.delete(oldest!);
    };
    kept.recorded.then((recorded) => recorded.ended.then(() => onEnd(recorded)), forget);
    return kept;
  }
}

/** The promise's value, or the signal's reason if that comes first. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** A reply that several may read, each from its beginning. */
class Recorded {
  readonly runId: string;
  /** Resolves when there is no more to come. */
  readonly ended: Promise<void>;
  #outputs: Output[] = [];
  #end: { error?: unknown } | undefined;
  #more: (() => void)[] = [];

  constructor(reply: Reply) {
    this.runId = reply.runId;
    this.ended = this.#record(reply);
  }

  get failed(): boolean {
    return this.#end !== undefined && "error" in this.#end;
  }

  async #record(reply: Reply): Promise<void> {
    try {
      for await (const output of reply.outputs) {
        this.#outputs.push(output);
        this.#wake();
      }
      this.#end = {};
      // Whoever reads along has the pieces; those who come later get the text at once, and what is kept is no more than that.
      this.#outputs = merged(this.#outputs);
    } catch (error) {
      this.#end = { error };
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#more;
    this.#more = [];
    for (const wake of waiting) wake();
  }

  reader(): { outputs: AsyncGenerator<Output, void>; stop(reason: string): void } {
    let stopped: string | undefined;
    return {
      outputs: this.#read(() => stopped),
      stop: (reason) => {
        stopped ??= reason;
        this.#wake();
      },
    };
  }

  async *#read(stopped: () => string | undefined): AsyncGenerator<Output, void> {
    const outputs = this.#outputs;
    for (let i = 0; ; ) {
      const reason = stopped();
      if (reason !== undefined) throw new HttpError(503, `The reply was not read to its end: ${reason}.`, { code: "aborted" });
      const output = outputs[i];
      if (output !== undefined) {
        i++;
        yield output;
      } else if (this.#end !== undefined) {
        if ("error" in this.#end) throw this.#end.error;
        return;
      } else await new Promise<void>((resolve) => this.#more.push(resolve));
    }
  }
}

/** Neighbours of a kind as one. */
function merged(outputs: readonly Output[]): Output[] {
  const runs: { first: Output; deltas: string[] }[] = [];
  for (const output of outputs) {
    const run = runs.at(-1);
    const delta = "delta" in output ? output.delta : "";
    if (run !== undefined && "delta" in output && run.first.type === output.type) run.deltas.push(delta);
    else runs.push({ first: output, deltas: [delta] });
  }
  return runs.map(({ first, deltas }) => ("delta" in first ? { ...first, delta: deltas.join("") } : first));
}
