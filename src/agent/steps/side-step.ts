import type { Backend, BackendRequest } from "../../backends/backend.js";
import type { Reply } from "./reply.js";

/** A request to the model that is about the conversation, not a part of it. */
export interface SideStep {
  purpose: "compaction";
  backend: Backend;
  request: BackendRequest;
  /** Milliseconds of the turn's time. */
  limitMs: number;
  /** Given the reply before the step is over. Throws where it is of no use: the step has failed then. */
  take(reply: Reply): void;
}

/** `over`: the turn is, or it may not go on. */
export type SideStepEnd = { type: "ok" } | { type: "failed"; error: unknown } | { type: "over" };
