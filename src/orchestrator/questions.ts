import type { Approval, ExternalCall, ToolOutcome } from "../agent/types.js";
import { MassGenError } from "../errors.js";
import { loaded, type Runtime } from "../runtime.js";
import type { TurnScope } from "./events.js";
import type { InputDesk, InputDeskOptions } from "./input-desk.js";

/** What a run may ask its caller, and the answers. The desk that does it is loaded with the first question. */
export class Questions {
  readonly #runtime: Runtime;
  readonly #options: () => Omit<InputDeskOptions, "runtime">;
  #desk: InputDesk | undefined;

  constructor(runtime: Runtime, options: () => Omit<InputDeskOptions, "runtime">) {
    this.#runtime = runtime;
    this.#options = options;
  }

  async desk(): Promise<InputDesk> {
    const { InputDesk } = await loaded(this.#runtime, import("./input-desk.js"));
    this.#desk ??= new InputDesk({ runtime: this.#runtime, ...this.#options() });
    return this.#desk;
  }

  /** Has the caller carry out calls of its own tools. */
  async external(scope: TurnScope, calls: ExternalCall[], signal: AbortSignal): Promise<ToolOutcome[]> {
    return (await this.desk()).external(scope, calls, signal);
  }

  /** Has the caller allow or deny a call. */
  async approve(scope: TurnScope, call: ExternalCall, signal: AbortSignal): Promise<Approval> {
    return (await this.desk()).approve(scope, call, signal);
  }

  /** Throws a `MassGenError`: `unknown_request` for a request that is not open (any more), `bad_response` for an answer it cannot take. */
  respond(requestId: string, value: unknown): void {
    const answer = this.#desk?.open.get(requestId);
    if (answer !== undefined) return answer(value);
    const open = [...(this.#desk?.open.keys() ?? [])];
    const hint = open.length === 0 ? "none is open" : `open: ${open.join(", ")}`;
    throw new MassGenError(
      "unknown_request",
      `respond("${requestId}"): no such open request; it was answered, denied or never made (${hint})`,
    );
  }

  close(): void {
    this.#desk?.close();
  }
}
