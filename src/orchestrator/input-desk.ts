import type { Approval, ExternalCall, ToolOutcome } from "../agent/types.js";
import type { Runtime } from "../runtime.js";
import { readApproval } from "./approval.js";
import type { InputRequestEvent, TurnScope } from "./events.js";

export interface InputDeskOptions {
  runtime: Runtime;
  timeoutMs: number;
  publish(event: InputRequestEvent): void;
  /** Makes the clocks of the run stand still while a request is open. */
  hold(): () => void;
}

type Request = Omit<InputRequestEvent, "type" | "requestId" | "expiresAt">;

/** What becomes of a request. */
interface Outcomes<T> {
  /** Throws where the answer is of no use: the request stays open. */
  answered(value: unknown): T;
  late: T;
  stopped: T;
}

/** Puts questions to the caller of the run, and takes the answers. */
export class InputDesk {
  readonly #options: InputDeskOptions;
  /** What takes the answer to each request that waits for one. */
  readonly open = new Map<string, (value: unknown) => void>();
  #asked = 0;

  constructor(options: InputDeskOptions) {
    this.#options = options;
  }

  /** Has the caller carry out calls of its own tools. Calls it does not answer in time are denied. */
  external(scope: TurnScope, calls: ExternalCall[], signal: AbortSignal): Promise<ToolOutcome[]> {
    const outcomes: Outcomes<ToolOutcome> = {
      answered: (value) => (value instanceof Error ? { output: value.message, isError: true } : { output: value, isError: false }),
      late: { output: `The caller gave no result within ${this.#options.timeoutMs} ms.`, isError: true },
      stopped: { output: "The turn was stopped.", isError: true },
    };
    return Promise.all(calls.map((call) => this.#ask({ ...scope, kind: "tool-result", ...call }, outcomes, signal)));
  }

  /** Has the caller allow or deny a call; one that it does not answer in time is denied. */
  approve(scope: TurnScope, call: ExternalCall, signal: AbortSignal): Promise<Approval> {
    const message = `${scope.agentId} asks to call "${call.toolName}"`;
    return this.#ask<Approval>(
      { ...scope, kind: "approval", ...call, message },
      {
        answered: readApproval,
        late: { approved: false, reason: `nobody answered within ${this.#options.timeoutMs} ms` },
        stopped: { approved: false, reason: "the turn was stopped" },
      },
      signal,
    );
  }

  /** A question of a toolkit's; `undefined`: no answer came in time. */
  question(about: Partial<TurnScope> & { message: string; schema?: unknown }, signal: AbortSignal): Promise<unknown> {
    const outcomes: Outcomes<unknown> = { answered: (value) => value, late: undefined, stopped: undefined };
    return this.#ask({ ...about, kind: "question" }, outcomes, signal);
  }

  #ask<T>(request: Request, { answered, late, stopped }: Outcomes<T>, signal: AbortSignal): Promise<T> {
    const { runtime, timeoutMs, publish, hold } = this.#options;
    if (signal.aborted) return Promise.resolve(stopped); // whoever heard of the call before it has stopped the run
    const requestId = `request-${++this.#asked}`;
    return new Promise((resolve) => {
      const settle = (outcome: T) => {
        this.open.delete(requestId);
        cancel?.();
        release();
        signal.removeEventListener("abort", onAbort);
        resolve(outcome);
      };
      const onAbort = () => settle(stopped);
      const release = hold();
      const cancel = Number.isFinite(timeoutMs) ? runtime.setTimer(timeoutMs, () => settle(late)) : undefined;
      signal.addEventListener("abort", onAbort, { once: true });
      this.open.set(requestId, (value) => settle(answered(value)));
      publish({
        type: "input-request",
        requestId,
        ...request,
        ...(Number.isFinite(timeoutMs) && { expiresAt: runtime.now() + timeoutMs }),
      });
    });
  }

  close(): void {
    this.open.clear();
  }
}
