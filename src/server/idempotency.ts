import { createHash } from "node:crypto";
import type { Reply } from "./conductor.js";
import { HttpError } from "./http-error.js";
import type { Output } from "./served-run.js";

interface Kept {
  /** Of the body: another request under the same key is refused. */
  digest: string;
  recorded: Promise<Recorded>;
}

/**
 * Replies to requests that carried an `Idempotency-Key`, for their repetitions. Such a run goes on when its client goes
 * away: the repetition finds it finished, or reads along.
 */
export class IdempotentReplies {
  readonly #ttlMs: number;
  readonly #kept = new Map<string, Kept>();

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  /**
   * The reply kept under the key, or the one that `begin` begins.
   * @throws HttpError 409 when the key was used for another body; what `begin` throws, which is not kept.
   */
  async reply(key: string, body: unknown, begin: () => Promise<Reply>): Promise<Reply> {
    const digest = createHash("sha256").update(JSON.stringify(body)).digest("hex");
    let kept = this.#kept.get(key);
    if (kept === undefined) {
      kept = { digest, recorded: begin().then((reply) => new Recorded(reply)) };
      this.#kept.set(key, kept);
      const forget = () => this.#kept.delete(key);
      kept.recorded.then(() => setTimeout(forget, this.#ttlMs).unref(), forget);
    } else if (kept.digest !== digest) {
      throw new HttpError(409, "This `Idempotency-Key` was used for another request. Take a new one.", { code: "idempotency_key_reused" });
    }
    const recorded = await kept.recorded;
    return { outputs: recorded.read(), abort: () => {}, runId: recorded.runId };
  }
}

/** A reply that several may read, each from its beginning. */
class Recorded {
  readonly runId: string;
  readonly #outputs: Output[] = [];
  #end: { error?: unknown } | undefined;
  #more: (() => void)[] = [];

  constructor(reply: Reply) {
    this.runId = reply.runId;
    void this.#record(reply);
  }

  async #record(reply: Reply): Promise<void> {
    try {
      for await (const output of reply.outputs) {
        this.#outputs.push(output);
        this.#wake();
      }
      this.#end = {};
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

  async *read(): AsyncGenerator<Output, void> {
    for (let i = 0; ; ) {
      const output = this.#outputs[i];
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
