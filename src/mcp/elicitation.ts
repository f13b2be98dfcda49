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
    return { action: "accept", content: { ...defaultsOf(schema), ...answer } };
  } finally {
    resume();
  }
}

/** What the form's fields are when nothing is said about them. */
function defaultsOf(schema: { properties?: object } | undefined): NonNullable<ElicitResult["content"]> {
  const fields = Object.entries(schema?.properties ?? {}) as [string, { default?: string }][];
  return Object.fromEntries(fields.flatMap(([name, { default: value }]) => (value === undefined ? [] : [[name, value]])));
}
