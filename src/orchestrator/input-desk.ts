import type { ExternalCall, ToolOutcome } from "../agent/types.js";
import { MassGenError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import type { InputRequestEvent, TurnScope } from "./events.js";

/** Puts questions to the caller of the run, and takes the answers. */
export class InputDesk {
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #publish: (event: InputRequestEvent) => void;
  readonly #open = new Map<string, (value: unknown) => void>();
  #asked = 0;

  constructor(runtime: Runtime, timeoutMs: number, publish: (event: InputRequestEvent) => void) {
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
    this.#publish = publish;
  }

  /** Has the caller carry out calls of its own tools. Calls it does not answer in time are denied. */
  ask(scope: TurnScope, calls: ExternalCall[], signal: AbortSignal): Promise<ToolOutcome[]> {
    return Promise.all(calls.map((call) => this.#askOne(scope, call, signal)));
  }

  #askOne(scope: TurnScope, call: ExternalCall, signal: AbortSignal): Promise<ToolOutcome> {
    const stopped = { output: "The turn was stopped.", isError: true };
    if (signal.aborted) return Promise.resolve(stopped); // whoever heard of the call before it has stopped the run
    const requestId = `request-${++this.#asked}`;
    return new Promise((resolve) => {
      const settle = (outcome: ToolOutcome) => {
        this.#open.delete(requestId);
        cancel?.();
        signal.removeEventListener("abort", onAbort);
        resolve(outcome);
      };
      const onAbort = () => settle(stopped);
      const deny = () => settle({ output: `The caller gave no result within ${this.#timeoutMs} ms.`, isError: true });
      const cancel = Number.isFinite(this.#timeoutMs) ? this.#runtime.setTimer(this.#timeoutMs, deny) : undefined;
      signal.addEventListener("abort", onAbort, { once: true });
      this.#open.set(requestId, (value) => {
        settle(value instanceof Error ? { output: value.message, isError: true } : { output: value, isError: false });
      });
      this.#publish({
        type: "input-request",
        requestId,
        ...scope,
        kind: "tool-result",
        toolCallId: call.toolCallId,
        toolName: call.toolName,
        input: call.input,
        ...(Number.isFinite(this.#timeoutMs) && { expiresAt: this.#runtime.now() + this.#timeoutMs }),
      });
    });
  }

  /** Throws a `MassGenError` `unknown_request` for a request that is not open (any more). */
  respond(requestId: string, value: unknown): void {
    const answer = this.#open.get(requestId);
    if (answer === undefined) {
      const open = [...this.#open.keys()];
      const hint = open.length === 0 ? "none is open" : `open: ${open.join(", ")}`;
      throw new MassGenError(
        "unknown_request",
        `respond("${requestId}"): no such open request; it was answered, denied or never made (${hint})`,
      );
    }
    answer(value);
  }

  close(): void {
    this.#open.clear();
  }
}
