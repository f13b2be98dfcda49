import type { ToolkitRun } from "../tools/toolkit.js";

/** A call that is under way, for what comes back from the server on the side. */
export interface ActiveCall {
  agentId: string;
  /** The run's. */
  ask: ToolkitRun["ask"];
  /** Stands still the call's own time limit, until the returned function is called. */
  hold(): () => void;
  /** The HTTP reply that was to bring the result is over, and will not be taken up again. */
  streamEnded(problem?: string): void;
}

/** The calls under way on one connection, by a number of their own. */
export type ActiveCalls = ReadonlyMap<string, ActiveCall>;

/** By this header the SDK hands a call's number through to the transport, which does not send it. */
export const CALL_HEADER = "x-massgen-call";
