import type { FinishReason } from "../backend.js";

const reasons: Record<string, FinishReason> = {
  stop: "stop",
  eos: "stop",
  eos_token: "stop",
  stop_sequence: "stop",
  end_turn: "stop",
  length: "length",
  max_tokens: "length",
  model_length: "length",
  model_context_window_exceeded: "length",
  tool_calls: "tool-calls",
  tool_use: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter",
  safety: "content-filter",
  recitation: "content-filter",
  sensitive: "content-filter",
  refusal: "refusal",
};

/** Finish reasons by which servers say that they failed. */
const failures = new Set(["error", "abort", "network_error", "insufficient_system_resource"]);

export function isFailure(raw: string): boolean {
  return failures.has(raw);
}

/** `raw` in our words; what the reply held decides where servers are careless. */
export function finishReason(raw: string | undefined, reply: { calls: boolean; refused: boolean }): FinishReason {
  const reason = raw === undefined ? "other" : (reasons[raw.toLowerCase()] ?? "other");
  if (reason === "stop" || reason === "other" || reason === "tool-calls") {
    if (reply.calls) return "tool-calls";
    if (reply.refused) return "refusal";
    // Announced calls that never came: what came is an ordinary reply.
    if (reason === "tool-calls") return "stop";
  }
  return reason;
}
