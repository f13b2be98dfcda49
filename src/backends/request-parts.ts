import type { BackendRequest, CallOptions } from "./backend.js";

/** The headers that join a request to the caller's trace. */
export function traceHeaders({ trace }: CallOptions): Record<string, string> {
  return {
    ...(trace?.traceparent && { traceparent: trace.traceparent }),
    ...(trace?.tracestate && { tracestate: trace.tracestate }),
  };
}

/** How many tool calls a conversation holds: where the numbers of generated call ids go on. */
export function countToolCalls({ messages }: BackendRequest): number {
  let count = 0;
  for (const { content } of messages) {
    if (typeof content !== "string") for (const part of content) if (part.type === "tool-call") count++;
  }
  return count;
}
