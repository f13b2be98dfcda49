import { BackendError } from "../errors.js";

/** Statuses of a server that has no such request, or not for this key. */
const NEVER: ReadonlySet<number | undefined> = new Set([403, 404, 405, 501]);
/** Of these, two say something else: that of a filter and that of an empty account. */
const OTHERWISE: ReadonlySet<string> = new Set(["content_filter", "quota"]);
const REFUSED = /not (supported|available|enabled|permitted|allowed)|does not support|unsupported|unknown|unrecognized|requires/i;

/**
 * What a failed compaction throws. `unsupported` where this server will never compact for this model and key, so that nobody asks
 * again: it has no such request, or refuses the parameter.
 */
export function compactionError(error: unknown, label: string): unknown {
  if (!(error instanceof BackendError) || OTHERWISE.has(error.code)) return error;
  const { status, provider, message } = error;
  const refused = error.code === "bad_request" && /compact|endpoint|url/i.test(message) && REFUSED.test(message);
  if (!NEVER.has(status) && !refused) return error;
  return new BackendError("unsupported", `${label} does not compact conversations here: ${message}`, { status, provider, cause: error });
}

/** The same error, with what was spent before it. */
export function withUsage<E>(error: E, usage: BackendError["usage"]): E {
  return error instanceof BackendError && usage ? Object.assign(error, { usage }) : error;
}
