import { AsyncLocalStorage } from "node:async_hooks";
import type { ToolkitRun } from "../tools/toolkit.js";

/** A call that is under way, for what comes back from the server on the side. */
export interface ActiveCall {
  agentId: string;
  /** The run's. */
  ask: ToolkitRun["ask"];
  /** Stands still the call's own time limit, until the returned function is called. */
  hold(): () => void;
  /** The HTTP reply that was to bring the result has ended; `resumable`: the rest may come another way. */
  streamEnded(resumable: boolean, problem?: string): void;
}

/** The call on whose behalf code runs. Over HTTP it reaches as far as the reading of the call's own reply. */
export const activeCall = new AsyncLocalStorage<ActiveCall | undefined>();
