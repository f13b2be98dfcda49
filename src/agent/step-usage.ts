import type { BackendRequest } from "../backends/backend.js";
import { estimateTokens } from "../token-manager/estimate.js";
import type { Usage } from "../token-manager/usage.js";
import { partsOf, type Reply } from "./reply.js";

/** What an image or document counts; its base64 text says nothing about its tokens. */
const TOKENS_PER_FILE = 1000;

/** Tokens of a request, roughly. */
export function estimateInput(request: BackendRequest): number {
  let files = 0;
  const json = JSON.stringify([request.messages, request.tools ?? []], (_key, value: unknown) => {
    if (typeof value !== "object" || value === null || !("type" in value) || value.type !== "file" || !("data" in value)) return value;
    files++;
    return undefined;
  });
  return estimateTokens(request.system ?? "") + estimateTokens(json) + files * TOKENS_PER_FILE;
}

function estimateOutput(reply: Reply): number {
  let text = "";
  for (const part of partsOf(reply)) {
    if (part.type === "text" || part.type === "reasoning") text += part.text;
    else if (part.type === "tool-call") text += typeof part.input === "string" ? part.input : (JSON.stringify(part.input) ?? "");
  }
  for (const call of reply.open.values()) text += call.raw;
  return estimateTokens(text);
}

/**
 * What a step has spent: the provider's last figures, if the reply came whole. Else they are only the beginning (some
 * providers report the input first), and what is missing is estimated.
 */
export function stepUsage(reply: Reply, request: BackendRequest): Usage {
  if (reply.usage !== undefined && reply.finish !== undefined) return reply.usage;
  const output = estimateOutput(reply);
  if (reply.usage === undefined) return { inputTokens: estimateInput(request), outputTokens: output, estimated: true };
  return { ...reply.usage, outputTokens: Math.max(reply.usage.outputTokens, output), estimated: true };
}
