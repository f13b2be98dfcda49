import type { ElicitRequestParams, ElicitResult } from "@modelcontextprotocol/client";
import type { ActiveCall } from "./active-call.js";
import type { ServerSpec } from "./config.js";

/**
 * Puts a server's question to the caller of the run. An object is the form filled in, `true` consent to open a URL, `false` or
 * `null` a refusal; no answer in time, or a question that belongs to no known call, cancels.
 */
export async function answerElicitation(
  spec: ServerSpec,
  params: ElicitRequestParams,
  call: ActiveCall | undefined,
  signal: AbortSignal,
): Promise<ElicitResult> {
  if (call === undefined) return { action: "cancel" };
  const url = params.mode === "url" ? params.url : undefined;
  const message = `The MCP server "${spec.name}" asks: ${params.message}${url === undefined ? "" : ` (open ${url})`}`;
  const schema = "requestedSchema" in params ? params.requestedSchema : undefined;
  const resume = call.hold();
  try {
    const answer = await call.ask({ agentId: call.agentId, message, ...(schema !== undefined && { schema }) }, signal);
    if (answer === undefined) return { action: "cancel" };
    if (url !== undefined) return { action: answer === true ? "accept" : "decline" };
    if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return { action: "decline" };
    return { action: "accept", content: answer as NonNullable<ElicitResult["content"]> };
  } finally {
    resume();
  }
}
