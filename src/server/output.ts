import type { RunResult } from "../orchestrator/run.js";
import type { Usage } from "../token-manager/usage.js";
import type { ClientTool } from "./requests/run-request.js";

/** A call of a client's tool, as it goes to the client. */
export interface ClientCall {
  id: string;
  tool: ClientTool;
  /** JSON; the text itself where the tool takes free text. */
  arguments: string;
}

/** What a reply is made of, whichever API spells it. */
export type Output =
  | { type: "progress"; delta: string }
  | { type: "text"; delta: string }
  /** The text so far is void, other text follows. */
  | { type: "void" }
  /** Last: the client has to carry these out. The usage is what was spent since the reply before. */
  | { type: "tool-calls"; calls: ClientCall[]; usage: Usage }
  /** Last. */
  | { type: "finish"; result: RunResult; usage: Usage };

/** Outputs on their way from a run to the one who reads its reply. What is not read yet is merged: neighbouring deltas of a kind are one. */
export class OutputQueue {
  readonly #unread: Output[] = [];
  /** The last of them. */
  #last: Output | undefined;
  #failed: { error: unknown } | undefined;
  /** Of the one who waits. */
  #wake: (() => void) | undefined;

  /** What is said. */
  say(type: "text" | "progress", delta: string): void {
    if (this.#last?.type === type) this.#last.delta += delta;
    else this.push({ type, delta });
  }

  push(output: Output): void {
    if (this.#failed !== undefined) return;
    this.#unread.push(output);
    this.#last = output;
    this.#wake?.();
  }

  /** Nothing comes after what was pushed. */
  fail(error: unknown): void {
    this.#failed ??= { error };
    this.#wake?.();
  }

  /** The next output. Throws what it failed with, once all is read. */
  async next(): Promise<Output> {
    while (this.#unread.length === 0) {
      if (this.#failed !== undefined) throw this.#failed.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const output = this.#unread.shift()!;
    if (output === this.#last) this.#last = undefined;
    return output;
  }
}
