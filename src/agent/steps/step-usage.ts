import type { BackendRequest } from "../../backends/backend.js";
import { errorInfo } from "../../errors.js";
import { RESERVED_OUTPUT_TOKENS } from "../../token-manager/budget.js";
import { estimateTokens, requestTokens } from "../../token-manager/estimate.js";
import { noUsage, type Usage } from "../../token-manager/usage.js";
import { partsOf, type Reply } from "./reply.js";

/** Tokens of a request, roughly. */
const estimateInput = (request: BackendRequest, provider: string): number => requestTokens(request, estimateTokens, provider);

/** What a step may spend. */
export function stepEstimate(request: BackendRequest, provider: string): Usage {
  const outputTokens = request.settings?.maxOutputTokens ?? RESERVED_OUTPUT_TOKENS;
  return { inputTokens: estimateInput(request, provider), outputTokens, estimated: true };
}

function estimateOutput(reply: Reply): number {
  let text = "";
  for (const part of partsOf(reply)) {
    if (part.type === "text" || part.type === "reasoning") text += part.text;
    else if (part.type === "tool-call") text += typeof part.input === "string" ? part.input : (JSON.stringify(part.input) ?? "");
  }
  for (const call of reply.open) text += call.raw;
  return estimateTokens(text);
}

/**
 * What a step has spent: the provider's last figures, if the reply came whole. Else they are only the beginning (some
 * providers report the input first), and what is missing is estimated. `error`: what it died of.
 */
export function stepUsage(reply: Reply, request: BackendRequest, provider: string, error?: unknown): Usage {
  if (wasRefused(reply, error)) return noUsage;
  if (reply.usage !== undefined && reply.finish !== undefined) return reply.usage;
  const output = estimateOutput(reply);
  if (reply.usage === undefined) return { inputTokens: estimateInput(request, provider), outputTokens: output, estimated: true };
  return { ...reply.usage, outputTokens: Math.max(reply.usage.outputTokens, output), estimated: true };
}

/** Thrown before anything arrived: refused by the provider or never sent, so nothing was spent. */
function wasRefused(reply: Reply, error: unknown): boolean {
  if (error === undefined || reply.touched) return false;
  const { code } = errorInfo(error);
  return code !== "timeout" && code !== "stream_truncated";
}
