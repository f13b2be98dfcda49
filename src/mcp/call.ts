import type { CallToolResult } from "@modelcontextprotocol/client";
import { MassGenError } from "../errors.js";
import type { UserPart } from "../formatter/messages.js";
import type { ToolContext } from "../tools/tool.js";
import type { ToolkitRun } from "../tools/toolkit.js";
import type { ActiveCall } from "./active-call.js";
import { beginAttempt } from "./attempt.js";
import type { Connection } from "./connection.js";
import { answerElicitation } from "./elicitation.js";
import { McpUnavailable } from "./explain.js";
import { type CallFailure, callFailure } from "./failure.js";
import type { ListedTool } from "./listing.js";
import { type Progress, progressing } from "./progress.js";
import { readResult } from "./result.js";
import type { SavedResults } from "./saved-results.js";
import { loadSdk } from "./sdk.js";
import type { McpServer } from "./server.js";

export interface CallRequest {
  server: McpServer;
  tool: ListedTool;
  input: unknown;
  context: ToolContext;
  run: Pick<ToolkitRun, "ask" | "runtime">;
  saved: SavedResults;
}

/**
 * Calls a tool of a server. Its progress is yielded; the result, as the model reads it, is returned. Ending the iteration, or
 * aborting `context.signal`, cancels the call at the server.
 * @throws MassGenError what the model is told: `mcp_tool_error`, `mcp_tool_gone`, `mcp_call_failed`, `mcp_call_lost`, `mcp_timeout`,
 * `mcp_unavailable`, `invalid_tool_input`
 */
export async function* callTool(request: CallRequest): AsyncGenerator<Progress, string | UserPart[]> {
  const { server, tool, context, run, saved } = request;
  const args = argumentsOf(request.input, tool.tool.name);
  const result = yield* progressing(run.runtime, context.signal, (signal, report) => attempts(request, args, signal, report));
  const read = await readResult(result, {
    maxBytes: server.spec.maxResultBytes,
    redact: server.redactor.secrets,
    keep: (data, extension) => saved.keep(tool.tool.name, data, extension, context),
  });
  if (result.isError === true) throw new MassGenError("mcp_tool_error", inWords(read));
  return read;
}

function argumentsOf(input: unknown, name: string): Record<string, unknown> {
  if (input === undefined || input === null) return {};
  if (typeof input === "object" && !Array.isArray(input)) return input as Record<string, unknown>;
  throw new MassGenError("invalid_tool_input", `The arguments of "${name}" must be one JSON object.`);
}

/** An error has no place for files. */
function inWords(read: string | UserPart[]): string {
  if (typeof read === "string") return read;
  return read.map((part) => (part.type === "text" ? part.text.trim() : `[a file of type ${part.mediaType}, left out]`)).join("\n");
}

/** The call; once more only where that cannot do anything twice. */
async function attempts(
  request: CallRequest,
  args: Record<string, unknown>,
  signal: AbortSignal,
  report: (progress: Progress) => void,
): Promise<CallToolResult> {
  const { server, tool, run, context } = request;
  const { annotations } = tool.tool;
  const repeatable = annotations?.readOnlyHint === true || annotations?.idempotentHint === true;
  for (let first = true; ; first = false) {
    const connection = await connected(request, signal);
    if (server.listing?.tools.get(tool.tool.name)?.name !== tool.name) throw gone(server, tool);
    const attempt = beginAttempt(server, run, context.agentId, signal, report);
    try {
      const options = { signal: attempt.signal, call: attempt.call, onProgress: attempt.onProgress, trace: context.trace };
      const result = await connection.callTool({ name: tool.name, inputSchema: tool.tool.inputSchema }, args, options);
      server.succeeded(connection);
      return result;
    } catch (error) {
      if (signal.aborted || isTimeout(attempt.signal.reason)) {
        const { reason } = attempt.signal;
        if (isTimeout(reason)) server.suspect(connection);
        throw reason;
      }
      const failure = await judged(attempt.signal.aborted ? attempt.signal.reason : error, connection, server);
      const why = server.redactor.all(failure.why);
      if (first && (await consented(error, server, attempt.call, signal))) continue;
      if (first && !failure.answered && (repeatable || failure.unsent)) {
        context.logger.warn(`The MCP server "${server.spec.name}" ${why}; the call of "${tool.tool.name}" is made once more.`);
        continue;
      }
      throw failedCall(server, tool, failure, why);
    } finally {
      attempt.end();
      server.released();
    }
  }

  async function judged(error: unknown, connection: Connection, from: McpServer): Promise<CallFailure> {
    const failure = await callFailure(error, connection, from.spec, await loadSdk());
    if (failure.answered) from.succeeded(connection);
    else {
      from.drop(connection, failure.why);
      const tail = from.redactor.all(connection.transport.errorTail().trim());
      if (tail !== "") context.logger.error(`The MCP server "${from.spec.name}" wrote, at the end: ${tail}`);
    }
    return failure;
  }

  /** Whether the server refused only until the caller of the run has opened its URLs, and that has been done. */
  async function consented(error: unknown, from: McpServer, call: ActiveCall, until: AbortSignal): Promise<boolean> {
    const sdk = await loadSdk();
    if (!sdk.UrlElicitationRequiredError.isInstance(error) || error.elicitations.length === 0) return false;
    for (const wanted of error.elicitations) {
      const { action } = await answerElicitation(from.spec, wanted, { ...call, ask: run.ask }, until);
      if (action !== "accept") return false;
    }
    return true;
  }
}

/** The connection; what keeps it away is told to the model in brief, to the caller of the run in full. */
async function connected({ server, run, context }: CallRequest, signal: AbortSignal): Promise<Connection> {
  try {
    return await server.acquire({ runtime: run.runtime, signal });
  } catch (error) {
    if (!(error instanceof McpUnavailable)) throw error;
    context.logger.error(error.message);
    throw new MassGenError("mcp_unavailable", `${error.brief} Go on without it, or try again later.`, { cause: error });
  }
}

function failedCall(server: McpServer, { tool }: ListedTool, failure: CallFailure, why: string): MassGenError {
  const who = `The MCP server "${server.spec.name}" ${why}`;
  if (failure.answered) return new MassGenError("mcp_call_failed", `"${tool.name}" failed: ${lowerFirst(who)}.`);
  const effect = failure.unsent ? "The call did not reach it." : "Whether the call had an effect is not known; it was not repeated.";
  return new MassGenError("mcp_call_lost", `"${tool.name}" has no result: ${lowerFirst(who)}. ${effect}`);
}

function gone(server: McpServer, { tool }: ListedTool): MassGenError {
  const others = [...(server.listing?.tools.keys() ?? [])].slice(0, 20);
  const left = others.length === 0 ? "It offers none now." : `It offers: ${others.join(", ")}.`;
  return new MassGenError("mcp_tool_gone", `The MCP server "${server.spec.name}" no longer offers "${tool.name}". ${left}`);
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof MassGenError && /timeout/.test(reason.code);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
