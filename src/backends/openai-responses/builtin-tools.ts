import type { ResponseItem } from "../../formatter/openai-responses.js";
import type { BackendChunk } from "../backend.js";

/** Calls that only the caller's side could carry out, and which nothing here does. */
const OURS = new Set(["apply_patch_call", "local_shell_call", "computer_call", "mcp_approval_request"]);

function isOurs(item: ResponseItem): boolean {
  if (item.type !== "shell_call") return OURS.has(item.type ?? "");
  const environment = item.environment as { type?: string } | null | undefined;
  return environment?.type === undefined || environment.type === "local";
}

/** Whether an item is the call of a tool that the provider runs, or would have somebody run. */
export function isBuiltinCall(item: ResponseItem): boolean {
  const type = item.type ?? "";
  const own = type === "function_call" || type === "custom_tool_call";
  return (type.endsWith("_call") && !own) || type === "mcp_approval_request";
}

export function builtinStarted(item: ResponseItem, id: string): BackendChunk {
  return { type: "builtin-tool", id, toolName: toolName(item), state: "started" };
}

/** The call as it ended: what went in, what came out. */
export function builtinFinished(item: ResponseItem, id: string): BackendChunk {
  const failed = item.status === "failed" || item.status === "incomplete" || item.error != null || isOurs(item);
  const input = inputOf(item);
  const output = outputOf(item);
  return {
    type: "builtin-tool",
    id,
    toolName: toolName(item),
    state: failed ? "failed" : "finished",
    ...(input !== undefined && { input }),
    ...(output !== undefined && { output }),
  };
}

/** Why a call of the caller's kind had no effect, or `undefined`. */
export function notCarriedOut(item: ResponseItem): string | undefined {
  if (!isOurs(item)) return undefined;
  return `The model called "${toolName(item)}" (${item.type}), which nothing on this side carries out; it is told so.`;
}

function toolName(item: ResponseItem): string {
  const named = item.type === "mcp_call" || item.type === "mcp_approval_request";
  return named && typeof item.name === "string" ? item.name : (item.type ?? "").replace(/_call$/, "");
}

function inputOf(item: ResponseItem): unknown {
  switch (item.type) {
    case "code_interpreter_call":
      return { code: item.code };
    case "file_search_call":
      return { queries: item.queries };
    case "image_generation_call":
      return item.revised_prompt === undefined ? undefined : { prompt: item.revised_prompt };
    case "apply_patch_call":
      return item.operation;
    default:
      return item.action ?? (typeof item.arguments === "string" ? parsed(item.arguments) : item.arguments);
  }
}

function outputOf(item: ResponseItem): unknown {
  if (item.error != null) return item.error;
  switch (item.type) {
    case "code_interpreter_call":
      return item.outputs ?? undefined;
    case "file_search_call":
      return item.results ?? undefined;
    case "web_search_call":
      return (item.action as { sources?: unknown } | null | undefined)?.sources;
    case "image_generation_call":
      // The picture itself is a `file` chunk.
      return undefined;
    default:
      return isOurs(item) ? "Nothing on this side carries out such calls." : (item.output ?? undefined);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
