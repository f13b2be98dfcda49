import { type ErrorInfo, errorInfo } from "../../errors.js";
import type { UserPart } from "../../formatter/messages.js";

/** A call's outcome: as the model reads it, and as it appears in events. */
export interface CallResult {
  text: string | UserPart[];
  value: unknown;
  isError: boolean;
  /** What the tool threw, or why it was not run. */
  error?: ErrorInfo;
  /** The arguments it was run with, where a check or an approval changed them. */
  input?: unknown;
  /** It was only noted. */
  planned?: true;
}

/**
 * A tool's return value as the model reads it: strings and lists of text or file parts as they are, nothing
 * (`undefined`) as "done", anything else as JSON. What JSON cannot hold is an error.
 */
export function toolResult(output: unknown, isError: boolean, name = "the tool"): CallResult {
  if (typeof output === "string") return { text: output, value: output, isError };
  if (output === undefined) return { text: "done", value: "done", isError };
  if (isUserParts(output)) return { text: output, value: output, isError };
  try {
    const json = JSON.stringify(output);
    if (json !== undefined) return { text: json, value: JSON.parse(json), isError };
    return failure(`The result of ${name} is a ${typeof output}, which has no JSON form.`);
  } catch (error) {
    return failure(`The result of ${name} cannot be written as JSON: ${messageOf(error)}`);
  }
}

/** `error` is what went wrong as the caller of the run hears of it. */
export function failure(message: string, error?: unknown): CallResult {
  return { text: message, value: message, isError: true, ...(error !== undefined && { error: errorInfo(error) }) };
}

/** What events may hold of a value: its JSON form. */
export function jsonSafe(value: unknown): unknown {
  return value instanceof Error ? errorInfo(value) : toolResult(value, false, "this value").value;
}

function isUserParts(value: unknown): value is UserPart[] {
  return Array.isArray(value) && value.length > 0 && value.every(isUserPart);
}

function isUserPart(value: unknown): value is UserPart {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  if (value.type === "text") return "text" in value && typeof value.text === "string";
  return (
    value.type === "file" &&
    "mediaType" in value &&
    typeof value.mediaType === "string" &&
    "data" in value &&
    typeof value.data === "string"
  );
}

export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return String(error);
}
